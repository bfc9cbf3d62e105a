"""`motet inspect`: what is in a table, before anything is trained on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from motet.cli.columns import NONE_NAMED, Columns, takes_columns
from motet.cli.options import (
    DebugOption,
    ImageRootOption,
    JsonOption,
    TableArgument,
    TargetOption,
    target_kind,
)

if TYPE_CHECKING:
    from motet.data import Audit, CellIssue, Schema, Table
    from motet.data.duplicates import NearInSpace

_CELLS = 20  # broken cells that are printed; the others are counted
_CLASSES = 30
_USUAL_LABELS = ("label", "class", "category", "target", "标签", "类别")


@takes_columns
def inspect(
    table: TableArgument,
    label: Annotated[
        str | None,
        typer.Option("--label", help="The column that holds the class (else one called label, class, ...)."),
    ] = None,
    target: TargetOption = "class",
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            metavar="MODEL_DIR",
            help="A model that matches: pictures at nearly the same place of its space are duplicates too.",
        ),
    ] = None,
    columns: Columns = NONE_NAMED,
    image_root: ImageRootOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show the schema of a table, its class balance, its broken cells and its duplicates.

    Examples:

      motet inspect products.csv

      motet inspect products.parquet --label category --text title --text body --image photo --json

      motet inspect photos.csv --model space
    """
    from motet.cli.console import message, print_json
    from motet.cli.paths import check_table
    from motet.data import audit, infer_schema, read_table

    kind = target_kind(target)
    check_table(table)
    read = read_table(table, image_root=image_root)
    chosen = label or _usual_label(
        read, [*(columns.image or ()), *(columns.text or ()), *(columns.categorical or ())]
    )
    if chosen and not label:
        message(f"label column: {chosen} (by its name; --label chooses another)")
    schema = infer_schema(
        read,
        label=chosen,
        **columns.said(),
        target=kind,
    )
    if chosen and not label:
        schema = _by_name(schema)
    near = None if model is None else _near(model, read, schema)
    found = audit(read, schema, target=kind, near=near)
    if json:
        print_json({"table": read.name, "schema": schema.to_json(), **found.to_json()})
    else:
        _print(read, schema, found)


def _near(place: Path, table: Table, schema: Schema) -> NearInSpace:
    """Look-alikes in the space of a model, which must be one that matches."""
    from motet.cli.paths import check_model
    from motet.encoders import FeatureCache
    from motet.errors import UsageError
    from motet.runtime import MatchModel, load
    from motet.runtime.near_in_space import near_in_space

    check_model(place)
    model = load(place, cache=FeatureCache())
    if not isinstance(model, MatchModel):
        raise UsageError(
            f"--model {place} has no space for pictures: it was trained to {model.manifest.task}; give one that "
            "was trained with --task match"
        )
    return near_in_space(model, table, schema.inputs("image"))


def _usual_label(table: Table, named: list[str]) -> str | None:
    """A table is often looked at before its label is known; training asks for it."""
    return next(
        (name for name in table.columns if name.casefold() in _USUAL_LABELS and name not in named), None
    )


def _by_name(schema: Schema) -> Schema:
    """Nobody named the label: what each column was taken for must not say so."""
    return replace(
        schema,
        columns=tuple(
            replace(c, why=c.why.replace("named", "its name", 1)) if c.role == "label" else c
            for c in schema.columns
        ),
    )


def _print(table: Table, schema: Schema, found: Audit) -> None:
    from motet.cli.console import print_table, shortened
    from motet.data.duplicates import WORDS

    print_table(
        f"{table.name}: {len(table):,} rows",
        ["column", "kind", "role", "present", "absent", "broken", "why"],
        [
            [c["name"], c["kind"], c["role"], c["present"], c["absent"], c["broken"], c["why"]]
            for c in found.columns
        ],
        left=("kind", "role", "why"),
    )
    patterns = [[name, count, f"{count / len(table):.1%}"] for name, count in found.patterns.items()]
    print_table("\nwhat a row has", ["pattern", "rows", "share"], patterns)
    if found.splits is not None:
        print_table(f"\nsplit, by column {schema.split}", ["side", "rows"], list(found.splits.items()))
    if found.classes is not None:
        labelled = len(table) - found.unlabelled
        rows: list[list[object]] = [
            [shortened(name), count, f"{count / labelled:.1%}"]
            for name, count in list(found.classes.items())[:_CLASSES]
        ]
        if len(found.classes) > _CLASSES:
            rest = list(found.classes.values())[_CLASSES:]
            rows.append([f"and {len(rest)} more classes", sum(rest), f"{sum(rest) / labelled:.1%}"])
        title = f"\n{len(found.classes)} classes in column {schema.label}"
        print_table(title, ["class", "rows", "share"], rows)
    _print_cells("broken cells, treated as absent", found.broken)
    _print_cells("cells repaired while reading", found.repaired)
    print_table(
        "\nduplicates",
        ["rows with", "groups", "rows", "across splits", "conflicting labels", "such as rows"],
        [
            [
                WORDS[kind],
                one["groups"],
                one["rows"],
                "-" if one["across_splits"] is None else one["across_splits"],
                "-" if one["conflicting_labels"] is None else one["conflicting_labels"],
                " ".join(map(str, one["examples"][0][:4])) if one["examples"] else "",
            ]
            for kind, one in found.duplicates.items()
        ],
        left=("such as rows",),
    )
    if found.warnings:
        lines = [[one["level"], one["message"]] for one in found.warnings]
        print_table("\nfindings, the most harmful first", ["level", "finding"], lines, left=("finding",))


def _print_cells(title: str, cells: list[CellIssue]) -> None:
    from motet.cli.console import print_table

    if not cells:
        return
    more = (
        f"; the first {_CELLS}, and {len(cells) - _CELLS:,} more with --json" if len(cells) > _CELLS else ""
    )
    print_table(
        f"\n{len(cells):,} {title}{more}",
        ["row", "column", "reason", "value"],
        [[issue.row, issue.column, issue.reason, issue.value] for issue in cells[:_CELLS]],
        left=("column", "reason", "value"),
    )
