"""How pretrained encoders pool, as the options of every task say it."""

from __future__ import annotations

from typing import ClassVar

from motet.encoders import is_small
from motet.errors import UsageError

ATTENTION = "attention"
POOLING = ("cls", "mean", "max", ATTENTION)
POOLED = ("image", "text", "audio")  # modalities that networks read


class SaysPooling:
    """Options with `pooling`: one of `POOLING` for all modalities, or for one, as in `image=max`."""

    pooling: tuple[str, ...]
    pooled: ClassVar[tuple[str, ...]] = POOLED  # modalities that the task reads

    def encoders_of(self, modality: str) -> tuple[str, ...]:
        """What the user names as encoders of a modality."""
        raise NotImplementedError

    def check_pooling(self, *, learned: bool = False) -> None:
        """Raise UsageError for a pooling or a modality that is none, and for a pooling that would change nothing.

        learned : whether the task has heads that learn to pool by attention.
        """
        for said in self.pooling:
            modality, _, how = said.rpartition("=")
            if how not in POOLING or modality not in ("", *POOLED):
                raise UsageError(
                    f"no pooling {said!r}: one of {', '.join(POOLING)}, for one modality as in {POOLED[0]}=max"
                )
            if how == ATTENTION and not learned:
                raise UsageError(
                    f"pooling {said!r} is learned in fused heads, which --task classify alone has: name "
                    f"{', '.join(POOLING[:-1])}, or leave it out"
                )
            if modality not in ("", *self.pooled):
                raise UsageError(
                    f"pooling {said!r}: this task encodes {' and '.join(self.pooled)} alone: leave it out"
                )
            named = [name for one in self.pooled if modality in ("", one) for name in self.encoders_of(one)]
            if named and all(map(is_small, named)):
                raise UsageError(
                    f"pooling {said!r} is of pretrained encoders, and `small` ones are learned here: name a pretrained "
                    "one, or leave it out"
                )

    def pooling_of(self, modality: str) -> str | None:
        """How a modality's pretrained encoders pool; None for their own convention. What is said of it alone counts."""
        said = dict(one.rpartition("=")[::2] for one in self.pooling)
        return said.get(modality, said.get("") if modality in POOLED else None)
