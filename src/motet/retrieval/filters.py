"""Filters in words: `price < 500 and brand in ('X', 'Y')` becomes an expression of Arrow. Nothing is evaluated as code.

```
either     = both {"or" both}
both       = inverse {"and" inverse}
inverse    = "not" inverse | "(" either ")" | condition
condition  = name ("=" | "!=" | "<>" | "<" | "<=" | ">" | ">=") value
           | name ["not"] "in" "(" value {"," value} ")"
           | name ["not"] "like" 'pattern'          % any letters, _ one letter; \\ before them: themselves
           | name "is" ["not"] "null"
name       = letters, digits and _ of any script, or "any text" ("" for one quotation mark)
value      = 'text' ('' for one apostrophe) | number | true | false
```

Words of the grammar may be written large or small. As in SQL, a comparison with an absent value is neither true nor
false, so that neither it nor its `not` lets a row pass. Numbers are compared as they are written, with columns of any
kind of number; a date or time without an offset from UTC is one of the column's time zone, where it has one.
"""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from motet.errors import UsageError
from motet.retrieval.filter_values import NUMBER, Value, comparable, compare, like

LONGEST = 10_000
DEEPEST = 50
WORDS = {"and", "or", "not", "in", "like", "is", "null", "true", "false"}
TRUTH = (("word", "true"), ("word", "false"))
SIGNS = ("=", "!=", "<>", "<", "<=", ">", ">=")
TOKEN = re.compile(
    rf"""\s*(?:
    (?P<text>'(?:[^']|'')*') | (?P<quoted>"(?:[^"]|"")+") |
    (?P<number>{NUMBER}(?![\w.])) |
    (?P<name>[^\W\d]\w*) | (?P<sign><=|>=|!=|<>|[=<>(),])
    )""",
    re.VERBOSE,
)


def parse_filter(text: str, schema: pa.Schema | None = None) -> pc.Expression:
    """The expression that a filter says.

    schema : the columns that it may name; values are then turned into the type of their column (dates too).
    UsageError where the text is not of the grammar above (with the place), names no column, or compares what cannot be.
    """
    if len(text) > LONGEST:
        raise UsageError(f"filter: {len(text)} characters, at most {LONGEST} are read")
    if not text.isascii() and any("\ud800" <= one <= "\udfff" for one in text):
        raise UsageError(f"filter: holds bytes that are no text: {text[:80]!a}")
    return _Parser(text, schema).parse()


def columns_of(text: str) -> list[str]:
    """The columns that a filter names, in its order; UsageError as in `parse_filter`."""
    parser = _Parser(text, None)
    parser.parse()
    return list(dict.fromkeys(parser.named))


def passing(table: pa.Table, where: str | pc.Expression) -> npt.NDArray[np.bool_]:
    """Which rows of a table a filter lets pass [rows]; UsageError where it does not fit the table."""
    import pyarrow.dataset  # takes longer to import than all else here, and opening an index needs none of it

    expression = parse_filter(where, table.schema) if isinstance(where, str) else where
    try:
        answer = pyarrow.dataset.dataset(table).to_table(columns={"passes": expression}).column("passes")
        mask: npt.NDArray[np.bool_] = pc.fill_null(answer.cast(pa.bool_()), False).to_numpy()
    except (pa.ArrowException, TypeError) as error:
        raise UsageError(f"filter: does not fit the columns of the index: {error}") from error
    return mask


class _Token(NamedTuple):
    kind: str  # text, name, number, sign, word, end
    value: str
    place: int


