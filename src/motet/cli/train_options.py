"""Options that `motet train` alone has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SHARE = 0.15  # of the rows, where nobody says how many measure, and how many choose

OutputOption = Annotated[Path, typer.Option("-o", "--output", help="The model directory to write.")]
LabelOption = Annotated[str | None, typer.Option("--label", help="The column that holds what is learned.")]
TaskOption = Annotated[
    str,
    typer.Option(
        help="classify (learns --label); match: one space for pictures and words, for search and zero-shot; "
        "caption: a sentence for each picture; answer: questions about pictures (--question, --answer). "
        "Several, as answer,caption,match: they teach one picture encoder together."
    ),
]
TestSizeOption = Annotated[
    float | None, typer.Option(help=f"Share of rows to measure on (default {SHARE:g}).")
]
ValSizeOption = Annotated[float | None, typer.Option(help=f"Share of rows to choose on (default {SHARE:g}).")]
IdOption = Annotated[str | None, typer.Option("--id", help="A column that names the rows.")]
FusionOption = Annotated[
    str,
    typer.Option(
        help="auto (chosen for each pattern; of --task answer: film), a strategy (see compare), or, of classify, late."
    ),
]
ClassWeightsOption = Annotated[
    str | None, typer.Option(help="balanced: weigh the rows of rare classes more.")
]
ImbalanceOption = Annotated[
    str,
    typer.Option(help="none, weights (as --class-weights balanced) or logit-adjustment: for rare classes."),
]
TimeLimitOption = Annotated[
    float | None,
    typer.Option(
        "--time-limit",
        metavar="SECONDS",
        help="Drop candidates that are not done by then; linear heads are always fitted. Of --task answer: no further "
        "epoch begins.",
    ),
]
CurvesOption = Annotated[
    bool,
    typer.Option("--curves", help="Measure each modality alone after each epoch of a fusion: slower."),
]
AugmentOption = Annotated[
    int,
    typer.Option(help="Further views of each training row, changed a little (docs/augmentation.md)."),
]
AugmentImageOption = Annotated[
    str | None,
    typer.Option(
        help="Changes of pictures, all applied: crop,flip,jitter (default), rotate, grey, blur, erase, "
        "randaugment[:N:M], or none."
    ),
]
AugmentTextOption = Annotated[
    str | None,
    typer.Option(
        help="Changes of texts, one drawn for each: drop,swap (default), char-drop, char-swap, char-double, "
        "synonym, translate, or none."
    ),
]
SynonymsOption = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Words that mean the same, a line each (default: WordNet of nltk)."),
]
BackTranslateOption = Annotated[
    list[str] | None,
    typer.Option(metavar="DIR", help="A translation model that texts go through (repeat: there, and back)."),
]
SemiSupervisedOption = Annotated[
    bool,
    typer.Option(
        "--semi-supervised",
        help="Rows with an empty label teach too, each as the class that the labelled rows are sure of "
        "(docs/few-labels.md); the same model without them is shown beside it.",
    ),
]
NoRefitOption = Annotated[
    bool,
    typer.Option(
        "--no-refit",
        help="Ship the heads that were measured: fitted on the train rows alone, and not on those that choose.",
    ),
]
ObjectiveOption = Annotated[str, typer.Option(help="Of --task match: infonce, sigmoid or triplet.")]
TermOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME[=WEIGHT]",
        help="Of --task match, added to the objective: distance, adversarial, cycle, masked, triplet; or local: "
        "words find regions, which puts the first answers in a better order (repeat).",
    ),
]
VocabularyOption = Annotated[
    int | None,
    typer.Option(help="Of --task answer: answers that can be given, the most common ones (default 3000)."),
]
DecoderOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Of --task caption: a language model (GPT-2, Llama, ...) that writes; default: a small one learns to.",
    ),
]
LoraOption = Annotated[
    int | None,
    typer.Option(
        metavar="RANK",
        help="With --decoder: learn low-rank updates of its attention (8 is usual); default: it stays as it is.",
    ),
]
WeightingOption = Annotated[
    str | None,
    typer.Option(help="Of several tasks: fixed (default), uncertainty (learned), or round-robin."),
]
TaskWeightOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TASK=WEIGHT",
        help="Of several tasks with fixed weights: what the loss of one counts (default 1; repeat).",
    ),
]
ResumeOption = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Of --task match, answer and caption: an interrupted training to the same place goes on where it was.",
    ),
]
SeedOption = Annotated[int, typer.Option(help="Everything random follows from it.")]
StrictOption = Annotated[bool, typer.Option("--strict", help="Refuse to start where any cell is broken.")]
