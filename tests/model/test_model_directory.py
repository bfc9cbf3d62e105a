"""The model directory: its files, their hashes, and what is left when writing it fails."""

from __future__ import annotations

import builtins
import errno
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import motet
from motet.errors import ModelError, UsageError
from motet.model import ModelDirectory, check_place, new_model_directory
from motet.model.directory import file_name, sha256

EXPECTED = {
    "motet.json",
    "README.md",
    "evaluation.json",
    "report.html",
    "encoders/image-descriptor/encoder.json",
    "encoders/text-lexical/encoder.json",
    "encoders/text-lexical/vocabulary.json",
}


def files_of(directory: Path) -> set[str]:
    return {p.relative_to(directory).as_posix() for p in directory.rglob("*") if p.is_file()}


def test_it_holds_the_files_of_the_design_and_no_others(model_directory: Path) -> None:
    manifest = json.loads((model_directory / "motet.json").read_text(encoding="utf-8"))
    heads = {
        f"heads/{file_name(name)}.{kind}" for name in manifest["heads"] for kind in ("onnx", "safetensors")
    }
    assert {"text:lexical", "image:descriptor"} <= set(manifest["heads"])
    assert files_of(model_directory) == EXPECTED | heads


def test_every_file_is_hashed_and_nothing_else(model_directory: Path) -> None:
    manifest = json.loads((model_directory / "motet.json").read_text(encoding="utf-8"))
    assert set(manifest["files"]) == files_of(model_directory) - {"motet.json"}
    for name, digest in manifest["files"].items():
        assert digest == sha256(model_directory / name)
    assert set(ModelDirectory(model_directory).files()) == set(manifest["files"])


def test_the_manifest_says_what_was_chosen_in_words(model_directory: Path) -> None:
    manifest = json.loads((model_directory / "motet.json").read_text(encoding="utf-8"))
    assert manifest["format"] == "motet" and manifest["task"] == "classify" and manifest["seed"] == 0
    assert set(manifest["patterns"]) == {"image+text", "image", "text", "none"}
    for entry in manifest["patterns"].values():
        assert entry["why"] and entry["chosen"] and entry["temperature"] > 0
        assert all(member["head"] in manifest["heads"] for member in entry["members"])
    assert sum(manifest["prior"]) == pytest.approx(1)
    assert manifest["versions"]["motet"] == motet.__version__


def test_no_pickle_in_any_file(model_directory: Path) -> None:
    for name in files_of(model_directory):
        data = (model_directory / name).read_bytes()
        # a pickle of protocol 2 and later, a zip (torch.save, npz) and a numpy array of objects
        assert not re.match(rb"\x80[\x02-\x05]|PK\x03\x04|\x93NUMPY", data), name
        assert Path(name).suffix in {".json", ".md", ".html", ".onnx", ".safetensors"}, name


def test_no_path_of_this_machine_in_any_file(model_directory: Path, catalogue: Any) -> None:
    for name in files_of(model_directory):
        assert str(catalogue.table.parent).encode() not in (model_directory / name).read_bytes(), name


def _use(directory: Path) -> None:
    """Open everything of a model, as predicting, evaluating and training on would."""
    model = motet.load(directory)
    for name in model.manifest.sources:
        model.encoder(name)
    for name in model.manifest.heads:
        model.head(name)
    for name in model.directory.files():
        model.directory.file(name)


