"""Numbers written as text: each column is read in one way, and what could be read otherwise is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motet.data import Schema, infer_schema, read_table, read_target
from motet.data.decimal_marks import EITHER_WAY, reading_notes
from motet.data.modalities import cells
from motet.data.tabular_cells import TabularCells
from motet.errors import TableError

NAN = float("nan")


def price(values: list[Any]) -> tuple[list[float], list[str], list[str]]:
    """Numbers of a column as a training table has them, reasons of its issues, and notes."""
    table = read_table({"price": values, "y": ["a"] * len(values)})
    schema = infer_schema(table, label="y", numeric=("price",))
    made = cells(table, schema)["tabular"]
    assert isinstance(made, TabularCells)
    numbers = made.numbers(np.arange(len(values)))[:, 0].tolist()
    return numbers, [issue.reason for issue in made.issues], reading_notes(table, schema.numbers)


@pytest.mark.parametrize(
    "written,numbers",
    [
        (["1,200.50", "1,200", "7"], [1200.5, 1200, 7]),  # a point marks decimals, so commas mark thousands
        (["1,200,000", "1,200"], [1200000, 1200]),
        (["2.5", "1,200"], [2.5, 1200]),
        (["1.200", "0.125", "1e-3"], [1.2, 0.125, 0.001]),
        (["1.200", "3"], [1.2, 3]),  # without a comma anywhere it is what every program writes
    ],
)
def test_a_decimal_point_that_is_sure_needs_no_word(written: list[str], numbers: list[float]) -> None:
    assert price(written) == (pytest.approx(numbers), [], [])


@pytest.mark.parametrize(
    "written,numbers",
    [
        (["3,5", "1,200", "1.200", "-7"], [3.5, 1.2, 1200, -7]),
        (["1.200,5", "1,200"], [1200.5, 1.2]),
        (["1.200.000", "1,200"], [1200000, 1.2]),
        (["0,250", "+1,250", ",5"], [0.25, 1.25, 0.5]),  # no number of thousands begins with 0
        (["1200,500", "1,200"], [1200.5, 1.2]),
        (["1,5e3", "2"], [1500, 2]),
    ],
)
def test_a_decimal_comma_that_is_sure_is_followed_and_told(written: list[str], numbers: list[float]) -> None:
    found, reasons, notes = price(written)
    assert found == pytest.approx(numbers) and not reasons
    assert len(notes) == 1 and "the comma marks decimals" in notes[0] and repr(written[0]) in notes[0]


def test_a_comma_that_nothing_explains_is_told_with_what_was_read() -> None:
    found, reasons, (note,) = price(["800", "1,200", "3,400", None])
    np.testing.assert_array_equal(found, [800, 1200, 3400, NAN])
    assert not reasons
    assert (
        "column 'price': '1,200' is read as 1200 (2 cells of this form)" in note and "write a point" in note
    )


def test_a_column_that_does_both_is_read_only_where_a_cell_is_sure() -> None:
    found, reasons, (note,) = price(["3,5", "2.5", "1,200", "1.200", "1,200.5", "9", "x"])
    np.testing.assert_array_equal(found, [3.5, 2.5, NAN, NAN, 1200.5, 9, NAN])
    assert reasons == [EITHER_WAY, EITHER_WAY, "not a number"] and "'price'" in note


@pytest.mark.parametrize(("usual", "slip"), [("1.234", "3,5"), ("1,234", "3.5")])
def test_a_slip_does_not_break_its_column(usual: str, slip: str) -> None:
    """Ten cells that are sure outweigh one: what can be read either way is read as they are."""
    sure = "2.5" if usual == "1.234" else "2,5"
    found, reasons, (note,) = price([usual, *[sure] * 10, slip])
    assert found == pytest.approx([1.234, *[2.5] * 10, 3.5]) and not reasons
    assert "1 cell has a decimal" in note and repr(slip) in note


def test_a_model_reads_later_tables_as_it_read_its_own() -> None:
    """One row of 1,200 tells nothing: what the training table told holds, unless the new table says otherwise."""
    table = read_table({"price": ["3,5", "2"], "y": ["a", "b"]})
    schema = Schema.from_json(infer_schema(table, label="y", numeric=("price",)).to_json())

    def later(*values: str) -> list[float]:
        made = cells(read_table({"price": list(values)}), schema)["tabular"]
        assert isinstance(made, TabularCells)
        return made.numbers(np.arange(len(values)))[:, 0].tolist()

    assert later("1,200") == pytest.approx([1.2]) and later("1.200") == [1200]
    assert later("1,200", "2.5") == [1200, 2.5]


def test_a_label_column_is_read_as_a_whole_too() -> None:
    table = read_table({"y": ["3,5", "1,200", "2"], "t": ["a b", "b c", "c d"]})
    schema = infer_schema(table, label="y", text=("t",), target="number")
    found = read_target(table, schema, "number")
    np.testing.assert_array_equal(found.truth, [3.5, 1.2, 2])
    assert found.notes == ("column 'y': '1,200' is read as 1.2: the comma marks decimals, as in '3,5'",)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["0,5", "1,200"], "'1,200' is read as 1.2: the comma marks decimals, as in '0,5'"),
        (["0,5", "1.200"], "'1.200' is read as 1200: the comma marks decimals, as in '0,5'"),
        (["0,5", "7"], "'0,5' is read as 0.5: the comma marks decimals"),
    ],
)
def test_the_note_shows_what_could_be_misread(values: list[str], said: str) -> None:
    _, _, (note,) = price(values)
    assert note == f"column 'price': {said}"


def test_a_schema_with_another_mark_is_refused() -> None:
    with pytest.raises(TableError, match="decimal mark ';'"):
        Schema.from_json({"columns": [{"name": "a", "kind": "numeric", "role": "input", "decimal": ";"}]})


def written(number: float, decimals: int, comma: bool) -> str:
    """As Python groups it, or with the marks exchanged: an independent way to write what is read."""
    text = f"{number:,.{decimals}f}"
    return text.translate(str.maketrans(",.", ".,")) if comma else text


@given(
    st.lists(
        st.tuples(st.floats(-1e7, 1e7), st.integers(0, 4)).map(
            lambda pair: (round(pair[0], pair[1]), pair[1])
        ),
        min_size=1,
        max_size=8,
    ),
    st.booleans(),
)
def test_what_is_written_one_way_is_read_that_way(numbers: list[tuple[float, int]], comma: bool) -> None:
    """A cell with one decimal makes the column sure."""
    cells_of = [written(number, decimals, comma) for number, decimals in numbers] + [written(0.5, 1, comma)]
    found, reasons, _ = price(cells_of)
    assert not reasons
    np.testing.assert_allclose(found, [*(number for number, _ in numbers), 0.5], rtol=1e-6)
