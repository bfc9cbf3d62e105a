"""Absence that tells the label is told, with its strength; absence by chance is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.data import Labels, audit, infer_schema, read_table
from motet.data.missingness import absence_by_class, cramers_v, permutation_p, telling_absence


def test_cramers_v_by_hand() -> None:
    """Two classes of 20, marked 18 and 2: chi-square 40 * (18 * 18 - 2 * 2)^2 / 20^4 = 25.6; n - 1 = 39."""
    corrected = np.sqrt((25.6 / 40 - 1 / 39) / (1 - 1 / 39))
    assert cramers_v(np.array([18, 2]), np.array([20, 20])) == pytest.approx(corrected)
    assert cramers_v(np.array([20, 0]), np.array([20, 20])) == pytest.approx(1)
    assert cramers_v(np.array([5, 5, 5]), np.array([10, 10, 10])) == 0
    assert cramers_v(np.array([1, 0]), np.array([1, 1])) == 0  # two rows tell nothing


def test_chance_equals_that_of_every_permutation() -> None:
    """Four of nine rows marked: all 126 ways to mark four are listed."""
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2])
    marked = [0, 1, 2, 4]
    count = np.bincount(labels)

    def statistic(rows: Any) -> float:
        expected = count * 4 / 9
        return float(((np.bincount(labels[list(rows)], minlength=3) - expected) ** 2 / expected).sum())

    reached = statistic(marked)
    every = [statistic(rows) >= reached - 1e-9 for rows in combinations(range(9), 4)]
    held = np.bincount(labels[marked], minlength=3)
    found = permutation_p(held, count, draws=20_000)
    assert found == pytest.approx(np.mean(every), abs=0.015)
    assert found == permutation_p(held, count, draws=20_000)


def test_chance_is_rarely_told_however_many_columns_there_are() -> None:
    """Of 40 small tables of 20 columns and 8 classes 5 % may be told, and 3 standard deviations more."""
    told = 0
    for table in range(40):
        generator = np.random.default_rng(table)
        truth = generator.integers(0, 8, 60)
        present = {str(c): generator.random(60) > generator.uniform(0.05, 0.9) for c in range(20)}
        told += bool(absence_by_class(present, truth, list("abcdefgh")))
    assert told <= 40 * 0.05 + 3 * np.sqrt(40 * 0.05 * 0.95)


def test_what_is_weak_is_not_told_though_it_is_sure() -> None:
    """Absent in 30 % and 40 % of 20,000 rows: V is .1, and no chance."""
    truth = np.repeat([0, 1], 10_000)
    present = np.tile(np.arange(10), 2_000) >= np.repeat([3, 4], 10_000)
    held = np.array([3_000, 4_000])
    assert permutation_p(held, np.array([10_000, 10_000]), draws=1000) < 0.01
    assert absence_by_class({"it": present}, truth, ["a", "b"]) == {}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-2, 4), st.booleans()), max_size=40))
def test_any_rows_are_answered(rows: list[tuple[int, bool]]) -> None:
    truth = np.array([label for label, _ in rows], np.int64)
    have = np.array([there for _, there in rows], bool)
    told = absence_by_class({"it": have, "all": np.ones(len(rows), bool)}, truth, list("abcde"))
    assert len(told) <= 1
    shuffled = np.random.default_rng(0).permutation(len(rows))
    assert told == absence_by_class({"it": have[shuffled]}, truth[shuffled], list("abcde"))


def table_of(lamps: int, chairs: int) -> dict[str, list[Any]]:
    """30 lamps and 30 chairs, of which so many have no maker; what else is there has nothing to do with it."""
    maker = [None if n // 2 < (lamps, chairs)[n % 2] else f"maker {n % 7}" for n in range(60)]
    title = [None if n // 2 % 5 == 0 else f"thing number {n}" for n in range(60)]
    return {
        "title": title,
        "maker": maker,
        "year": [1990 + n % 20 for n in range(60)],
        "kind": ["lamp", "chair"] * 30,
    }


def told(found: list[str]) -> list[str]:
    return [message for message in found if "tells the label" in message]


def test_inspect_warns_of_the_column_and_not_of_others() -> None:
    table = read_table(table_of(28, 1))
    schema = infer_schema(table, label="kind", text=["title"], categorical=["maker"], numeric=["year"])
    warnings = audit(table, schema).warnings
    (message,) = told([one["message"] for one in warnings if one["level"] == "warning"])
    assert "column 'maker'" in message and "Cramér's V 0.9" in message
    assert "absent in 28 of 30 rows of 'lamp', in 1 of 30 of the others" in message
    even = read_table(table_of(10, 10))
    assert told([one["message"] for one in audit(even, schema).warnings]) == []


def test_pictures_that_are_broken_in_one_class_are_absent_there(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:40])
    table = read_table(
        {"photo": ["a.png", "b.png"] * 20, "kind": ["lamp", "chair"] * 20}, image_root=tmp_path
    )
    schema = infer_schema(table, label="kind", image=["photo"])
    (message,) = told([one["message"] for one in audit(table, schema).warnings])
    assert "column 'photo'" in message and "Cramér's V 1.00" in message


def test_training_notes_it_and_the_model_keeps_the_note(motet: Callable[..., Any], tmp_path: Path) -> None:
    rows = read_table(table_of(28, 1)).data.to_pylist()
    table = tmp_path / "table.jsonl"
    table.write_text("\n".join(map(json.dumps, rows)))
    columns = ("--label", "kind", "--text", "title", "--categorical", "maker", "--json")
    done = motet("train", table, "-o", tmp_path / "model", "--fusion", "late", *columns)
    assert done.code == 0, done.err
    (message,) = told(json.loads(done.out)["notes"])
    assert "column 'maker'" in message
    assert message in json.loads((tmp_path / "model" / "motet.json").read_text())["training"]["notes"]


def test_absence_that_tells_a_number_or_a_label_is_told_too() -> None:
    """Of 100 numbers the 20 greatest have no maker: in all 10 rows of the highest tenth, and 10 of the other 90."""
    old = [n > 80 for n in range(1, 101)]
    data = {
        "price": list(range(1, 101)),
        "tags": [[name for name, has in (("old", o), ("red", n % 2)) if has] for n, o in enumerate(old)],
        "title": [f"thing {n}" for n in range(100)],
        "maker": [None if o else "Smith" for o in old],
    }
    for label, target, said in (
        ("price", "number", "in 10 of 10 rows of '91 to 100', in 10 of 90 of the others"),
        ("tags", "labels", "in 20 of 20 rows of 'old', in 0 of 80 of the others"),
    ):
        table = read_table({name: data[name] for name in (label, "title", "maker")})
        schema = infer_schema(table, label=label, text=("title",), categorical=("maker",), target=target)
        found = audit(table, schema, target=target).warnings
        (message,) = told([one["message"] for one in found if one["level"] == "warning"])
        assert "column 'maker'" in message and said in message


def test_chance_is_rarely_told_of_labels_however_many_there_are() -> None:
    """Of 40 tables of 4 columns and 10 labels 5 % may be told, and 3 standard deviations more."""
    said = 0
    for number in range(40):
        generator = np.random.default_rng(number)
        wanted = (generator.random((60, 10)) < 0.3).astype(np.float32)
        labels = Labels(np.zeros(60, np.int64), tuple("abcdefghij"), kind="labels", wanted=wanted)
        present = {str(c): generator.random(60) > 0.4 for c in range(4)}
        said += bool(telling_absence(present, labels, np.arange(60)))
    assert said <= 40 * 0.05 + 3 * np.sqrt(40 * 0.05 * 0.95)