def test_a_changed_byte_in_any_file_is_an_error_that_names_it(model_copy: Path) -> None:
    _use(model_copy)
    for name in sorted(files_of(model_copy) - {"motet.json"}):
        path = model_copy / name
        whole = path.read_bytes()
        for place in (0, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(ModelError, match=re.escape(name) + r".*was changed"):
                _use(model_copy)
        path.write_bytes(whole + b"\n")
        with pytest.raises(ModelError, match=re.escape(name) + r".*was changed"):
            _use(model_copy)
        path.unlink()
        with pytest.raises(ModelError, match=re.escape(name) + r".*missing"):
            _use(model_copy)
        path.write_bytes(whole)
    _use(model_copy)


def test_predicting_itself_notices_a_changed_file(model_copy: Path) -> None:
    for name in ("encoders/text-lexical/vocabulary.json", "heads/text-lexical.onnx"):
        path = model_copy / name
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + b" ")
        with pytest.raises(ModelError, match=re.escape(name)):
            motet.load(model_copy).evaluate({"title": ["a lamp", "a cap"], "category": ["home", "clothing"]})
        path.write_bytes(whole)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.update(format_version=2), "format version 2, this motet reads 1"),
        (lambda d: d.update(format="other"), "not a model that motet wrote"),
        (lambda d: d.update(files=[]), "lists no files"),
        (lambda d: d.pop("classes"), "classes is missing"),
        (lambda d: d.update(classes=3), "classes is 3, not a list of texts"),
        (lambda d: d.update(classes=[1, 2]), "classes is [1, 2], not a list of texts"),
        (lambda d: d.update(class_type="colour"), "class_type is 'colour', not one of string, integer"),
        (lambda d: d.update(prior=[0.5, float("nan")]), "prior is [0.5, nan], not a list of finite numbers"),
        (lambda d: d["prior"].pop(), "not one number for each of"),
        (lambda d: d.update(seed="0"), "seed is '0', not a whole number"),
        (lambda d: d.update(schema=3), "schema is 3, not an object"),
        (
            lambda d: d["schema"]["columns"][1].update(kind="smell"),
            "schema: column 'image': unknown kind 'smell'",
        ),
        (lambda d: d["schema"]["columns"][1].update(name=1), "schema.columns[1].name is 1, not text"),
        (
            lambda d: d["schema"]["columns"][1].update(modality=[]),
            "schema.columns[1].modality is [], not text",
        ),
        (lambda d: d["schema"]["columns"].append(1), "] is 1, not an object"),
        (lambda d: d.update(sources=[]), "sources is [], not an object"),
        (
            lambda d: d["sources"]["text:lexical"].update(surprise=1),
            "sources.text:lexical.surprise is not known",
        ),
        (
            lambda d: d["sources"]["text:lexical"].update(width="9"),
            "sources.text:lexical.width is '9', not a whole",
        ),
        (
            lambda d: d["sources"]["text:lexical"].update(modality="audio"),
            "modality is 'audio', not a modality of",
        ),
        (lambda d: d["heads"]["text:lexical"].update(file=None), "heads.text:lexical.file is None, not text"),
        (
            lambda d: d["heads"]["text:lexical"].update(sources=["x"]),
            "sources is ['x'], not among the sources",
        ),
        (lambda d: d.update(patterns=[]), "patterns is [], not an object"),
        (lambda d: d.update(patterns={"image": 1}), "patterns.image is 1, not an object"),
        (lambda d: d["patterns"].pop("image+text"), "patterns.image+text is missing"),
        (
            lambda d: d["patterns"]["text"].update(temperature="x"),
            "patterns.text.temperature is 'x', not a finite",
        ),
        (lambda d: d["patterns"]["text"].update(temperature=0), "temperature is 0, not a number above 0"),
        (
            lambda d: d["patterns"]["text"].update(rule="stir"),
            "patterns.text.rule is 'stir', not one of product",
        ),
        (
            lambda d: d["patterns"]["text"]["members"][0].update(weight=float("nan")),
            "members[0].weight is nan, not",
        ),
        (
            lambda d: d["patterns"]["text"]["members"][0].update(head="x"),
            "members[0].head is 'x', not one of",
        ),
        (lambda d: d.update(baselines={"text:lexical": 3}), "baselines.text:lexical is 3, not text"),
        (lambda d: d.update(training=None), "training is None, not an object"),
    ],
)
def test_a_manifest_of_another_kind_is_refused(
    model_copy: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    path = model_copy / "motet.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ModelError) as raised:
        motet.load(model_copy)
    assert str(raised.value).startswith(f"{path}: ") and said in str(raised.value)


@pytest.mark.parametrize("content", ["", "{", "[1]", "null", '"motet"'])
def test_a_manifest_that_is_not_an_object_is_refused(model_copy: Path, content: str) -> None:
    (model_copy / "motet.json").write_text(content)
    with pytest.raises(ModelError, match=r"motet\.json: not"):
        motet.load(model_copy)


@pytest.mark.parametrize("name", ["../motet.json", "heads/../../secret", "/etc/passwd", "heads/none.onnx"])
def test_only_listed_files_are_opened(model_directory: Path, name: str) -> None:
    with pytest.raises(ModelError, match="not listed"):
        ModelDirectory(model_directory).file(name)


def test_a_listed_file_outside_the_directory_is_not_opened(model_copy: Path) -> None:
    outside = model_copy.parent / "secret"
    outside.write_text("secret")
    path = model_copy / "motet.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    names = ["../secret", str(outside), "heads/../../secret"]
    data["files"].update(dict.fromkeys(names, sha256(outside)))
    path.write_text(json.dumps(data), encoding="utf-8")
    for name in names:
        with pytest.raises(ModelError):
            ModelDirectory(model_copy).file(name)


def test_a_folder_that_is_not_of_the_model_is_not_opened(model_copy: Path) -> None:
    elsewhere = shutil.copytree(model_copy / "encoders" / "text-lexical", model_copy.parent / "elsewhere")
    path = model_copy / "motet.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    for name in ("../elsewhere", str(elsewhere), "heads/../../elsewhere", "encoders/none"):
        data["sources"]["text:lexical"]["directory"] = name
        path.write_text(json.dumps(data), encoding="utf-8")
        with pytest.raises(ModelError, match="not listed"):
            motet.load(model_copy).predict({"title": ["a lamp"]})


def test_a_file_added_to_an_encoder_is_an_error_that_names_it(model_copy: Path) -> None:
    (model_copy / "encoders" / "text-lexical" / ".DS_Store").write_text("what a file manager leaves")
    motet.load(model_copy).predict({"title": ["a lamp"]})
    (model_copy / "encoders" / "text-lexical" / "special_tokens_map.json").write_text("{}")
    with pytest.raises(ModelError, match=r"special_tokens_map\.json: was added"):
        motet.load(model_copy).predict({"title": ["a lamp"]})


def test_a_link_to_a_model_stays_a_link(trained: Any, tmp_path: Path) -> None:
    trained.save(tmp_path / "version-1")
    (tmp_path / "current").symlink_to(tmp_path / "version-1")
    trained.save(tmp_path / "current")
    assert (tmp_path / "current").is_symlink()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["current", "version-1"]
    _use(tmp_path / "current")


def test_a_model_moved_elsewhere_answers_the_same(model_directory: Path, model_copy: Path) -> None:
    row = {"title": ["商务笔记本电脑"]}
    assert motet.load(model_copy).predict(row) == motet.load(model_directory).predict(row)


@pytest.mark.parametrize("kind", ["file", "folder", "link to a folder"])
def test_nothing_but_a_model_is_replaced(
    trained: Any, motet_output: Path, kind: str, motet: Callable[..., Any], catalogue: Any
) -> None:
    if kind == "file":
        motet_output.write_text("mine")
    else:
        real = motet_output if kind == "folder" else motet_output.with_name("real")
        real.mkdir()
        (real / "photo.txt").write_text("mine")
        if real != motet_output:
            motet_output.symlink_to(real)
    with pytest.raises(ModelError, match=r"other things|a file stands"):
        trained.save(motet_output)
    done = motet("train", catalogue.table, "--label", "category", "-o", motet_output)
    assert done.code == 1 and str(motet_output) in done.err and done.out == ""
    kept = motet_output if kind == "file" else motet_output / "photo.txt"
    assert kept.read_text() == "mine"


def test_the_current_folder_is_refused_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for place in (".", tmp_path, "../" + tmp_path.name):
        with pytest.raises(UsageError, match="current folder"), new_model_directory(place):
            pass
    assert list(tmp_path.iterdir()) == []


def test_the_root_of_the_disk_is_refused() -> None:
    with pytest.raises(ModelError, match="a folder that holds other things"), new_model_directory("/"):
        pass


@pytest.fixture
def motet_output(tmp_path: Path) -> Path:
    return tmp_path / "output"


def test_an_empty_folder_and_an_older_model_are_replaced(trained: Any, motet_output: Path) -> None:
    motet_output.mkdir()
    trained.save(motet_output)
    (motet_output / ".DS_Store").write_text("what a file manager leaves")
    trained.save(motet_output)
    assert ".DS_Store" not in files_of(motet_output)
    assert [p.name for p in motet_output.parent.iterdir()] == ["output"]
    _use(motet_output)


@pytest.mark.parametrize("mine", ["notes.txt", "heads/old.onnx", ".git/config", "encoders/a link"])
def test_a_model_that_holds_somebodys_own_file_is_not_replaced(
    trained: Any, motet_output: Path, mine: str, motet: Callable[..., Any], catalogue: Any
) -> None:
    trained.save(motet_output)
    (motet_output / mine).parent.mkdir(exist_ok=True)
    if mine.endswith("link"):
        (motet_output / mine).symlink_to(catalogue.table.parent)
    else:
        (motet_output / mine).write_text("mine")
    with pytest.raises(ModelError, match=re.escape(f"{motet_output / mine}: is not a file of the model")):
        trained.save(motet_output)
    done = motet("train", catalogue.table, "--label", "category", "-o", motet_output)
    assert done.code == 1 and mine in done.err and "choose a new name" in done.err
    assert (motet_output / mine).exists()


def test_a_model_whose_list_of_files_is_lost_is_not_replaced(trained: Any, model_copy: Path) -> None:
    (model_copy / "motet.json").write_text("{")
    with pytest.raises(ModelError, match=r"motet\.json: not readable .*choose a new name, or remove"):
        trained.save(model_copy)


def test_a_place_under_a_file_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="file is a file, so no folder can be made in it"):
        check_place(tmp_path / "file" / "deep" / "model")
    check_place(tmp_path / "new" / "deep" / "model")


