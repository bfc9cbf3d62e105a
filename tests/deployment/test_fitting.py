"""What is held out, what is fitted on what, and what is told of it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from motet.data import Labels, Schema, Split, Table, infer_schema, labels, make_split, read_table
from motet.deployment import Options, cross_fitting
from motet.deployment.build import build_model
from motet.deployment.cross_fitting import parts_to_hold, sample
from motet.deployment.fitting import Fitted, fit_heads
from motet.errors import TableError
from motet.evaluation import log_loss
from motet.runtime import log_softmax
from motet.training import predict_logits

WORDS = {"a": "red round apple", "b": "long green cucumber", "c": "yellow bent banana"}


def columns(n: int, classes: str = "ab", *, seed: int = 0, tell: float = 0.9) -> dict[str, list[Any]]:
    """Words that name the class in a share of the rows, and a number that is higher for some classes."""
    random = np.random.default_rng(seed)
    y = [classes[k] for k in random.integers(0, len(classes), n)]
    said = [one if random.random() < tell else classes[random.integers(len(classes))] for one in y]
    return {
        "y": y,
        "text": [f"{WORDS.get(one, one)} number {i} of {random.integers(50)}" for i, one in enumerate(said)],
        "size": [float(classes.index(one) + random.normal(0, 0.7)) for one in y],
    }


def fitted(
    data: dict[str, list[Any]], *, group: str | None = None, split: str | None = None, **options: Any
) -> Fitted:
    table = read_table(data)
    schema = infer_schema(table, label="y", text=("text",), numeric=("size",), group=group, split=split)
    found = labels(table, schema)
    return fit_heads(
        table, schema, found, _split(table, schema, found, options), Options(cache=False, **options)
    )


def _split(table: Table, schema: Schema, found: Labels, options: dict[str, Any]) -> Split:
    share = options.get("validation_size", 0.15)
    return make_split(table, schema, found, validation_size=share)


def test_one_class_beside_test_rows_is_refused() -> None:
    data = columns(40)
    data["split"] = ["train" if one == "a" else "test" for one in data["y"]]
    with pytest.raises(TableError, match="all rows but test rows are of one class, 'a'"):
        fitted(data, split="split")


def test_heads_are_fitted_on_all_rows_that_are_not_test_rows() -> None:
    made = fitted(columns(200))
    assert made.record["rows"] == 170
    assert sum(made.record["held_out"]) == 170 and len(made.record["held_out"]) == 3
    assert made.record["probe_rows"] == 170
    assert made.prepared.notes == []


def test_without_a_refit_the_heads_that_ship_are_those_that_were_measured() -> None:
    """On the validation rows, which no head was fitted on, each answers what was measured of it."""
    made = fitted(columns(240), fusion="concat", refit=False, validation_size=0.25)
    (fold,) = made.prepared.folds
    assert (made.record["rows"], made.record["held_out"]) == (144, [60])
    truth = fold.labels[fold.held]
    for name, module in made.modules.items():
        logits = predict_logits(module, made.prepared.whole.tables, 144 + np.arange(60))
        if name in made.probes:
            np.testing.assert_allclose(logits, made.probes[name].held_logits[0], atol=1e-4)
        else:
            best = made.history[name][made.record["best_epochs"][name] - 1]
            assert log_loss(log_softmax(logits), truth) == pytest.approx(best.validation_loss, abs=1e-4)
    assert set(made.modules) == {"text:lexical", "tabular:tabular", "concat"}
    assert made.record["epochs"] == made.record["best_epochs"]


def test_without_a_refit_and_validation_rows_nothing_could_choose() -> None:
    with pytest.raises(TableError, match=r"there are none: give --val-size .* or leave --no-refit"):
        fitted(columns(60), refit=False, validation_size=0.0)


def test_labels_that_are_noise_are_not_learned_from_held_rows() -> None:
    """No candidate is surely better than a coin: a mean of 340 held log-losses of a calibrated coin is ln 2."""
    data = columns(400)
    data["y"] = [str(k) for k in np.random.default_rng(3).integers(0, 2, 400)]
    for candidates in fitted(data).selection.candidates.values():
        for candidate in candidates:
            assert candidate.loss > math.log(2) - 0.02, candidate.name


def test_a_class_that_stands_in_one_fold_alone_is_not_held_out() -> None:
    """Twenty copies of one row are one unit: a fold without it cannot know their class, but the heads that ship do."""
    data = columns(200)
    for name, value in (("y", "z"), ("text", "a purple plum"), ("size", 9.0)):
        data[name] += [value] * 20
    made = fitted(data)
    assert made.record["rows"] - 20 <= sum(made.record["held_out"]) < made.record["rows"]
    plain = fitted(columns(200))
    for pattern in ("text+tabular", "text"):
        mine, other = (m.selection.patterns[pattern].temperature for m in (made, plain))
        assert mine == pytest.approx(
            other, rel=0.6
        )  # 20 rows that must be wrong would make it more than twice as high


def test_above_the_limits_a_sample_chooses_and_a_fifth_of_it_is_held_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cross_fitting, "SELECTION_ROWS", 120)
    monkeypatch.setattr(cross_fitting, "CROSSED_ROWS", 60)
    made = fitted(columns(400))
    assert made.record["rows"] == 340 and 120 <= made.record["probe_rows"] <= 122
    (held,) = made.record["held_out"]
    assert abs(held - made.record["probe_rows"] / 5) <= 2
    (note,) = made.prepared.notes
    assert note.startswith("choices are made, and linear heads fitted, on a seeded, stratified sample of 12")


def test_a_large_group_does_not_take_the_part_that_is_held_out() -> None:
    units = np.concatenate([np.zeros(700, int), np.arange(1, 301)])
    (part,) = _parts(units, crossed=100)
    assert 60 <= len(part) <= 240


def _parts(units: npt.NDArray[np.int64], *, crossed: int) -> list[npt.NDArray[np.int64]]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(cross_fitting, "CROSSED_ROWS", crossed)
        return parts_to_hold(np.arange(len(units)), units, np.arange(len(units)) % 3, seed=0)


def test_one_group_cannot_be_parted_and_nothing_is_trained_to_be_compared() -> None:
    data = columns(60) | {"who": ["the same"] * 60, "side": ["train"] * 60}
    made = fitted(data, group="who", split="side", fusion="concat")
    assert made.record["held_out"] == [] and made.record["best_epochs"] == {}
    assert made.record["epochs"] == {"concat": 15}  # of 60 rows 15 a batch, 4 steps: 60 steps are 15 epochs
    assert "without a comparison" in made.selection.patterns["text"].why


def test_small_without_validation_rows_says_that_nothing_was_chosen() -> None:
    made = fitted(columns(24), text_encoders=("small",), validation_size=0.0)
    assert any("no validation rows" in note and "--val-size" in note for note in made.prepared.notes)
    told = [one.to_json() for candidates in made.selection.candidates.values() for one in candidates]
    assert told and {(one["accuracy"], one["log_loss"]) for one in told} == {(None, None)}


def test_no_lexical_without_another_text_encoder_says_that_it_does_nothing() -> None:
    made = fitted(columns(60), text_encoders=("lexical",), lexical=False)
    assert any(note.startswith("--no-lexical") and "does nothing" in note for note in made.prepared.notes)
    assert "text:lexical" in made.prepared.encoders.encoders


def test_small_counts_only_where_the_table_has_its_modality() -> None:
    made = fitted(columns(120), image_encoders=("small",))
    assert len(made.record["held_out"]) == 3 and made.record["rows"] == 102


def test_rows_of_validation_teach_their_classes() -> None:
    data = columns(120, "abc")
    data["side"] = ["validation" if y == "c" else "train" for y in data["y"]]
    made = fitted(data, split="side")
    assert not any("cannot be learned" in note for note in made.prepared.notes)
    assert made.record["rows"] == 120


@pytest.mark.parametrize("fusion", ["concat", "late-mean", "late-vote", "late"])
def test_a_forced_fusion_answers_the_whole_pattern(fusion: str) -> None:
    made = fitted(columns(120), fusion=fusion)
    assert made.selection.patterns["text+tabular"].chosen.startswith(fusion)
    assert set(made.modules) == {"text:lexical", "tabular:tabular"} | (
        {"concat"} if fusion == "concat" else set()
    )


def test_samples_keep_every_class_and_are_repeatable() -> None:
    truth = np.repeat(np.arange(5), [1000, 500, 20, 3, 1])
    rows = np.arange(len(truth))
    drawn = sample(rows, truth, 7, most=150)
    counts = np.bincount(truth[drawn], minlength=5)
    # ceil(count * 150 / 1524) of each class
    assert counts.tolist() == [99, 50, 2, 1, 1]
    np.testing.assert_array_equal(drawn, sample(rows, truth, 7, most=150))
    assert sample(rows, truth, 7, most=5000) is rows


def test_what_was_fitted_is_told_in_the_manifest(tmp_path: Path) -> None:
    table = read_table(columns(120))
    schema = infer_schema(table, label="y", text=("text",), numeric=("size",))
    build_model(table, schema, tmp_path / "model", Options(cache=False, fusion="concat"))
    told = json.loads((tmp_path / "model" / "motet.json").read_text(encoding="utf-8"))["training"]["fitted"]
    assert told["rows"] == 102 and told["best_epochs"].keys() == told["epochs"].keys() == {"concat"}


def test_labels_that_look_wrong_are_listed_with_their_cells(tmp_path: Path) -> None:
    data = columns(240, tell=1.0)
    flipped = list(range(0, 240, 24))
    for row in flipped:
        data["y"][row] = "b" if data["y"][row] == "a" else "a"
    table = read_table(data)
    schema = infer_schema(table, label="y", text=("text",))
    told = build_model(table, schema, tmp_path / "model", Options(cache=False))["label_errors"]
    assert told["looked_at"] >= 200
    listed = {one["row"]: one for one in told["rows"]}
    assert set(listed) <= set(flipped) and len(listed) >= 6  # those that the test side took are not looked at
    for row, one in listed.items():
        assert one["text"] == data["text"][row] and one["label"] == data["y"][row] != one["suggested"]
        assert one["probability"] > one["probability_of_label"]
