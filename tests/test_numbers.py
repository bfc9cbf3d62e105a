"""The whole journey of what is not one class a row: trained, saved, answered, measured, drawn."""

from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motet
from motet import MultimodalRegressor
from motet.errors import UsageError

COLUMNS = {"text": ("text",), "numeric": ("size",), "image_encoder": "descriptor", "text_encoder": "lexical"}
WORDS = ("cheap thing", "fine object", "costly jewel")


def number_table(rows: int = 150, seed: int = 0) -> dict[str, list[Any]]:
    """100 + 20 by words + 15 by a number + noise of 3: each modality knows about half of the variance."""
    random = np.random.default_rng(seed)
    kind, size = random.integers(0, 3, rows), random.normal(size=rows)
    y = 100 + 20 * kind + 15 * size + random.normal(size=rows) * 3
    return {
        "y": y.tolist(),
        "text": [f"{WORDS[k]} {random.integers(30)}" for k in kind],
        "size": size.tolist(),
    }


@pytest.fixture(scope="module")
def regressor() -> MultimodalRegressor:
    return MultimodalRegressor(**COLUMNS, test_size=0.3).fit(number_table(), label="y")


def test_a_number_is_learned_from_what_each_row_has(regressor: MultimodalRegressor) -> None:
    patterns = regressor.evaluation_["patterns"]
    assert patterns["text+tabular"]["metrics"]["r2"]["value"] > 0.85
    for alone in ("text", "tabular"):
        assert 0.2 < patterns[alone]["metrics"]["r2"]["value"] < 0.8
    prior = np.mean(np.asarray(number_table()["y"])[_fitted_rows(regressor)])
    given = {"text": [None, "costly jewel 3"], "size": [None, None]}
    nothing, words = regressor.model_.predict(given)
    assert nothing.pattern == "none" and nothing.prediction == pytest.approx(prior)
    assert words.pattern == "text" and 125 < words.prediction < 150
    assert words.confidence is None and words.probabilities is None
    assert regressor.evaluation_["baselines"]["mean"]["metrics"]["r2"]["value"] < 0.05
    assert regressor.evaluation_["task"] == "regress" and "confusion" not in regressor.evaluation_


def _fitted_rows(made: MultimodalRegressor) -> np.ndarray:
    from motet.data import make_split, read_table, read_target

    table = read_table(number_table())
    schema = made.schema(table, "y")
    split = make_split(table, schema, read_target(table, schema, "number"), test_size=0.3)
    return np.concatenate([split.train, split.validation])


def test_intervals_hold_the_number_as_often_as_asked(regressor: MultimodalRegressor) -> None:
    fresh: dict[str, list[Any]] = number_table(400, seed=7)
    for coverage in (0.5, 0.9):
        answers = regressor.model_.predict(fresh, coverage=coverage)
        inside = [a.interval[0] <= y <= a.interval[1] for a, y in zip(answers, fresh["y"], strict=True)]
        # Thresholds are of 105 rows: their coverage itself has a deviation of about .05.
        assert np.mean(inside) == pytest.approx(coverage, abs=0.15)
    with pytest.raises(UsageError, match="leave --abstain-below out"):
        regressor.model_.predict(fresh, abstain_below=0.5)
    with pytest.raises(UsageError, match="number"):
        regressor.model_.predict_proba(fresh)
    fresh["kind"] = [row % 2 for row in range(400)]
    for part in regressor.evaluate(fresh, slices=("kind",))["slices"]["kind"]:
        assert part["n"] == 200 and part["metrics"]["r2"]["value"] > 0.85


def test_what_each_modality_gives_to_numbers(regressor: MultimodalRegressor, tmp_path: Path) -> None:
    told = regressor.evaluation_
    assert (
        not {"calibration", "risk_coverage"} & set(told)
        and told["shapley"]["loss"] == "relative_squared_error"
    )
    gained = told["shapley"]["values"]
    assert min(gained.values()) > 0.2  # each knows about half of the variance
    assert sum(gained.values()) == pytest.approx(told["shapley"]["none"] - told["shapley"]["all"])
    assert told["missing_rate"]["text"][0]["r2"] == pytest.approx(told["overall"]["metrics"]["r2"]["value"])
    assert set(told["emap"]["parts"]["text"]["gap"]) == {"relative_squared_error"}
    mean = regressor.model_.manifest.prior[0]
    for one in regressor.model_.predict(number_table(20, seed=1), explain=True):
        assert sum(one.contributions.values()) == pytest.approx(one.prediction - mean)


