"""Cycle: from one side to the other and back again."""

from __future__ import annotations

from torch import Tensor, nn

from motet.tasks.match.batch import MatchBatch, MatchObjective


class Cycle(MatchObjective):
    """Each side is reconstructed through the other.

    Source: Zhu et al., "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", arXiv
    1703.10593, eq. 2, with squared differences; the middle terms hold f and g to the pairs that are known.

    L = mean |g(f(x)) - x|^2 + mean |f(g(y)) - y|^2 + mean over (n, m) in P of |f(x_n) - y_m|^2 + |g(y_m) - x_n|^2;
    f, g linear [W] -> [W]; x [N, W], y [M, W].
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.to_words = nn.Linear(width, width)
        self.to_pictures = nn.Linear(width, width)

    def forward(self, batch: MatchBatch) -> Tensor:
        """Return the loss, a number."""
        x, y = batch.images, batch.texts
        words, pictures = self.to_words(x), self.to_pictures(y)
        there = _squares(self.to_pictures(words) - x) + _squares(self.to_words(pictures) - y)
        n, m = batch.positives.nonzero(as_tuple=True)
        return there + _squares(words[n] - y[m]) + _squares(pictures[m] - x[n])


def _squares(difference: Tensor) -> Tensor:
    return difference.square().sum(dim=-1).mean()
