"""Canonical correlation: the closed form that every learned space should beat."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Canonical:
    """x -> (x - mean) W, on both sides: means [D], weights [D, L], and the correlation [L] of each dimension."""

    image_mean: Tensor
    image_weight: Tensor
    text_mean: Tensor
    text_weight: Tensor
    correlation: Tensor


def canonical_correlation(
    images: Tensor, texts: Tensor, dimensions: int, *, ridge: float = 0.3, power: float = 1.0
) -> Canonical:
    """The linear maps whose images are most correlated, of n pairs [n, D_i] and [n, D_t].

    Source: Hotelling, "Relations Between Two Sets of Variates", 1936; with ridge as in Hardoon et al., "Canonical
    Correlation Analysis", 2004, sec. 3.4; dimensions weighed by their correlation to a power as in Gong et al., "A
    Multi-View Embedding Space for Modeling Internet Images", arXiv 1212.4522, eq. 7.

    C_ii^-1/2 C_it C_tt^-1/2 = U S V',  W_i = C_ii^-1/2 U S^power,  W_t = C_tt^-1/2 V S^power,  the first `dimensions`
    (L, or as many as there are). ridge : this share of the mean variance is added to each variance. float64 inside.
    """
    x, y = images.double(), texts.double()
    x_mean, y_mean = x.mean(dim=0), y.mean(dim=0)
    x, y = x - x_mean, y - y_mean
    roots = [_inverse_root(side.T @ side / len(side), ridge) for side in (x, y)]
    u, s, vh = torch.linalg.svd(roots[0] @ (x.T @ y / len(x)) @ roots[1], full_matrices=False)
    count = min(dimensions, len(s))
    weigh = s[:count].clamp(min=0) ** power
    return Canonical(
        x_mean.float(),
        (roots[0] @ u[:, :count] * weigh).float(),
        y_mean.float(),
        (roots[1] @ vh[:count].T * weigh).float(),
        s[:count].float(),
    )


def _inverse_root(covariance: Tensor, ridge: float) -> Tensor:
    size = len(covariance)
    added = ridge * covariance.diagonal().mean().clamp(min=1e-12)
    values, vectors = torch.linalg.eigh(covariance + added * torch.eye(size, dtype=covariance.dtype))
    root: Tensor = vectors * values.clamp(min=1e-12).rsqrt() @ vectors.T
    return root
