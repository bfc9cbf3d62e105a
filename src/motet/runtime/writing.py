"""Predictions to a file, window by window: CSV, Parquet or JSON Lines, one row out for each row in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from motet.data import TargetKind
from motet.errors import UsageError
from motet.runtime.prediction import Prediction

FORMATS = (".csv", ".parquet", ".jsonl")
PAGES = (".html", ".htm")
# What makes a spreadsheet take a CSV cell for a formula, also in full width.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


class _Writer(Protocol):
    def write_batch(self, batch: pa.RecordBatch) -> None: ...


def check_output(path: Path, *inputs: str | Path | None, suffixes: Sequence[str] = FORMATS) -> None:
    """Raise UsageError where a file cannot be written under this name, or where it would replace one of `inputs`."""
    if path.suffix.lower() not in suffixes:
        raise UsageError(f"{path}: give the output a name that ends in {' or '.join(suffixes)}")
    if any(one is not None and path.resolve() == Path(one).resolve() for one in inputs):
        raise UsageError(f"{path}: is the input, and would be replaced: give the output another name")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent}")


def formula_cells(one: Prediction) -> list[tuple[str, str]]:
    """(column, value) of the cells of an answer's CSV row that a spreadsheet would run as formulas.

    They are written as they are, since ids and classes must come back as they went in; numbers such as -5 do no harm.
    """
    cells = (("id", one.id), ("prediction", one.prediction), ("issue", one.issue))
    return [
        (column, value)
        for column, value in cells
        if isinstance(value, str) and value.startswith(FORMULA) and not _is_number(value)
    ]


def write_predictions(
    path: Path,
    windows: Iterable[Sequence[Prediction]],
    classes: Sequence[str],
    *,
    named: bool,
    sets: bool = False,
    abstains: bool = False,
    explained: Sequence[str] = (),
    kind: TargetKind = "class",
) -> int:
    """Write predictions; returns how many. The file appears only when all are written.

    Columns of CSV and Parquet: id, prediction, confidence, pattern, `probability_<class>` for each class, issue, and
    where they were asked for, set (a JSON list of classes), abstain, and `contribution_<modality>` for each modality of
    `explained`, null where a row lacks it. Of numbers: id, prediction, pattern, issue, and where they were asked for,
    low and high of the interval, and contributions. Of labels: id, prediction (a JSON list), pattern, the
    probabilities, issue, and contributions (JSON objects by label).
    named : ids come from a column of the table, and are text; else they are row numbers.
    """
    check_output(path)
    unfinished = path.with_name(f".{path.name}.unfinished")
    rows = 0
    try:
        if path.suffix.lower() == ".jsonl":
            with unfinished.open("w", encoding="utf-8") as file:
                for window in windows:
                    for one in window:
                        file.write(json.dumps(one.to_json(), ensure_ascii=False) + "\n")
                    rows += len(window)
        else:
            columns = _columns(classes, named, sets, abstains, explained, kind)
            schema = pa.schema([(column.name, column.type) for column in columns])
            with _table_writer(unfinished, schema, path.suffix.lower()) as writer:
                for window in windows:
                    arrays = [pa.array([column.of(one) for one in window], column.type) for column in columns]
                    writer.write_batch(pa.record_batch(arrays, schema=schema))
                    rows += len(window)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return rows


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@contextmanager
def _table_writer(path: Path, schema: pa.Schema, suffix: str) -> Iterator[_Writer]:
    maker = pa.csv.CSVWriter if suffix == ".csv" else pa.parquet.ParquetWriter
    with maker(str(path), schema) as writer:
        yield writer


class _Column(NamedTuple):
    name: str
    type: pa.DataType
    of: Callable[[Prediction], Any]


def _columns(
    classes: Sequence[str],
    named: bool,
    sets: bool,
    abstains: bool,
    explained: Sequence[str],
    kind: TargetKind,
) -> list[_Column]:
    identity = (
        _Column("id", pa.string(), lambda one: str(one.id))
        if named
        else _Column("id", pa.int64(), lambda one: one.id)
    )
    pattern = _Column("pattern", pa.string(), lambda one: one.pattern)
    issue = _Column("issue", pa.string(), lambda one: one.issue)
    share = pa.string() if kind == "labels" else pa.float64()
    shares = [_Column(f"contribution_{name}", share, _contribution(name)) for name in explained]
    if kind == "number":
        number = _Column("prediction", pa.float64(), lambda one: one.prediction)
        ends = [_Column(name, pa.float64(), _end(at)) for at, name in enumerate(("low", "high"))]
        return [identity, number, pattern, issue, *(ends if sets else []), *shares]
    probabilities = [_Column(f"probability_{name}", pa.float64(), _probability(name)) for name in classes]
    if kind == "labels":
        given = _Column("prediction", pa.string(), lambda one: json.dumps(one.prediction, ensure_ascii=False))
        return [identity, given, pattern, *probabilities, issue, *shares]
    made = [
        identity,
        _Column("prediction", pa.string(), lambda one: one.prediction),
        _Column("confidence", pa.float64(), lambda one: one.confidence),
        pattern,
        *probabilities,
        issue,
    ]
    if sets:
        made.append(_Column("set", pa.string(), lambda one: json.dumps(one.classes, ensure_ascii=False)))
    if abstains:
        made.append(_Column("abstain", pa.bool_(), lambda one: one.abstain))
    return [*made, *shares]


def _contribution(name: str) -> Callable[[Prediction], float | str | None]:
    def of(one: Prediction) -> float | str | None:
        share = (one.contributions or {}).get(name)
        return json.dumps(share, ensure_ascii=False) if isinstance(share, dict) else share

    return of


def _end(at: int) -> Callable[[Prediction], float | None]:
    return lambda one: None if one.interval is None else one.interval[at]


def _probability(name: str) -> Callable[[Prediction], float | None]:
    return lambda one: None if one.probabilities is None else one.probabilities[name]
