"""`motet describe`: sentences for pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from motet.cli.options import DebugOption, JsonOption, MatchOption, ModelOption, ReadyMadeLicenceOption


def describe(
    image: Annotated[list[Path], typer.Option("--image", help="A picture (repeat for several).")],
    first: Annotated[
        str,
        typer.Argument(metavar="MODEL", help="A directory that train wrote (unless --model names one)."),
    ] = "",
    named: ModelOption = None,
    beams: Annotated[
        int | None,
        typer.Option(help="Sentences that are kept side by side; 1 is greedy (default: the model's own)."),
    ] = None,
    length_penalty: Annotated[
        float | None, typer.Option(help="Of beams: the larger, the longer (default: the model's own).")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(help="Draw each word among the likeliest that together have this probability."),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="Of --top-p: below 1 surer, above 1 bolder.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of --top-p: what is drawn follows from it (default 0).")
    ] = None,
    longest: Annotated[
        int | None, typer.Option(help="Tokens of a sentence at most, start and end among them.")
    ] = None,
    no_repeat: Annotated[
        int | None,
        typer.Option(help="No so many words twice in a sentence; 0: they may (default: the model's own)."),
    ] = None,
    accept_licence: ReadyMadeLicenceOption = False,
    match: MatchOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Describe pictures in a sentence each, with a model that `motet train --task caption` wrote.

    MODEL may be a vision-language model that others trained: `hf:DIRECTORY`, or `hf:OWNER/NAME` of the Hugging Face
    hub.

    Examples:

      motet describe captioner --image photo.jpg

      motet describe captioner --image a.jpg --image b.jpg --beams 3 --json

      motet describe captioner --image photo.jpg --top-p 0.9 --seed 1

      motet describe hf:Salesforce/blip-image-captioning-base --image photo.jpg

      motet describe captioner --image a.jpg --image b.jpg --match space
    """
    from dataclasses import replace

    import numpy as np

    from motet.cli.console import message, print_json
    from motet.cli.paths import check_model, check_pictures, read_pictures
    from motet.cli.ready_made import ask_ready_made, is_ready_made, named_model, refuse_licence
    from motet.cli.space import open_space
    from motet.data import ImageCells
    from motet.errors import MediaError, UsageError
    from motet.runtime import CaptionModel
    from motet.runtime.caption_match import caption_scores

    model = named_model(first, named)
    asked: dict[str, Any] = {
        "beams": beams,
        "length_penalty": length_penalty,
        "top_p": top_p,
        "temperature": temperature,
        "seed": seed,
        "longest": longest,
        "no_repeat": no_repeat,
    }
    said = {name: value for name, value in asked.items() if value is not None}
    if is_ready_made(model):
        given = [f"--{name.replace('_', '-')}" for name in said] + ["--match"] * (match is not None)
        if given:
            raise UsageError(
                f"{', '.join(given)}: only for models that `motet train` wrote; leave out for a ready-made one"
            )
        ask_ready_made(model, "", image, accept_licence, json)
        return
    refuse_licence(accept_licence)
    check_model(model)
    opened = CaptionModel(model)
    check_pictures(image)
    opened.decoding(**said)  # what cannot be is said before a space is opened
    space = None if match is None else open_space(match)
    files, issues = read_pictures(image)
    read = opened.read({opened.manifest.schema.inputs("image")[0]: files})
    described = zip(opened.describe(read, **said), issues, strict=True)
    found = [replace(one, issue=issue or one.issue) for one, issue in described]
    scores: list[float | None] = [None] * len(found)
    if space is not None:
        cells = ImageCells(read, opened.manifest.schema.inputs("image"))
        scores = caption_scores(space, cells, np.arange(len(found)), [one.caption for one in found])
    if json:
        print_json(
            [
                {"image": str(path), **one.to_json(), **({} if space is None else {"clip_score": score})}
                for path, one, score in zip(image, found, scores, strict=True)
            ]
        )
    else:
        for path, one, score in zip(image, found, scores, strict=True):
            if one.issue:
                message(f"{path}: {one.issue}")
            if one.caption is not None:
                print(one.caption if len(image) == 1 else f"{path}: {one.caption}")
            if score is not None:
                message(f"{path}: CLIPScore {score:.3f} in the space of {match}")
    if all(one.caption is None for one in found):
        raise MediaError("no picture could be decoded, so nothing is described")
