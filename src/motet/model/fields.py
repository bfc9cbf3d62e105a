"""Values of a JSON file, asked for by name and type: what is wrong is said with the file and the key."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

from motet.data.table import excerpt
from motet.errors import ModelError


class Fields:
    """One object of a JSON file: `Fields(data, "model/motet.json")["sources"]["text:lexical"].text("encoder")`.

    Every method raises ModelError where the value is not there or of another type; `name` may be a key, or a
    number where the value stands in a list.
    """

    def __init__(self, data: Any, file: str, key: str = "") -> None:
        if not isinstance(data, dict):
            raise _wrong(file, key, data, "an object")
        self.data: dict[str, Any] = data
        self.file = file
        self.key = key

    def __getitem__(self, name: str) -> Fields:
        return Fields(self._value(name), self.file, self._path(name))

    def objects(self, name: str) -> dict[str, Fields]:
        """An object whose values are objects."""
        inner = self[name]
        return {each: inner[each] for each in inner.data}

    def listed(self, name: str) -> list[Fields]:
        """A list of objects."""
        values = self._list(name, "a list of objects")
        return [Fields(value, self.file, f"{self._path(name)}[{n}]") for n, value in enumerate(values)]

    def text(self, name: str, among: Collection[str] | None = None) -> str:
        """Text; where `among` is given, one of those."""
        value = self._value(name)
        if not isinstance(value, str) or (among is not None and value not in among):
            raise self.wrong(name, "text" if among is None else f"one of {', '.join(among) or 'none'}")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        values = self._list(name, "a list of texts")
        if not all(isinstance(value, str) for value in values):
            raise self.wrong(name, "a list of texts")
        return tuple(values)

    def mapping(self, name: str) -> dict[str, str]:
        """An object whose values are texts."""
        inner = self[name]
        return {each: inner.text(each) for each in inner.data}

    def number(self, name: str) -> float:
        """A finite number."""
        value = self._value(name)
        if not _is_number(value):
            raise self.wrong(name, "a finite number")
        return float(value)

    def numbers(self, name: str) -> tuple[float, ...]:
        """A list of finite numbers."""
        values = self._list(name, "a list of finite numbers")
        if not all(map(_is_number, values)):
            raise self.wrong(name, "a list of finite numbers")
        return tuple(map(float, values))

    def numbers_or_null(self, name: str) -> tuple[float | None, ...]:
        """A list of finite numbers, some of which may be null."""
        values = self._list(name, "a list of finite numbers or nulls")
        if not all(value is None or _is_number(value) for value in values):
            raise self.wrong(name, "a list of finite numbers or nulls")
        return tuple(None if value is None else float(value) for value in values)

    def whole(self, name: str) -> int:
        """A whole number, 0 or more."""
        value = self._value(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.wrong(name, "a whole number from 0")
        return value

    def only(self, *names: str) -> Fields:
        """Itself, after a look whether it has other keys than these, which another version might understand."""
        for name in self.data:
            if name not in names:
                raise ModelError(f"{self.file}: {self._path(name)} is not known to this version of motet")
        return self

    def wrong(self, name: str, wanted: str) -> ModelError:
        """An error that says what stands under a key, and what should."""
        return _wrong(self.file, self._path(name), self._value(name), wanted)

    def _value(self, name: str) -> Any:
        if name not in self.data:
            raise ModelError(f"{self.file}: {self._path(name)} is missing: copy the model directory again")
        return self.data[name]

    def _list(self, name: str, wanted: str) -> list[Any]:
        value = self._value(name)
        if not isinstance(value, list):
            raise self.wrong(name, wanted)
        return value

    def _path(self, name: str) -> str:
        return f"{self.key}.{name}" if self.key else name


def _is_number(value: Any) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False


def _wrong(file: str, key: str, value: Any, wanted: str) -> ModelError:
    where = f"{file}: {key}" if key else file
    return ModelError(f"{where} is {excerpt(repr(value))}, not {wanted}: copy the model directory again")
