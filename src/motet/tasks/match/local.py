"""Local: words find regions, and regions words (late interaction)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from motet.tasks.match.infonce import symmetric


class Local(nn.Module):
    """InfoNCE over the similarity of parts; beside one over whole vectors it makes matching hierarchical.

    Source: Yao et al., "FILIP: Fine-grained Interactive Language-Image Pre-Training", arXiv 2111.07783, eq. 4-6; words
    to regions and back as in Lee et al., "Stacked Cross Attention" (SCAN), arXiv 1803.08024.

    s_nm = 1/2 [mean over words t of m of max over regions r of n of u_nr.v_mt + mean over r of max over t];
    u [N, R, W], v [M, T, W] unit vectors (`late_interaction`).
    """

    def __init__(self, *, scale: float = 20.0) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    def forward(self, similarity: Tensor, positives: Tensor) -> Tensor:
        """InfoNCE of a similarity [N, M] of parts, a number; positives [N, M] as in `MatchBatch`."""
        return symmetric(self.log_scale.clamp(max=math.log(100.0)).exp() * similarity, positives)


def late_interaction(regions: Tensor, shown: Tensor, words: Tensor, said: Tensor) -> Tensor:
    """Similarity [N, M] of parts: regions [N, R, W] with mask [N, R], words [M, T, W] with mask [M, T].

    What has no part at all is like nothing: 0.
    """
    each = torch.einsum("nrw,mtw->nmrt", regions, words)
    there = shown[:, None, :, None] & said[None, :, None, :]
    each = each.masked_fill(~there, -2.0)
    of_words, of_regions = each.amax(dim=2), each.amax(dim=3)  # [N, M, T], [N, M, R]
    both = shown.any(dim=1)[:, None] & said.any(dim=1)[None]
    mean_words = _mean(of_words, said[None].expand_as(of_words))
    mean_regions = _mean(of_regions, shown[:, None].expand_as(of_regions))
    return ((mean_words + mean_regions) / 2).masked_fill(~both, 0.0)


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    return values.masked_fill(~mask, 0.0).sum(dim=-1) / mask.sum(dim=-1).clamp(min=1)
