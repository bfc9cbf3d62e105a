"""Masked patches: hidden squares of a picture are told from the others, and from the words where there are any."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from motet.tasks.pretrain.batch import Encoded, PretrainBatch, Shape, Term
from motet.tasks.pretrain.shared import Shared, beside, whole_pictures_count

SIDE = 8  # pixels of a patch as it is told: its colours and coarse form


class MaskedPatches(Term):
    """Pixel regression of hidden patches given the words.

    Source: He et al., "Masked Autoencoders Are Scalable Vision Learners", arXiv 2111.06377, sec. 3 (targets normalised
    patch by patch); in a convolution, whose input keeps its place, as in Xie et al., "SimMIM", arXiv 2111.09886.

    L = mean over hidden (n, t) of |P z_nt - u_nt|^2 / |u_nt|;  z [N, T, W] cells of the joint state of the picture with
    patches greyed, and of the whole text; u [N, T, 192] its patches at 8 x 8 pixels, each of mean 0 and deviation 1.
    """

    asks = "hidden patches, told from the others and the words"

    def __init__(self, shape: Shape, *, rate: float = 0.5) -> None:
        super().__init__()
        self.rate, self.grid = rate, shape.grid
        self.tell = nn.Linear(shape.width, 3 * SIDE * SIDE)

    def forward(self, shared: Shared, batch: PretrainBatch, encoded: Encoded) -> Tensor | None:
        """Return the loss; None where no patch was hidden. Patches are drawn from PyTorch's generator."""
        pictures = len(batch.pixels)
        hidden = torch.rand(pictures, 1, *self.grid) < self.rate
        if not hidden.any():
            return None
        grey = functional.interpolate(hidden.to(batch.pixels.dtype), size=batch.pixels.shape[2:])
        _ = encoded.cells  # whole pictures, whose moments count
        with whole_pictures_count(shared.image):
            _, cells = shared.image(batch.pixels * (1 - grey))
        tokens, mask = (beside(of[: batch.pairs], pictures) for of in (encoded.tokens, batch.mask))
        state = shared.joint(cells, torch.ones(pictures, dtype=torch.bool), tokens, mask)
        at = hidden.flatten(1)
        return functional.mse_loss(self.tell(state.cells[at]), patches(batch.pixels, self.grid)[at])


def patches(pixels: Tensor, grid: tuple[int, int]) -> Tensor:
    """Pictures [N, 3, H, W] -> normalised patches [N, T, 3 x 8 x 8], row by row as the cells of the encoder are."""
    rows, columns = grid
    small = functional.adaptive_avg_pool2d(pixels, (rows * SIDE, columns * SIDE))
    parts = small.reshape(len(pixels), 3, rows, SIDE, columns, SIDE).permute(0, 2, 4, 1, 3, 5)
    flat = parts.reshape(len(pixels), rows * columns, 3 * SIDE * SIDE)
    normalised: Tensor = (flat - flat.mean(dim=-1, keepdim=True)) / (
        flat.var(dim=-1, keepdim=True) + 1e-3
    ).sqrt()
    return normalised
