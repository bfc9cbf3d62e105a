"""Distance: what belongs together lies close, whatever else there is."""

from __future__ import annotations

from torch import Tensor

from motet.tasks.match.batch import MatchBatch, MatchObjective, Size


class Distance(MatchObjective):
    """The alignment term.

    Source: Wang and Isola, "Understanding Contrastive Representation Learning through Alignment and Uniformity",
    arXiv 2005.10242, eq. 1, with exponent 2.

    L = mean over (n, m) in P of |x_n - y_m|^2 = 2 - 2 x_n.y_m;   x [N, W], y [M, W] unit vectors.
    Alone it has a trivial optimum (one point), so it is a term beside an objective that keeps others apart.
    """

    def forward(self, batch: MatchBatch) -> Tensor:
        """Return the loss, a number."""
        return 2 - 2 * (batch.images @ batch.texts.T)[batch.positives].mean()

    def share(self, queries: Tensor, gallery: Tensor, positives: Tensor, size: Size) -> Tensor:
        """See `MatchObjective.share`: half of each pair is its picture's, half its sentence's."""
        return (1 - (queries @ gallery.T)[positives]).sum() / size.pairs
