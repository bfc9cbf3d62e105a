"""`motet ask`: one question about one picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from motet.cli.options import DebugOption, JsonOption, ModelOption, ReadyMadeLicenceOption

if TYPE_CHECKING:
    from motet.runtime import AnswerModel

SHOWN = 5


def ask(
    first: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A directory that train wrote (unless --model names one)."),
    ] = "",
    second: Annotated[str, typer.Argument(metavar="QUESTION", help="What is asked about the picture.")] = "",
    named: ModelOption = None,
    image: Annotated[Path | None, typer.Option("--image", help="The picture.")] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Add what picture and question each add to the answer (Shapley values)."
        ),
    ] = False,
    card: Annotated[
        Path | None,
        typer.Option("--card", help="Write a page with the regions and words on which the answer rests."),
    ] = None,
    accept_licence: ReadyMadeLicenceOption = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Answer a question about a picture; without one of the two, what the other alone tells.

    MODEL may be a vision-language model that others trained: `hf:DIRECTORY`, or `hf:OWNER/NAME` of the Hugging Face
    hub.

    Examples:

      motet ask model --image yard.jpg "how many apples?"

      motet ask model --image yard.jpg "is the dog asleep?" --json

      motet ask model --image yard.jpg "how many apples?" --card answer.html

      motet ask hf:Salesforce/blip-vqa-base --image yard.jpg "how many apples?"
    """
    from motet.cli.console import bar, message, print_json, print_table, shortened
    from motet.cli.paths import check_model, check_picture, is_folder
    from motet.cli.ready_made import ask_ready_made, is_ready_made, named_model, refuse_licence
    from motet.errors import UsageError
    from motet.runtime import AnswerModel
    from motet.runtime.writing import PAGES, check_output

    if named and second:
        raise UsageError("a model is named twice: first, and with --model")
    if first and not (named or second or is_ready_made(Path(first)) or is_folder(first)):
        raise UsageError(
            f"{shortened(first)!r} stands where the model should, and is no directory; if it is the question, "
            "the model is missing: motet ask MODEL --image FILE QUESTION"
        )
    model, question = named_model("" if named else first, named), first if named else second
    if is_ready_made(model):
        if image is None or not question.strip():
            raise UsageError("a ready-made model needs both: a picture with --image, and a question")
        if card is not None or explain:
            raise UsageError("--card and --explain are of models that `motet train` wrote")
        ask_ready_made(model, question, [image], accept_licence, json)
        return
    refuse_licence(accept_licence)
    if image is None and not question.strip():
        raise UsageError("nothing is asked: give a picture with --image, a question, or both")
    check_model(model)
    if image is not None:
        check_picture(image)
    if card is not None:
        check_output(card, image, suffixes=PAGES)
    opened = AnswerModel(model)
    answer = opened.ask(question, image=image, explain=explain)
    if answer.issue:
        message(f"issue: {answer.issue}")
    for note in (*opened.not_asked(), *opened.notes_on({answer.pattern: 1})):
        message(f"note: {note}")
    if card is not None:
        _write_card(opened, question, image, answer.to_json(), card)
        message(f"card: {card}")
    if json:
        print_json(answer.to_json())
        return
    ranked = sorted((answer.probabilities or {}).items(), key=lambda pair: -pair[1])[:SHOWN]
    rows = [[shortened(name), f"{value:.3f}", bar(value)] for name, value in ranked]
    print_table(f"{answer.prediction} ({answer.pattern})", ["answer", "probability", ""], rows, left=("",))
    for name, whole, shares in answer.explained():
        gains = ", ".join(f"{value:+.3f} {modality}" for modality, value in shares.items())
        message(f"{name}: {whole - sum(shares.values()):.3f} from nothing, {gains or 'and nothing is there'}")


def _write_card(
    model: AnswerModel, question: str, image: Path | None, answer: dict[str, Any], card: Path
) -> None:
    """The page of an answer: each word and region is hidden in turn, which asks the model some sixty times."""
    from motet.data.media import decode_image, read_media
    from motet.errors import MediaError
    from motet.report import regions, render_card, spotlight, thumbnail

    found = model.occlusion(question, image=image).to_json()
    picture = lit = None
    if image is not None:
        try:
            decoded = decode_image(read_media(image))
            picture, falls = thumbnail(decoded, size=640), regions(found)
            lit = None if falls is None else spotlight(decoded, falls)
        except MediaError:
            picture = None  # the answer lists what is wrong with it
    page = render_card(
        answer, picture=picture, text=question or None, title="Answer", occlusion=found, lit=lit
    )
    card.write_text(page, encoding="utf-8")