class _Parser:
    def __init__(self, text: str, schema: pa.Schema | None) -> None:
        self.text, self.schema = text, schema
        self.tokens = self._read()
        self.next = 0
        self.depth = 0
        self.named: list[str] = []

    def parse(self) -> pc.Expression:
        expression = self._either()
        if self._token.kind != "end":
            self._fail("and, or, or the end is wanted")
        return expression

    def _read(self) -> list[_Token]:
        tokens, place, end = [], 0, len(self.text.rstrip())
        while place < end:
            match = TOKEN.match(self.text, place)
            if match is None or match.lastgroup is None:
                start = place + len(self.text[place:]) - len(self.text[place:].lstrip())
                raise self._error(start, "this is not of a filter's language")
            kind, value, start = match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)
            if kind == "text":
                value = value[1:-1].replace("''", "'")
            elif kind == "quoted":
                kind, value = "name", value[1:-1].replace('""', '"')
            elif kind == "name" and value.lower() in WORDS:
                kind, value = "word", value.lower()
            tokens.append(_Token(kind, value, start))
            place = match.end()
        return [*tokens, _Token("end", "", end)]

    @property
    def _token(self) -> _Token:
        return self.tokens[self.next]

    def _take(self) -> _Token:
        token = self._token
        self.next += 1
        return token

    def _accept(self, value: str) -> bool:
        if self._token.kind in ("word", "sign") and self._token.value == value:
            self.next += 1
            return True
        return False

    def _expect(self, value: str) -> None:
        if not self._accept(value):
            self._fail(f"{value} is wanted")

    def _either(self) -> pc.Expression:
        expression = self._both()
        while self._accept("or"):
            expression = expression | self._both()
        return expression

    def _both(self) -> pc.Expression:
        expression = self._inverse()
        while self._accept("and"):
            expression = expression & self._inverse()
        return expression

    def _inverse(self) -> pc.Expression:
        self.depth += 1
        if self.depth > DEEPEST:
            self._fail(f"nested deeper than {DEEPEST}")
        if self._accept("not"):
            expression = ~self._inverse()
        elif self._accept("("):
            expression = self._either()
            self._expect(")")
        else:
            expression = self._condition()
        self.depth -= 1
        return expression

    def _condition(self) -> pc.Expression:
        if self._token.kind != "name":
            self._fail("the name of a column is wanted")
        name = self._name()
        field, kind = self._column(name)
        if self._accept("is"):
            absent = not self._accept("not")
            self._expect("null")
            return field.is_null() if absent else field.is_valid()
        turned = self._accept("not")
        if self._accept("in"):
            expression = self._in(field, name, kind)
        elif self._accept("like"):
            if self._token.kind != "text":
                self._fail("a pattern in '...' is wanted")
            expression = like(field, self._take().value)
        elif turned:
            self._fail("in or like is wanted")
        elif self._token.kind == "sign" and self._token.value in SIGNS:
            return self._compared(field, self._take().value, name, kind)
        else:
            self._fail("a comparison is wanted: = != < <= > >= in like is")
        return ~expression if turned else expression

    def _in(self, field: pc.Expression, name: str, kind: pa.DataType | None) -> pc.Expression:
        self._expect("(")
        # equalities rather than Arrow's is_in, for which an absent value is not in the list
        expression = self._compared(field, "=", name, kind)
        while self._accept(","):
            expression = expression | self._compared(field, "=", name, kind)
        self._expect(")")
        return expression

    def _column(self, name: str) -> tuple[pc.Expression, pa.DataType | None]:
        return comparable(pc.field(name), None if self.schema is None else self.schema.field(name).type)

    def _name(self) -> str:
        token = self._take()
        if self.schema is not None and token.value not in self.schema.names:
            columns = ", ".join(self.schema.names)
            raise self._error(token.place, f"no column {token.value!r}; there are {columns or 'none'}")
        self.named.append(token.value)
        return token.value

    def _compared(
        self, field: pc.Expression, sign: str, name: str, kind: pa.DataType | None
    ) -> pc.Expression:
        token = self._take()
        if token.kind not in ("text", "number") and (token.kind, token.value) not in TRUTH:
            raise self._error(token.place, "a value is wanted: 'text', a number, true or false")
        try:
            return compare(field, sign, Value(token.kind, token.value), kind)
        except (pa.ArrowException, ArithmeticError, ValueError) as error:
            what = token.value if token.kind != "text" else f"'{token.value}'"
            of = f", a column of {kind}" if kind is not None else f": {error}"
            raise self._error(token.place, f"{what} cannot be compared with {name}{of}") from error

    def _fail(self, wanted: str) -> NoReturn:
        raise self._error(self._token.place, wanted)

    def _error(self, place: int, what: str) -> UsageError:
        begin = max(0, place - 40)
        around = self.text[begin : place + 40].replace("\n", " ")
        return UsageError(
            f"filter: {what}, at character {place + 1}:\n  {around}\n  {' ' * (place - begin)}^"
        )
