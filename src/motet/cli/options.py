"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

if TYPE_CHECKING:
    from motet.data import TargetKind

TableArgument = Annotated[
    str, typer.Argument(metavar="TABLE", help="CSV, TSV, JSON Lines, Parquet or Arrow file.")
]
ModelArgument = Annotated[Path, typer.Argument(metavar="MODEL_DIR", help="A directory that train wrote.")]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", help="The model, where it is not named first: for instance hf:OWNER/NAME."),
]
MatchOption = Annotated[
    Path | None,
    typer.Option(
        "--match",
        metavar="MODEL_DIR",
        help="Of captions: a model of --task match; each caption gets a CLIPScore in its space.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
ImageRootOption = Annotated[
    Path | None,
    typer.Option("--image-root", help="Folder that picture and sound paths start from and may not leave."),
]
ImageOption = Annotated[
    list[str] | None, typer.Option("--image", help="A column of pictures (repeat for several).")
]
TextOption = Annotated[
    list[str] | None, typer.Option("--text", help="A column of words (repeat for several).")
]
AudioOption = Annotated[
    list[str] | None, typer.Option("--audio", help="A column of sounds (repeat for several).")
]
VectorOption = Annotated[
    list[str] | None, typer.Option("--vector", help="A column of lists of numbers (repeat for several).")
]
NumericOption = Annotated[
    list[str] | None, typer.Option("--numeric", help="A column of numbers (repeat for several).")
]
CategoricalOption = Annotated[
    list[str] | None, typer.Option("--categorical", help="A column of categories (repeat for several).")
]
QuestionOption = Annotated[
    list[str] | None,
    typer.Option("--question", help="Of --task answer: the column that asks about the picture."),
]
AnswerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--answer",
        help="Of --task answer: a column with an answer, or with a list of them (repeat for several references).",
    ),
]
LabelOption = Annotated[str | None, typer.Option("--label", help="The column that holds the class.")]
TargetOption = Annotated[
    str,
    typer.Option(
        "--target",
        help="What the label column holds: class (one a row), number, or labels (any number a row: a list, or names "
        "separated by | or ;).",
    ),
]
WeightOption = Annotated[
    str | None,
    typer.Option(
        "--weight",
        help="A column of numbers from 0: how much each row counts in the loss (not in metrics); 0 leaves it out.",
    ),
]
SplitColumnOption = Annotated[
    str | None,
    typer.Option(
        "--split-column", help="A column that says train, val or test (found by its name otherwise)."
    ),
]
SliceOption = Annotated[
    list[str] | None,
    typer.Option("--slice", help="A column by whose values every metric is told too (repeat for several)."),
]
GroupOption = Annotated[
    str | None,
    typer.Option("--group", help="A column whose values must not be on two sides of a split."),
]
TokensOption = Annotated[
    bool,
    typer.Option(
        "--tokens",
        help="Strategies that read tokens get grid cells and word pieces of pretrained encoders, not pooled features "
        "(slow, and 20 to 300 KB of cache a row).",
    ),
]
PoolingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--pooling",
        help="How pretrained encoders pool: cls, mean, max, or attention (learned in fused heads of classify); for one "
        "modality image=max (repeat). Default: each model's own way.",
    ),
]
ImageEncoderOption = Annotated[
    list[str] | None,
    typer.Option(
        "--image-encoder",
        help="auto (of --task answer: small), descriptor, small, small:DIRECTORY (begun with what `pretrain` wrote), a "
        "recommended name, a hub name or a directory (repeat for several).",
    ),
]
TextEncoderOption = Annotated[
    list[str] | None,
    typer.Option(
        "--text-encoder",
        help="auto (of --task answer: small), lexical, small, small:DIRECTORY (begun with what `pretrain` wrote), "
        "word-vectors:FILE, a recommended name, a hub name or a directory (repeat).",
    ),
]
AudioEncoderOption = Annotated[
    list[str] | None,
    typer.Option("--audio-encoder", help="auto, descriptor or a directory (repeat for several)."),
]
NoLexicalOption = Annotated[
    bool, typer.Option("--no-lexical", help="No lexical text source beside a neural one.")
]
AcceptLicenceOption = Annotated[
    bool, typer.Option("--accept-licence", help="Use encoders that forbid commercial use.")
]
ReadyMadeLicenceOption = Annotated[
    bool, typer.Option("--accept-licence", help="Of hf: models: use one that forbids commercial use.")
]
BalanceOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KEY=VALUE",
        help="How fused heads treat their modalities: dropout=0.3, image.dropout=0.5, curriculum=0.5, auxiliary=0.3 "
        "(losses of one modality alone), image.learning_rate=0.5 (repeat; docs/fusion.md).",
    ),
]


def target_kind(said: str) -> TargetKind:
    """What `--target` says; UsageError for anything else."""
    from motet.data import TargetKind
    from motet.errors import UsageError

    known: tuple[TargetKind, ...] = get_args(TargetKind)
    for kind in known:
        if said == kind:
            return kind
    raise UsageError(f"no target {said!r}: one of {', '.join(known)}")
