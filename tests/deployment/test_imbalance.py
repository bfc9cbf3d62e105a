"""Weights of rows and classes, logit adjustment, and a limit of time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from motet.data import infer_schema, read_table, row_weights
from motet.deployment import Options, build_model
from motet.encoders import ArrayRows, FeatureTable
from motet.errors import TableError, UsageError
from motet.fusion import FUSIONS, Source
from motet.runtime import load, log_softmax
from motet.runtime.target import ClassTarget
from motet.tasks import FusedClassifier, objective_of
from motet.training import Fold, Settings, fit_probe, predict_logits, train_heads

SOURCE = Source("tabular:x", "tabular", 2)
TWO = ClassTarget(("often", "rare"))


def alike(fold: Fold) -> ClassTarget:
    """Both classes count as much as the other, as `Options.classes_alike` has it."""
    return ClassTarget(("often", "rare"), len(fold.fit) / (2 * np.bincount(fold.labels[fold.fit])))


def rare_fold(n: int = 2000) -> tuple[Fold, np.ndarray]:
    """One row of ten is rare; the classes are 1.5 deviations apart in one feature."""
    random = np.random.default_rng(0)
    labels = (random.random(n) < 0.1).astype(np.int64)
    values = (random.normal(size=(n, 2)) + labels[:, None] * [1.5, 0]).astype(np.float32)
    table = FeatureTable(ArrayRows(values), np.ones(n, bool))
    return Fold({SOURCE.name: table}, labels, np.arange(n // 2), np.arange(n // 2, n)), values


def test_an_adjusted_linear_head_minimises_the_adjusted_loss() -> None:
    """Its gradient of the loss with the shift, and the penalty, is zero; its penalty is chosen with classes alike."""
    fold, values = rare_fold()
    prior = np.bincount(fold.labels[fold.fit]) / len(fold.fit)
    objective = objective_of(alike(fold), prior)
    adjusted = fit_probe(SOURCE, fold, [fold], objective)
    truth = fold.labels[fold.held]
    losses = -log_softmax(adjusted.held_logits[0])[np.arange(len(truth)), truth]
    told = np.average(losses, weights=1 / prior[truth])
    assert adjusted.tried[adjusted.inverse_penalty] == pytest.approx(told) == min(adjusted.tried.values())
    linear = adjusted.module.linear
    x = (torch.from_numpy(values[fold.fit]) - linear.mean) * linear.scale
    w, b = (p.detach().clone().requires_grad_() for p in (linear.weight, linear.bias))
    loss = objective.loss(x @ w + b, objective.wanted(fold.labels[fold.fit]))
    (loss + w.square().sum() / (2 * adjusted.inverse_penalty * len(fold.fit))).backward()
    assert w.grad is not None and b.grad is not None
    assert w.grad.abs().max() < 1e-3 and b.grad.abs().max() < 1e-3


@pytest.mark.parametrize("kind", ["linear", "fused"])
def test_logit_adjustment_finds_the_rare_class(kind: str) -> None:
    fold, values = rare_fold()
    prior = np.bincount(fold.labels[fold.fit]) / len(fold.fit)
    found = {}
    for name, adjust in (("plain", None), ("adjusted", prior)):
        objective = objective_of(TWO if adjust is None else alike(fold), adjust)
        if kind == "linear":
            logits = fit_probe(SOURCE, fold, [fold], objective).held_logits[0]
        else:
            made = train_heads(
                lambda sources: FusedClassifier(FUSIONS["concat"](sources, width=16), 2),
                (SOURCE,),
                [fold],
                objective,
                Settings(epochs=8, seed=0),
            )
            logits = predict_logits(made.heads[0], fold.tables, fold.held)
        truth = fold.labels[fold.held]
        right = logits.argmax(axis=1) == truth
        found[name] = [right[truth == k].mean() for k in (0, 1)]
    # The best boundary between classes of equal share lies midway.
    best = (values[fold.held, 0] > 0.75) == truth
    assert found["plain"][1] < 0.3 and found["adjusted"][1] > 0.65
    assert np.mean(found["adjusted"]) == pytest.approx(
        np.mean([best[truth == k].mean() for k in (0, 1)]), abs=0.03
    )


def test_a_class_without_a_training_row_stays_the_last_answer() -> None:
    fold, _ = rare_fold()
    three = ClassTarget(("often", "rare", "never"))
    for prior in (np.array([0.9, 0.1, 0.0]), np.array([0.9999, 0.0001, 0.0])):
        logits = fit_probe(SOURCE, fold, [fold], objective_of(three, prior)).held_logits[0]
        assert (logits.argmin(axis=1) == 2).all()


def test_rows_of_weight_zero_are_as_if_they_were_not_there() -> None:
    fold, _ = rare_fold()
    weights = np.ones(2000, np.float32)
    wrong = np.arange(0, 100)
    labels = fold.labels.copy()
    labels[wrong] = 1 - labels[wrong]
    weights[wrong] = 0
    spoiled = Fold(fold.tables, labels, fold.fit, fold.held, weights)
    kept = Fold(fold.tables, labels, fold.fit[100:], fold.held)
    one, two = (fit_probe(SOURCE, f, [f], objective_of(TWO)) for f in (spoiled, kept))
    # Features are standardised over all rows, which moves the penalty a little.
    np.testing.assert_allclose(one.held_logits[0], two.held_logits[0], atol=0.15)
    objective = objective_of(TWO)
    scores, wanted = torch.randn(5, 2), objective.wanted(np.array([0, 1, 1, 0, 1]))
    share = torch.tensor([0.0, 1, 3, 0, 1])
    want = torch.nn.functional.cross_entropy(scores[[1, 2, 2, 2, 4]], torch.tensor([1, 1, 1, 1, 1]))
    torch.testing.assert_close(objective.loss(scores, wanted, share), want)
    assert objective.loss(scores, wanted, share * 0) == 0


def table_of(n: int = 120) -> dict[str, list[Any]]:
    random = np.random.default_rng(0)
    y = random.integers(0, 2, n)
    return {
        "y": ["ab"[k] for k in y],
        "text": [f"{('red', 'green')[k]} thing {random.integers(20)}" for k in y],
        "size": (y + random.normal(size=n)).tolist(),
        "count": [1.0] * n,
    }


def built(
    data: dict[str, list[Any]], place: Path, *, weight: str | None = None, **options: Any
) -> dict[str, Any]:
    table = read_table(data)
    schema = infer_schema(table, label="y", text=("text",), numeric=("size",), weight=weight)
    return build_model(table, schema, place, Options(cache=False, **options))


def test_rows_that_count_for_nothing_teach_nothing(tmp_path: Path) -> None:
    """Half of the rows say the opposite, and count for nothing."""
    data = table_of()
    lies = np.arange(0, 120, 2)
    for row in lies:
        data["y"][row] = "ba"["ab".index(data["y"][row])]
        data["count"][row] = 0
    evaluation = built(data, tmp_path / "model", weight="count", time_limit=1e-3)
    told = evaluation["data"]
    assert told["rows"]["train"] + told["rows"]["validation"] + told["left_out"] == 120 - told["rows"]["test"]
    assert f"{told['left_out']} rows of weight 0 are left out" in evaluation["notes"]
    fitted = json.loads((tmp_path / "model" / "motet.json").read_text())["training"]
    assert fitted["rows"] == told["rows"] and fitted["fitted"]["rows"] == 120 - 18 - told["left_out"]
    answers = load(tmp_path / "model").predict(table_of())
    right = [one.prediction == y for one, y in zip(answers, table_of()["y"], strict=True)]
    assert np.mean(right) > 0.9


@pytest.mark.parametrize(
    "cell,said", [(-1, "row 7: '-1.0'"), (None, "row 7: the cell is empty"), (float("inf"), "row 7")]
)
def test_a_weight_that_is_none_is_refused(cell: Any, said: str) -> None:
    data = table_of()
    data["count"][7] = cell
    table = read_table(data)
    schema = infer_schema(table, label="y", text=("text",), weight="count")
    with pytest.raises(TableError, match=said):
        row_weights(table, schema, np.arange(120))
    assert row_weights(table, schema, np.arange(8, 120)).tolist() == [1] * 112
    with pytest.raises(TableError, match="0 in every"):
        table = read_table({**data, "count": [0] * 120})
        row_weights(table, schema, np.arange(120))


@pytest.mark.parametrize("imbalance", ["weights", "logit-adjustment"])
def test_answers_of_equal_classes_are_chosen_and_calibrated_as_such(imbalance: str, tmp_path: Path) -> None:
    """x is 1 in one of ten rows of the frequent class, six of ten of the rare one: see the test of temperatures in
    tests/selection. What the loss of equal classes leaves has temperature 1 only where they are counted alike."""
    random = np.random.default_rng(0)
    order = random.permutation(900)
    # Rows alike would stay in one fold: they differ a little.
    x = np.repeat([0, 1, 0, 1], [720, 80, 40, 60]) + random.normal(0, 1e-3, 900)
    data = {
        "y": np.repeat(["often", "rare"], [800, 100])[order].tolist(),
        "size": x[order].tolist(),
    }
    table = read_table(data)
    schema = infer_schema(table, label="y", numeric=("size",))
    evaluation = build_model(table, schema, tmp_path / "model", Options(cache=False, imbalance=imbalance))
    chosen = evaluation["selection"]["tabular"]
    assert chosen["temperature"] == pytest.approx(1, abs=0.1)
    assert "with every class counted alike" in chosen["why"]
    assert any("every class counts alike" in note for note in evaluation["notes"])


def test_out_of_time_the_linear_heads_answer(tmp_path: Path) -> None:
    evaluation = built(table_of(), tmp_path / "model", time_limit=1e-3)
    assert any(note.startswith("time limit of 0.001 seconds: concat, ") for note in evaluation["notes"])
    named = {c["name"] for c in evaluation["selection"]["text+tabular"]["candidates"]}
    assert {"text:lexical", "tabular:tabular", "late-product"} <= named and not named & set(FUSIONS)
    assert evaluation["history"] == {}
    assert load(tmp_path / "model").predict(table_of())[0].pattern == "text+tabular"
    forced = built(table_of(), tmp_path / "forced", time_limit=1e-3, fusion="concat")
    assert "concat" in " ".join(forced["notes"]) and forced["selection"]["text+tabular"]["chosen"] != "concat"


def test_with_time_enough_nothing_is_dropped(tmp_path: Path) -> None:
    evaluation = built(table_of(), tmp_path / "model", time_limit=3600, fusion="concat")
    assert not any("time limit" in note for note in evaluation["notes"])
    assert evaluation["selection"]["text+tabular"]["chosen"] == "concat"
    options = json.loads((tmp_path / "model" / "motet.json").read_text())["training"]["options"]
    assert options["time_limit"] == 3600 and options["imbalance"] == "none"


@pytest.mark.parametrize(
    "options,said",
    [
        ({"imbalance": "twice"}, "logit-adjustment"),
        ({"imbalance": "logit-adjustment", "class_weights": "balanced"}, "one of them"),
        ({"imbalance": "weights", "target": "number"}, "one class a row"),
        ({"time_limit": 0}, "above 0"),
        ({"time_limit": float("nan")}, "above 0"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Options(**options)
