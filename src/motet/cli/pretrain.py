"""`motet pretrain`: encoders learned from pairs of pictures and words, without labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from motet.cli.options import (
    DebugOption,
    GroupOption,
    ImageOption,
    ImageRootOption,
    JsonOption,
    SplitColumnOption,
    TableArgument,
    TextOption,
)


def pretrain(
    table: TableArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder of encoders to write.")],
    image: ImageOption = None,
    text: TextOption = None,
    split_column: SplitColumnOption = None,
    group: GroupOption = None,
    term: Annotated[
        list[str] | None,
        typer.Option(
            "--term",
            metavar="NAME[=WEIGHT]",
            help="What is learned (repeat; in place of the default contrastive, masked-words=0.5, "
            "words-from-picture=0.5): contrastive, masked-words, masked-patches, matching, words-from-picture, "
            "picture-from-words, words-of-picture.",
        ),
    ] = None,
    epochs: Annotated[
        int, typer.Option(help="Passes through the pairs at most; fewer of large tables.")
    ] = 40,
    val_size: Annotated[float, typer.Option(help="Share of pairs that choose the epoch.")] = 0.1,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="An interrupted pretraining to the same place goes on where it was."),
    ] = False,
    seed: Annotated[int, typer.Option(help="Everything random follows from it.")] = 0,
    image_root: ImageRootOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Learn encoders of pictures and of words from pairs, without labels.

    Writes OUTPUT/image and OUTPUT/text, which every task takes as encoders: --image-encoder OUTPUT/image. Name the
    columns with --image and --text. Rows with words alone teach masked-words, rows with a picture alone masked-patches.
    Test rows of a split column are left alone.

    Examples:

      motet pretrain products.csv --image photo --text title -o encoders

      motet pretrain products.csv --image photo --text title --term contrastive --term masked-patches=0.5 -o encoders

      motet train products.csv --label category --image-encoder encoders/image -o model
    """
    from dataclasses import replace

    from motet.cli.console import message, print_json
    from motet.cli.learning import require_learning_wing, resumable
    from motet.cli.paths import check_table
    from motet.cli.task_options import read_terms
    from motet.data import infer_schema, read_table
    from motet.model import check_new_place

    check_table(table)
    check_new_place(output, "encoders")
    require_learning_wing()
    from motet.deployment import PretrainOptions, build_encoders
    from motet.training.pretrain_settings import PretrainSettings

    settings = PretrainSettings(epochs=epochs)
    if term:
        settings = replace(settings, terms=read_terms(term))
    options = PretrainOptions(val_size, settings, seed, resume)
    read = read_table(table, image_root=image_root)
    schema = infer_schema(read, image=image or (), text=text or (), split=split_column, group=group)
    with resumable(output):
        found = build_encoders(read, schema, output, options)
    if json:
        print_json(found)
        return
    _print(found)
    message(f"encoders: {output / 'image'} and {output / 'text'}")


def _print(found: Mapping[str, Any]) -> None:
    from motet.cli.console import counted, message, print_table

    for note in found["notes"]:
        message(f"note: {note}")
    for issue in found["broken"][:10]:
        message(f"broken: row {issue['row']}, {issue['column']}: {issue['reason']}")
    data, best = found["data"], found["history"][found["best_epoch"] - 1]
    title = (
        f"{counted(data['pairs']['train'], 'pair')}, {counted(data['pictures_alone'], 'picture')} and "
        f"{counted(data['texts_alone'], 'text')} alone; epoch {found['best_epoch']} of {found['epochs']}"
    )
    rows = [
        [name, f"{weight:g}", *(_figure(best[side].get(name)) for side in ("train", "validation"))]
        for name, weight in found["terms"].items()
    ]
    if best["reciprocal_rank"] is not None:
        rows.append(["mean reciprocal rank", "", "", _figure(best["reciprocal_rank"])])
    print_table(title, ["term", "weight", "training", "validation"], rows)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
