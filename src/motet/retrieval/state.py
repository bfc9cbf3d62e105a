"""The states of an index on disk: files that never change, and numbered manifests that name them.

```
INDEX/
  state-00000007.json       what the index holds: model, width, storage, segments, removed rows; and its own checksum
  segment-00000004/         rows that were added together
    vectors.bin  ids.arrow  metadata.arrow  [lists.faiss]
  queries-00000001.bin      queries that inverted files are tuned by beside rows, as float32
  removed-00000007.bits     one bit for each row of all segments, 1 where it was removed
  writing.lock              held while one process writes
```

A writer writes new files, then a new manifest beside its place, and renames it: the newest manifest whose files are all
there is the state. The state before is kept until the next one is written. Each file is listed with its length, which
is compared when the index is opened, and its SHA-256, which `verify` compares.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import warnings
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.errors import SearchError
from motet.retrieval.storage import Storage, check_storage

FORMAT = 1
OWN_FILE = re.compile(r"segment-\d{8}/[a-z]+\.(?:bin|arrow|faiss)|removed-\d{8}\.bits|queries-\d{8}\.bin")
NUMBERED = re.compile(r"(state|segment|removed|queries)-(\d{8})(?:\.json|\.bits|\.bin)?$")


@dataclass(frozen=True)
class FileEntry:
    """A file of the index: its path in the folder, length and SHA-256."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class SegmentEntry:
    """Rows that were added together; `probes` 0 means exact search, and `recall` is what was measured on build."""

    number: int
    rows: int
    probes: int
    recall: float | None
    files: tuple[FileEntry, ...]

    @property
    def folder(self) -> str:
        """Name of its folder in the index."""
        return segment_folder(self.number)


def removed_file(number: int) -> str:
    """Name of the file of what was removed up to this state."""
    return f"removed-{number:08d}.bits"


def queries_file(number: int) -> str:
    """Name of the file of queries that this state brought."""
    return f"queries-{number:08d}.bin"


def segment_folder(number: int) -> str:
    """Name of the folder of the segment that was written for this state."""
    return f"segment-{number:08d}"


@dataclass(frozen=True)
class State:
    """What an index holds. `model` is the fingerprint of the model that made its vectors, `about` its maker's words."""

    number: int
    model: str
    width: int
    storage: Storage
    recall: float
    segments: tuple[SegmentEntry, ...]
    removed: FileEntry | None = None
    queries: FileEntry | None = None
    about: dict[str, str] = field(default_factory=dict)

    def files(self) -> list[FileEntry]:
        """All files that the state needs."""
        own = [file for file in (self.removed, self.queries) if file is not None]
        return [file for segment in self.segments for file in segment.files] + own


def newest(place: Path) -> State:
    """The newest whole state; a warning where a newer one is damaged, SearchError where none is whole."""
    if not place.is_dir():
        raise SearchError(f"{place}: no such index")
    for attempt in range(3):
        numbers = _states(place)
        damage: list[str] = []
        for number in reversed(numbers):
            try:
                state = _read(place, number)
            except SearchError as error:
                damage.append(str(error))
                continue
            if damage:
                warnings.warn(
                    f"{damage[0]}: the state before it is opened, without what was written last",
                    stacklevel=3,
                )
            return state
        if _states(place) == numbers or attempt == 2:
            break
    if not numbers:
        raise SearchError(f"{place}: no index here: no file state-*.json")
    raise SearchError(f"{damage[0]}: build the index again, or copy the folder again")


def next_number(place: Path) -> int:
    """A number that no file here has, also none that a killed writer left."""
    found = (NUMBERED.match(path.name) for path in place.iterdir())
    return 1 + max((int(match[2]) for match in found if match), default=0)


def entry(place: Path, path: Path) -> FileEntry:
    """A file as the manifest lists it, after it was brought to the disk."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileEntry(path.relative_to(place).as_posix(), path.stat().st_size, digest)


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write a contiguous array's bytes; OSError where the disk does not take them all, as `tofile` does not tell."""
    with path.open("wb") as file:
        file.write(array.view(np.uint8).data)


def commit(place: Path, state: State) -> None:
    """Make this the state of the index, at one moment; then remove what neither it nor the one before it needs."""
    content = asdict(state)
    content["format"] = FORMAT
    content["checksum"] = _checksum(content)
    unfinished = _unfinished(place, state.number)
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(json.dumps(content, ensure_ascii=False, indent=1))
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(_manifest(place, state.number))
    sync_folder(place)
    _sweep(place, state)


def discard(place: Path, number: int) -> None:
    """Remove what a writer wrote for a state that it could not reach; nothing where it is reached."""
    if _manifest(place, number).exists():
        return
    shutil.rmtree(place / segment_folder(number), ignore_errors=True)
    for path in (place / removed_file(number), _unfinished(place, number)):
        with suppress(OSError):
            path.unlink()


def verify(place: Path, state: State) -> None:
    """Compare every file with its SHA-256; SearchError names the first that was changed."""
    for file in state.files():
        with (place / file.path).open("rb") as opened:
            if hashlib.file_digest(opened, "sha256").hexdigest() != file.sha256:
                raise SearchError(f"{place / file.path}: was changed since it was written")


def sync_folder(place: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    if os.name == "nt":
        return
    folder = os.open(place, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _manifest(place: Path, number: int) -> Path:
    return place / f"state-{number:08d}.json"


def _unfinished(place: Path, number: int) -> Path:
    return place / f".state-{number:08d}.unfinished"


def _states(place: Path) -> list[int]:
    found = (NUMBERED.match(path.name) for path in place.iterdir())
    return sorted(int(match[2]) for match in found if match and match[1] == "state")


def _checksum(content: dict[str, Any]) -> str:
    text = json.dumps(content, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _read(place: Path, number: int) -> State:
    path = _manifest(place, number)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        checksum = content.pop("checksum")
        if checksum != _checksum(content):
            raise ValueError("its checksum does not fit")
        if content.pop("format") != FORMAT:
            raise SearchError(f"{path}: written by another version of Motet: build the index again")
        segments = [
            SegmentEntry(**{**one, "files": tuple(FileEntry(**file) for file in one["files"])})
            for one in content.pop("segments")
        ]
        removed, queries = (
            FileEntry(**file) if file else None
            for file in (content.pop("removed"), content.pop("queries", None))
        )
        check_storage(content["storage"])
        state = State(**content, segments=tuple(segments), removed=removed, queries=queries)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SearchError(f"{path}: damaged ({error})") from error
    for file in state.files():
        there = place / file.path
        if not OWN_FILE.fullmatch(file.path):
            raise SearchError(f"{path}: damaged (it names {file.path!r}, which is no file of an index)")
        length = there.stat().st_size if there.is_file() else None
        if length != file.bytes:
            what = "is missing" if length is None else f"has {length} bytes of {file.bytes}"
            raise SearchError(f"{there}: {what}")
    return state


def _sweep(place: Path, state: State) -> None:
    kept = {state.number}
    needed = {Path(file.path).parts[0] for file in state.files()}
    for number in reversed(_states(place)):
        if number not in kept:
            try:
                before = _read(place, number)
            except SearchError:
                continue
            kept.add(number)
            needed |= {Path(file.path).parts[0] for file in before.files()}
            break
    for path in place.glob(".state-*.unfinished"):  # of writers that were killed
        with suppress(OSError):
            path.unlink()
    for path in place.iterdir():
        match = NUMBERED.match(path.name)
        if match is None or path.name in needed or (match[1] == "state" and int(match[2]) in kept):
            continue
        # a file that a reader has open cannot be removed on every system: the next writer tries again
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
