"""What a filter compares with: a value in words becomes one of its column's own kind, and nothing is rounded.

Arrow brings two kinds of number to one before it compares them, rounds on the way, or refuses. So the column stays what
it is, and a number becomes the greatest of the column's kind that is not above it: of whole numbers, `x < 2.5` says
`x <= 2`.
"""

from __future__ import annotations

import math
import re
from decimal import ROUND_FLOOR, Context, Decimal
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
EXACT = Context(prec=100)  # more digits than a column of any kind holds
LIKE_PART = re.compile(r"\\[%_\\]|.", re.DOTALL)
WILD = {"%": ".*", "_": "."}


class Value(NamedTuple):
    """A value as the filter has it: `kind` is text, number, or word (true or false)."""

    kind: str
    written: str


def comparable(field: pc.Expression, kind: pa.DataType | None) -> tuple[pc.Expression, pa.DataType | None]:
    """A column as values are compared with it, and its kind: categories as what they stand for, small floats wider."""
    if kind is None:
        return field, None
    wider = kind
    if pa.types.is_dictionary(kind):
        wider = kind.value_type
    if pa.types.is_float16(wider) or pa.types.is_float32(wider):
        wider = pa.float64()
    if str(wider) == "string_view":
        wider = pa.large_string()
    return (field, kind) if wider == kind else (field.cast(wider), wider)


def compare(field: pc.Expression, sign: str, value: Value, kind: pa.DataType | None) -> pc.Expression:
    """The comparison of a column of this kind (None: unknown) with a value.

    ValueError, ArithmeticError or ArrowException where it means nothing.
    """
    if kind is None:
        return _signed(field, sign, pa.scalar(_plain(value)))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        if value.kind == "word" or not re.fullmatch(NUMBER, value.written):
            raise ValueError("not a number")
        return _number(field, sign, value.written, kind)
    if (value.kind == "word") != pa.types.is_boolean(kind) or value.kind == "number":
        raise ValueError("another kind of value")
    return _signed(field, sign, _typed(_plain(value), kind))


def like(field: pc.Expression, pattern: str) -> pc.Expression:
    r"""Whether text is of a pattern; a backslash says itself but before %, _ and another, which it makes plain."""
    if "\\" not in pattern:
        return pc.match_like(field, pattern)
    # Arrow's own takes a backslash for two things, by whether the pattern is a beginning alone
    parts = (WILD.get(part) or re.escape(part[-1]) for part in LIKE_PART.findall(pattern))
    return pc.match_substring_regex(field, f"(?s)^{''.join(parts)}$")


def _plain(value: Value) -> str | int | float | bool:
    if value.kind == "text":
        return value.written
    if value.kind == "word":
        return value.written == "true"
    number = float(value.written) if re.search("[.eE]", value.written) else int(value.written)
    if number in (math.inf, -math.inf):
        raise ValueError("beyond all numbers of a computer")
    return number


def _typed(value: str | int | float | bool, kind: pa.DataType) -> pa.Scalar:
    scalar = pa.scalar(value)
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        try:
            return scalar.cast(kind)
        except pa.ArrowInvalid:  # without an offset from UTC: the time of the column's own zone
            return pc.assume_timezone(scalar.cast(pa.timestamp(kind.unit)), kind.tz)
    return scalar.cast(kind)


def _signed(field: pc.Expression, sign: str, scalar: pa.Scalar) -> pc.Expression:
    match sign:
        case "=":
            return field == scalar
        case "<":
            return field < scalar
        case "<=":
            return field <= scalar
        case ">":
            return field > scalar
        case ">=":
            return field >= scalar
        case _:
            return field != scalar


class _Floor(NamedTuple):
    """The greatest value of a column's kind that is not above a number; `exact` where it is that number.

    `below` where all values of the kind are above it: `value` is then the least of them.
    """

    value: Decimal | float
    exact: bool = False
    below: bool = False


def _number(field: pc.Expression, sign: str, written: str, kind: pa.DataType) -> pc.Expression:
    floor = _float_floor(written) if pa.types.is_floating(kind) else _grid_floor(Decimal(written), kind)
    scalar = pa.scalar(int(floor.value) if pa.types.is_integer(kind) else floor.value, kind)
    if floor.exact:
        return _signed(field, sign, scalar)
    never = (field < scalar) & (field > scalar)  # and null for null, as any comparison
    if sign in ("=", "!=", "<>"):
        return never if sign == "=" else ~never
    if floor.below:
        return never if sign in ("<", "<=") else ~never
    return field <= scalar if sign in ("<", "<=") else field > scalar


def _float_floor(written: str) -> _Floor:
    """Of doubles. One with a point or an exponent is the double nearest to it, as everywhere; whole ones are exact."""
    number, whole = float(written), Decimal(written)
    if math.isfinite(number) and (re.search("[.eE]", written) or Decimal(number) == whole):
        return _Floor(number, exact=True)
    return _Floor(math.nextafter(number, -math.inf) if number > whole else number)


def _grid_floor(number: Decimal, kind: pa.DataType) -> _Floor:
    """Of whole numbers or decimals, which lie on a grid with two ends."""
    if pa.types.is_integer(kind):
        bits, signed = kind.bit_width, pa.types.is_signed_integer(kind)
        step = Decimal(1)
        least, greatest = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    else:
        step = Decimal(1).scaleb(-kind.scale)
        greatest = 10**kind.precision - 1
        least = -greatest
    low, high = (EXACT.multiply(Decimal(end), step) for end in (least, greatest))
    if number < low:
        return _Floor(low, below=True)
    if number > high:
        return _Floor(high)
    floor = number.quantize(step, ROUND_FLOOR, EXACT)
    return _Floor(floor, exact=floor == number)
