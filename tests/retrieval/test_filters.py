"""Filters in words: against Python's own comparisons, and all that is refused."""

from __future__ import annotations

import contextlib
import datetime
import operator
import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
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
        ("price = true", "true cannot be compared with price"),
        ("price like 'X%'", "does not fit the columns"),
        ("price = null", "a value is wanted"),
        ("price = 0x10", "language"),
        ("brand like '\udcff'", "no text"),
        ("brand = '\udcff'", "no text"),
        ("stock = 1e99999999999999999999", "cannot be compared"),
        ("day < 5", "5 cannot be compared with day"),
        ("day < true", "true cannot be compared with day"),
        ('price = "true"', "a value is wanted"),
        ("(" * 100 + "price = 5" + ")" * 100, "nested deeper"),
        ("not " * 100 + "price = 5", "nested deeper"),
        ("price = 5 or " * 2000 + "price = 5", "at most 10000"),
    ],
)
def test_what_is_refused(text, said):
    with pytest.raises(UsageError, match=said):
        passing(TABLE, text)


SIGNS = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

DAY = datetime.datetime(
    2024, 3, 31, 0, 30, tzinfo=datetime.UTC
)  # the clocks of Berlin go on an hour, at 1:00
EXACT = pa.table(
    {
        "tiny": pa.array([-128, 0, 127, None], pa.int8()),
        "whole": pa.array([-(2**63), 2**53 + 1, 2**63 - 1, None]),
        "natural": pa.array([0, 5, 2**64 - 1, None], pa.uint64()),
        "half": pa.array([-1.5, 2, np.inf, None], pa.float16()),
        "single": pa.array([-1.5, 2.0**24, np.nan, None], pa.float32()),
        "double": pa.array([0.1, 2.0**53, np.inf, np.nan]),
        "money": pa.array([Decimal("-1.50"), Decimal("12.34"), Decimal("99999999.99"), None], pa.decimal128(10, 2)),
        "long": pa.array([Decimal("-1.50"), Decimal("12.34"), Decimal(10) ** 40, None], pa.decimal256(60, 2)),
        "code": pa.array([5, 7, 5, None]).dictionary_encode(),
    }
)  # fmt: skip
LITERALS = (
    st.integers(-(2**65), 2**65).map(str)
    | st.sampled_from([-129, -128, 127, 128, 2**24, 2**24 + 1, 2**53 + 1, 2**63 - 1, 2**63, 2**64]).map(str)
    | st.integers(-20, 20).map(str)
    | st.decimals(-200, 200, places=3).map(str)
    | st.sampled_from(["1.505", "12.34", "-1.5", "0.1", "99999999.99", "99999999.995", "2.0", "5."])
    | st.sampled_from(["1e400", "-1e400", "1e40"])
)


def said_number(written, column):
    """What was written, exactly; where a column holds doubles, a number with a point is a double too."""
    if pa.types.is_floating(EXACT.field(column).type) and not written.lstrip("-").isdigit():
        nearest = float(written)
        return Fraction(nearest) if np.isfinite(nearest) else Fraction(Decimal(written))
    return Fraction(Decimal(written))


@given(st.sampled_from(EXACT.column_names), st.sampled_from(sorted(SIGNS)), LITERALS, st.booleans())
def test_numbers_of_every_kind_are_compared_without_rounding(column, sign, written, turned):
    text = f"not {column} {sign} {written}" if turned else f"{column} {sign} {written}"
    expected = []
    for value in EXACT[column].to_pylist():
        if value is None:
            expected.append(False)
            continue
        exactly = value if isinstance(value, float) and not np.isfinite(value) else Fraction(value)
        expected.append(bool(SIGNS[sign](exactly, said_number(written, column)) != turned))
    assert passing(EXACT, text).tolist() == expected


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        # half past midnight in UTC is half past one in Berlin
        ("at = '2024-03-31 01:30'", [0]),
        ("at < '2024-03-31 03:00'", [0]),
        ("at >= '2024-03-31 03:00'", [1]),
        ("at = '2024-03-31T01:00+00:00'", [1]),
        ("at >= '2024-04-01'", []),
        ("plain = '2024-03-31 00:30:00'", [0, 1]),
    ],
)
def test_times_are_those_of_the_columns_zone(text, rows):
    hours = [DAY, DAY + datetime.timedelta(minutes=30)]
    table = pa.table(
        {
            "at": pa.array(hours, pa.timestamp("ms", "Europe/Berlin")),
            "plain": pa.array([DAY.replace(tzinfo=None)] * 2),
        }
    )
    assert [row for row, passes in enumerate(passing(table, text)) if passes] == rows
    for refused in ("at < '2024-03-31 02:30'", "plain < '2024-03-31 02:30+01:00'", "at < 'noon'"):
        with pytest.raises(UsageError, match="cannot be compared"):  # no clock shows it; no zone; no time
            passing(table, refused)


@given(
    st.lists(st.none() | st.text("ab%_\\\n红", max_size=4), min_size=1, max_size=6),
    st.text("ab%_\\\n红", max_size=5),
    st.booleans(),
)
def test_patterns_are_those_of_a_slow_reference(values, pattern, categories):
    """Also of categories, of which one may stand for an absent value."""
    column = pa.array(values, pa.string())
    table = pa.table({"s": column.dictionary_encode("encode") if categories else column})
    regex = "".join(
        re.escape(part[-1:]) if len(part) == 2 or part not in ("%", "_") else {"%": ".*", "_": "."}[part]
        for part in re.findall(r"\\[%_\\]|[^%_]|[%_]", pattern, re.DOTALL)
    )
    expected = [value is not None and bool(re.fullmatch(regex, value, re.DOTALL)) for value in values]
    assert passing(table, f"s like '{pattern}'").tolist() == expected
    other = [value is not None and not found for value, found in zip(values, expected, strict=True)]
    assert passing(table, f"s not like '{pattern}'").tolist() == other
    assert passing(table, "s is null").tolist() == [value is None for value in values]


@given(st.text(max_size=40) | st.text("pricestock bandor()=<>!'\"%0.5,notinlike", max_size=40))
def test_any_text_is_a_filter_or_a_usage_error(text):
    with contextlib.suppress(UsageError):
        passing(TABLE, text)


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
