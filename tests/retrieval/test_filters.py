"""Filters in words: against Python's own comparisons, and all that is refused."""

from __future__ import annotations

import contextlib
import datetime
import operator

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motet.errors import UsageError
from motet.retrieval.filters import parse_filter, passing

TABLE = pa.table(
    {
        "price": [5.0, 500.0, None, 50.0],
        "stock": [1, 2, 3, None],
        "brand": ["X", "it's", None, "Xylo"],
        "品牌": ["红", "蓝", "红星", "绿"],
        "a b": [True, False, None, True],
        "or": ["1", "2", "3", "4"],
        "day": [datetime.date(2024, 1, n) for n in (1, 2, 3, 4)],
        "kind": pa.array(["a", "b", "a", None]).dictionary_encode(),
    }
)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("price < 500", [0, 3]),
        ("price<=500", [0, 1, 3]),
        ("price != 5", [1, 3]),
        ("price <> 5", [1, 3]),
        ("not price = 5", [1, 3]),
        ("price > 1e1 and price < 5.1e2", [1, 3]),
        ("price >= +50 AND stock = 2", [1]),
        ("stock > -1", [0, 1, 2]),
        ("stock < 2.5", [0, 1]),
        ("price is null", [2]),
        ("price IS NOT NULL", [0, 1, 3]),
        ("brand = 'it''s'", [1]),
        ("brand in ('X', 'Xylo')", [0, 3]),
        ("brand not in ('X')", [1, 3]),
        ("not brand in ('X')", [1, 3]),
        ("brand like 'X%'", [0, 3]),
        ("brand like 'X_lo'", [3]),
        ("brand not like 'X%'", [1]),
        ("品牌 = '红'", [0]),
        ("品牌 like '红%' or 品牌 = '绿'", [0, 2, 3]),
        ("\"品牌\" = '蓝'", [1]),
        ('"a b" = true', [0, 3]),
        ("\"or\" = '2'", [1]),
        ("day < '2024-01-03'", [0, 1]),
        ("kind = 'a'", [0, 2]),
        # and binds closer than or, not closer than and
        ("price = 5 or price = 500 and stock = 9", [0]),
        ("(price = 5 or price = 500) and stock = 2", [1]),
        ("not price = 5 and stock = 2", [1]),
        ("not (price = 5 or stock = 2)", []),
    ],
)
def test_what_passes(text, rows):
    assert [row for row, passes in enumerate(passing(TABLE, text)) if passes] == rows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "name of a column is wanted, at character 1"),
        ("price", "a comparison is wanted"),
        ("price <", "a value is wanted"),
        ("price < 5 5", "and, or, or the end is wanted, at character 11"),
        ("price < brand", "a value is wanted"),
        ("price = 5 or", "name of a column"),
        ("(price = 5", r"\) is wanted"),
        ("brand in ()", "a value is wanted"),
        ("brand in ('X'", r"\) is wanted"),
        ("brand like 5", "a pattern in"),
        ("brand = 'X", "not of a filter's language, at character 9"),
        ("cost < 5", "no column 'cost'; there are price, stock"),
        ("__import__('os').system('true')", "not of a filter's language, at character 17"),
        ("price < 5; drop table x", "not of a filter's language, at character 10"),
        ("price.__class__ = 5", "not of a filter's language"),
        ("price < 'cheap'", "'cheap' cannot be compared with price"),
        ("brand < 5", "5 cannot be compared with brand"),
        ("day < 'soon'", "'soon' cannot be compared with day"),
        ("price = true", "True cannot be compared with price"),
        ("price like 'X%'", "does not fit the columns"),
        ("price = null", "a value is wanted"),
        ("price = 0x10", "language"),
        ("stock = 99999999999999999999999", "cannot be compared"),
        ("(" * 100 + "price = 5" + ")" * 100, "nested deeper"),
        ("not " * 100 + "price = 5", "nested deeper"),
        ("price = 5 or " * 2000 + "price = 5", "at most 10000"),
    ],
)
def test_what_is_refused(text, said):
    with pytest.raises(UsageError, match=said):
        passing(TABLE, text)


@given(st.text(max_size=40) | st.text("pricestock bandor()=<>!'\"%0.5,notinlike", max_size=40))
def test_any_text_is_a_filter_or_a_usage_error(text):
    with contextlib.suppress(UsageError):
        passing(TABLE, text)


SIGNS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def formulas():
    """Filters beside what they say of a row: True, False or None."""
    leaf = st.tuples(
        st.sampled_from(["price", "stock"]), st.sampled_from(sorted(SIGNS)), st.integers(-2, 600)
    ).map(
        lambda one: (
            f"{one[0]} {one[1]} {one[2]}",
            lambda row: None if row[one[0]] is None else SIGNS[one[1]](row[one[0]], one[2]),
        )
    )

    def joined(parts):
        word, (a, of_a), (b, of_b) = parts
        strong = word == "or"  # the value that decides alone

        def of(row):
            values = {of_a(row), of_b(row)}
            return strong if strong in values else None if None in values else not strong

        return f"({a}) {word} ({b})", of

    def turned(part):
        text, of = part
        return f"not ({text})", lambda row: None if of(row) is None else not of(row)

    return st.recursive(
        leaf,
        lambda inner: st.tuples(st.sampled_from(["and", "or"]), inner, inner).map(joined) | inner.map(turned),
        max_leaves=6,
    )


@given(formulas())
def test_logic_of_three_values_is_that_of_sql(formula):
    text, of = formula
    assert passing(TABLE, text).tolist() == [of(row) is True for row in TABLE.to_pylist()]


def test_without_columns_a_filter_is_an_expression_all_the_same():
    assert str(parse_filter("price < 5")) == "(price < 5)"
