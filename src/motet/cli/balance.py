"""`--balance KEY=VALUE`, as `train` and `compare` read it."""

from __future__ import annotations

from collections.abc import Sequence

from motet.errors import UsageError


def read_balance(said: Sequence[str]) -> dict[str, float]:
    """{key: number} of what was said; raises UsageError where it has another form, or a key stands twice."""
    read: dict[str, float] = {}
    for one in said:
        key, equals, value = one.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not equals or number != number:
            raise UsageError(f"--balance {one!r}: write KEY=NUMBER, for example auxiliary=0.3")
        if key in read:
            raise UsageError(f"--balance {key} is said twice")
        read[key] = number
    return read
