"""`motet predict`: answers to a table, or to one picture and one text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from motet.cli.options import DebugOption, ImageRootOption, JsonOption, ModelArgument

if TYPE_CHECKING:
    from motet.encoders import FeatureCache
    from motet.runtime import Model, Prediction, ZeroShot


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

      motet predict space --image cat.jpg --labels "猫，狗，鸟" --template "一张{}的照片"
    """
    from motet.cli.paths import check_model, check_picture, check_table
    from motet.encoders import FeatureCache
    from motet.errors import UsageError
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
        _table(opened, table, output, image_root, asked, explain, json)
    else:
        _sample(opened, image, text, audio, card, asked, explain, json)


def _opened(
    place: Path, cache: FeatureCache | None, labels: str | None, templates: list[str]
) -> Model | ZeroShot:
    """The model; one that matches pictures and words answers between the labels that are given."""
    from motet.errors import UsageError
    from motet.runtime import MatchModel, ZeroShot, load
    from motet.runtime.zero_shot import PLACE, read_labels

    model = load(place, cache=cache)
    if isinstance(model, MatchModel):
        if labels is None:
            raise UsageError(
                f"{place} matches pictures and words and has no classes of its own: give some, as "
                "--labels 'cat, dog, bird'"
            )
        return ZeroShot(model, read_labels(labels), templates or (PLACE,))
    if labels is not None or templates:
        raise UsageError(
            f"--labels and --template are for a model that matches; {place} has classes of its own"
        )
    return model


def _table(
    model: Model | ZeroShot,
    table: str,
    output: Path,
    image_root: Path | None,
    asked: dict[str, float | None],
    explain: bool,
    json: bool,
) -> None:
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


def _sample(
    model: Model | ZeroShot,
    image: Path | None,
    text: str | None,
    audio: Path | None,
    card: Path | None,
    asked: dict[str, float | None],
    explain: bool,
    json: bool,
) -> None:
    from motet.cli.console import bar, message, print_json, print_table, shortened
    from motet.data.media import decode_image, read_media
    from motet.errors import MediaError, UsageError
    from motet.report import render_card, thumbnail

    schema = model.manifest.schema
    row: dict[str, list[object]] = {}
    for value, kind in ((image, "image"), (text, "text"), (audio, "audio")):
        if value is not None and not schema.inputs(kind):
            raise UsageError(f"this model reads no {kind} (it reads {', '.join(schema.modalities)})")
    picture = None
    if image is not None:
        try:
            data = read_media(image)
        except MediaError as error:
            raise UsageError(f"--image: {error}") from error
        row[schema.inputs("image")[0]] = [data]
        try:
            picture = thumbnail(decode_image(data), size=640)
        except MediaError:
            picture = None  # the answer below lists what is wrong with it
    if text is not None:
        row[schema.inputs("text")[0]] = [text]
    if audio is not None:
        try:
            row[schema.inputs("audio")[0]] = [read_media(audio)]
        except MediaError as error:
            raise UsageError(f"--audio: {error}") from error
    answer = model.predict(
        row, coverage=asked["coverage"], abstain_below=asked["abstain_below"], explain=explain
    )[0]
    if answer.issue:
        message(f"issue: {answer.issue}")
    for note in model.notes_on({answer.pattern: 1}):
        message(f"note: {note}")
    if card is not None:
        page = render_card(answer.to_json(), picture=picture, text=text, coverage=asked["coverage"])
        card.write_text(page, encoding="utf-8")
        message(f"card: {card}")
    if json:
        print_json(answer.to_json())
        return
    if answer.probabilities is None:
        message(f"{answer.prediction:g} ({answer.pattern})")
        _explain(answer)
        if answer.interval is not None:
            low, high = answer.interval
            known = low is not None and high is not None
            message(
                f"between {low:g} and {high:g}" if known else "too few rows were held out for this coverage"
            )
        return
    ranked = sorted(answer.probabilities.items(), key=lambda pair: -pair[1])
    rows = [[shortened(name), f"{value:.3f}", bar(value)] for name, value in ranked[:10]]
    told = (
        ", ".join(answer.prediction) or "no label"
        if isinstance(answer.prediction, list)
        else answer.prediction
    )
    print_table(f"{told} ({answer.pattern})", ["class", "probability", ""], rows, left=("",))
    _explain(answer)
    if answer.classes is not None:
        message(f"one of: {', '.join(answer.classes)}")
    if answer.abstain:
        message("less sure than asked: for a person to look at")


def _explain(answer: Prediction) -> None:
    """One line for each thing that was answered: what it is from nothing, and what each modality adds."""
    from motet.cli.console import message

    for name, whole, shares in answer.explained():
        gains = ", ".join(f"{value:+.3f} {modality}" for modality, value in shares.items())
        message(f"{name}: {whole - sum(shares.values()):.3f} from nothing, {gains or 'and nothing is there'}")
