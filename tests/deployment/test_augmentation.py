"""Views of training rows: fitted on, in their row's fold, never held, and no rows in any statistic."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from motet import MultimodalClassifier
from motet.data import TextCells, infer_schema, labels, make_split, read_table
from motet.deployment import Options, cross_fitting
from motet.deployment.build import build_model
from motet.deployment.prepared import Prepared
from motet.deployment.preparing import prepare_rows
from motet.encoders.descriptor import DescriptorEncoder
from motet.errors import UsageError
from motet.preprocessing import Augmentation
from motet.preprocessing.augment_texts import TEXT_CHANGES
from motet.preprocessing.views import TextViews

WORDS = {"a": "red round apple", "b": "long green cucumber"}
COLOURS = {"a": (200, 30, 30), "b": (30, 160, 40)}
VIEWS = Augmentation(2)


def columns(n: int = 60, *, seed: int = 0, pictures: bool = False) -> dict[str, list[Any]]:
    """Each row with words of its own; classes differ in words, numbers and colours, not always."""
    random = np.random.default_rng(seed)
    y = ["ab"[k] for k in random.integers(0, 2, n)]
    said = [one if random.random() < 0.8 else "ab"[random.integers(2)] for one in y]
    data: dict[str, list[Any]] = {
        "y": y,
        "text": [
            f"{WORDS[one]} number {i} of some {random.integers(9)} things" for i, one in enumerate(said)
        ],
        "size": [float("ab".index(one) + random.normal(0, 0.7)) for one in y],
    }
    return data | ({"image": [picture(one, random) for one in said]} if pictures else {})


def picture(kind: str, random: np.random.Generator) -> bytes:
    pixels = np.clip(random.normal(COLOURS[kind], 40, (12, 12, 3)), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def prepared(data: dict[str, list[Any]], augment: Augmentation = VIEWS, **options: Any) -> Prepared:
    table = read_table(data)
    named = {"image": ("image",)} if "image" in data else {}
    texts = {"text": ("text",)} if "text" in data else {}
    schema = infer_schema(table, label="y", numeric=("size",), **named, **texts)
    found = labels(table, schema)
    split = make_split(table, schema, found)
    return prepare_rows(table, schema, found, split, Options(cache=False, augment=augment, **options))


def weights(made: Prepared, name: str) -> npt.NDArray[np.float32]:
    return made.probes()[name].module.linear.weight.detach().numpy()


def test_views_stay_on_the_side_of_their_row() -> None:
    made = prepared(columns())
    n = len(made.whole.fit)
    assert n == 51 and len(made.views.origin) == 3 * n
    held = []
    for fold in made.folds:
        assert len(fold.fit) == 3 * (n - len(fold.held)) and fold.held.max() < n <= fold.fit.max()
        # all rows take part here, so that places in a fold are places among all
        assert set(made.views.origin[fold.fit]).isdisjoint(fold.held)
        np.testing.assert_array_equal(fold.labels, made.whole.labels)
        held += fold.held.tolist()
    assert sorted(held) == list(range(n))
    np.testing.assert_array_equal(made.whole.labels, made.whole.labels[made.views.origin])


def test_statistics_are_those_of_rows_alone() -> None:
    plain, made = prepared(columns(), Augmentation()), prepared(columns())
    np.testing.assert_array_equal(made.prior, plain.prior)
    np.testing.assert_array_equal(made.few, plain.few)
    np.testing.assert_array_equal(made.held_rows, plain.held_rows)
    np.testing.assert_array_equal(made.held_labels(), plain.held_labels())
    for name, encoder in plain.encoders.encoders.items():
        assert made.encoders.encoders[name].fingerprint == encoder.fingerprint, name
    for mine, other in zip(made.folds, plain.folds, strict=True):
        for name, table in other.tables.items():
            np.testing.assert_array_equal(
                mine.tables[name].rows.dense(mine.held), table.rows.dense(other.held)
            )


def test_probes_learn_from_views_only_of_what_they_change() -> None:
    plain, made = prepared(columns(), Augmentation()), prepared(columns())
    np.testing.assert_array_equal(weights(made, "tabular:tabular"), weights(plain, "tabular:tabular"))
    assert np.abs(weights(made, "text:lexical") - weights(plain, "text:lexical")).max() > 1e-3
    fused = made.fused(Options(augment=VIEWS))
    assert len(fused.whole.fit) == 3 * 51 and len(made.whole.fit) == 51


def test_features_of_a_view_are_those_of_its_changed_words() -> None:
    data = columns()
    made = prepared(data)
    table = read_table(data)
    changes = {name: TEXT_CHANGES[name] for name in ("drop", "swap")}
    cells = TextViews(TextCells(table, ["text"]), 2, changes, VIEWS.share, 0)
    lexical = made.encoders.encoders["text:lexical"]
    for place in (0, 51, 60, 102, 152):
        row = made.views.numbers[made.views.origin[place]]
        (words,) = cells.take(np.array([row + 60 * (place // 51)]))
        assert (place < 51) == (words == data["text"][row])
        expected = lexical.transform([words]).dense(np.array([0]))  # type: ignore[attr-defined]
        np.testing.assert_array_equal(
            made.whole.tables["text:lexical"].rows.dense(np.array([place])), expected
        )
        size = made.whole.tables["tabular:tabular"].rows
        np.testing.assert_array_equal(
            size.dense(np.array([place])), size.dense(np.array([made.views.origin[place]]))
        )


def test_views_of_a_sample_take_part_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cross_fitting, "SELECTION_ROWS", 30)
    monkeypatch.setattr(cross_fitting, "CROSSED_ROWS", 20)
    made = prepared(columns(80))
    (fold,) = made.folds
    drawn = len(made.few)
    assert 30 <= drawn <= 32 and len(fold.labels) == 3 * drawn
    assert len(fold.fit) == 3 * (drawn - len(fold.held))
    assert fold.fit.max() < 3 * drawn
    for name in ("text:lexical", "tabular:tabular"):
        assert len(fold.tables[name]) == 3 * drawn


def test_validation_rows_beside_small_are_not_changed() -> None:
    made = prepared(columns(40), Augmentation(1), text_encoders=("small",))
    assert len(made.whole.fit) == 28 and len(made.views.origin) == 34 + 28
    (fold,) = made.folds
    assert len(fold.held) == 6 and sorted(made.views.origin[34:]) == list(range(28))
    assert set(fold.held).isdisjoint(made.views.with_views(made.whole.fit))


def test_pictures_are_encoded_once_and_broken_ones_listed_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    data = columns(30, pictures=True)
    data["image"][3] = b"no picture"
    table = read_table(data)
    schema = infer_schema(table, label="y", image=("image",))
    found = labels(table, schema)
    split = make_split(table, schema, found, test_size=0.0)
    described: list[int] = []
    original = DescriptorEncoder.describe

    def describe(self: DescriptorEncoder, pictures: Any) -> Any:
        described.append(len(pictures))
        return original(self, pictures)

    monkeypatch.setattr(DescriptorEncoder, "describe", describe)
    options = Options(augment=Augmentation(1), image_encoders=("descriptor",))
    with caplog.at_level(logging.INFO, logger="motet"):
        made = prepare_rows(table, schema, found, split, options)
    assert sum(described) == 2 * 29  # the rows, and a view of each; those that tell the cost are among them
    (told,) = [line for line in caplog.messages if line.startswith("augmentation:")]
    width = made.sources[0].width
    assert told.startswith("augmentation: 30 further views to encode: image:descriptor about ")
    assert told.endswith(f"{30 * (2 * width + 16) / 1e6:.1f} MB of cache")
    assert [issue.row for issue in made.broken] == [3]
    assert made.whole.tables["image:descriptor"].present.sum() == 2 * 29
    prepare_rows(table, schema, found, split, options)
    assert sum(described) == 2 * 29
    prepare_rows(
        table, schema, found, split, Options(augment=options.augment, image_encoders=("descriptor",), seed=1)
    )
    assert sum(described) == 3 * 29  # another seed draws other views


def test_words_alone_leave_pictures_as_they_are() -> None:
    made = prepared(
        columns(30, pictures=True), Augmentation(1, image=("none",)), image_encoders=("descriptor",)
    )
    table = made.whole.tables["image:descriptor"]
    n = made.views.own
    np.testing.assert_array_equal(table.rows.dense(np.arange(n, 2 * n)), table.rows.dense(np.arange(n)))
    assert made.notes == ["heads are fitted on 1 further view of 25 rows; words by one of drop, swap"]


def test_nothing_to_change_is_said() -> None:
    data = columns(40)
    del data["text"]
    made = prepared(data, Augmentation(3))
    assert any("does nothing" in note for note in made.notes)
    assert len(made.views.origin) == made.views.own


def test_augmented_models_are_told_and_answer(tmp_path: Path) -> None:
    table = read_table(columns(60))
    schema = infer_schema(table, label="y", text=("text",), numeric=("size",))
    build_model(
        table, schema, tmp_path / "model", Options(cache=False, fusion="concat", augment=Augmentation(1))
    )
    told = json.loads((tmp_path / "model" / "motet.json").read_text(encoding="utf-8"))["training"]
    assert told["options"]["augment"]["views"] == 1
    assert told["fitted"]["rows"] == 51 == told["fitted"]["probe_rows"]
    assert any(note.startswith("heads are fitted on 1 further view of 51 rows") for note in told["notes"])


def test_the_estimator_takes_a_number_or_settings() -> None:
    data = columns(60)
    y = data.pop("y")
    for augment in (1, Augmentation(1, text=("char-swap",))):
        made = MultimodalClassifier(text="text", augment=augment, fusion="late").fit(data, y)
        assert made.get_params()["augment"] == augment
        assert any("further view" in note for note in made.evaluation_["notes"])
        assert made.score(data, y) > 0.6
    with pytest.raises(UsageError, match="whole number"):
        MultimodalClassifier(text="text", augment=-1).fit(data, y)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (["--augment-text", "drop"], "--augment 1"),
        (["--augment", "1", "--augment-image", "crop,zoom"], "zoom"),
        (["--augment", "1", "--augment-text", "synonym"], "--synonyms FILE"),
        (["--augment", "1", "--augment-text", "translate"], "--back-translate"),
        (["--augment", "-1"], "-1"),
    ],
)
def test_wrong_options_are_2_and_say_what_to_do(
    motet: Callable[..., Any], tmp_path: Path, said: list[str], named: str
) -> None:
    table = tmp_path / "t.csv"
    data = columns(30)
    lines = [f"{y},{text}" for y, text in zip(data["y"], data["text"], strict=True)]
    table.write_text("\n".join(["y,text", *lines]) + "\n")
    done = motet("train", table, "--label", "y", "-o", tmp_path / "model", *said)
    assert done.code == 2 and named in done.err
    assert not (tmp_path / "model").exists()
