"""`motet pretrain` from a table without labels to encoders that tasks name, frozen or as a start."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

import motet
from motet.data import infer_schema, read_table
from motet.deployment import CaptionOptions, PretrainOptions, build_encoders
from motet.deployment.pretrain_cells import read_cells
from motet.encoders import is_small, small_start
from motet.encoders.pretrained import PretrainedEncoder
from motet.encoders.torch_choose import open_encoder
from motet.encoders.torch_small import load
from motet.encoders.torch_small_vision import VisionConfig
from motet.encoders.torch_small_words import WordsConfig
from motet.errors import EncoderError, TableError, UsageError
from motet.tasks.pretrain import TERMS
from motet.training.pretrain_settings import PretrainSettings
from motet.training.small import SmallSettings

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220), "white": (240, 240, 240)}
SHAPES = ("disc", "square")
SMALL = SmallSettings(
    vision=VisionConfig(side=24, widths=(8, 16, 24)),
    words=WordsConfig(400, 24, 1, 2, max_position_embeddings=24),
    shift=0,
    area=0.5,
)
SETTINGS = PretrainSettings(small=SMALL, width=16, layers=1, epochs=8, pictures=16)


def drawn(colour: str, shape: str, at: int) -> bytes:
    made = Image.new("RGB", (32, 32))
    box = [4 + at % 5, 4 + at // 2 % 5, 20 + at % 5, 20 + at // 2 % 5]
    pen = ImageDraw.Draw(made)
    (pen.ellipse if shape == "disc" else pen.rectangle)(box, fill=COLOURS[colour])
    made.putpixel((0, 0), (at, at, at))  # so that no two files are equal
    written = io.BytesIO()
    made.save(written, format="PNG")
    return written.getvalue()


def drawn_table(copies: int = 8) -> dict[str, list[Any]]:
    rows: dict[str, list[Any]] = {"photo": [], "title": [], "shape": []}
    for at in range(copies):
        for colour in COLOURS:
            for shape in SHAPES:
                rows["photo"].append(drawn(colour, shape, at))
                rows["title"].append(f"a {colour} {shape}, number {at}")
                rows["shape"].append(shape)
    return rows


def pretrain(
    rows: dict[str, list[Any]], place: Path, settings: PretrainSettings = SETTINGS, **said: Any
) -> dict[str, Any]:
    table = read_table(rows)
    schema = infer_schema(table, image=["photo"], text=["title"], split=said.pop("split", None))
    return build_encoders(table, schema, place, PretrainOptions(training=settings, **said))


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    place = tmp_path_factory.mktemp("pretrained") / "shapes"
    return place, pretrain(drawn_table(), place, replace(SETTINGS, terms=dict.fromkeys(TERMS, 1.0)))


def test_each_term_is_learned_and_told(pretrained: tuple[Path, dict[str, Any]]) -> None:
    place, found = pretrained
    first, last = found["history"][0], found["history"][-1]
    assert list(first["train"]) == list(TERMS) == list(first["validation"])
    assert all(last["train"][name] < first["train"][name] for name in TERMS)
    assert json.loads((place / "history.json").read_text()) == found
    card = (place / "README.md").read_text()
    assert all(f"| {name} | 1 |" in card for name in TERMS)
    assert found["data"]["pairs"]["train"] + found["data"]["pairs"]["validation"] == 64


def test_an_encoder_that_nothing_teaches_is_told(tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=1, terms={"words-of-picture": 1.0})
    found = pretrain(drawn_table(2), tmp_path / "made", settings)
    assert any("no term here teaches the encoder of words" in note for note in found["notes"])


def test_what_reads_pictures_alone_learns_at_their_rate() -> None:
    from motet.tasks.pretrain import make_pretrainer
    from motet.training.pretraining import _groups, shape_of

    settings = replace(SETTINGS, terms=dict.fromkeys(TERMS, 1.0), image_rate=0.25, text_rate=0.125)
    table = read_table(drawn_table(2))
    cells = read_cells(table, infer_schema(table, image=["photo"], text=["title"]), 0.0, settings)
    model = make_pretrainer(*cells.rows.networks, shape_of(cells.rows, cells.train, settings), settings.terms)
    rates = {id(one): group["lr"] for group in _groups(model, settings) for one in group["params"]}
    for name, parameter in model.named_parameters():
        pictures = name.startswith(("shared.image.", "terms.words-of-picture."))
        assert rates.pop(id(parameter)) == (0.25 if pictures else 0.125), name
    assert not rates


def test_what_is_written_opens_by_its_directory(pretrained: tuple[Path, dict[str, Any]]) -> None:
    place, _ = pretrained
    for modality, width in (("image", 24), ("text", 24)):
        encoder = open_encoder(str(place / modality), modality)
        assert isinstance(encoder, PretrainedEncoder)
        assert (encoder.name, encoder.modality, encoder.width) == ("shapes", modality, width)


def test_pictures_have_features_by_what_words_tell(tmp_path: Path) -> None:
    """Colours and shapes are words; the words of each picture, from the tokens of its texts one by one."""
    from motet.tasks.pretrain.words_of_picture import common_words
    from motet.training.pretraining import shape_of
    from motet.training.projection import _words, project_by_words

    settings = replace(SETTINGS, epochs=1, terms={"words-of-picture": 1.0})
    found = pretrain(drawn_table(), tmp_path / "made", settings, validation_size=0.0)
    rows = drawn_table()
    table = read_table({**rows, "also": rows["title"][::-1]})
    cells = read_cells(table, infer_schema(table, image=["photo"], text=["title", "also"]), 0.0, settings)
    assert found["projected"]["pictures"] == len(cells.train) == 64
    common = common_words(shape_of(cells.rows, cells.train, settings))
    assert found["projected"]["words"] <= 64 // 4
    assert "common words tell" in (tmp_path / "made" / "README.md").read_text()
    pictures = cells.train[::2]
    had = _words(cells.rows, pictures, common)
    for at, picture in enumerate(pictures.tolist()):
        texts = np.flatnonzero(cells.rows.picture == picture)
        assert len(texts) == 2
        read = [cells.rows.text.reader.read(np.array([text])).inputs["input_ids"][0] for text in texts]
        tokens = {int(one) for ids in read for one in ids}
        assert [bool(value) for value in had[at]] == [int(one) in tokens for one in common]
    assert project_by_words(cells.rows, cells.train[:3], common, 0) is None  # too few to count a word


def test_without_words_that_are_told_from_a_picture_its_features_stay(tmp_path: Path) -> None:
    found = pretrain(
        drawn_table(2), tmp_path / "made", replace(SETTINGS, epochs=1, terms={"contrastive": 1.0})
    )
    assert found["projected"] is None
    assert not load(tmp_path / "made" / "image").config.projected  # type: ignore[union-attr]


def test_the_graph_gives_the_networks_features(pretrained: tuple[Path, dict[str, Any]]) -> None:
    import torch

    place, _ = pretrained
    encoder = open_encoder(str(place / "image"), "image")
    assert isinstance(encoder, PretrainedEncoder)
    pixels = np.random.default_rng(0).uniform(-1, 1, (3, 3, 24, 24)).astype(np.float32)
    with torch.no_grad():
        wanted = load(place / "image")(torch.from_numpy(pixels))[0].numpy()
    np.testing.assert_allclose(encoder.engine({"pixel_values": pixels}), wanted, atol=1e-4)


@pytest.mark.parametrize(("modality", "named"), [("image", "text"), ("text", "image")])
def test_an_encoder_of_the_other_modality_is_refused(
    pretrained: tuple[Path, dict[str, Any]], modality: str, named: str
) -> None:
    with pytest.raises(EncoderError, match=f"reads {named}, not {modality}"):
        open_encoder(str(pretrained[0] / named), modality)


def test_another_pooling_is_refused(pretrained: tuple[Path, dict[str, Any]]) -> None:
    with pytest.raises(EncoderError, match="pooled by the mean"):
        open_encoder(str(pretrained[0] / "image"), "image", pooling="cls")


@pytest.mark.parametrize("said", ["{}", "small:{}"])
def test_a_classifier_takes_them_frozen_and_as_a_start(
    pretrained: tuple[Path, dict[str, Any]], tmp_path: Path, said: str
) -> None:
    place, _ = pretrained
    rows = drawn_table(6)
    made = motet.MultimodalClassifier(
        image=["photo"], text=["title"], image_encoder=said.format(place / "image"), lexical=False,
        text_encoder=said.format(place / "text"),
    ).fit(rows, label="shape")  # fmt: skip
    made.save(tmp_path / "model")
    opened = motet.load(tmp_path / "model")
    assert len(opened.predict(rows)) == 48


def test_a_start_keeps_shape_and_tokenizer(pretrained: tuple[Path, dict[str, Any]]) -> None:
    """Begun with another shape of its own in mind, the network is that of the directory, weights and all."""
    from motet.data import TextCells
    from motet.training.small import make_small

    place, _ = pretrained
    cells = TextCells(read_table({"title": ["a red disc", "a blue square"]}), ["title"])
    rows = np.arange(2)
    made = make_small(
        "text", cells, rows, rows[:0], SmallSettings(), np.random.default_rng(0), start=place / "text"
    )
    for name, value in load(place / "text").state_dict().items():
        assert (made.network.state_dict()[name] == value).all()


def test_matching_begins_with_them(pretrained: tuple[Path, dict[str, Any]]) -> None:
    """Both sides of a space that is learned end to end start as the pretrained networks, weight by weight."""
    from motet.data import read_pairs, split_pairs
    from motet.deployment import MatchOptions
    from motet.deployment.match_sources import MatchCells, live_sources

    place, _ = pretrained
    table = read_table(drawn_table(2))
    schema = infer_schema(table, image=["photo"], text=["title"])
    pairs = read_pairs(table, schema)
    options = MatchOptions(
        image_encoders=(f"small:{place / 'image'}",), text_encoders=(f"small:{place / 'text'}",)
    )
    made = live_sources(MatchCells.of(table, schema, pairs), split_pairs(pairs, table, schema)[0], options)
    for modality in ("image", "text"):
        weights = made[modality].small.network.state_dict()
        for name, value in load(place / modality).state_dict().items():
            assert (weights[name] == value).all()


def test_a_start_that_is_none_is_told(tmp_path: Path) -> None:
    made = motet.MultimodalClassifier(image=["photo"], image_encoder=f"small:{tmp_path}")
    with pytest.raises(EncoderError, match=str(tmp_path)):
        made.fit(drawn_table(2), label="shape")
    made = motet.MultimodalClassifier(image=["photo"], image_encoder="small:/no/such")
    with pytest.raises(EncoderError, match="no such directory"):
        made.fit(drawn_table(2), label="shape")
    with pytest.raises(UsageError, match="names no directory"):
        small_start(["small:"])
    with pytest.raises(UsageError, match="name some/place without `small:`"):
        CaptionOptions(image_encoders=("small:some/place",))
    with pytest.raises(UsageError, match="terms are names with weights"):
        motet.MultimodalPretrainer(image="photo", text="title", terms="contrastive").fit(drawn_table(1))


def test_a_folder_of_encoders_is_told_from_an_encoder(pretrained: tuple[Path, dict[str, Any]]) -> None:
    place, _ = pretrained
    for name in (f"small:{place}", str(place)):
        made = motet.MultimodalClassifier(image=["photo"], image_encoder=name)
        with pytest.raises(EncoderError, match=f"holds encoders and is none: name {place / 'image'}"):
            made.fit(drawn_table(2), label="shape")


@pytest.mark.parametrize(
    ("name", "small", "start"),
    [
        ("small", True, None),
        ("small:some/place", True, Path("some/place")),
        ("smallish", False, None),
        ("minilm", False, None),
    ],
)
def test_names_of_small_encoders(name: str, small: bool, start: Path | None) -> None:
    assert (is_small(name), small_start([name])) == (small, start)


def test_the_same_seed_gives_the_same_encoders(tmp_path: Path) -> None:
    rows, short = drawn_table(3), replace(SETTINGS, epochs=2)
    for place in ("one", "two"):
        pretrain(rows, tmp_path / place, short)
    for modality in ("image", "text"):
        one, two = (
            (tmp_path / place / modality / "model.safetensors").read_bytes() for place in ("one", "two")
        )
        assert one == two


def test_rows_with_one_modality_teach_too(tmp_path: Path) -> None:
    """Of 24 pairs 3 lose their words and 2 their picture: they are counted, and pretraining goes on."""
    rows = drawn_table(3)
    rows["title"][:3] = [None, "", "  "]
    rows["photo"][3:5] = [None, None]
    terms = {"masked-words": 1.0, "masked-patches": 1.0}
    found = pretrain(rows, tmp_path / "made", replace(SETTINGS, epochs=1, terms=terms))
    assert (found["data"]["pictures_alone"], found["data"]["texts_alone"]) == (3, 2)
    assert sum(found["data"]["pairs"].values()) == 19
    assert any("3 rows have a picture and no words: 3 of them teach alone" in note for note in found["notes"])


def test_batches_of_words_without_a_picture_teach(tmp_path: Path) -> None:
    """Of 8 pairs and 48 texts alone, most batches of 8 hold words alone."""
    rows = drawn_table(7)
    rows["photo"][:48] = [None] * 48
    settings = replace(SETTINGS, epochs=1, terms={"masked-words": 1.0, "masked-patches": 1.0}, pictures=8)
    found = pretrain(rows, tmp_path / "made", settings)
    assert found["data"]["texts_alone"] == 48 and found["data"]["pictures_alone"] == 0
    assert np.isfinite(found["history"][0]["train"]["masked-words"])


def test_much_that_stands_alone_fills_batches_of_its_own(tmp_path: Path) -> None:
    """Of 4 pairs with 40 pictures and 12 texts alone, no batch of 8 holds more than 12 of a kind."""
    rows = drawn_table(7)
    rows["title"][:40], rows["photo"][40:52] = [None] * 40, [None] * 12
    terms = {"masked-words": 1.0, "masked-patches": 1.0, "contrastive": 1.0}
    settings = replace(SETTINGS, epochs=2, terms=terms, pictures=8)
    table = read_table(rows)
    found = read_cells(table, infer_schema(table, image=["photo"], text=["title"]), 0.0, settings)
    parts = list(found.rows.parts(found.train, found.rows.sampler(found.train), 8, np.random.default_rng(0)))
    assert len(parts) == 5
    for kind in ("pictures", "lone_pictures", "lone_texts"):
        asked = [getattr(part, kind) for part in parts]
        assert max(len(one) for one in asked) <= 12
        wanted = found.train if kind == "pictures" else getattr(found.rows, kind)
        assert sorted(np.concatenate(asked).tolist()) == sorted(wanted.tolist())
    made = pretrain(rows, tmp_path / "made", settings, validation_size=0.0)
    assert set(made["history"][-1]["train"]) == set(terms)


def test_pairs_with_the_same_words_are_right_for_each_other(tmp_path: Path) -> None:
    """Where all titles are one there is nothing to find; where most are, ranks count other words alone."""
    rows = drawn_table(3)
    rows["title"] = ["one title"] * 24
    settings = replace(SETTINGS, epochs=1, terms={"contrastive": 1.0})
    found = pretrain(rows, tmp_path / "one", settings, validation_size=0.5)
    assert found["history"][0]["reciprocal_rank"] is None
    assert any("no two validation pairs have different words" in note for note in found["notes"])
    rows["title"][::12] = ["another title"] * 2
    ranks = []
    for seed in range(3):
        found = pretrain(rows, tmp_path / f"two-{seed}", settings, validation_size=0.9, seed=seed)
        ranks.append(found["history"][0]["reciprocal_rank"])
    # Of 20 or more pairs, 18 or more are right for one another: their worst rank is 3, those of two others 21.
    assert all(rank is None or rank > 0.3 for rank in ranks) and any(rank is not None for rank in ranks)


def test_pictures_that_cannot_be_read_are_told_with_the_reason(tmp_path: Path) -> None:
    rows = drawn_table(3)
    rows["photo"][5] = b"no picture"
    found = pretrain(rows, tmp_path / "made", replace(SETTINGS, epochs=1))
    assert [(one["row"], one["column"]) for one in found["broken"]] == [(5, "photo")] and found["broken"][0][
        "reason"
    ]


def test_one_validation_pair_cannot_be_found_among_others(tmp_path: Path) -> None:
    rows = {name: cells[:5] for name, cells in drawn_table(1).items()}
    found = pretrain(rows, tmp_path / "made", replace(SETTINGS, epochs=1))
    assert found["data"]["pairs"]["validation"] == 1
    assert any("no two validation pairs have different words" in note for note in found["notes"])


def test_what_no_term_learns_from_is_left_out_and_told(tmp_path: Path) -> None:
    rows = drawn_table(3)
    rows["title"][:3] = [None] * 3
    rows["photo"][3:5] = [None] * 2
    found = pretrain(rows, tmp_path / "made", replace(SETTINGS, epochs=1, terms={"contrastive": 1.0}))
    assert (found["data"]["pictures_alone"], found["data"]["texts_alone"]) == (0, 0)
    assert {
        "3 rows have a picture and no words: left out (--term masked-patches would learn from them)",
        "2 rows have words and no picture: left out (--term masked-words would learn from them)",
    } <= set(found["notes"])


def test_test_rows_are_left_alone(tmp_path: Path) -> None:
    rows = drawn_table(3)
    rows["side"] = ["test" if at % 4 == 0 else "val" if at % 4 == 1 else "train" for at in range(24)]
    rows["title"][0], rows["title"][2] = None, None  # a test picture and a training picture alone
    terms = {"contrastive": 1.0, "masked-patches": 1.0}
    found = pretrain(rows, tmp_path / "made", replace(SETTINGS, epochs=1, terms=terms), split="side")
    assert found["data"]["pairs"] == {"train": 11, "validation": 6}
    assert found["data"]["pictures_alone"] == 1
    assert "5 test pictures were left alone" in found["notes"]


def test_what_has_a_row_on_another_side_does_not_teach_alone() -> None:
    """Of rows with a picture alone, the files of a test, a held and a training pair, a test row's family, and two that
    are equal; of rows with words alone, one of that family: one picture and one text are left."""
    rows = drawn_table(3)
    del rows["shape"]
    rows["side"] = ["test", "val", *["train"] * 22]
    rows["family"] = [str(at) for at in range(24)]
    free = [drawn("blue", "disc", at) for at in (40, 41)]
    lone = [rows["photo"][0], rows["photo"][1], rows["photo"][2], free[0], free[1], free[1], None, None]
    families = ["a", "b", "c", "0", "e", "f", "0", "h"]
    for name, more in {
        "photo": lone,
        "title": [*[None] * 6, "a word", "another word"],
        "side": ["train"] * 8,
        "family": families,
    }.items():
        rows[name] += more
    rows["side"][27] = rows["side"][30] = "test"  # a family has one side
    table = read_table(rows)
    schema = infer_schema(table, image=["photo"], text=["title"], split="side", group="family")
    terms = {"contrastive": 1.0, "masked-words": 1.0, "masked-patches": 1.0}
    found = read_cells(table, schema, 0.1, replace(SETTINGS, terms=terms))
    assert found.rows.lone_pictures.tolist() == [28]
    assert len(found.rows.lone_texts) == 1
    no_sides = infer_schema(table, image=["photo"], text=["title"], group="family")
    found = read_cells(table, no_sides, 0.3, replace(SETTINGS, terms=terms))
    held = {rows["photo"][row] for row in found.rows.rows[found.held]}
    assert held and not held & {rows["photo"][row] for row in found.rows.lone_pictures}


def test_broken_and_tiny_pictures(tmp_path: Path) -> None:
    rows = drawn_table(3)
    rows["photo"][0] = b"not a picture"
    pixel = io.BytesIO()
    Image.new("RGB", (1, 1), (9, 9, 9)).save(pixel, format="PNG")
    rows["photo"][1] = pixel.getvalue()
    found = pretrain(rows, tmp_path / "made", replace(SETTINGS, epochs=1), validation_size=0.0)
    assert sum(found["data"]["pairs"].values()) == 23 and found["data"]["texts_alone"] == 1
    assert any(
        "1 of 24 pictures cannot be decoded" in note and note.endswith("the words of 1 teach alone")
        for note in found["notes"]
    )


def test_only_training_words_of_broken_pictures_teach_alone(tmp_path: Path) -> None:
    rows = drawn_table(3)
    rows["side"] = ["train"] * 20 + ["validation"] * 4
    rows["photo"][0], rows["photo"][-1] = b"no picture", b"nor this"
    found = pretrain(rows, tmp_path / "made", replace(SETTINGS, epochs=1), split="side")
    assert found["data"]["texts_alone"] == 1
    assert any(note.endswith("the words of 1 teach alone") for note in found["notes"])


def test_rows_with_an_equal_picture_are_one_pair_and_told(tmp_path: Path) -> None:
    rows = drawn_table(3)
    rows["photo"][1] = rows["photo"][0]
    found = pretrain(rows, tmp_path / "made", replace(SETTINGS, epochs=1))
    assert "24 rows show 23 different pictures: rows with an equal picture are one pair" in found["notes"]
    assert sum(found["data"]["pairs"].values()) == 23


def test_where_validation_takes_too_many_the_way_out_is_named(tmp_path: Path) -> None:
    rows = {name: values[:2] for name, values in drawn_table(1).items()}
    with pytest.raises(TableError, match="--val-size 0 "):
        pretrain(rows, tmp_path / "made", validation_size=0.5)
    rows["side"] = ["train", "validation"]  # which --val-size does not change
    with pytest.raises(TableError, match=r"learns from thousands$"):
        pretrain(rows, tmp_path / "made", split="side")


def test_one_pair_is_too_little(tmp_path: Path) -> None:
    rows = {name: values[:1] for name, values in drawn_table(1).items()}
    with pytest.raises(TableError, match="needs two at least"):
        pretrain(rows, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_no_picture_can_be_decoded(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no training row has a usable picture"):
        pretrain({"photo": [b"a", b"b", b"c"], "title": ["one", "two", "three"]}, tmp_path / "made")


@pytest.mark.parametrize(
    ("pairs", "asked", "size"), [(2, None, 64), (3_619, None, 64), (3_620, None, 128), (500, 256, 256)]
)
def test_few_pairs_have_small_batches(pairs: int, asked: int | None, size: int) -> None:
    assert PretrainSettings(pictures=asked).pictures_a_batch(pairs) == size


def test_what_stands_alone_counts_for_the_size_of_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = drawn_table(2)
    rows = {
        "photo": [*drawn["photo"], *[None] * 40],
        "title": [*drawn["title"], *(f"words {at}" for at in range(40))],
    }
    asked: list[int] = []
    monkeypatch.setattr(PretrainSettings, "pictures_a_batch", lambda self, most: asked.append(most) or 8)
    settings = replace(SETTINGS, epochs=1, terms={"contrastive": 1.0, "masked-words": 1.0})
    pretrain(rows, tmp_path / "made", settings)
    assert asked == [40]


@pytest.mark.parametrize(("epochs", "size"), [(0, 0.1), (1, 1.0), (1, -0.1)])
def test_settings_that_leave_nothing(epochs: int, size: float) -> None:
    with pytest.raises(UsageError):
        PretrainOptions(size, PretrainSettings(epochs=epochs))


def test_the_command_refuses_before_it_reads(
    motet: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("motet.data.read_table", lambda *_, **__: pytest.fail("the table was read"))
    (tmp_path / "t.csv").write_text("photo,said\na.png,a\n")
    (tmp_path / "file").write_text("")
    asked = ("pretrain", tmp_path / "t.csv", "--image", "photo", "--text", "said", "-o")
    assert "a file stands where" in motet(*asked, tmp_path / "file").err
    done = motet(*asked, tmp_path / "m", "--seed", "-1")
    assert done.code == 2 and "the seed is a whole number" in done.err


def test_the_command(motet: Callable[..., Any], tmp_path: Path) -> None:
    rows = drawn_table(2)
    lines = ["photo,title"]
    for at, data in enumerate(rows["photo"]):
        (tmp_path / f"{at}.png").write_bytes(data)
        lines.append(f'{at}.png,"{rows["title"][at]}"')
    table = tmp_path / "rows.csv"
    table.write_text("\n".join(lines) + "\n")
    said = (
        "--image",
        "photo",
        "--text",
        "title",
        "--epochs",
        1,
        "--term",
        "contrastive",
        "--term",
        "matching=0.5",
    )
    ran = motet("pretrain", table, *said, "-o", tmp_path / "made")
    assert ran.code == 0, ran.err
    assert "contrastive" in ran.out and "0.5" in ran.out
    helped = "".join(motet("pretrain", "--help").out.replace("│", "").split())
    assert all(name in helped for name in TERMS)
    assert (tmp_path / "made" / "image" / "model.onnx").is_file()
    again = motet("pretrain", table, *said, "-o", tmp_path / "made")
    assert again.code == 1 and "something stands there" in again.err
    assert "further pairs chose" in (tmp_path / "made" / "README.md").read_text()
    ran = motet("pretrain", table, *said, "--term", "matching=2", "-o", tmp_path / "other")
    assert ran.code == 2 and "--term matching is said twice" in ran.err
    ran = motet("pretrain", table, *said, "--term", "no", "-o", tmp_path / "other")
    assert ran.code == 2 and "no term 'no'" in ran.err


def test_in_python(tmp_path: Path) -> None:
    made = motet.MultimodalPretrainer(image="photo", text="title", epochs=1, terms={"contrastive": 1.0}).fit(
        drawn_table(2)
    )
    assert list(made.history_["terms"]) == ["contrastive"]
    made.save(tmp_path / "kept")
    assert open_encoder(str(tmp_path / "kept" / "text"), "text").name == "kept"
    with pytest.raises(TableError):
        made.fit({"photo": [], "title": []})
    assert made.image_encoder_.is_dir()  # a fit that fails takes nothing away
