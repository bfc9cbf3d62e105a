"""`motet train --task caption` from a table to sentences, and those sentences where PyTorch cannot be imported."""

from __future__ import annotations

import io
import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import motet
from bare_install import motet_bare
from motet.data import ImageCells, infer_schema, read_table
from motet.deployment import CaptionOptions, build_caption_model
from motet.errors import ModelError, TableError, UsageError
from motet.evaluation.captions import caption_metrics, caption_scores
from motet.runtime import CaptionModel
from motet.training.caption_settings import CaptionSettings

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220), "white": (240, 240, 240)}
SHAPES = ("disc", "square")
SETTINGS = CaptionSettings(
    vocabulary=320, longest=24, width=32, layers=2, heads=2, dropout=0.0, epochs=40, least_steps=0, pictures=8,
    learning_rate=5e-3, patience=40,
)  # fmt: skip


def drawn(colour: str, shape: str, at: int) -> bytes:
    """A shape on black, somewhere."""
    from PIL import ImageDraw

    made = Image.new("RGB", (32, 32))
    box = [4 + at, 4 + at // 2, 20 + at, 20 + at // 2]
    pen = ImageDraw.Draw(made)
    (pen.ellipse if shape == "disc" else pen.rectangle)(box, fill=COLOURS[colour])
    written = io.BytesIO()
    made.save(written, format="PNG")
    return written.getvalue()


def drawn_table(copies: int = 6) -> dict[str, list[Any]]:
    """Each colour and shape some times, with two sentences each and a side."""
    rows: dict[str, list[Any]] = {"photo": [], "said": [], "said_too": [], "split": []}
    for at in range(copies):
        for colour in COLOURS:
            for shape in SHAPES:
                rows["photo"].append(drawn(colour, shape, at))
                rows["said"].append(f"a {colour} {shape} on black .")
                rows["said_too"].append(f"There is a {colour} {shape}")
                rows["split"].append(("train", "train", "train", "train", "val", "test")[at % 6])
    return rows


def options(encoder: str | Path = "descriptor", **changed: Any) -> CaptionOptions:
    return CaptionOptions(**{"image_encoders": (str(encoder),), "training": SETTINGS, **changed})


def build(rows: dict[str, list[Any]], place: Path, said: CaptionOptions) -> dict[str, Any]:
    table = read_table(rows)
    text = [name for name in rows if name.startswith("said")]
    split = "split" if "split" in rows else None
    return build_caption_model(
        table, infer_schema(table, image=["photo"], text=text, split=split), place, said
    )


def check_cache_and_batch(place: Path, how: dict[str, Any]) -> None:
    """Each word read once, or all again for each; one picture alone, or among others: the same captions."""
    model = motet.load(place)
    assert isinstance(model, CaptionModel)
    pictures = drawn_table()["photo"][:11]
    whole = model.describe({"photo": pictures}, **how)
    plain = model.describe({"photo": pictures}, cached=False, **how)
    assert [one.caption for one in plain] == [one.caption for one in whole]
    for one, other in zip(plain, whole, strict=True):
        assert one.log_probability == pytest.approx(other.log_probability, abs=1e-3)
    if "top_p" not in how:  # what is drawn depends on the place in the call
        alone = [model.describe({"photo": [one]}, **how)[0].caption for one in pictures]
        assert alone == [one.caption for one in whole]


@pytest.fixture(scope="module")
def captioner(patches: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    place = tmp_path_factory.mktemp("captions") / "model"
    return place, build(drawn_table(), place, options(patches))


def test_it_learns_what_pictures_show(captioner: tuple[Path, dict[str, Any]]) -> None:
    """Test pictures lie elsewhere than those of training: colours must be seen, not remembered."""
    place, evaluation = captioner
    rows = drawn_table()
    tested = [i for i, side in enumerate(rows["split"]) if side == "test"]
    found = motet.load(place).describe({"photo": [rows["photo"][i] for i in tested]})
    right = [rows["said"][i].split()[1] in (one.caption or "") for one, i in zip(found, tested, strict=True)]
    assert np.mean(right) >= 0.75, [one.caption for one in found]
    assert all(one.ended and one.log_probability is not None and one.log_probability < 0 for one in found)
    assert evaluation["n"] == len(tested)


def test_the_evaluation_is_of_the_saved_captions(captioner: tuple[Path, dict[str, Any]]) -> None:
    place, evaluation = captioner
    assert json.loads((place / "evaluation.json").read_text(encoding="utf-8")) == evaluation
    rows = drawn_table()
    tested = [i for i, side in enumerate(rows["split"]) if side == "test"]
    said = [
        one.caption or "" for one in motet.load(place).describe({"photo": [rows["photo"][i] for i in tested]})
    ]
    references = [[rows["said"][i], rows["said_too"][i]] for i in tested]
    for name, metric in caption_metrics(caption_scores(said, references)).items():
        assert evaluation["metrics"][name] == pytest.approx(metric)
    for metric in evaluation["metrics"].values():
        assert metric["low"] <= metric["value"] <= metric["high"]
    assert evaluation["overall"] == {"n": evaluation["n"], "metrics": evaluation["metrics"]}
    assert set(evaluation["baselines"]) == {"nearest-neighbour"}
    assert set(evaluation["faults"]) == {"empty", "repeated", "copied", "different", "words"}
    assert evaluation["faults"]["copied"] >= 1  # what can be said here has all been said
    assert evaluation["baselines"]["nearest-neighbour"]["faults"]["copied"] == evaluation["n"]
    assert len(evaluation["examples"]["captions"]) == 8
    page = (place / "report.html").read_text(encoding="utf-8")
    for one in evaluation["examples"]["captions"]:
        assert one["caption"] in page and one["neighbour"] in page
    card = (place / "README.md").read_text(encoding="utf-8")
    assert "CIDEr-D" in card and "nearest-neighbour" in card


@pytest.mark.parametrize("how", [{"beams": 1}, {"beams": 3}, {"top_p": 0.9, "seed": 4}, {"no_repeat": 1}])
def test_captions_do_not_depend_on_the_cache_nor_on_the_batch(
    captioner: tuple[Path, dict[str, Any]], how: dict[str, Any]
) -> None:
    check_cache_and_batch(captioner[0], how)


def test_what_is_drawn_follows_from_the_seed(captioner: tuple[Path, dict[str, Any]]) -> None:
    model = motet.load(captioner[0])
    rows = {"photo": drawn_table()["photo"][:16]}

    def said(seed: int) -> list[str | None]:
        return [one.caption for one in model.describe(rows, top_p=1.0, temperature=3.0, seed=seed)]

    assert said(1) == said(1) != said(2)


def test_it_runs_without_the_learning_wing(captioner: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(drawn_table()["photo"][0])
    done = motet_bare("describe", captioner[0], "--image", picture, "--beams", "3", "--json")
    assert done.returncode == 0, done.stderr
    wanted = motet.load(captioner[0]).describe([picture], beams=3)[0]
    assert json.loads(done.stdout)[0]["caption"] == wanted.caption


def test_broken_and_absent_pictures_are_told_apart(
    captioner: tuple[Path, dict[str, Any]], tmp_path: Path, motet: Callable[..., Any]
) -> None:
    import motet as library

    pixel = io.BytesIO()
    Image.new("RGB", (1, 1), "red").save(pixel, format="PNG")
    good = drawn_table()["photo"][0]
    found = library.load(captioner[0]).describe(
        {"photo": [None, b"nothing", pixel.getvalue(), good[: len(good) // 2], good]}
    )
    assert [one.id for one in found] == [0, 1, 2, 3, 4]
    assert [one.caption is None for one in found] == [True, True, False, True, False]
    assert found[0].issue is None and found[1].issue and found[3].issue and found[4].issue is None
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    done = motet("describe", captioner[0], "--image", broken)
    assert done.code == 1 and "no picture could be decoded" in done.err
    done = motet("describe", captioner[0], "--image", tmp_path / "nowhere.png")
    assert done.code == 2 and "no such file" in done.err


def test_cells_that_are_empty_or_broken_are_left_out_of_training(tmp_path: Path) -> None:
    rows = drawn_table()
    rows["said"][0] = rows["said_too"][1] = None
    rows["said"][2] = rows["said_too"][2] = " "
    rows["photo"][3] = None
    rows["photo"][4] = b"nothing"
    rows["said"].append("a pixel")
    rows["said_too"].append(None)
    pixel = io.BytesIO()
    Image.new("RGB", (1, 1), "red").save(pixel, format="PNG")
    rows["photo"].append(pixel.getvalue())
    rows["split"].append("train")
    short = CaptionSettings(**{**SETTINGS.__dict__, "epochs": 1})
    evaluation = build(rows, tmp_path / "model", options(training=short))
    assert evaluation["data"]["rows"]["train"] == 32 - 3 + 1
    assert [one["row"] for one in evaluation["broken"]] == [4]
    said = " ".join(evaluation["notes"])
    assert "1 row has words and no picture" in said and "1 row has a picture and no words" in said


def test_one_picture_is_enough_to_write(tmp_path: Path) -> None:
    rows = {"photo": drawn_table()["photo"][:1], "said": ["a red disc"]}
    evaluation = build(rows, tmp_path / "m", options(test_size=0, validation_size=0))
    assert any("no validation pictures" in note for note in evaluation["notes"])
    assert motet.load(tmp_path / "m").describe(rows, beams=2)[0].caption == "a red disc"


def test_captions_in_chinese_are_whole_characters(tmp_path: Path) -> None:
    """Fewer tokens than characters: most are written as bytes, and none is ever half."""
    rows = drawn_table()
    names = dict(zip(COLOURS, "红绿蓝白", strict=True))
    rows["said"] = [
        f"黑色背景上的{names[text.split()[1]]}色{'圆' if 'disc' in text else '方块'}。"
        for text in rows["said"]
    ]
    del rows["said_too"]
    settings = CaptionSettings(**{**SETTINGS.__dict__, "vocabulary": 270, "longest": 60, "epochs": 2})
    build(rows, tmp_path / "model", options(training=settings))
    model = motet.load(tmp_path / "model")
    for how in ({"beams": 1}, {"beams": 2}, {"top_p": 1.0, "temperature": 5.0}, {"longest": 9}):
        for one in model.describe({"photo": rows["photo"][:8]}, **how):
            assert one.caption is not None and "�" not in one.caption
            one.caption.encode()


def test_an_encoder_without_tokens_is_read_as_one(tmp_path: Path) -> None:
    short = CaptionSettings(**{**SETTINGS.__dict__, "epochs": 1})
    evaluation = build(drawn_table(), tmp_path / "model", options("descriptor", training=short))
    assert evaluation["n"] == 8


def test_the_same_seed_writes_the_same(tmp_path: Path) -> None:
    short = CaptionSettings(**{**SETTINGS.__dict__, "epochs": 2})
    rows = drawn_table()
    for name in ("one", "other"):
        build(rows, tmp_path / name, options(training=short, seed=3))
    one, other = (motet.load(tmp_path / name).describe({"photo": rows["photo"]}) for name in ("one", "other"))
    assert one == other


def test_changed_files_and_manifests_are_told(captioner: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    copied = Path(shutil.copytree(captioner[0], tmp_path / "copied"))
    path = copied / "captions" / "tokenizer.json"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ModelError, match=r"tokenizer\.json.*was changed"):
        motet.load(copied).describe({"photo": drawn_table()["photo"][:1]})
    data = json.loads((copied / "motet.json").read_text(encoding="utf-8"))
    for change, said in (
        ({"beams": 0}, "caption.beams is 0"),
        ({"prefix": "nowhere"}, "caption.prefix is 'nowhere'"),
        ({"longest": 1}, "caption.longest is 1"),
        ({"length_penalty": -1}, "caption.length_penalty is -1"),
    ):
        changed = {**data, "caption": {**data["caption"], **change}}
        (copied / "motet.json").write_text(json.dumps(changed), encoding="utf-8")
        with pytest.raises(ModelError, match=said):
            motet.load(copied)


def test_the_command_line_trains_evaluates_and_describes(
    motet: Callable[..., Any], catalogue: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from motet.training import caption_settings

    monkeypatch.setattr(
        caption_settings.CaptionSettings.__init__, "__defaults__", tuple(SETTINGS.__dict__.values())
    )
    place = tmp_path / "captioner"
    done = motet(
        "train", catalogue.table, "--task", "caption", "--image", "image", "--text", "title",
        "--image-encoder", "descriptor", "-o", place,
    )  # fmt: skip
    assert done.code == 0 and "baseline nearest-neighbour" in done.out, done.err
    shown = motet("evaluate", place, catalogue.table, "--report", tmp_path / "page.html")
    assert shown.code == 0 and "CIDEr-D" in shown.out and (tmp_path / "page.html").is_file()
    picture = next(Path(catalogue.table).parent.rglob("*.jpg"))
    said = motet("describe", place, "--image", picture)
    assert said.code == 0 and said.out.strip(), said.err
    several = motet("describe", place, "--image", picture, "--image", picture, "--top-p", "0.5", "--json")
    assert len(json.loads(several.out)) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--label", "category"), "--task caption has no --label"),
        (("--text-encoder", "lexical"), "--task caption has no --text-encoder"),
        (("--objective", "sigmoid"), "--objective and --term are of --task match"),
        (("--image-encoder", "small"), "picture encoder that stays as it is"),
        (("--pooling", "attention"), "'attention' is learned in fused heads"),
        (("--image-encoder", "descriptor", "--image-encoder", "auto"), "one picture encoder, not of 2"),
    ],
)
def test_wrong_usage_of_train(
    motet: Callable[..., Any], catalogue: Any, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = motet("train", catalogue.table, "--task", "caption", "-o", tmp_path / "m", *arguments)
    assert done.code == 2 and said in done.err, done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--accept-licence",), "--accept-licence is of ready-made models"),
        (("--beams", "0"), "beams are 1 to 100"),
        (("--beams", "2", "--top-p", "0.9"), "leave one of them out"),
        (("--top-p", "0"), "above 0 and at most 1"),
        (("--temperature", "2"), "add --top-p"),
        (("--longest", "1000"), "at most 24"),
        (("--seed", "1"), "--seed is of words that are drawn: add --top-p"),
        (("--length-penalty", "2", "--top-p", "0.9"), "--length-penalty chooses among beams"),
        (("--length-penalty", "2", "--beams", "1"), "--length-penalty chooses among beams"),
    ],
)
def test_wrong_usage_of_describe(
    motet: Callable[..., Any],
    captioner: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(drawn_table()["photo"][0])
    done = motet("describe", captioner[0], "--image", picture, *arguments)
    assert done.code == 2 and said in done.err, done.err


def test_python_refuses_what_would_change_nothing(captioner: tuple[Path, dict[str, Any]]) -> None:
    model = motet.load(captioner[0])
    assert isinstance(model, CaptionModel) and model.entry.beams > 1
    with pytest.raises(UsageError, match="temperature is of words that are drawn"):
        model.describe({"photo": [None]}, temperature=2.0)
    assert model.decoding(top_p=0.9, temperature=2.0, seed=1).beams == 1
    assert model.decoding(length_penalty=2.0).length_penalty == 2


def test_a_picture_that_is_not_there_does_not_hold_up_the_others(
    motet: Callable[..., Any], captioner: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(drawn_table()["photo"][0])
    gone = tmp_path / "gone.png"
    done = motet("describe", captioner[0], "--image", gone, "--image", picture)
    assert done.code == 0 and f"{gone}: no such file" in done.err, done.err
    assert done.out.startswith(f"{picture}: ") and len(done.out.splitlines()) == 1
    one, other = json.loads(
        motet("describe", captioner[0], "--image", gone, "--image", picture, "--json").out
    )
    assert one["caption"] is None and "no such file" in one["issue"] and other["caption"]
    done = motet("describe", captioner[0], "--image", gone)
    assert done.code == 2 and f"--image {gone}: no such file" in done.err


def test_models_of_another_task_say_so(
    motet: Callable[..., Any], model_directory: Path, captioner: tuple[Path, dict[str, Any]], catalogue: Any
) -> None:
    with pytest.raises(
        UsageError, match="trained to classify, not to describe pictures: name one of --task caption"
    ):
        CaptionModel(model_directory)
    done = motet("describe", model_directory, "--image", "a.png")
    assert done.code == 2 and "trained to classify" in done.err
    done = motet("predict", captioner[0], "--text", "a")
    assert done.code == 2 and "motet describe" in done.err
    done = motet("evaluate", captioner[0], catalogue.table, "--slice", "category")
    assert done.code == 2 and "--slice is for models of other tasks" in done.err


def test_pictures_that_all_are_broken(tmp_path: Path) -> None:
    rows = {"photo": [b"nothing", b"at all"], "said": ["a", "b"]}
    with pytest.raises(TableError, match="no training picture can be decoded"):
        build(rows, tmp_path / "m", options(test_size=0, validation_size=0))
    assert not (tmp_path / "m").exists()


def test_a_table_without_pictures_is_told(captioner: tuple[Path, dict[str, Any]]) -> None:
    with pytest.raises(TableError, match="none of the columns of pictures"):
        motet.load(captioner[0]).describe({"other": ["a"]})


def test_the_estimator_fits_predicts_saves_and_copies(tmp_path: Path) -> None:
    rows = drawn_table()
    made = motet.Captioner(
        image_encoder="descriptor",
        image="photo",
        text=["said", "said_too"],
        split="split",
        epochs=1,
        vocabulary=300,
    )
    with pytest.raises(ModelError, match="not fitted yet"):
        made.predict(rows)
    made.fit(rows)
    found = made.predict({"photo": [*rows["photo"][:3], None]}, beams=2)
    assert len(found) == 4 and found[3] is None
    assert 0 <= made.score(rows) <= 10
    made.save(tmp_path / "saved")
    again = motet.load(tmp_path / "saved").describe({"photo": rows["photo"][:3]}, beams=2)
    assert [one.caption for one in again] == found[:3]
    assert pickle.loads(pickle.dumps(made)).predict({"photo": rows["photo"][:3]}, beams=2) == found[:3]
    with pytest.raises(UsageError, match="no parameter"):
        made.set_params(fusion="concat")


def test_epochs_that_are_asked_for_are_the_most_and_what_cannot_be_is_said_first(tmp_path: Path) -> None:
    rows = drawn_table()
    said: dict[str, Any] = {
        "image_encoder": "descriptor",
        "image": "photo",
        "text": "said",
        "vocabulary": 300,
    }
    made = motet.Captioner(**said, epochs=2, split="split").fit(rows)
    assert len(made.evaluation_["history"]["decoder"]) == 2
    for wrong, words in (
        ({"epochs": 0}, "epochs are a number from 1, not 0"),
        ({"epochs": 2.5}, "epochs are a number from 1, not 2.5"),
        ({"beams": 0}, "beams are 1 to 100, not 0"),
        ({"beams": 2.5}, "beams is a whole number, not 2.5"),
        ({"vocabulary": "x"}, "a vocabulary holds at least .* not 'x'"),
    ):
        with pytest.raises(UsageError, match=words):
            motet.Captioner(**{**said, **wrong}).fit(rows)


def test_rows_of_cells_keep_their_numbers(captioner: tuple[Path, dict[str, Any]]) -> None:
    model = motet.load(captioner[0])
    assert isinstance(model, CaptionModel)
    cells = ImageCells(read_table({"photo": drawn_table()["photo"]}), ["photo"])
    rows = np.array([40, 3, 17])
    found, issues = model.describe_cells(cells, rows)
    assert [one.id for one in found] == [40, 3, 17] and not issues
    for row, one in zip(rows, found, strict=True):
        assert one.caption == model.describe_cells(cells, np.array([row]))[0][0].caption


def test_captions_have_the_names_of_their_rows_and_those_left_out_are_counted(tmp_path: Path) -> None:
    rows = {**drawn_table(), "year": [1900 + at for at in range(48)]}
    rows["photo"][1:3] = [None, b"broken"]
    rows["said"][3] = None
    table = read_table(rows)
    schema = infer_schema(table, image=["photo"], text=["said"], split="split", id="year")
    settings = replace(SETTINGS, epochs=1)
    evaluation = build_caption_model(table, schema, tmp_path / "m", options(training=settings))
    assert evaluation["data"]["left_out"] == 3
    model = motet.load(tmp_path / "m")
    broken = {"photo": [rows["photo"][0], b"nothing", None], "year": [7, 8, None]}
    found = model.describe(broken)
    assert [one.id for one in found] == [7, 8, 2]
    assert found[1].issue is not None and found[0].issue is None
    assert [one.id for one in model.describe({"photo": broken["photo"]})] == [0, 1, 2]


def test_captions_that_are_all_equal(tmp_path: Path) -> None:
    """Every picture gets the one sentence; document frequencies are all full, so that CIDEr-D is 0 and not NaN."""
    rows = drawn_table()
    rows["said"], rows["said_too"] = ["a shape on black"] * 48, [None] * 48
    short = CaptionSettings(**{**SETTINGS.__dict__, "epochs": 8})
    evaluation = build(rows, tmp_path / "model", options(training=short))
    assert evaluation["metrics"]["cider_d"]["value"] == 0
    assert evaluation["metrics"]["bleu_1"]["value"] == pytest.approx(1)
    assert evaluation["faults"]["different"] == 1 and evaluation["faults"]["copied"] == evaluation["n"]
    found = motet.load(tmp_path / "model").describe({"photo": rows["photo"][:3]})
    assert {one.caption for one in found} == {"a shape on black"}


def test_a_vocabulary_that_overflows_and_sentences_that_are_too_long(tmp_path: Path) -> None:
    """More words than tokens are written in pieces; what does not fit is cut, and that is said."""
    random = np.random.default_rng(0)
    rows = drawn_table()
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz狗猫"))
    rows["said"] = [" ".join("".join(random.choice(letters, 9)) for _ in range(6)) for _ in rows["said"]]
    rows["said_too"][0] = "word " * 10_000
    short = CaptionSettings(**{**SETTINGS.__dict__, "vocabulary": 260, "epochs": 1})
    evaluation = build(rows, tmp_path / "model", options(training=short))
    assert any("are longer than 24 tokens: cut there" in note for note in evaluation["notes"])
    model = motet.load(tmp_path / "model")
    assert isinstance(model, CaptionModel) and model.tokens.size == 260
    for one in model.describe({"photo": rows["photo"][:4]}, top_p=1.0, temperature=9.0):
        assert one.caption is not None and "�" not in one.caption
    with pytest.raises(UsageError, match="at least 259 tokens"):
        options(training=CaptionSettings(vocabulary=10))
