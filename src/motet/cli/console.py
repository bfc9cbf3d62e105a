"""What a command prints: one JSON object or tables on stdout; progress and messages on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from typing import Any, Literal

from rich.console import Console
from rich.table import Table


def message(text: str) -> None:
    """Print one line to stderr."""
    print(text, file=sys.stderr, flush=True)


def counted(number: int, noun: str) -> str:
    """A number and what it counts: "1 row", "1,050 rows"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: Sequence[str], most: int = 10) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more


def print_json(value: Any) -> None:
    """Print `value` as the one JSON object of a `--json` call; NaN and infinities are null."""
    print(json.dumps(_finite(value), ensure_ascii=not _prints("台"), indent=1))


def bar(share: float, width: int = 30) -> str:
    """A bar of this share of `width` characters, of what the terminal can print."""
    return ("█" if _prints("█") else "#") * round(width * share)


def shortened(name: str, length: int = 60) -> str:
    """A name of at most so many characters, of one line."""
    line = " ".join(name.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, left: Sequence[str] = ()
) -> None:
    """Print a table to stdout; the first column and those in `left` are left-aligned, the others right."""
    table = Table(show_edge=False, pad_edge=False)
    for number, name in enumerate(columns):
        aligned: Literal["left", "right"] = "left" if number == 0 or name in left else "right"
        table.add_column(name, justify=aligned, overflow="fold")
    for row in rows:
        table.add_row(*[str(cell) for cell in row])
    # a pipe has no width: rows there are long rather than folded
    console = Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 160)
    if title:
        console.print(title, soft_wrap=True)
    console.print(table)


def _prints(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
