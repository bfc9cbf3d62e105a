"""`motet evaluate`: a saved model measured on a labelled table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from motet.cli.options import (
    DebugOption,
    ImageRootOption,
    JsonOption,
    MatchOption,
    ModelArgument,
    SliceOption,
    TableArgument,
)

if TYPE_CHECKING:
    from motet.data import Table
    from motet.runtime import MatchModel


def evaluate(
    model: ModelArgument,
    table: TableArgument,
    report: Annotated[Path | None, typer.Option("--report", help="Write the report page here.")] = None,
    all_rows: Annotated[
        bool,
        typer.Option("--all-rows", help="All rows, also where the table's split column names test rows."),
    ] = False,
    slices: SliceOption = None,
    label: Annotated[
        str | None,
        typer.Option(
            help="Of a model that matches: a column of classes that pictures are told apart by, zero-shot."
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="With --label: the classes (default: the values of the column), or @FILE with one a line."
        ),
    ] = None,
    template: Annotated[
        list[str] | None,
        typer.Option(help="With --label: a sentence with {} where the class goes (repeat for several)."),
    ] = None,
    shots: Annotated[
        int,
        typer.Option(
            help="With --label: few-shot too, with 1, 2, 4 ... up to so many training rows of each class (1 to 16)."
        ),
    ] = 0,
    match: MatchOption = None,
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

      motet evaluate captioner photos.csv --match space

      motet evaluate space photos.csv --label animal --template "a photo of a {}" --shots 16
    """
    from motet.cli.console import message, print_json
    from motet.cli.paths import check_model, check_table
    from motet.cli.results import print_evaluation, print_matches, print_zero_shot
    from motet.cli.results_captions import print_captions
    from motet.cli.space import open_space
    from motet.encoders import FeatureCache
    from motet.errors import UsageError
    from motet.report import shown_thumbnails, write_report
    from motet.runtime import (
        AnswerModel,
        CaptionModel,
        MatchModel,
        evaluate_answers,
        evaluate_captions,
        evaluate_matches,
        load,
    )
    from motet.runtime import evaluate as measure
    from motet.runtime.evaluate_zero_shot import check_shots
    from motet.runtime.writing import PAGES, check_output

    if report is not None:
        check_output(report, table, suffixes=PAGES)
    if label is None and (labels is not None or template or shots):
        raise UsageError(
            "--labels, --template and --shots tell pictures apart by the classes of a column: add --label"
        )
    check_shots(shots)
    check_model(model)
    check_table(table)
    opened = load(model, cache=FeatureCache())
    if isinstance(opened, CaptionModel) and (slices or label is not None):
        wrong = "--slice" if slices else "--label"
        raise UsageError(f"{wrong} is for models of other tasks; this one describes pictures")
    space = None
    if match is not None:
        if not isinstance(opened, CaptionModel):
            raise UsageError("--match scores captions: it is for a model of --task caption")
        space = open_space(match)
    read = opened.read(table, image_root=image_root)
    if isinstance(opened, MatchModel):
        if slices:
            raise UsageError("--slice is for models that answer rows; this one matches pictures and words")
        evaluation = evaluate_matches(opened, read, all_rows=all_rows)
        if label is not None:
            evaluation["zero_shot"] = _zero_shot(opened, read, label, labels, template or [], shots)
    elif isinstance(opened, CaptionModel):
        evaluation = evaluate_captions(opened, read, all_rows=all_rows, space=space)
    elif label is not None:
        raise UsageError(
            "--label is for models that match pictures and words: this one knows its label column"
        )
    elif isinstance(opened, AnswerModel):
        evaluation = evaluate_answers(opened, read, all_rows=all_rows, slices=slices or ())
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
        if "zero_shot" in evaluation:
            print_zero_shot(evaluation["zero_shot"])
    elif isinstance(opened, CaptionModel):
        print_captions(evaluation)
    else:
        print_evaluation(evaluation)


def _zero_shot(
    model: MatchModel, table: Table, label: str, labels: str | None, templates: list[str], shots: int
) -> dict[str, Any]:
    from motet.learning_wing import has_learning_wing
    from motet.runtime.evaluate_zero_shot import evaluate_zero_shot
    from motet.runtime.zero_shot import PLACE, read_labels

    fit_probe = None
    if shots and has_learning_wing():  # without PyTorch the cache of examples still answers

        def fit_probe(classes: Any, examples: Any, truth: Any, scale: float) -> Any:
            from motet.training.text_probe import fit_text_probe

            return fit_text_probe(classes, examples, truth, scale=scale)

    return evaluate_zero_shot(
        model,
        table,
        label,
        labels=() if labels is None else read_labels(labels),
        templates=templates or (PLACE,),
        shots=shots,
        fit_probe=fit_probe,
    )