def test_a_regressor_keeps_scikit_learns_habits(regressor: MultimodalRegressor) -> None:
    from sklearn.base import clone, is_regressor
    from sklearn.metrics import r2_score

    fresh = number_table(60, seed=3)
    y = fresh.pop("y")
    assert is_regressor(regressor) and not hasattr(clone(regressor), "model_")
    assert regressor.score(fresh, y) == pytest.approx(r2_score(y, regressor.predict(fresh)))
    assert regressor.score({**fresh, "y": y}) == pytest.approx(regressor.score(fresh, y))
    assert "MultimodalRegressor(" in repr(regressor)


def test_the_command_trains_measures_and_predicts_numbers(motet: Any, tmp_path: Path) -> None:
    table, place = tmp_path / "t.csv", tmp_path / "model"
    data = number_table(90)
    data["y"][5] = "unknown"  # type: ignore[call-overload]
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([data, *zip(*data.values(), strict=True)])
    asked = ("train", table, "--label", "y", "--text", "text", "--numeric", "size", "-o", place)
    assert "--target number" in motet(*asked).err  # a quantity, and what to do
    assert motet(*asked, "--target", "price").code == 2
    ran = motet("inspect", table, "--label", "y", "--target", "number")
    assert ran.code == 0 and "'unknown'" in ran.out + ran.err
    ran = motet(*asked, "--target", "number", "--text-encoder", "lexical")
    assert ran.code == 0, ran.err
    assert "R2" in ran.out and "such as 'unknown' in row 5" in ran.err
    page = (place / "report.html").read_text()
    assert "R2" in page and "Farthest off" in page and "relative squared error" in page
    card = (place / "README.md").read_text()
    assert "- regression" in card and "| R2 | RMSE | MAE |" in card
    ran = motet("evaluate", place, table, "--json")
    assert ran.code == 0 and json.loads(ran.out)["n"] == 89
    out = tmp_path / "answers.csv"
    assert motet("predict", place, table, "-o", out, "--coverage", "0.8").code == 0
    rows = list(csv.DictReader(out.open()))
    assert list(rows[0]) == ["id", "prediction", "pattern", "issue", "low", "high"] and len(rows) == 90
    assert all(float(r["low"]) < float(r["prediction"]) < float(r["high"]) for r in rows)
    ran = motet("predict", place, "--text", "costly jewel", "--coverage", "0.8")
    assert ran.code == 0 and "between" in ran.err
    assert motet("predict", place, table, "-o", out, "--abstain-below", "0.5").code == 2
    assert motet("predict", place, table, "-o", out, "--explain").code == 0
    mean = json.loads((place / "motet.json").read_text())["prior"][0]
    for r in csv.DictReader(out.open()):
        given = [float(r[f"contribution_{m}"] or 0) for m in ("text", "tabular")]
        assert mean + sum(given) == pytest.approx(float(r["prediction"]), rel=1e-5)
    ran = motet("predict", place, "--text", "costly jewel", "--explain", "--card", tmp_path / "card.html")
    assert " from nothing, +" in ran.err and "adds to the number" in (tmp_path / "card.html").read_text()


@pytest.mark.parametrize(
    "options,said", [({"fusion": "late-vote"}, "late-mean"), ({"class_weights": "balanced"}, "classes")]
)
def test_what_numbers_have_not_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        MultimodalRegressor(**COLUMNS, **options).fit(number_table(30), label="y")


def test_views_of_rows_have_their_numbers_and_weights() -> None:
    data = number_table(60) | {"count": [1.0, 0.0, 2.0] * 20}
    made = MultimodalRegressor(**COLUMNS, weight="count", augment=1, time_limit=0.001).fit(data, label="y")
    assert "20 rows of weight 0 are left out" in made.evaluation_["notes"]
    assert made.score(number_table(60, seed=2)) > 0.7


def test_numbers_of_any_size_are_learned(regressor: MultimodalRegressor) -> None:
    """Scaled and shifted labels give scaled and shifted answers: nothing depends on the unit."""
    data = number_table()
    data["y"] = [1e7 + 1e4 * y for y in data["y"]]
    other = MultimodalRegressor(**COLUMNS, test_size=0.3).fit(data, label="y")
    fresh = number_table(40, seed=5)
    np.testing.assert_allclose(
        (other.predict(fresh) - 1e7) / 1e4, regressor.predict(fresh), rtol=0.01, atol=0.3
    )
    assert math.isfinite(other.evaluation_["overall"]["metrics"]["rmse"]["value"])


def test_a_directory_without_a_target_is_of_classes(model_directory: Path, tmp_path: Path) -> None:
    place = Path(shutil.copytree(model_directory, tmp_path / "old"))
    manifest = json.loads((place / "motet.json").read_text())
    assert manifest.pop("target")["kind"] == "class"
    (place / "motet.json").write_text(json.dumps(manifest))
    assert motet.load(place).predict({"title": ["shoe"]})[0].prediction in manifest["classes"]
