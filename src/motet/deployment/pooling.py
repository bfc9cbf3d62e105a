"""How pretrained encoders pool, as the options of every task say it."""

from __future__ import annotations

from motet.errors import UsageError

ATTENTION = "attention"
POOLING = ("cls", "mean", "max", ATTENTION)
POOLED = ("image", "text", "audio")  # modalities that networks read


class SaysPooling:
    """Options with `pooling`: one of `POOLING` for all modalities, or for one, as in `image=max`."""

    pooling: tuple[str, ...]

    def check_pooling(self) -> None:
        """Raise UsageError for a pooling or a modality that is none."""
        for said in self.pooling:
            modality, _, how = said.rpartition("=")
            if how not in POOLING or modality not in ("", *POOLED):
                raise UsageError(
                    f"no pooling {said!r}: one of {', '.join(POOLING)}, for one modality as in {POOLED[0]}=max"
                )

    def pooling_of(self, modality: str) -> str | None:
        """How a modality's pretrained encoders pool; None for their own convention. What is said of it alone counts."""
        said = dict(one.rpartition("=")[::2] for one in self.pooling)
        return said.get(modality, said.get("") if modality in POOLED else None)
