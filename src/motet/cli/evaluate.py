"""`motet evaluate`: a saved model measured on a labelled table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from motet.cli.options import DebugOption, ImageRootOption, JsonOption, ModelArgument, TableArgument


def evaluate(
    model: ModelArgument,
    table: TableArgument,
    report: Annotated[Path | None, typer.Option("--report", help="Write the report page here.")] = None,
    all_rows: Annotated[
        bool,
        typer.Option("--all-rows", help="All rows, also where the table's split column names test rows."),
    ] = False,
    image_root: ImageRootOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Measure a saved model on a labelled table, for every pattern of present modalities, beside its baselines.

    Where the table has the split column that the model was trained with, only its test rows count.

    Examples:

      motet evaluate model products.csv

      motet evaluate model new_products.csv --report new.html --json
    """
    import numpy as np

    from motet.cli.console import message, print_json
    from motet.cli.results import print_evaluation
    from motet.data import split_sides
    from motet.data.splits import TEST
    from motet.encoders import FeatureCache
    from motet.report import mistake_thumbnails, write_report
    from motet.runtime import Model
    from motet.runtime import evaluate as measure
    from motet.runtime.writing import PAGES, check_output

    if report is not None:
        check_output(report, table, suffixes=PAGES)
    opened = Model(model, cache=FeatureCache())
    read = opened.read(table, image_root=image_root)
    rows, split = None, "given"
    column = opened.manifest.schema.split
    if column in read.columns and not all_rows:
        rows, split = np.flatnonzero(split_sides(read, str(column)) == TEST), "test"
        message(f"the {len(rows)} rows that column {column!r} calls test (--all-rows for all {len(read)})")
    evaluation = measure(opened, read, rows, split=split)
    if report is not None:
        pictures = mistake_thumbnails(read, opened.manifest.schema, evaluation)
        write_report(report, evaluation, title=read.name, thumbnails=pictures)
        message(f"report: {report}")
    if json:
        print_json(evaluation)
    else:
        print_evaluation(evaluation)
