"""The whole journey of several labels a row: trained, saved, answered, measured, drawn."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motet
from motet import MultimodalClassifier, MultimodalRegressor
from motet.errors import UsageError

COLUMNS = {"text": ("text",), "numeric": ("size",), "text_encoder": "lexical"}
NAMES = ("horror", "romance", "space")
SAID = ("blood", "kiss", "rocket")


def film_table(rows: int = 160, seed: int = 0) -> dict[str, list[Any]]:
    """Three labels, each said by a word nine times of ten; the first also by a number."""
    random = np.random.default_rng(seed)
    has = random.random((rows, 3)) < [0.5, 0.35, 0.2]
    said = has & (random.random((rows, 3)) < 0.9)
    return {
        "y": [[name for name, h in zip(NAMES, row, strict=True) if h] for row in has],
        "text": [
            " ".join(["film", *(w for w, s in zip(SAID, row, strict=True) if s), f"n{random.integers(30)}"])
            for row in said
        ],
        "size": (has[:, 0] * 2 + random.normal(size=rows)).tolist(),
    }


@pytest.fixture(scope="module")
def classifier() -> MultimodalClassifier:
    return MultimodalClassifier(**COLUMNS, multilabel=True, test_size=0.3).fit(film_table(), label="y")


def test_each_row_gets_its_labels(classifier: MultimodalClassifier) -> None:
    one, two, nothing = classifier.model_.predict(
        {"text": ["film rocket kiss", "film blood", None], "size": [-1.0, 2.5, None]}
    )
    assert sorted(one.prediction) == ["romance", "space"] and two.prediction == ["horror"]
    ranked = sorted(one.probabilities, key=lambda name: -one.probabilities[name])
    assert list(one.probabilities) == list(NAMES) and one.prediction == ranked[:2]
    assert one.confidence is None and sum(one.probabilities.values()) > 1.2
    assert nothing.pattern == "none"
    assert list(nothing.probabilities.values()) == pytest.approx(list(classifier.model_.manifest.prior))
    metrics = classifier.evaluation_["patterns"]["text+tabular"]["metrics"]
    assert metrics["micro_f1"]["value"] > 0.85 and metrics["map"]["value"] > 0.85
    assert set(classifier.evaluation_["per_class"]) == set(NAMES)
    assert "label_errors" not in classifier.evaluation_ and "calibration" not in classifier.evaluation_


def test_evaluation_is_of_the_labels_that_are_given(classifier: MultimodalClassifier) -> None:
    """What `evaluate` says is what the predictions say, cuts of each pattern included."""
    fresh = film_table(80, seed=4)
    for row in range(0, 80, 3):
        fresh["text"][row] = None
    fresh["y"][1] = ["western"]
    given = [set(one.prediction) for one in classifier.model_.predict(fresh)]
    truth = [set(labels) for labels in fresh["y"]]
    right = sum(len(g & t) for g, t in zip(given, truth, strict=True))
    told = classifier.evaluate(fresh)
    micro = 2 * right / (sum(map(len, given)) + sum(map(len, truth)))
    assert told["overall"]["metrics"]["micro_f1"]["value"] == pytest.approx(micro)
    assert told["overall"]["metrics"]["subset_accuracy"]["value"] == pytest.approx(
        np.mean([g == t for g, t in zip(given, truth, strict=True)])
    )
    assert any("'western'" in note for note in told["notes"])
    y = fresh.pop("y")
    assert classifier.score(fresh, y) == told["overall"]["metrics"]["subset_accuracy"]["value"]
    indicator = classifier.predict(fresh)
    assert indicator.shape == (80, 3)
    assert classifier.score(fresh, indicator) == 1.0
    with pytest.raises(UsageError, match="a list of names a row"):
        MultimodalClassifier(multilabel=True).fit(fresh, indicator)
    assert [{NAMES[k] for k in np.flatnonzero(row)} for row in indicator] == given


def test_what_each_modality_gives_to_labels(classifier: MultimodalClassifier) -> None:
    """Words tell three labels, the number only the first: it adds nothing to the others."""
    told = classifier.evaluation_
    assert told["shapley"]["loss"] == "log_loss"
    assert told["shapley"]["values"]["text"] > told["shapley"]["values"]["tabular"] > 0
    assert told["missing_rate"]["text"][0]["micro_f1"] == pytest.approx(
        told["overall"]["metrics"]["micro_f1"]["value"]
    )
    assert set(told["emap"]["parts"]["text"]["gap"]) == {"label_accuracy", "log_loss"}
    prior = dict(zip(NAMES, classifier.model_.manifest.prior, strict=True))
    for one in classifier.model_.predict(film_table(30, seed=5), explain=True):
        for label in one.prediction:
            added = sum(by_label[label] for by_label in one.contributions.values())
            assert added == pytest.approx(one.probabilities[label] - prior[label])
        assert all(set(by_label) == set(one.prediction) for by_label in one.contributions.values())


def test_cuts_are_written_for_each_pattern_and_read_again(
    classifier: MultimodalClassifier, tmp_path: Path
) -> None:
    classifier.save(tmp_path / "model")
    manifest = json.loads((tmp_path / "model" / "motet.json").read_text())
    assert manifest["target"]["kind"] == "labels"
    assert all(
        len(entry["cuts"]) == (0 if pattern == "none" else 3)
        for pattern, entry in manifest["patterns"].items()
    )
    # A cut of 0 gives the label always, one above 1 never.
    entry = manifest["patterns"]["text+tabular"]
    entry["cuts"] = [0.0, 1.1, entry["cuts"][2]]
    (tmp_path / "model" / "motet.json").write_text(json.dumps(manifest))
    answers = motet.load(tmp_path / "model").predict(film_table(20, seed=2))
    assert all("horror" in one.prediction and "romance" not in one.prediction for one in answers)
    for asked in ({"coverage": 0.9}, {"abstain_below": 0.5}):
        with pytest.raises(UsageError, match="leave --"):
            classifier.model_.predict(film_table(5), **asked)


def test_the_command_trains_measures_and_predicts_labels(motet: Any, tmp_path: Path) -> None:
    table, place, out = tmp_path / "t.csv", tmp_path / "model", tmp_path / "answers.csv"
    data = film_table(90)
    data["y"] = ["|".join(labels) or "[]" for labels in data["y"]]
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([data, *zip(*data.values(), strict=True)])
    asked = ("--label", "y", "--text", "text", "--numeric", "size", "--target", "labels", "-o", place)
    ran = motet("train", table, *asked, "--text-encoder", "lexical")
    assert ran.code == 0, ran.err
    assert "micro-F1" in ran.out and "mAP" in ran.out
    page = (place / "report.html").read_text()
    assert "micro-F1" in page and "Worst answers" in page and "romance" in page
    assert "any of 3 labels" in (place / "README.md").read_text()
    ran = motet("evaluate", place, table, "--json")
    assert json.loads(ran.out)["n"] == 90
    assert motet("predict", place, table, "-o", out).code == 0
    rows = list(csv.DictReader(out.open()))
    assert list(rows[0])[:3] == ["id", "prediction", "pattern"] and "probability_space" in rows[0]
    assert set(json.loads(rows[0]["prediction"])) <= set(NAMES)
    assert motet("predict", place, table, "-o", out, "--explain").code == 0
    row = next(csv.DictReader(out.open()))
    assert set(json.loads(row["contribution_text"])) == set(json.loads(row["prediction"]))
    ran = motet("predict", place, "--text", "film kiss rocket", "--explain", "--card", tmp_path / "card.html")
    assert "romance: " in ran.err
    assert ran.code == 0 and "romance" in (tmp_path / "card.html").read_text()


def test_what_labels_have_not_is_refused() -> None:
    with pytest.raises(UsageError, match="one class a row"):
        MultimodalClassifier(**COLUMNS, multilabel=True, class_weights="balanced").fit(
            film_table(30), label="y"
        )
    with pytest.raises(UsageError, match="MultimodalClassifier"):
        MultimodalRegressor(**COLUMNS, multilabel=True).fit(film_table(30), label="y")
    with pytest.raises(UsageError, match="learns classes"):
        MultimodalClassifier(**{**COLUMNS, "text_encoder": "small"}, multilabel=True).fit(
            film_table(30), label="y"
        )
