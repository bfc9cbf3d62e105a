"""A picture from words, as an honest baseline: the mean picture of 32 x 32 pixels that a text calls for."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from motet.tasks.pretrain.batch import Encoded, PretrainBatch, Shape, Term
from motet.tasks.pretrain.shared import Shared

SIDE = 32  # pixels


class PictureFromWords(Term):
    """Pixels regressed from a text: a compact deterministic model, not a generator of new pictures.

    It tells the mean of what the words leave open, so it blurs; its error, beside that of one mean picture for all
    texts, says how much of a picture the words tell.

    L = mean |G(y_k) - u_k|^2;  y [K, W] unit vectors of texts, u [K, 3, 32, 32] pictures made smaller, G a linear map
    to 4 x 4 cells and three times (twice the side, convolution), as the generator of Radford et al., "DCGAN", arXiv
    1511.06434, without its adversary.
    """

    asks = "a mean picture of 32 px, regressed from the words: a baseline, no generator"
    teaches = ("text",)

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.begin = nn.Linear(width, width * 4 * 4)
        self.grow = nn.ModuleList(
            nn.Conv2d(width >> step, width >> (step + 1), 3, padding=1) for step in range(3)
        )
        self.colour = nn.Conv2d(width >> 3, 3, 1)

    def forward(self, shared: Shared, batch: PretrainBatch, encoded: Encoded) -> Tensor | None:
        """Return the loss; None without a pair."""
        if not batch.pairs:
            return None
        return functional.mse_loss(self.draw(encoded.texts), at_side(batch.pixels[: batch.pairs]))

    def draw(self, texts: Tensor) -> Tensor:
        """Pictures [K, 3, 32, 32] for texts [K, W], values about -1 to 1."""
        x = self.begin(texts).unflatten(1, (-1, 4, 4))
        for convolution in self.grow:
            x = functional.gelu(convolution(functional.interpolate(x, scale_factor=2.0)))
        drawn: Tensor = self.colour(x)
        return drawn


def at_side(pixels: Tensor) -> Tensor:
    """Pictures [K, 3, H, W] at 32 x 32 pixels."""
    return functional.adaptive_avg_pool2d(pixels, SIDE)
