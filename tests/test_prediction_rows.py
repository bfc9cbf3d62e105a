"""One row out for each row in, in order, and each row's answer its own, whatever is wrong with its neighbours."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import motet.runtime.model
from motet import Model, load
from motet.data.table import Table
from motet.errors import TableError, UsageError
from motet.runtime.writing import write_predictions

TOLERANCE = 1e-4  # of a probability: a row's answer must not depend on its batch
GOOD_TEXTS = (
    "Tidewater baseball cap in white",
    "商务笔记本电脑",
    "A novel, third edition",
    "nan",
    "NA",
    "null",
    "None",
)
BAD_TEXTS: tuple[Any, ...] = (
    None,
    "",
    " \t\u3000",
    "\ud800",
    "lamp \udfff and shade",
    "a\x00b",
    "\x00",
    "\x07\x1b[31m",
    "\ufeff",
    ["a", "list"],
    [],
    {"a": 1},
    b"caf\xe9",
    b"bytes that are text",
    b"",
    float("nan"),
    3.0,
    7,
    True,
    "x" * 100_001,
)
BAD_PICTURES = (
    None,
    "",
    "images/none.jpg",
    "../catalogue.csv",
    "/etc/passwd",
    "https://example.org/a.jpg",
    "catalogue.csv",
    "images",
    "a\x00b.jpg",
    "\ud800.jpg",
    "nan",
)
texts = st.one_of(st.sampled_from(GOOD_TEXTS), st.sampled_from(BAD_TEXTS), st.text(max_size=20))
pictures = st.one_of(
    st.sampled_from([f"images/{n:04d}.jpg" for n in range(1, 20)]), st.sampled_from(BAD_PICTURES)
)
rows = st.lists(
    st.fixed_dictionaries({"image": pictures, "title": texts, "description": texts}), min_size=1, max_size=7
)


@pytest.fixture(scope="module")
def model(model_directory: Path) -> Model:
    return load(model_directory)


@pytest.fixture(scope="module")
def folder(catalogue: Any) -> Path:
    return Path(catalogue.table).parent


def probabilities(answers: list[Any]) -> np.ndarray:
    return np.array([list(one.probabilities.values()) for one in answers])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows)
def test_each_row_keeps_its_own_answer(model: Model, folder: Path, rows: list[dict[str, Any]]) -> None:
    together = model.predict(rows, image_root=folder)
    assert [one.id for one in together] == list(range(len(rows)))
    for row, answer in zip(rows, together, strict=True):
        alone = model.predict([row], image_root=folder)[0]
        assert answer.pattern == alone.pattern, row
        assert (answer.issue is None) == (alone.issue is None), (row, answer.issue, alone.issue)
        assert list(answer.probabilities.values()) == pytest.approx(
            list(alone.probabilities.values()), abs=TOLERANCE
        ), row
        assert answer.confidence == max(answer.probabilities.values())
        assert answer.probabilities[answer.prediction] == answer.confidence


@pytest.mark.parametrize("bad", [b for b in BAD_TEXTS if b not in (None, "", b"") and b != []], ids=repr)
def test_the_row_after_a_bad_text_is_not_moved(model: Model, bad: object) -> None:
    good = [{"title": "Tidewater baseball cap in white"}, {"title": "商务笔记本电脑"}]
    expected = model.predict(good)
    among = model.predict([good[0], {"title": bad}, good[1]])
    assert [among[0].probabilities, among[2].probabilities] == [
        pytest.approx(one.probabilities, abs=TOLERANCE) for one in expected
    ]
    assert among[1].id == 1


def test_a_broken_picture_is_named_and_counts_as_absent(model: Model, folder: Path) -> None:
    answers = model.predict({"image": ["images/0002.jpg", "images/none.jpg", None]}, image_root=folder)
    assert [one.pattern for one in answers] == ["image", "none", "none"]
    assert answers[0].issue is None and answers[2].issue is None
    assert answers[1].issue is not None and "image" in answers[1].issue and "no such file" in answers[1].issue


def test_nothing_present_is_answered_with_the_share_of_classes(model: Model, trained: Any) -> None:
    answers = model.predict({"title": ["", None], "image": [None, ""], "price": ["1", "2"]})
    for one in answers:
        assert one.pattern == "none"
        assert list(one.probabilities.values()) == pytest.approx(list(trained.model_.manifest.prior))


def test_columns_in_another_order_and_more_of_them(model: Model, folder: Path, catalogue: Any) -> None:
    table = model.read(catalogue.table)
    expected = probabilities(model.predict(table))
    turned = table.data.select(list(reversed(table.columns)))
    turned = turned.append_column("another", pa.array(["something"] * len(table)))
    turned = turned.append_column("image ", pa.array(["images/0001.jpg"] * len(table)))
    np.testing.assert_allclose(probabilities(model.predict(Table(turned, folder))), expected, atol=TOLERANCE)


@pytest.mark.parametrize("kept", [["title"], ["image"], ["description", "image"], ["image", "price"]])
def test_missing_columns_are_missing_modalities(
    model: Model, folder: Path, catalogue: Any, kept: list[str]
) -> None:
    table = model.read(catalogue.table)
    answers = model.predict(Table(table.data.select(kept), folder))
    assert len(answers) == len(table)
    allowed = (
        {"none"}
        | ({"image"} if "image" in kept else set())
        | ({"text"} if set(kept) & {"title", "description"} else set())
    )
    assert {name for one in answers for name in one.pattern.split("+")} <= allowed


def test_a_column_that_is_missing_is_said(
    motet: Callable[..., Any], model_directory: Path, tmp_path: Path
) -> None:
    table, output = tmp_path / "table.csv", tmp_path / "answers.csv"
    table.write_text("title,price\na lamp,3\na cap,4\n")
    done = motet("predict", model_directory, table, "-o", output, "--json")
    assert done.code == 0
    said = json.loads(done.out)
    assert said["patterns"] == {"text": 2} and said["rows"] == 2
    assert said["notes"] == ["no column 'image', 'description' in table.csv: absent in every row"]
    assert said["notes"][0] in done.err


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_table_without_any_column_of_the_model_is_an_error(
    motet: Callable[..., Any], model_directory: Path, tmp_path: Path, command: str, model: Model
) -> None:
    table, output = tmp_path / "table.csv", tmp_path / "answers.csv"
    table.write_text("Title,category\na lamp,home\na cap,clothing\n")
    done = motet(command, model_directory, table, *(["-o", output] if command == "predict" else []))
    assert done.code == 1 and done.out == "" and not output.exists()
    assert "it reads 'image', 'title', 'description'; the table has 'Title', 'category'" in done.err
    for call in (model.predict, model.predict_proba, model.evaluate):
        with pytest.raises(TableError, match=r"table\.csv has none of the columns that the model reads"):
            call(table)


def test_values_that_a_spreadsheet_runs_are_kept_and_named(
    motet: Callable[..., Any], model_directory: Path, tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    ids = ["-5", "=1+1", "@home", "＝1", "plain"]
    table.write_text("id,title\n" + "".join(f"{name},a lamp\n" for name in ids), encoding="utf-8")
    done = motet("predict", model_directory, table, "-o", tmp_path / "a.csv", "--json")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ids
    warning = "column 'id' of a.csv has values that a spreadsheet runs as formulas, such as '=1+1'"
    assert f"warning: {warning}" in done.err and done.err.count("warning") == 1
    assert any(warning in note for note in json.loads(done.out)["notes"])
    assert "warning" not in motet("predict", model_directory, table, "-o", tmp_path / "a.jsonl").err
    table.write_text("id,title\n-5,a lamp\n+7,a cap\n-1.5e3,a book\n")
    assert "warning" not in motet("predict", model_directory, table, "-o", tmp_path / "a.csv").err


def test_an_empty_table_is_an_error(model: Model, tmp_path: Path) -> None:
    table = tmp_path / "empty.csv"
    table.write_text("image,title\n")
    with pytest.raises(TableError, match=r"empty\.csv has a header and no rows"):
        model.predict(table)


def test_the_three_kinds_of_output_agree(
    motet: Callable[..., Any], model_directory: Path, catalogue: Any, tmp_path: Path, model: Model
) -> None:
    for suffix in ("csv", "parquet", "jsonl"):
        assert motet("predict", model_directory, catalogue.table, "-o", tmp_path / f"a.{suffix}").code == 0
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        from_csv = list(csv.DictReader(file))
    from_parquet = pq.read_table(tmp_path / "a.parquet").to_pylist()
    from_lines = [
        json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    names = [f"probability_{name}" for name in model.classes]
    assert list(from_csv[0]) == ["id", "prediction", "confidence", "pattern", *names, "issue"]
    assert list(from_parquet[0]) == list(from_csv[0])
    assert len(from_csv) == len(from_parquet) == len(from_lines) == catalogue.rows
    for one, two, three in zip(from_csv, from_parquet, from_lines, strict=True):
        assert one["id"] == two["id"] == three["id"]
        assert one["prediction"] == two["prediction"] == three["prediction"]
        assert one["pattern"] == two["pattern"] == three["pattern"]
        assert (one["issue"] or None) == two["issue"] == three["issue"]
        numbers = list(three["probabilities"].values())
        assert [two[name] for name in names] == numbers
        assert [float(one[name]) for name in names] == pytest.approx(numbers, rel=1e-12)


def test_output_is_not_touched_where_predicting_fails(
    motet: Callable[..., Any], model_directory: Path, tmp_path: Path
) -> None:
    output = tmp_path / "answers.csv"
    output.write_text("of yesterday")
    table = tmp_path / "table.csv"
    table.write_text("title\n")
    done = motet("predict", model_directory, table, "-o", output)
    assert done.code == 1 and "has a header and no rows" in done.err
    assert output.read_text() == "of yesterday"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["answers.csv", "table.csv"]


@pytest.mark.parametrize("name", ["answers.xlsx", "answers", "nowhere/answers.csv"])
def test_an_output_that_cannot_be_written_is_wrong_usage(
    motet: Callable[..., Any], model_directory: Path, catalogue: Any, tmp_path: Path, name: str
) -> None:
    done = motet("predict", model_directory, catalogue.table, "-o", tmp_path / name)
    assert done.code == 2 and name.split("/")[0] in done.err and done.out == ""


def test_more_rows_than_a_window_stay_in_order(
    model: Model, monkeypatch: pytest.MonkeyPatch, catalogue: Any
) -> None:
    expected = model.predict(catalogue.table)
    monkeypatch.setattr("motet.runtime.model.WINDOW", 7)
    windowed = model.predict(catalogue.table)
    assert [one.id for one in windowed] == [one.id for one in expected]
    assert [one.issue for one in windowed] == [one.issue for one in expected]
    np.testing.assert_allclose(probabilities(windowed), probabilities(expected), atol=TOLERANCE)
    np.testing.assert_allclose(model.predict_proba(catalogue.table), probabilities(expected), atol=TOLERANCE)


def test_ids_of_the_table_come_back_and_rows_stand_in_where_one_is_missing(model: Model) -> None:
    answers = model.predict({"id": ["A7", None, "A9"], "title": ["a lamp", "a cap", "a book"]})
    assert [one.id for one in answers] == ["A7", 1, "A9"]


def test_a_web_address_as_table_is_refused(model: Model) -> None:
    with pytest.raises((TableError, UsageError), match="web address"):
        model.predict("https://example.org/table.csv")


@pytest.mark.parametrize(
    ("ids", "wanted"),
    [
        (pa.array([datetime(2020, 1, 2), None]), ["2020-01-02 00:00:00.000000", 1]),
        (pa.array([b"k7", b"\xff"]), ["k7", 1]),
        (pa.array([Decimal("1.50"), Decimal("2.00")]), ["1.50", "2.00"]),
        (pa.array([7, None]), [7, 1]),
        (pa.array([1.0, 2.5]), ["1", "2.5"]),
    ],
    ids=["dates", "bytes", "decimals", "whole numbers", "fractions"],
)
def test_an_id_of_any_type_can_be_written(
    model: Model, tmp_path: Path, ids: pa.Array, wanted: list[Any]
) -> None:
    table = Table(pa.table({"id": ids, "title": ["a lamp", "a chair"], "category": ["home", "books"]}))
    assert model.manifest.schema.id == "id"
    answers = model.predict(table)
    assert [one.id for one in answers] == wanted
    write_predictions(tmp_path / "answers.jsonl", [answers], model.classes, named=True)
    assert {one["id"] for one in model.evaluate(table)["mistakes"]} <= {*wanted, None}
    json.dumps(model.evaluate(table), allow_nan=False)


def test_cells_are_looked_at_once_for_all_windows(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(motet.runtime.model, "WINDOW", 3)
    monkeypatch.setattr(motet.runtime.model, "cells", lambda *one: made.append(one) or motet.data.cells(*one))
    rows = [{"title": f"lamp number {n}"} for n in range(10)]
    assert [one.id for one in model.predict(rows)] == list(range(10))
    assert len(made) == 1
