"""`motet evaluate`: a saved model measured on a labelled table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from motet.cli.options import (
    DebugOption,
    ImageRootOption,
    JsonOption,
    ModelArgument,
    SliceOption,
    TableArgument,
)


def evaluate(
    model: ModelArgument,
    table: TableArgument,
    report: Annotated[Path | None, typer.Option("--report", help="Write the report page here.")] = None,
    all_rows: Annotated[
        bool,
        typer.Option("--all-rows", help="All rows, also where the table's split column names test rows."),
    ] = False,
    slices: SliceOption = None,
    image_root: ImageRootOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Measure a saved model on a labelled table, for every pattern of present modalities, beside its baselines.

    Where the table has the split column that the model was trained with, only its test rows count.

    Examples:

      motet evaluate model products.csv

      motet evaluate model new_products.csv --report new.html --json

      motet evaluate model products.csv --slice brand --slice price

      motet evaluate space photos.csv --report found.html
    """
    from motet.cli.console import message, print_json
    from motet.cli.paths import check_model, check_table
    from motet.cli.results import print_evaluation, print_matches
    from motet.encoders import FeatureCache
    from motet.errors import UsageError
    from motet.report import shown_thumbnails, write_report
    from motet.runtime import MatchModel, evaluate_matches, load
    from motet.runtime import evaluate as measure
    from motet.runtime.writing import PAGES, check_output

    if report is not None:
        check_output(report, table, suffixes=PAGES)
    check_model(model)
    check_table(table)
    opened = load(model, cache=FeatureCache())
    read = opened.read(table, image_root=image_root)
    if isinstance(opened, MatchModel):
        if slices:
            raise UsageError("--slice is for models that answer rows; this one matches pictures and words")
        evaluation = evaluate_matches(opened, read, all_rows=all_rows)
    else:
        evaluation = measure(opened, read, all_rows=all_rows, slices=slices or ())
    if report is not None:
        pictures = shown_thumbnails(read, opened.manifest.schema, evaluation)
        write_report(report, evaluation, title=read.name, thumbnails=pictures)
        message(f"report: {report}")
    if json:
        print_json(evaluation)
    elif isinstance(opened, MatchModel):
        print_matches(evaluation)
    else:
        print_evaluation(evaluation)
