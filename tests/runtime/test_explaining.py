"""What a saved model says of its own answers: contributions of a row, interaction, slices, risk by coverage."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motet import Model, load
from motet.errors import UsageError
from motet.evaluation import additive_projection
from motet.model import Member
from motet.runtime.combination import log_softmax
from motet.runtime.crossing import CrossedRows
from motet.runtime.insight import additive_gaps

Motet = Callable[..., Any]


@pytest.fixture(scope="module")
def model(model_directory: Path) -> Model:
    return load(model_directory)


def test_contributions_sum_to_what_the_row_adds_to_the_prior(model: Model, catalogue: Any) -> None:
    plain = model.predict(catalogue.table)
    told = model.predict(catalogue.table, explain=True)
    prior = dict(zip(model.classes, model.manifest.prior, strict=True))
    assert {one.pattern for one in told} >= {"image+text", "image", "text"}
    for one, before in zip(told, plain, strict=True):
        assert before.contributions is None and "contributions" not in before.to_json()
        assert one.contributions is not None and one.to_json()["contributions"] == one.contributions
        assert list(one.contributions) == [m for m in one.pattern.split("+") if m != "none"]
        assert replace(one, contributions=None) == before
        assert sum(one.contributions.values()) == pytest.approx(one.confidence - prior[one.prediction])


def test_a_modality_that_is_alone_gives_all(model: Model) -> None:
    alone, nothing = model.predict([{"title": "a lamp"}, {"title": ""}], explain=True)
    prior = dict(zip(model.classes, model.manifest.prior, strict=True))
    assert alone.contributions == {"text": pytest.approx(alone.confidence - prior[alone.prediction])}
    assert nothing.contributions == {}


def test_contributions_are_columns(
    motet: Motet, model: Model, model_directory: Path, catalogue: Any, tmp_path: Path
) -> None:
    done = motet("predict", model_directory, catalogue.table, "-o", tmp_path / "a.csv", "--explain")
    assert done.code == 0, done.err
    with (tmp_path / "a.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row, one in zip(rows, model.predict(catalogue.table, explain=True), strict=True):
        assert one.contributions is not None
        for modality in ("image", "text"):
            written = row[f"contribution_{modality}"]
            assert (written != "") == (modality in one.contributions)
            if written:
                assert float(written) == pytest.approx(one.contributions[modality], abs=1e-6)
    done = motet("predict", model_directory, catalogue.table, "-o", tmp_path / "a.csv")
    assert "contribution" not in (tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()[0]


def test_one_sample_is_explained_on_the_terminal_and_on_its_card(
    motet: Motet, model_directory: Path, catalogue: Any, tmp_path: Path
) -> None:
    picture = catalogue.table.parent / "images" / "0002.jpg"
    sample = ["predict", model_directory, "--image", picture, "--text", "a lamp", "--explain"]
    done = motet(*sample, "--card", tmp_path / "card.html")
    assert done.code == 0 and " from nothing, " in done.err and " image, " in done.err
    page = (tmp_path / "card.html").read_text(encoding="utf-8")
    assert "What each modality adds to the confidence" in page and "nothing shown" in page
    record = json.loads(motet(*sample, "--json").out)
    assert set(record["contributions"]) == {"image", "text"}


@pytest.fixture(scope="module")
def complete(model: Model, catalogue: Any) -> Any:
    encoded = model.encode(model.read(catalogue.table), sources=tuple(model.manifest.sources))
    return encoded.part(np.flatnonzero(encoded.present["image"] & encoded.present["text"])[:12])


def test_crossed_rows_are_answered_as_one_by_one(model: Model, complete: Any) -> None:
    """Each pair put together and answered alone, by an entry that reads one part, and by one that mixes heads."""
    manifest = model.manifest
    image = next(name for name in manifest.baselines if name.startswith("image"))
    mixed = replace(
        manifest.patterns["image+text"],
        rule="mean",
        members=(Member(image, 0.4), Member("text:lexical", 0.6, 2.0)),
    )
    fused = [name for name, head in manifest.heads.items() if head.kind != "unimodal"]
    entries = [manifest.patterns["image+text"], mixed]
    entries += [replace(mixed, members=(Member(fused[0], 0.5), Member(image, 0.5)))] if fused else []
    for entry in entries:
        other = load(model.directory.path)
        other.manifest = replace(manifest, patterns={**manifest.patterns, "image+text": entry})
        crossed = CrossedRows(other, complete, frozenset({"image"}))
        first, second = np.array([0, 3, 3, 11]), np.array([5, 3, 0, 1])
        told = crossed.outputs(first, second)
        for at, (i, j) in enumerate(zip(first, second, strict=True)):
            tables = {
                name: table.part(np.array([i if name.startswith("image") else j]))
                for name, table in complete.tables.items()
            }
            present = {m: np.ones(1, bool) for m in complete.present}
            alone = other.probabilities(replace(complete, tables=tables, present=present))
            assert np.exp(told[at]) == pytest.approx(alone[0], abs=1e-4)


def test_a_product_of_experts_has_no_interaction_and_its_mean_has(model: Model, complete: Any) -> None:
    image = next(name for name in model.manifest.baselines if name.startswith("image"))
    gaps = {}
    for rule in ("product", "mean"):
        entry = replace(
            model.manifest.patterns["image+text"], rule=rule, members=(Member(image), Member("text:lexical"))
        )
        other = load(model.directory.path)
        other.manifest = replace(model.manifest, patterns={**model.manifest.patterns, "image+text": entry})
        crossed = CrossedRows(other, complete, frozenset({"image"}))
        own, projected = additive_projection(crossed.outputs, len(complete))
        gaps[rule] = np.abs(own - log_softmax(projected)).max()
    assert gaps["product"] < 1e-6 < 1e-3 < gaps["mean"]


def test_what_few_rows_have_is_not_projected(model: Model, complete: Any) -> None:
    truth = np.zeros(12, np.int64)
    told = additive_gaps(model, complete, truth)
    assert (told["n"], told["of"], list(told["parts"])) == (12, 12, ["image"])
    assert additive_gaps(model, complete.part(np.arange(9)), truth[:9]) == {}


@pytest.fixture(scope="module")
def measured(model: Model, catalogue: Any) -> Any:
    return model.evaluate(catalogue.table, all_rows=True, slices=("category", "split"))


METRICS = {"accuracy", "macro_f1", "log_loss", "ece"}


def test_what_stands_in_evaluation_json(measured: Any, model: Model) -> None:
    assert json.loads(json.dumps(measured, allow_nan=False)) == measured
    emap = measured["emap"]
    assert set(emap) == {"n", "of", "parts"} and emap["n"] <= emap["of"] <= measured["n"]
    (part,) = emap["parts"].values()
    assert set(part) == {"model", "additive", "gap"}
    for metric in ("accuracy", "log_loss"):
        assert set(part["gap"][metric]) == {"value", "low", "high"}
        sign = 1 if metric == "accuracy" else -1
        assert part["gap"][metric]["value"] == pytest.approx(
            sign * (part["model"][metric] - part["additive"][metric])
        )
    risk = measured["risk_coverage"]
    assert risk["overall"]["n"] == measured["n"] == sum(one["n"] for one in risk["classes"].values())
    assert set(risk["classes"]) <= set(model.classes)
    assert risk["overall"]["error"] == pytest.approx(1 - measured["overall"]["metrics"]["accuracy"]["value"])
    for one in (risk["overall"], *risk["classes"].values()):
        assert set(one) == {"n", "error", "aurc", "points"}
        assert all(set(point) == {"coverage", "risk", "confidence"} for point in one["points"])


def test_slices_part_the_rows_and_their_metrics_are_those_of_the_part(
    measured: Any, model: Model, catalogue: Any
) -> None:
    read = model.read(catalogue.table)
    answers = [one.prediction for one in model.predict(read)]
    labels, sides = (read.column(name).to_pylist() for name in ("category", "split"))
    assert list(measured["slices"]) == ["category", "split"]
    for slices, values in zip(measured["slices"].values(), (labels, sides), strict=True):
        assert sum(part["n"] for part in slices) == len(labels)
        for part in slices:
            mine = [p == t for p, t, v in zip(answers, labels, values, strict=True) if v == part["name"]]
            assert part["n"] == len(mine) and part["kind"] == "value" and set(part["metrics"]) == METRICS
            accuracy = part["metrics"]["accuracy"]
            assert accuracy["value"] == pytest.approx(np.mean(mine))
            assert (accuracy["low"] is None) == (part["n"] < 5)


def test_a_slice_of_few_rows_has_no_interval(model: Model) -> None:
    rows = {"title": ["a lamp"] * 9, "category": ["home"] * 9, "shop": ["a"] * 5 + ["b"] * 4}
    five, four = model.evaluate(rows, slices=("shop",))["slices"]["shop"]
    assert (five["n"], four["n"]) == (5, 4)
    assert all(metric["low"] is not None for metric in five["metrics"].values())
    assert all(metric["low"] is None and metric["value"] is not None for metric in four["metrics"].values())


def test_slicing_on_the_command_line(
    motet: Motet, model_directory: Path, catalogue: Any, tmp_path: Path
) -> None:
    done = motet("evaluate", model_directory, catalogue.table, "--slice", "split", "--slice", "category")
    assert done.code == 0 and "by split, the worst first" in done.out and "by category" in done.out
    for command in (
        ("evaluate", model_directory, catalogue.table),
        ("train", catalogue.table, "--label", "category", "-o", tmp_path / "m"),
    ):
        done = motet(*command, "--slice", "categry")
        assert done.code == 2 and "did you mean 'category'?" in done.err
    with pytest.raises(UsageError, match="has no column"):
        load(model_directory).evaluate(catalogue.table, slices=("shop",))
