"""The first layer over a source: standardise, then a linear map, at the cost of the non-zeros where it is sparse."""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor, nn

from motet.encoders import Features, SparseRows


class StandardisedLinear(nn.Module):
    """y = ((x - mean) * scale) W + b for x [B, D] -> y [B, H]; absent rows, whose x is never looked at, give b.

    `mean` and `scale` [D] are set from training rows and saved with the weights. x may lie in compressed sparse row
    layout (see `sparse_batch`): it is then not standardised, and each row weighs and sums the rows of W at its
    non-zeros, which is what an embedding bag does, forwards and backwards, without a dense [B, D]. W is kept as
    [D, H] for that.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, source_width: int, width: int, *, draw: bool = True) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(source_width))
        self.register_buffer("scale", torch.ones(source_width))
        self.weight = nn.Parameter(torch.zeros(source_width, width))
        self.bias = nn.Parameter(torch.zeros(width))
        if draw:  # else the weights are zero until they are set, and no random number is used up
            bound = 1 / math.sqrt(source_width)
            nn.init.uniform_(self.weight, -bound, bound)
            nn.init.uniform_(self.bias, -bound, bound)

    def standardise(self, mean: Tensor, scale: Tensor) -> None:
        """Set what is subtracted from and multiplied with each feature [D]."""
        self.mean.copy_(mean)
        self.scale.copy_(scale)

    def forward(self, features: Features[Tensor]) -> Tensor:
        """Return [B, H]."""
        present = features.present.unsqueeze(-1)
        x = features.pooled
        if x.layout is torch.sparse_csr:
            summed = nn.functional.embedding_bag(
                x.col_indices(),
                self.weight,
                x.crow_indices(),
                mode="sum",
                per_sample_weights=x.values(),
                include_last_offset=True,
            )
            return torch.where(present, summed, torch.zeros_like(self.bias)) + self.bias
        # Chosen before the product: a NaN that is multiplied by zero is still a NaN, in the gradient too.
        x = torch.where(present, (x - self.mean) * self.scale, torch.zeros_like(self.mean))
        return x @ self.weight + self.bias


def sparse_batch(rows: SparseRows) -> Tensor:
    """Sparse rows as a tensor [B, D] in compressed sparse row layout."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the layout is in beta
        return torch.sparse_csr_tensor(
            torch.from_numpy(rows.start),
            torch.from_numpy(rows.columns.astype("int64")),
            torch.from_numpy(rows.values),
            size=(len(rows), rows.width),
            check_invariants=False,
        )
