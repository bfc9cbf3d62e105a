"""Predictions to a file, window by window: CSV, Parquet or JSON Lines, one row out for each row in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

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
) -> int:
    """Write predictions; returns how many. The file appears only when all are written.

    Columns of CSV and Parquet: id, prediction, confidence, pattern, `probability_<class>` for each class, issue, and
    where they were asked for, set (a JSON list of classes), abstain, and `contribution_<modality>` for each modality of
    `explained`, null where a row lacks it.
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
            schema = _schema(classes, named, sets, abstains, explained)
            with _table_writer(unfinished, schema, path.suffix.lower()) as writer:
                for window in windows:
                    writer.write_batch(_batch(window, schema, classes, named, explained))
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


def _schema(
    classes: Sequence[str], named: bool, sets: bool, abstains: bool, explained: Sequence[str]
) -> pa.Schema:
    return pa.schema(
        [
            ("id", pa.string() if named else pa.int64()),
            ("prediction", pa.string()),
            ("confidence", pa.float64()),
            ("pattern", pa.string()),
            *((f"probability_{name}", pa.float64()) for name in classes),
            ("issue", pa.string()),
            *([("set", pa.string())] if sets else []),
            *([("abstain", pa.bool_())] if abstains else []),
            *((f"contribution_{name}", pa.float64()) for name in explained),
        ]
    )


def _batch(
    window: Sequence[Prediction],
    schema: pa.Schema,
    classes: Sequence[str],
    named: bool,
    explained: Sequence[str],
) -> pa.RecordBatch:
    columns = [
        [str(one.id) if named else one.id for one in window],
        [one.prediction for one in window],
        [one.confidence for one in window],
        [one.pattern for one in window],
        *([one.probabilities[name] for one in window] for name in classes),
        [one.issue for one in window],
    ]
    if "set" in schema.names:
        columns.append([json.dumps(one.classes, ensure_ascii=False) for one in window])
    if "abstain" in schema.names:
        columns.append([one.abstain for one in window])
    columns += [[(one.contributions or {}).get(name) for one in window] for name in explained]
    arrays = [pa.array(values, kind.type) for values, kind in zip(columns, schema, strict=True)]
    return pa.record_batch(arrays, schema=schema)
