"""`motet predict`: answers to a table, or to one picture and one text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from motet.cli.options import DebugOption, ImageRootOption, JsonOption, ModelArgument

if TYPE_CHECKING:
    from motet.data import Table
    from motet.encoders import FeatureCache
    from motet.runtime import Model, ZeroShot


def predict(
    model: ModelArgument,
    table: Annotated[
        str | None, typer.Argument(metavar="[TABLE]", help="CSV, TSV, JSON Lines, Parquet or Arrow file.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="FILE.csv, FILE.parquet or FILE.jsonl.")
    ] = None,
    image: Annotated[Path | None, typer.Option("--image", help="One picture, instead of a table.")] = None,
    text: Annotated[str | None, typer.Option("--text", help="One text, instead of a table.")] = None,
    audio: Annotated[Path | None, typer.Option("--audio", help="One sound, instead of a table.")] = None,
    card: Annotated[
        Path | None, typer.Option("--card", help="Write the answer to one sample as a page.")
    ] = None,
    coverage: Annotated[
        float | None,
        typer.Option(
            "--coverage",
            metavar="SHARE",
            help="Add the set of classes, or the interval, that holds the right one in this share of rows.",
        ),
    ] = None,
    abstain_below: Annotated[
        float | None,
        typer.Option("--abstain-below", metavar="P", help="Mark answers with less confidence for a person."),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            help="Of a model that matches: classes it never saw, as 'shoe, bag, hat', or @FILE with one a line.",
        ),
    ] = None,
    template: Annotated[
        list[str] | None,
        typer.Option(
            "--template",
            help="With --labels: a sentence with {} where the class goes, as 'a photo of a {}' (repeat for several).",
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            "--label",
            metavar="COLUMN",
            help="With --labels: a column of the table that says some rows' class; confidences are calibrated on it.",
        ),
    ] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Add what each modality adds to the answer (Shapley values)."),
    ] = False,
    image_root: ImageRootOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Answer every row of a table, in order; or one picture, one text, or both.

    Ids and classes are written as they are: in a CSV, a spreadsheet takes those that begin with = + - or @ for
    formulas (a warning names the column), so import such columns as text.

    Examples:

      motet predict model products.csv -o answers.csv

      motet predict model --image shoe.jpg --text "running shoe, size 42" --card shoe.html

      motet predict model --text "台灯" --json

      motet predict model products.csv -o answers.csv --coverage 0.95 --abstain-below 0.6

      motet predict model --image shoe.jpg --text "running shoe, size 42" --explain --card shoe.html

      motet predict space photos.csv --labels "cat, dog, bird" --template "a photo of a {}" -o answers.csv

      motet predict space photos.csv --labels @animals.txt --label animal -o answers.csv

      motet predict space --image cat.jpg --labels "猫，狗，鸟" --template "一张{}的照片"
    """
    from motet.cli.paths import check_model, check_picture, check_table
    from motet.cli.predict_sample import predict_sample
    from motet.cli.predict_table import predict_table
    from motet.data import read_table
    from motet.encoders import FeatureCache
    from motet.errors import UsageError
    from motet.runtime import ZeroShot
    from motet.runtime.writing import PAGES, check_output

    single = image is not None or text is not None or audio is not None
    if single == (table is not None):
        raise UsageError(
            "give a table with -o FILE, or one sample with --image, --text and --audio; not both"
        )
    if table is not None and card is not None:
        raise UsageError("--card is for one sample: give --image and --text instead of a table")
    if table is not None and output is None:
        raise UsageError("say where the answers go: -o FILE.csv (or .parquet, .jsonl)")
    if single and output is not None:
        raise UsageError("-o is for tables; one sample is printed (--json for a record, --card for a page)")
    if single and image_root is not None:
        raise UsageError("--image-root is for tables: --image is a path by itself")
    if label is not None and (single or labels is None):
        raise UsageError(
            "--label names a column of known classes that --labels are calibrated on: give a table and --labels"
        )
    if abstain_below is not None and not 0 <= abstain_below <= 1:
        raise UsageError(f"--abstain-below is a probability from 0 to 1, not {abstain_below:g}")
    asked = {"coverage": coverage, "abstain_below": abstain_below}
    if card is not None:
        check_output(card, image, suffixes=PAGES)
    check_model(model)
    if image is not None:
        check_picture(image)
    if table is not None and output is not None:
        check_table(table)
        check_output(output, table)
    opened = _opened(model, FeatureCache() if table is not None else None, labels, template or [])
    if table is not None:
        assert output is not None
        asked_of: str | Table = table
        if label is not None and isinstance(opened, ZeroShot):
            asked_of = read_table(table, image_root=image_root)
            opened = opened.calibrated(asked_of, label)
        predict_table(opened, asked_of, output, image_root, asked, explain, json)
    else:
        predict_sample(opened, image, text, audio, card, asked, explain, json)


def _opened(
    place: Path, cache: FeatureCache | None, labels: str | None, templates: list[str]
) -> Model | ZeroShot:
    """The model; one that matches pictures and words answers between the labels that are given."""
    from motet.errors import UsageError
    from motet.runtime import CaptionModel, MatchModel, ZeroShot, load
    from motet.runtime.zero_shot import PLACE, read_labels

    model = load(place, cache=cache)
    if isinstance(model, MatchModel):
        if labels is None:
            raise UsageError(
                f"{place} matches pictures and words and has no classes of its own: give some, as "
                "--labels 'cat, dog, bird'"
            )
        return ZeroShot(model, read_labels(labels), templates or (PLACE,))
    if isinstance(model, CaptionModel):
        raise UsageError(
            f"{place} describes pictures: motet describe {place} --image FILE (repeat; in Python "
            "motet.load(MODEL).describe(TABLE) describes all of a table)"
        )
    if labels is not None or templates:
        raise UsageError(
            f"--labels and --template are for a model that matches; {place} has classes of its own"
        )
    return model
