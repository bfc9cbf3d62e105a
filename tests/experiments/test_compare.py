"""The leaderboard: every way on the same rows, calibrated honestly, with what it costs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motet.data import infer_schema, read_table
from motet.deployment import Options, fused
from motet.errors import TableError, UsageError
from motet.experiments import compare
from motet.training import Balance, Settings


def columns(n: int, seed: int = 0) -> dict[str, list[Any]]:
    """Words tell one bit of four classes, a number the other: only both together tell the class."""
    random = np.random.default_rng(seed)
    word, high = random.integers(0, 2, n), random.integers(0, 2, n)
    return {
        "y": [f"class {2 * w + h}" for w, h in zip(word, high, strict=True)],
        "text": [f"{['apple pie', 'green tea'][w]} {random.integers(1000)}" for w in word],
        "size": [float(h + random.normal(0, 0.2)) for h in high],
    }


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    table = read_table(columns(300))
    schema = infer_schema(table, label="y", text=("text",), numeric=("size",))
    return compare(table, schema, Options(cache=False), strategies=("concat", "gated"), folds=4)


def row(result: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in result["rows"] if one["name"] == name)


def test_every_way_is_there_with_its_cost(result: dict[str, Any]) -> None:
    names = {one["name"] for one in result["rows"]}
    assert {
        "majority",
        "text:lexical",
        "tabular:tabular",
        "tabular:gradient boosting",
        "concat",
        "gated",
    } <= names
    assert {"late-mean", "late-product", "late-vote", "late-stacked", "ensemble-mean"} <= names
    assert (
        result["folds"] == 4 and abs(result["n"] - 255) <= 4
    )  # of 300 rows 15 % of each class are left alone
    for one in result["rows"]:
        assert one["seconds"] >= 0
        assert (one["parameters"] is None) == (
            one["name"] in ("majority", "tabular:gradient boosting")
        ) or one["kind"] in ("combined", "single")
    assert row(result, "late-mean")["seconds"] >= row(result, "text:lexical")["seconds"]


def test_what_needs_both_is_found_best_and_what_reads_one_is_not_tied(result: dict[str, Any]) -> None:
    """Each modality alone is right in half of the rows; both together in nearly all."""
    together = row(result, "concat")["patterns"]["text+tabular"]
    assert together["metrics"]["accuracy"]["value"] > 0.95
    for name in ("text:lexical", "tabular:tabular"):
        alone = row(result, name)["patterns"]["text+tabular"]
        assert 0.4 < alone["metrics"]["accuracy"]["value"] < 0.6
        assert not alone["tied"]
    assert result["chosen"]["text+tabular"] not in ("text:lexical", "tabular:tabular")
    assert result["chosen"]["none"] == "prior"


def test_rows_are_ranked_and_the_best_of_a_pattern_is_tied_with_itself(result: dict[str, Any]) -> None:
    losses = [
        one["patterns"]["text+tabular"]["metrics"]["log_loss"]["value"]
        for one in result["rows"]
        if "text+tabular" in one["patterns"]
    ]
    assert losses == sorted(losses)
    assert [one["name"] for one in result["rows"] if "none" in one["patterns"]] == ["majority"]
    for pattern in ("text+tabular", "text", "tabular", "none"):
        entries = [one["patterns"][pattern] for one in result["rows"] if pattern in one["patterns"]]
        best = min(entries, key=lambda entry: entry["metrics"]["log_loss"]["value"])
        assert best["tied"]


def test_the_command(motet: Callable[..., Any], catalogue: Any, tmp_path: Path) -> None:
    arguments = ("--label", "category", "--fusion", "concat", "--folds", 3)
    done = motet("compare", catalogue.table, *arguments, "-o", tmp_path / "board.json", "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told == json.loads((tmp_path / "board.json").read_text(encoding="utf-8"))
    assert {one["name"] for one in told["rows"] if one["kind"] == "fused"} == {"concat"}
    plain = motet("compare", catalogue.table, *arguments)
    assert "late-product" in plain.out and "what train would choose" in plain.out


def test_rows_that_cannot_be_parted_are_told() -> None:
    data = columns(60) | {"who": ["one"] * 60}
    table = read_table(data)
    schema = infer_schema(table, label="y", text=("text",), numeric=("size",), group="who")
    with pytest.raises(TableError, match="no row can be held out"):
        compare(table, schema, Options(cache=False, test_size=0, validation_size=0), strategies=("concat",))


@pytest.mark.parametrize(
    "options,said", [(("--folds", 1), "2 or more"), (("--fusion", "stirred"), "no fusion 'stirred'")]
)
def test_wrong_usage(
    motet: Callable[..., Any], catalogue: Any, options: tuple[object, ...], said: str
) -> None:
    done = motet("compare", catalogue.table, "--label", "category", *options)
    assert done.code == 2 and said in done.err


def test_a_balance_stands_beside_the_usual_training(monkeypatch: pytest.MonkeyPatch) -> None:
    table = read_table(columns(120))
    schema = infer_schema(table, label="y", text=("text",), numeric=("size",))
    options = Options(
        cache=False, training=Settings(balance=Balance.of({"auxiliary": 1.0, "text.dropout": 0.6}))
    )
    to_latent, spaces = fused.to_latent, []
    monkeypatch.setattr(
        fused, "to_latent", lambda *said, **more: spaces.append(to_latent(*said, **more)) or spaces[-1]
    )
    made = compare(table, schema, options, strategies=("concat",), folds=2)
    assert len(spaces) == 2  # one a fold, for either training
    usual, balanced = row(made, "concat"), row(made, "concat, balanced")
    assert usual["parameters"] == balanced["parameters"]
    both = "text+tabular"
    assert usual["patterns"][both]["metrics"] != balanced["patterns"][both]["metrics"]
    plain = compare(table, schema, Options(cache=False), strategies=("concat",), folds=2)
    assert row(plain, "concat")["patterns"][both]["metrics"] == usual["patterns"][both]["metrics"]
    assert not [one for one in plain["rows"] if "balanced" in one["name"]]


def test_a_balance_of_a_modality_that_is_not_there_is_refused() -> None:
    table = read_table(columns(120))
    schema = infer_schema(table, label="y", text=("text",), numeric=("size",))
    options = Options(cache=False, training=Settings(balance=Balance.of({"image.dropout": 0.6})))
    with pytest.raises(UsageError, match="'image'; the modalities are text, tabular"):
        compare(table, schema, options, strategies=("concat",), folds=2)
