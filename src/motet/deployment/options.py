"""What a user may say about training a model, checked before anything is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

from motet.data import TargetKind
from motet.deployment.pooling import SaysPooling
from motet.deployment.split_options import check_split
from motet.errors import UsageError
from motet.fusion import DEFAULT_FUSIONS, FUSIONS
from motet.preprocessing import Augmentation
from motet.training import Settings

AUTO_FUSION = "auto"
LATE = ("late", "late-mean", "late-product", "late-stacked", "late-vote")  # `late`: the best of the others

IMBALANCE = ("none", "weights", "logit-adjustment")
NOT_OF_NUMBERS = ("late-product", "late-vote")


@dataclass(frozen=True)
class Options(SaysPooling):
    """What a user may say about training; every default is `motet train`'s.

    image_encoders, text_encoders, audio_encoders : `auto`, `small` (not for sounds), the name of an embedded or
        recommended encoder, a hub id, a model directory, or, for words, `word-vectors:FILE`; several make several
        sources of one modality.
    lexical : `text:lexical` stands beside a neural text encoder.
    fusion : `auto` (selection for each pattern), a strategy of `motet.fusion.FUSIONS`, or one
        of `LATE`.
    tokens : strategies that read tokens are given those of pretrained encoders, instead of pooled features.
    pooling : how pretrained encoders pool: `cls`, `mean`, `max`, or `attention` learned in fused heads, for all
        modalities, or for one (`image=max`); default: each model's own convention.
    slices : columns by whose values the test rows are told apart in the report.
    target : what the label column holds: `class` (one a row), `number`, or `labels` (any number a row).
    class_weights, imbalance : `balanced`, or `weights`, weighs the rows of a class by the inverse of its share;
        `logit-adjustment` adds the logarithm of that share to the logits in the loss (see `tasks.ClassObjective`).
    time_limit : seconds after which no further candidate is tried; linear heads always are.
    augment : further views of each training row.
    semi_supervised : rows without a label teach too, by the classes that the labelled rows make sure of (see
        `deployment.self_training`).
    refit : the heads that ship are fitted on the validation rows too, once these have chosen. Without it they are those
        that were measured: fitted on the training rows alone, chosen and calibrated on the validation rows.
    """

    image_encoders: tuple[str, ...] = ("auto",)
    text_encoders: tuple[str, ...] = ("auto",)
    audio_encoders: tuple[str, ...] = ("auto",)
    lexical: bool = True
    fusion: str = AUTO_FUSION
    target: TargetKind = "class"
    tokens: bool = False
    pooling: tuple[str, ...] = ()
    class_weights: str | None = None
    imbalance: str = "none"
    time_limit: float | None = None
    accept_licence: bool = False
    test_size: float = 0.15
    validation_size: float = 0.15
    slices: tuple[str, ...] = ()
    training: Settings = field(default_factory=Settings)
    augment: Augmentation = field(default_factory=Augmentation)
    semi_supervised: bool = False
    refit: bool = True
    seed: int = 0
    cache: bool = True

    def __post_init__(self) -> None:
        known = (AUTO_FUSION, *LATE, *FUSIONS)
        if self.fusion not in known:
            raise UsageError(f"no fusion {self.fusion!r}: one of {', '.join(known)}")
        if self.target not in get_args(TargetKind):
            raise UsageError(f"no target {self.target!r}: one of {', '.join(get_args(TargetKind))}")
        if self.target == "number" and self.fusion in NOT_OF_NUMBERS:
            raise UsageError(
                f"{self.fusion} combines probabilities, and numbers have none: take late-mean or late-stacked"
            )
        if self.imbalance not in IMBALANCE:
            raise UsageError(f"no imbalance option {self.imbalance!r}: one of {', '.join(IMBALANCE)}")
        if self.target != "class" and (self.class_weights is not None or self.imbalance != "none"):
            raise UsageError(
                "class weights and logit adjustment are of classes, one class a row: leave them out where the target "
                f"is {self.target}"
            )
        if self.target != "class" and self.semi_supervised:
            raise UsageError(
                "--semi-supervised (in Python semi_supervised=) is of classes, one class a row: leave it out where the "
                f"target is {self.target}"
            )
        if self.class_weights is not None and self.imbalance == "logit-adjustment":
            raise UsageError("class weights and logit adjustment do the same twice: take one of them")
        if self.time_limit is not None and not self.time_limit > 0:
            raise UsageError(f"a time limit is a number of seconds above 0, not {self.time_limit!r}")
        if self.class_weights not in (None, "balanced"):
            raise UsageError(f"class weights are 'balanced' or left out, not {self.class_weights!r}")
        self._check_tokens()
        self.check_pooling(learned=True)
        check_split(self.test_size, self.validation_size, self.seed, of="rows")

    def _check_tokens(self) -> None:
        readers = [name for name in FUSIONS if FUSIONS[name].reads_tokens]
        if self.tokens and self.fusion not in (AUTO_FUSION, *readers):
            raise UsageError(
                f"tokens with fusion {self.fusion!r}, which reads pooled features: leave tokens out, or name one of "
                + ", ".join(readers)
            )

    def encoders_of(self, modality: str) -> tuple[str, ...]:
        """What the user names as encoders of a modality."""
        named = {"image": self.image_encoders, "text": self.text_encoders, "audio": self.audio_encoders}
        return named.get(modality, ("auto",))

    @property
    def balanced(self) -> bool:
        """Whether the rows of rare classes weigh more."""
        return self.class_weights == "balanced" or self.imbalance == "weights"

    @property
    def classes_alike(self) -> bool:
        """Whether answers are to be those of classes in equal shares, by either way."""
        return self.balanced or self.imbalance == "logit-adjustment"

    @property
    def fusions(self) -> tuple[str, ...]:
        """The fusion strategies to train: the usual ones to choose from, the one that is forced, or none."""
        if self.fusion == AUTO_FUSION:
            return DEFAULT_FUSIONS
        return () if self.fusion in LATE else (self.fusion,)

    @property
    def forced(self) -> str | None:
        """The fusion that must answer wherever two modalities are present."""
        return None if self.fusion == AUTO_FUSION else self.fusion
