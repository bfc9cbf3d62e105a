"""A model as a directory: written beside its place and renamed into it, each file checked by hash when opened."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from motet.errors import ModelError, UsageError
from motet.model.manifest import Manifest

MANIFEST = "motet.json"
# What file managers leave in any folder they show: nobody's own work.
LITTER = {".DS_Store", "Thumbs.db", "desktop.ini"}


class ModelDirectory:
    """A model on disk, opened for reading.

    `file(name)` gives the path of a file only after its SHA-256 was compared with the one in `motet.json`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        manifest = self.path / MANIFEST
        if not self.path.is_dir():
            raise ModelError(f"{self.path}: no such model directory")
        if not manifest.is_file():
            raise ModelError(f"{self.path}: no {MANIFEST} here, so this is not a model directory")
        data, hashes = _read_manifest(manifest)
        self._hashes: dict[str, str] = hashes
        self._checked: set[str] = set()
        self.manifest = Manifest.from_json(data, str(manifest))

    def file(self, name: str) -> Path:
        """Path of a file of the model; ModelError where it is not listed, missing, or was changed."""
        wanted = self._hashes.get(name)
        path = self.path / PurePosixPath(name)
        if wanted is None or not _inside(name):
            raise ModelError(f"{path}: not listed among the files of {self.path / MANIFEST}")
        if name not in self._checked:
            if not path.is_file():
                raise ModelError(f"{path}: this file of the model is missing: copy the model directory again")
            if sha256(path) != wanted:
                raise ModelError(
                    f"{path}: was changed since the model was written: copy the model directory again"
                )
            self._checked.add(name)
        return path

    def folder(self, name: str) -> Path:
        """Path of a folder of the model, after all files in it were checked; ModelError where it holds others."""
        folder = self.path / PurePosixPath(name)
        listed = [file for file in self._hashes if file.startswith(f"{name}/")]
        if not listed or not _inside(name):
            raise ModelError(f"{folder}: not listed among the files of {self.path / MANIFEST}")
        for file in listed:
            self.file(file)
        there = (p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
        added = sorted({p.relative_to(self.path).as_posix() for p in there} - set(listed))
        if added:
            raise ModelError(
                f"{self.path / added[0]}: was added since the model was written: copy the model directory again"
            )
        return folder

    def hash_of(self, name: str) -> str:
        """SHA-256 of a file as `motet.json` lists it, whether or not the file is looked at."""
        return self._hashes[name]

    def files(self) -> tuple[str, ...]:
        """Names of all files of the model but `motet.json`."""
        return tuple(self._hashes)


@contextmanager
def new_model_directory(path: str | Path) -> Iterator[Path]:
    """Yield an empty folder beside `path`; when the block ends well it becomes `path`, else nothing is left.

    A model directory that already stands there is replaced only then; anything else there is an error, and so is
    a file in it that is not the model's.
    """
    place = Path(path)
    check_place(place)
    place = place.resolve()  # a link stays a link
    place.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}.making-"))
    try:
        yield making
        making.chmod(0o755)  # a temporary folder is its owner's alone, and so are some writers' files
        for path in making.rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        replaced = place.with_name(f".{place.name}.replaced-{os.getpid()}")
        if place.exists():
            place.rename(replaced)
        try:
            making.rename(place)
        except BaseException:  # Ctrl-C too: the old model must not be lost for it
            if replaced.exists():
                replaced.rename(place)
            raise
        shutil.rmtree(replaced, ignore_errors=True)
    except OSError as error:
        raise ModelError(f"{place}: the model could not be saved: {error.strerror or error}") from error
    finally:
        shutil.rmtree(making, ignore_errors=True)


def check_place(place: Path) -> None:
    """Raise ModelError where a model may not be written: on a file, where somebody's files would be lost, or nothing
    can be written at all; UsageError for the current folder."""
    if place.resolve() == Path.cwd():
        raise UsageError(f"{place}: the current folder is not replaced: give a name for the model in it")
    if place.is_file():
        raise ModelError(f"{place}: a file stands where the model directory should go")
    above = next((folder for folder in place.resolve().parents if folder.exists()), place)
    if not above.is_dir():
        raise ModelError(f"{place}: {above} is a file, so no folder can be made in it")
    _refuse_unwritable(place, above)
    if not place.is_dir() or not any(place.iterdir()):
        return
    if not (place / MANIFEST).is_file():
        raise ModelError(f"{place}: a folder that holds other things: choose a new name for the model")
    _refuse_own_files(place)


def check_new_place(place: Path, what: str = "several models") -> None:
    """As `check_place`, where no model may be replaced either: of a folder of `what` none says which files are its."""
    if place.resolve() != Path.cwd() and place.is_dir() and any(place.iterdir()):
        raise ModelError(f"{place}: something stands there: give a new name for a folder of {what}")
    check_place(place)


def _refuse_unwritable(place: Path, above: Path) -> None:
    """The only sure way to learn whether a folder can be made is to make one."""
    try:
        Path(tempfile.mkdtemp(dir=above, prefix=".motet-")).rmdir()
    except OSError as error:
        raise ModelError(
            f"{place}: no folder can be made in {above} ({error.strerror or error}): choose another place"
        ) from error


def _refuse_own_files(place: Path) -> None:
    """A model directory is replaced whole: what a user keeps in it would go with the older model."""
    try:
        _, hashes = _read_manifest(place / MANIFEST)
    except ModelError as error:
        raise ModelError(
            f"{error} (it is not known which files here are the model's: choose a new name, or remove {place})"
        ) from error
    for path in sorted(place.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        name = path.relative_to(place).as_posix()
        if name not in hashes and name != MANIFEST and path.name not in LITTER:
            raise ModelError(
                f"{path}: is not a file of the model that stands there, and would be deleted with it: "
                "move it elsewhere, or choose a new name for the model"
            )


def _read_manifest(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """`motet.json` without its list of files, and that list: {name: SHA-256}."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not readable as JSON: {error}") from error
    if not isinstance(data, dict):
        raise ModelError(f"{path}: not a JSON object")
    hashes = data.pop("files", None)
    if not isinstance(hashes, dict):
        raise ModelError(f"{path}: lists no files, so it is damaged: copy the model directory again")
    return data, hashes


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write `motet.json` with the hash of every file that now lies in `directory`."""
    files = sorted(p for p in directory.rglob("*") if p.is_file() and p.name != MANIFEST)
    data: dict[str, Any] = manifest.to_json()
    data["files"] = {path.relative_to(directory).as_posix(): sha256(path) for path in files}
    text = json.dumps(data, ensure_ascii=False, indent=1)
    (directory / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_files(directory: Path) -> dict[str, bytes]:
    """The content of every file in a directory, by its name from there."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


def write_files(directory: Path, files: dict[str, bytes]) -> None:
    """The same files in another directory."""
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)


def _inside(name: str) -> bool:
    return (
        not PurePosixPath(name).is_absolute() and ".." not in PurePosixPath(name).parts and "\\" not in name
    )


def file_name(name: str) -> str:
    """A name of a source or head as a file name that every system takes: `text:lexical` -> `text-lexical`."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name)


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
