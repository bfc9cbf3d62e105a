"""Every metric by the values of a column, the worst first, on one axis for all columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from motet.report.intervals import Axis, Line, drawn_line, drawn_metric, metric_columns, share_axis
from motet.report.reading import Tree, count, mapping, metrics_of, records
from motet.report.wording import words


@dataclass(frozen=True)
class SliceTable:
    """The slices of one column: its lines, the metrics they have, which is drawn, and on what axis."""

    column: str
    lines: tuple[Line, ...]
    columns: tuple[str, ...]
    drawn: str | None
    axis: Axis | None


def slice_tables(evaluation: Tree) -> list[SliceTable]:
    """Return a table for each sliced column; in it the slice with the lowest drawn metric first."""
    drawn = drawn_metric(evaluation)
    found = {
        str(column): lines
        for column, slices in mapping(evaluation.get("slices")).items()
        if (lines := _lines(slices, drawn))
    }
    scores = [line.metrics[drawn] for lines in found.values() for line in lines if drawn in line.metrics]
    # An interval of a few rows reaches from end to end: the axis holds the values, and cuts intervals.
    axis = share_axis([score.value for score in scores])
    return [
        SliceTable(
            column,
            tuple(drawn_line(line, drawn, axis) for line in lines),
            metric_columns(lines),
            drawn if axis else None,
            axis,
        )
        for column, lines in found.items()
    ]


def _lines(slices: object, drawn: str | None) -> Sequence[Line]:
    read = [
        Line(words(part.get("name")), False, count(part.get("n")), metrics_of(part))
        for part in records(slices)
    ]

    def rank(line: Line) -> tuple[bool, float]:
        score = line.metrics.get(drawn) if drawn else None
        return (score is None, 0.0 if score is None else score.value)

    return sorted(read, key=rank)