class _FullDisk:
    """Every write of a file under `place` fails from the `allowed`-th on."""

    def __init__(self, place: Path, allowed: int) -> None:
        self.place, self.left, self.failed = str(place), allowed, False
        self.open = builtins.open

    def __call__(self, file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if str(file).startswith(self.place) and set(mode) & set("wax+"):
            self.left -= 1
            if self.left < 0:
                self.failed = True
                raise OSError(errno.ENOSPC, "No space left on device", str(file))
        return self.open(file, mode, *arguments, **options)


def test_a_disk_that_is_full_while_saving_leaves_what_was_there(
    trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "model"
    trained.save(place)
    before = {name: sha256(place / name) for name in files_of(place)}
    for allowed in range(len(before) + 1):
        for target in (place, tmp_path / "new"):
            full = _FullDisk(tmp_path, allowed)
            with monkeypatch.context() as patch:
                patch.setattr(builtins, "open", full)
                patch.setattr(shutil, "_USE_CP_SENDFILE", False)
                if allowed == len(before):
                    break
                with pytest.raises(ModelError, match=r"could not be saved: .*[Nn]o space left"):
                    trained.save(target)
            assert full.failed
            assert sorted(p.name for p in tmp_path.iterdir()) == ["model"]
            assert {name: sha256(place / name) for name in files_of(place)} == before


@pytest.mark.parametrize("stage", ["before anything", "after some files", "at the rename"])
def test_an_error_while_a_model_is_made_leaves_the_older_one(
    model_copy: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_of(model_copy)
    error: Exception = OSError(errno.ENOSPC, "No space left on device")
    if stage == "at the rename":
        rename = Path.rename

        def failing(self: Path, target: Path) -> Path:
            if ".making-" in self.name:
                raise error
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(ModelError, match="No space left"), new_model_directory(model_copy) as making:
        if stage == "after some files":
            (making / "motet.json").write_text("{}")
        if stage != "at the rename":
            raise error
    assert files_of(model_copy) == before
    assert [p.name for p in model_copy.parent.iterdir()] == [model_copy.name]
    _use(model_copy)


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), new_model_directory(tmp_path / "model") as making:
        (making / "motet.json").write_text("{}")
        raise KeyboardInterrupt
    assert not any(tmp_path.iterdir())
