"""`motet ask`: one question about one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from motet.cli.options import DebugOption, JsonOption, ModelArgument

SHOWN = 5


def ask(
    model: ModelArgument,
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help="What is asked about the picture.")
    ] = "",
    image: Annotated[Path | None, typer.Option("--image", help="The picture.")] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Add what picture and question each add to the answer (Shapley values)."
        ),
    ] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Answer a question about a picture; without one of the two, what the other alone tells.

    Examples:

      motet ask model --image yard.jpg "how many apples?"

      motet ask model --image yard.jpg "is the dog asleep?" --json
    """
    from motet.cli.console import bar, message, print_json, print_table, shortened
    from motet.cli.paths import check_model, check_picture
    from motet.errors import UsageError
    from motet.runtime import AnswerModel, load

    if image is None and not question.strip():
        raise UsageError("nothing is asked: give a picture with --image, a question, or both")
    check_model(model)
    if image is not None:
        check_picture(image)
    opened = load(model)
    if not isinstance(opened, AnswerModel):
        raise UsageError(
            f"{model} was trained to {opened.manifest.task}, not to answer questions: train one with --task answer"
        )
    answer = opened.ask(question, image=image, explain=explain)
    if answer.issue:
        message(f"issue: {answer.issue}")
    for note in opened.notes_on({answer.pattern: 1}):
        message(f"note: {note}")
    if json:
        print_json(answer.to_json())
        return
    ranked = sorted((answer.probabilities or {}).items(), key=lambda pair: -pair[1])[:SHOWN]
    rows = [[shortened(name), f"{value:.3f}", bar(value)] for name, value in ranked]
    print_table(f"{answer.prediction} ({answer.pattern})", ["answer", "probability", ""], rows, left=("",))
    for name, whole, shares in answer.explained():
        gains = ", ".join(f"{value:+.3f} {modality}" for modality, value in shares.items())
        message(f"{name}: {whole - sum(shares.values()):.3f} from nothing, {gains or 'and nothing is there'}")
