"""Very wide, sparse sources enter fusion through a fixed basis, so that a step costs what its dense sources cost."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from motet.encoders import Features
from motet.fusion.contract import Source, SourceBatch


class Reduced(nn.Module):
    """A head over sources some of which are first multiplied with a fixed basis [D, R].

    The basis is not trained: it comes from a truncated singular value decomposition of training rows (latent semantic
    analysis, Deerwester et al., 1990). The head itself was trained on features that were reduced once.

    Parameters
    ----------
    head : reads each source at its reduced width.
    sources : what is given from outside, in the order of the head's.
    bases : {source: basis [D, R]}; sources without one pass unchanged.
    """

    def __init__(self, head: nn.Module, sources: tuple[Source, ...], bases: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.head = head
        self.sources = sources
        self._place = {name: f"basis_{i}" for i, name in enumerate(bases)}
        for name, basis in bases.items():
            self.register_buffer(self._place[name], basis)

    def forward(self, features: SourceBatch) -> Tensor:
        """Logits [B, C]."""
        reduced = {
            name: Features(one.pooled @ getattr(self, self._place[name]), one.present)
            if name in self._place
            else one
            for name, one in features.items()
        }
        logits: Tensor = self.head(reduced)
        return logits
