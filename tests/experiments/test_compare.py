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


def numbers_and_labels(n: int, seed: int = 0) -> dict[str, list[Any]]:
    """`columns`, and what its two bits say as a number (20 and 3 a bit, noise of 1) and as labels."""
    data = columns(n, seed)
    bits = [divmod(int(y[-1]), 2) for y in data.pop("y")]
    noise = np.random.default_rng(seed + 1).normal(size=n)
    data["number"] = [20 * w + 3 * h + e for (w, h), e in zip(bits, noise, strict=True)]
    data["labels"] = [[name for name, has in zip(("tea", "large"), b, strict=True) if has] for b in bits]
    return data


def compared(target: str, label: str) -> dict[str, Any]:
    data = numbers_and_labels(200)
    table = read_table({name: data[name] for name in (label, "text", "size")})
    schema = infer_schema(table, label=label, text=("text",), numeric=("size",), target=target)
    options = Options(cache=False, target=target, text_encoders=("lexical",))
    return compare(table, schema, options, strategies=("concat",), folds=3)


def test_numbers_are_compared_by_their_own_metrics() -> None:
    """The word tells 10^2 of a variance of 10^2 + 1.5^2 + 1^2, R2 .968; the size 1.5^2 more at most, R2 .99."""
    made = compared("number", "number")
    assert (made["task"], made["loss"], made["score"]) == ("regress", "relative_squared_error", "r2")
    both = "text+tabular"
    assert set(row(made, "mean")["patterns"][both]["metrics"]) == {"mae", "rmse", "r2"}
    assert row(made, "mean")["patterns"][both]["metrics"]["r2"]["value"] == pytest.approx(0, abs=0.05)
    words = row(made, "text:lexical")["patterns"]["text"]["metrics"]["r2"]
    assert words["value"] == pytest.approx(0.968, abs=0.02) and words["low"] < words["value"] < words["high"]
    assert row(made, "concat")["patterns"][both]["metrics"]["r2"]["value"] > words["value"]
    names = {one["name"] for one in made["rows"]}
    assert {"late-mean", "late-stacked", "ensemble-mean", "tabular:gradient boosting"} <= names
    assert not {"late-vote", "late-product", "majority"} & names
    losses = [one["patterns"][both]["loss"] for one in made["rows"] if both in one["patterns"]]
    assert losses == sorted(losses)


def test_labels_are_compared_label_by_label() -> None:
    """Each modality tells one of two labels for sure; the other label of each row is as likely as not."""
    made = compared("labels", "labels")
    both, told = "text+tabular", row(made, "text:lexical")["patterns"]["text"]
    assert made["score"] == "micro_f1" and {"map", "subset_accuracy"} <= set(told["metrics"])
    assert row(made, "late-product")["patterns"][both]["metrics"]["subset_accuracy"]["value"] > 0.9
    assert 0.35 < told["metrics"]["subset_accuracy"]["value"] < 0.65
    # A baseline that looks at nothing gives each label the loss of its share: ln 2, as both are of half of the rows.
    assert row(made, "prior")["patterns"]["none"]["loss"] == pytest.approx(np.log(2), abs=0.01)
    boosted = row(made, "tabular:gradient boosting")["patterns"]["tabular"]["loss"]
    assert boosted == pytest.approx(np.log(2) / 2, abs=0.15)  # of one label nothing, of the other nearly all


def test_the_command_takes_a_target(motet: Callable[..., Any], tmp_path: Path) -> None:
    data, table = numbers_and_labels(60), tmp_path / "rows.jsonl"
    rows = [dict(zip(data, values, strict=True)) for values in zip(*data.values(), strict=True)]
    table.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    asked = ("compare", table, "--text", "text", "--numeric", "size", "--text-encoder", "lexical")
    asked = (*asked, "--fusion", "concat", "--folds", 2, "--label")
    done = motet(*asked, "number", "--target", "number")
    assert done.code == 0 and "R2 [95 % interval]" in done.out and "MAE, text+tabular" in done.out, done.err
    done = motet(*asked, "labels", "--target", "labels", "--json")
    assert done.code == 0 and json.loads(done.out)["target"] == "labels", done.err
    assert motet(*asked, "number", "--target", "price").code == 2
