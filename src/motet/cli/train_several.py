"""`motet train --task answer,caption,match`: several tasks teach one picture encoder, and each gets its model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motet.cli.columns import Columns
    from motet.data import Schema, Table
    from motet.deployment.several import SeveralOptions


def read_together(
    tasks: Sequence[str],
    weighting: str | None,
    weights: Sequence[str],
    image_encoder: Sequence[str] | None,
    columns: Columns,
    seed: int,
) -> dict[str, Any] | None:
    """How several tasks are to be learned together; None for one task. UsageError for what does not fit."""
    from motet.errors import UsageError

    if len(tasks) == 1:
        if weighting is not None or weights:
            raise UsageError(
                "--weighting and --task-weight are of several tasks: --task answer,caption,match"
            )
        return None
    if image_encoder and list(image_encoder) != ["small"]:
        raise UsageError(
            "several tasks teach a `small` picture encoder of their own: leave --image-encoder out"
        )
    if not columns.image or not columns.text:
        raise UsageError(
            "several tasks learn from named columns: say which with --image COLUMN and --text COLUMN"
        )
    read: dict[str, float] = {}
    for one in weights:
        name, _, weight = one.partition("=")
        if name in read:
            raise UsageError(f"--task-weight names {name} twice")
        try:
            read[name] = float(weight)
        except ValueError:
            raise UsageError(f"--task-weight {one}: write TASK=WEIGHT, as answer=0.5") from None
    return {"weighting": weighting or "fixed", "weights": read, "seed": seed}


def several_options(tasks: Mapping[str, Any], together: Mapping[str, Any]) -> SeveralOptions:
    """The options of all tasks, by name, with how they are learned together; UsageError for what does not fit."""
    from motet.deployment.several import SeveralOptions
    from motet.training.together import TogetherSettings

    return SeveralOptions(tasks, TogetherSettings(**together))


def task_schemas(
    table: Table,
    tasks: Sequence[str],
    columns: Columns,
    question: Sequence[str],
    answer: Sequence[str],
    id_column: str | None,
) -> dict[str, Schema]:
    """How each task reads the table: answering its questions, the others its sentences."""
    from motet.data import infer_schema

    said = columns.said()
    made = {}
    for name in tasks:
        if name == "answer":
            made[name] = infer_schema(
                table, **(said | {"text": ()}), question=question, answer=answer, id=id_column
            )
        else:
            made[name] = infer_schema(table, **said, id=id_column)
    return made


def train_several(
    table: Table,
    schemas: Mapping[str, Schema],
    output: Path,
    options: SeveralOptions,
    *,
    json: bool,
) -> None:
    """Train, measure, write, and print each task alone against together."""
    from motet.cli.console import message, print_json, print_table
    from motet.cli.results import interval
    from motet.deployment.several import build_several
    from motet.model import metric_name

    found = build_several(table, schemas, output, options)
    if json:
        print_json(found)
        return
    for note in found["notes"]:
        message(f"note: {note}")

    def shown(figure: Mapping[str, Any] | None) -> str:
        return "-" if figure is None else interval(figure)

    print_table(
        f"one picture encoder, taught together ({found['weighting']}) or by each task alone; test rows",
        ["task", "metric", "n", "together", "alone", "weight"],
        [
            [
                name,
                metric_name(one["metric"]),
                str((one["together"] or {"n": 0})["n"]),
                shown(one["together"]),
                shown(one.get("alone")),
                f"{found['weights'][name]:.3g}",
            ]
            for name, one in found["tasks"].items()
        ],
    )
    message(f"models: {', '.join(str(output / name) for name in found['tasks'])}")
