"""Rows without a label teach, no teacher sees a held row, and what is told of it is true."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motet import load
from motet.data import Table, infer_schema, make_split, read_table, read_target, unlabelled_rows
from motet.deployment import Options, build_model
from motet.deployment.fitting import Fitted, fit_heads
from motet.deployment.prepared import Prepared
from motet.deployment.preparing import prepare_rows
from motet.deployment.self_training import self_trained
from motet.deployment.semi_supervised import choose
from motet.errors import TableError, UsageError

CLASSES, WORDS = "abc", 25  # words of each class


def two_views(labelled: int, unlabelled: int, test: int = 0, *, seed: int = 0) -> dict[str, list[Any]]:
    """A word that is of one class alone, and a number that tells the class: few words are ever seen with a label."""
    random = np.random.default_rng(seed)
    letters = np.random.default_rng(1).integers(
        97, 123, (len(CLASSES), WORDS, 8)
    )  # that share no parts to learn from
    sides = ["train"] * (labelled + unlabelled) + ["test"] * test
    truth = [CLASSES[k % len(CLASSES)] for k in range(len(sides))]
    return {
        "y": [None if labelled <= k < labelled + unlabelled else one for k, one in enumerate(truth)],
        "word": [
            "".join(map(chr, letters[CLASSES.index(one), random.integers(WORDS)])) + f" {k}"
            for k, one in enumerate(truth)
        ],
        "size": [10.0 * CLASSES.index(one) + random.normal() for one in truth],
        "split": sides,
        "truth": truth,
    }


def prepared(data: dict[str, list[Any]], *, weight: str | None = None, **options: Any) -> Prepared:
    table, schema = _read(data, weight)
    found = read_target(table, schema, "class")
    split = make_split(table, schema, found, validation_size=options.pop("validation_size", 0.0))
    return prepare_rows(table, schema, found, split, Options(cache=False, semi_supervised=True, **options))


def _read(data: dict[str, list[Any]], weight: str | None = None) -> tuple[Table, Any]:
    table = read_table({name: cells for name, cells in data.items() if name != "truth"})
    schema = infer_schema(table, label="y", text=("word",), numeric=("size",), split="split", weight=weight)
    return table, schema


def test_one_view_teaches_the_other(tmp_path: Path) -> None:
    """Numbers say what words mean that no labelled row has; the supervised row beside it cannot know them."""
    data = two_views(24, 300, 150)
    table, schema = _read(data)
    told = build_model(table, schema, tmp_path / "model", Options(cache=False, semi_supervised=True))
    semi = told["semi_supervised"]
    assert semi["ships"] == "semi-supervised" and semi["unlabelled"] == 300
    taught = told["patterns"]["text"]["metrics"]["accuracy"]["value"]
    alone = semi["supervised"]["patterns"]["text"]["metrics"]["accuracy"]["value"]
    # 24 labels know at most 8 of the 25 words of a class: 8/25 + 17/25 / 3 = .55 are answered rightly. 100 rows a class
    # leave a word unseen with (24/25)**100 = .02.
    assert alone < 0.7 and taught > 0.9
    assert told["baselines"]["supervised:text"]["metrics"]["accuracy"]["value"] == alone
    assert sum(semi["believed"].values()) > 250 and set(semi["thresholds"]) == set(CLASSES)
    assert any("of 300 rows without a label were sure enough" in note for note in told["notes"])
    assert not any("left out" in note for note in told["notes"])
    assert (told["data"]["left_out"], told["data"]["unlabelled"]) == (0, 300)
    kept = json.loads((tmp_path / "model" / "motet.json").read_text(encoding="utf-8"))["training"]["fitted"]
    assert kept["rows"] == 24 and kept["pseudo_labelled"] == sum(semi["believed"].values())
    # Each row, with a label or without, is answered by itself and in order.
    answers = load(tmp_path / "model").predict(table)
    right = [one.prediction == wanted for one, wanted in zip(answers, data["truth"], strict=True)]
    assert [one.id for one in answers] == list(range(474)) and np.mean(right) > 0.97


def both_fits() -> tuple[Fitted, Fitted, tuple[str, ...]]:
    """With the 60 rows without a label and without them, and the classes."""
    table, schema = _read(two_views(30, 60))
    found = read_target(table, schema, "class")
    split = make_split(table, schema, found, validation_size=0.0)
    options = Options(cache=False, fusion="late")
    taught, alone = (
        fit_heads(table, schema, found, split, replace(options, semi_supervised=semi))
        for semi in (True, False)
    )
    return taught, alone, found.classes


@pytest.mark.parametrize("cost", [-1.0, 0.0, 1.0])
def test_what_held_rows_find_worse_does_not_ship(cost: float) -> None:
    taught, alone, classes = both_fits()
    losses = {pattern: one + cost for pattern, one in alone.selection.held_losses.items()}
    assert set(losses) == {"text+tabular", "text", "tabular"}
    taught.selection = replace(taught.selection, held_losses=losses)
    ships, beside = choose(taught, alone, classes, seed=0)
    worse = cost > 0
    assert (ships is alone, beside.other is taught, beside.name) == (
        (True, True, "semi-supervised") if worse else (False, False, "supervised")
    )
    assert beside.told["held_out"]["text"]["gain"] == pytest.approx(-cost)
    (note,) = [note for note in ships.prepared.notes if "sure enough to learn from" in note]
    assert ("answered worse with them (text+tabular, text, tabular)" in note) == worse


def test_where_no_row_is_believed_the_supervised_model_ships() -> None:
    taught, alone, classes = both_fits()
    assert taught.guesses is not None and len(taught.guesses.places)
    none = np.zeros(0, np.int64)
    taught.guesses = replace(taught.guesses, places=none, classes=none)
    ships, beside = choose(taught, alone, classes, seed=0)
    assert ships is alone and beside.other is taught and beside.told["ships"] == "supervised"
    assert any("0 of 60 rows without a label were sure enough" in note for note in ships.prepared.notes)


def test_no_teacher_sees_a_held_row() -> None:
    """Held rows whose labels are all wrong change nothing that their fold learns from; labels that are fitted do."""
    made = prepared(two_views(60, 200))
    for number, fold in enumerate(made.folds):
        spoilt = fold.labels.copy()
        spoilt[fold.held] = (spoilt[fold.held] + 1) % len(CLASSES)
        folds = [*made.folds[:number], replace(fold, labels=spoilt), *made.folds[number + 1 :]]
        before, after = (_learned(one, number) for one in (made, replace(made, folds=folds)))
        for one, other in zip(before, after, strict=True):
            np.testing.assert_array_equal(one, other)
        spoilt = fold.labels.copy()
        spoilt[fold.fit] = (spoilt[fold.fit] + 1) % len(CLASSES)
        folds = [*made.folds[:number], replace(fold, labels=spoilt), *made.folds[number + 1 :]]
        assert not np.array_equal(_learned(replace(made, folds=folds), number)[1], before[1])


def _learned(made: Prepared, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    fold = self_trained(made, balanced=False, seed=0)[0].folds[number]
    return fold.fit, fold.labels[fold.fit], fold.weights_of(fold.fit)


def test_rows_that_are_believed_are_fitted_on_and_never_held() -> None:
    data = two_views(60, 200)
    made = prepared(data)
    taught, guesses = self_trained(made, balanced=False, seed=0)
    truth = np.array([CLASSES.index(one) for one in data["truth"]])
    for fold, before in zip([*taught.folds, taught.whole], [*made.folds, made.whole], strict=True):
        np.testing.assert_array_equal(fold.held, before.held)
        labelled = np.flatnonzero(before.labels >= 0)
        np.testing.assert_array_equal(fold.labels[labelled], before.labels[labelled])
        added = np.setdiff1d(fold.fit, before.fit)
        assert len(added) > 150 and (before.labels[added] == -1).all()
        assert np.mean(fold.labels[added] == truth[made.views.numbers[added]]) > 0.95
        # all of them weigh at most what the labelled rows do
        assert fold.weights_of(added).sum() <= fold.weights_of(before.fit).sum() + 1e-3
    np.testing.assert_array_equal(np.setdiff1d(taught.few, made.few), guesses.places)
    np.testing.assert_array_equal(taught.prior, made.prior)


def test_a_class_that_nothing_is_sure_of_is_told_and_does_no_harm() -> None:
    """No row without a label is of class c: none is believed to be."""
    data = two_views(60, 300)
    keep = [k for k, one in enumerate(data["truth"]) if k < 60 or one != "c"]
    made = prepared({name: [cells[k] for k in keep] for name, cells in data.items()})
    _, guesses = self_trained(made, balanced=False, seed=0)
    assert len(guesses.places) > 150 and (guesses.classes != 2).mean() > 0.97
    assert guesses.thresholds[2] == min(guesses.thresholds)


def test_a_row_of_one_modality_needs_no_other_to_agree() -> None:
    data = two_views(60, 120)
    for k in range(60, 120):
        data["word"][k] = ""
    for k in range(120, 180):
        data["size"][k] = None
    made = prepared(data)
    _, guesses = self_trained(made, balanced=False, seed=0)
    rows = made.views.numbers[guesses.places]
    assert (rows < 120).sum() > 50 and (rows >= 120).sum() > 0


def test_rows_that_have_nothing_teach_nothing() -> None:
    data = two_views(30, 20)
    for k in range(30, 50):
        data["word"][k], data["size"][k] = "", None
    made = prepared(data)
    taught, guesses = self_trained(made, balanced=False, seed=0)
    assert len(guesses.places) == 0
    for fold, before in zip([*taught.folds, taught.whole], [*made.folds, made.whole], strict=True):
        np.testing.assert_array_equal(fold.fit, before.fit)
        np.testing.assert_array_equal(fold.weights_of(fold.fit), before.weights_of(before.fit))


def test_without_a_refit_what_was_measured_is_what_ships() -> None:
    made = prepared(two_views(90, 100), refit=False, validation_size=0.3)
    taught, guesses = self_trained(made, balanced=False, seed=0)
    (fold,) = taught.folds
    np.testing.assert_array_equal(taught.taken[fold.fit], taught.whole.fit)
    np.testing.assert_array_equal(fold.labels[fold.fit], taught.whole.labels[taught.whole.fit])
    assert len(guesses.places) and np.isin(guesses.places, taught.views.unlabelled).all()


def test_rows_of_the_test_side_and_their_duplicates_do_not_teach() -> None:
    data = two_views(30, 20, 10)
    data["split"][40] = "test"
    for name in ("word", "size"):
        data[name][41] = data[name][55]  # what the test row 55 says
    table, schema = _read(data)
    found = read_target(table, schema, "class")
    rows, _ = unlabelled_rows(table, schema, found, make_split(table, schema, found))
    assert rows.tolist() == [k for k in range(30, 50) if k not in (40, 41)]


def test_rows_of_weight_0_do_not_teach() -> None:
    data = two_views(30, 20)
    data["w"] = [0.0 if k in (3, 35) else 2.0 for k in range(50)]
    made = prepared(data, weight="w")
    assert 35 not in made.views.numbers and len(made.views.unlabelled) == 19 and len(made.few) == 29
    np.testing.assert_allclose(made.whole.weights_of(np.arange(48)), 1, rtol=1e-6)


def test_a_table_where_every_row_has_a_label_is_refused() -> None:
    with pytest.raises(TableError, match=r"every row that may train has a label .*leave --semi-supervised"):
        prepared(two_views(30, 0))


@pytest.mark.parametrize("target", ["number", "labels"])
def test_it_is_of_classes_alone(target: Any) -> None:
    with pytest.raises(UsageError, match=f"--semi-supervised .* of classes, .*{target}"):
        Options(semi_supervised=True, target=target)


def test_an_encoder_that_learns_from_labels_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--semi-supervised .*'small'.*motet pretrain"):
        prepared(two_views(30, 20), text_encoders=("small",))
