"""`motet predict` of a table: answers to a file, and what is to be said of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motet.data import Table
    from motet.runtime import Model, Prediction, ZeroShot


def predict_table(
    model: Model | ZeroShot,
    table: str | Table,
    output: Path,
    image_root: Path | None,
    asked: dict[str, float | None],
    explain: bool,
    json: bool,
) -> None:
    """Answer the rows of a table in order, write them, and tell what was odd."""
    from collections import Counter
    from collections.abc import Iterator

    from motet.cli.console import counted, message, print_json
    from motet.runtime.writing import formula_cells, write_predictions

    read = model.read(table, image_root=image_root)
    for note in read.notes:
        message(f"note: {note}")
    patterns: Counter[str] = Counter()
    issues: list[dict[str, object]] = []
    formulas: dict[str, str] = {}  # the first of each column

    def watched() -> Iterator[list[Prediction]]:
        for window in model.predict_windows(read, **asked, explain=explain):
            patterns.update(one.pattern for one in window)
            issues.extend({"id": one.id, "issue": one.issue} for one in window if one.issue)
            if output.suffix.lower() == ".csv":
                for one in window:
                    for column, value in formula_cells(one):
                        formulas.setdefault(column, value)
            yield window

    identity = model.manifest.schema.id
    rows = write_predictions(
        output,
        watched(),
        model.classes,
        named=identity in read.columns,
        sets=asked["coverage"] is not None,
        abstains=asked["abstain_below"] is not None,
        kind=model.manifest.target.kind,
        explained=model.manifest.modalities if explain else (),
    )
    notes = [*read.notes, *model.notes_on(patterns)]
    for note in notes[len(read.notes) :]:
        message(f"note: {note}")
    for problem in issues[:10]:
        message(f"{problem['id']}: {problem['issue']}")
    if len(issues) > 10:
        message(f"and {counted(len(issues) - 10, 'more row')} with an issue: see the column 'issue'")
    warnings = [
        f"column {column!r} of {output.name} has values that a spreadsheet runs as formulas, such as {value[:60]!r}: "
        "import it as text"
        for column, value in formulas.items()
    ]
    for warning in warnings:
        message(f"warning: {warning}")
    if json:
        print_json(
            {
                "output": str(output),
                "rows": rows,
                "patterns": dict(patterns),
                "issues": issues,
                "notes": [*notes, *warnings],
            }
        )
    else:
        found = ", ".join(f"{n:,} {name}" for name, n in patterns.most_common())
        message(f"{counted(rows, 'row')}: {output} ({found})")
