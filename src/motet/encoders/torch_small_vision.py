"""The `small` picture encoder in PyTorch: a compact residual network."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

PLACE_RANGE = 0.5  # standard deviation of the first embeddings of places: about that of what stands there


@dataclass(frozen=True)
class VisionConfig:
    """Shape of the picture network: each of `widths` halves the side of the map, the first in the stem.

    places : whether each token has a learned embedding of its place added to it (as patches of ViT have: Dosovitskiy et
        al., arXiv 2010.11929, eq. 1), so that it tells where it is, as questions of left and right need.
    """

    side: int = 96  # pixels, height and width
    widths: tuple[int, ...] = (16, 32, 64, 128, 192)
    places: bool = False
    model_type: str = "motet_small_vision"


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut: [B, C, H, W] -> [B, D, H/2, W/2] (He et al., 2016, ResNet)."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width_in, width, 3, stride=2, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(width)
        # Averaged before the 1x1 convolution, so that it sees every cell (ResNet-D, He et al., 2019).
        self.shortcut = nn.Conv2d(width_in, width, 1, bias=False)
        self.shortcut_norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map of half the side."""
        inner = functional.relu(self.first_norm(self.first(x)))
        inner = self.second_norm(self.second(inner))
        halved = functional.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)
        return functional.relu(inner + self.shortcut_norm(self.shortcut(halved)))


class SmallVision(nn.Module):
    """Picture network: pixel_values [B, 3, H, W] -> pooled [B, D], tokens [B, T, D].

    Tokens are the cells of the last map, row by row, with their places where the config says so; pooled is their mean.
    """

    pooling = "mean"

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        first = config.widths[0]
        self.stem = nn.Conv2d(3, first, 3, stride=2, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(first)
        pairs = zip(config.widths, config.widths[1:], strict=False)
        self.blocks = nn.ModuleList(ResidualBlock(before, after) for before, after in pairs)
        self.width = config.widths[-1]
        self.places: nn.Parameter | None = None
        if config.places:
            side = -(-config.side // 2 ** len(config.widths))  # of the last map
            self.places = nn.Parameter(torch.randn(side * side, self.width) * PLACE_RANGE)

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
        """Return pooled and token features."""
        x = functional.relu(self.stem_norm(self.stem(pixel_values)))
        for block in self.blocks:
            x = block(x)
        tokens = x.flatten(2).transpose(1, 2)  # [B, D, h, w] -> [B, h * w, D]
        if self.places is not None:
            tokens = tokens + self.places
        return tokens.mean(dim=1), tokens
