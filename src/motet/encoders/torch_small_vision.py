"""The `small` picture encoder in PyTorch: a compact residual network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

WINDOW, FAINT = 9, 0.05  # pixels around one, each way 4; what light must vary to count, of its whole range 2
PLACE_RANGE = 0.5  # root mean square of the first embeddings of places: about that of what stands there
LONGEST, SHORTEST = 8, 4  # waves of places: sides of the map, nearly a straight line over it; and cells of it


@dataclass(frozen=True)
class VisionConfig:
    """Shape of the picture network: each of `widths` halves the side of the map, the first in the stem.

    places : whether each token has a learned embedding of its place added to it (as patches of ViT have: Dosovitskiy et
        al., arXiv 2010.11929, eq. 1), so that it tells where it is, as questions of left and right need. They begin as
        `waves` of row and column, so that what is learned of one place holds for its neighbours.
    colours : features of each token, the last ones, that tell which colours are in its cell and nothing of their form;
        the others then see form by light alone. 0: each sees both.
    projected : whether pooled features are a linear map of the mean of the tokens, and not the mean itself (`motet
        pretrain` fits it: `training/projection.py`). Tokens stay as they are.
    """

    side: int = 96  # pixels, height and width
    widths: tuple[int, ...] = (16, 32, 64, 128, 192)
    places: bool = False
    colours: int = 0
    projected: bool = False
    model_type: str = "motet_small_vision"

    def __post_init__(self) -> None:
        """Raise ValueError where a token would have no room for colours, or for form."""
        if self.colours and not 2 <= self.colours < self.widths[-1]:
            raise ValueError(f"colours are 0, or 2 to {self.widths[-1] - 1}, not {self.colours}")


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


class Form(nn.Module):
    """What is left of a picture without its colours: [B, 3, H, W] -> [B, 1, H, W].

    Light less the mean of its surroundings, divided by how much it varies there (local contrast normalisation: Jarrett
    et al., "What is the Best Multi-Stage Architecture for Object Recognition?", ICCV 2009, sec. 2.1, with a flat
    window): an edge looks alike however strong it is. Which side of it is the lighter one is seen; an edge between two
    colours of the same light is not.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Light, normalised."""
        light = x.mean(dim=1, keepdim=True)
        light = light - self._around(light)
        return light / (self._around(light.square()).sqrt() + FAINT)

    @staticmethod
    def _around(x: Tensor) -> Tensor:
        return functional.avg_pool2d(x, WINDOW, 1, WINDOW // 2, count_include_pad=False)


class Colours(nn.Module):
    """Which colours are in each cell of `size` pixels: [B, 3, H, W] -> [B, D, H/size, W/size].

    Each square of two pixels is read by itself, and a cell has the most that any of its squares has: no form is seen
    that is larger, nor how large anything is.
    """

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.size = size
        inner = width // 2
        self.first, self.first_norm = nn.Conv2d(3, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.second, self.second_norm = nn.Conv2d(inner, width, 1, bias=False), nn.BatchNorm2d(width)
        self.third, self.third_norm = nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Map of the cells."""
        x = functional.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)  # a quarter of the work
        x = functional.relu(self.first_norm(self.first(x)))
        x = functional.relu(self.second_norm(self.second(x)))
        x = functional.max_pool2d(x, self.size // 2, ceil_mode=True)
        return functional.relu(self.third_norm(self.third(x)))


def waves(side: int, width: int) -> Tensor:
    """Embeddings [side * side, width] of the cells of a map, row by row: sines and cosines of row and of column.

    As of words (Vaswani et al., arXiv 1706.03762, sec. 3.5), for each direction a half of the width, as Chen et al. do
    for patches (arXiv 2104.02057, MoCo v3). Which features they are is drawn, so that each kind has some of all waves.
    """
    of_each = -(-width // 4)
    turns = torch.logspace(-math.log2(LONGEST * side), -math.log2(SHORTEST), of_each, base=2)  # a cell
    angles = 2 * math.pi * torch.arange(side).unsqueeze(1) * turns
    along = torch.cat([angles.sin(), angles.cos()], dim=1) * 2**0.5  # [side, 2 * of_each]
    down, across = along.repeat_interleave(side, dim=0), along.repeat(side, 1)
    return torch.cat([down, across], dim=1)[:, torch.randperm(4 * of_each)[:width]]


class SmallVision(nn.Module):
    """Picture network: pixel_values [B, 3, H, W] -> pooled [B, D], tokens [B, T, D].

    Tokens are the cells of the last map, row by row, with their places where the config says so; pooled is their mean,
    projected where it says that.
    Where form and colours are told apart, a red disc and a blue square teach what a red square looks like.
    """

    pooling = "mean"

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        *widths, last = config.widths
        widths = [*widths, last - config.colours]
        self.form = Form() if config.colours else None
        self.colours = Colours(config.colours, 2 ** len(widths)) if config.colours else None
        self.stem = nn.Conv2d(1 if config.colours else 3, widths[0], 3, stride=2, padding=1, bias=False)
        self.stem_norm = nn.BatchNorm2d(widths[0])
        self.blocks = nn.ModuleList(ResidualBlock(before, after) for before, after in pairwise(widths))
        self.width = config.widths[-1]
        self.project = nn.Linear(self.width, self.width) if config.projected else None
        self.places: nn.Parameter | None = None
        if config.places:
            side = -(-config.side // 2 ** len(config.widths))  # of the last map
            self.places = nn.Parameter(waves(side, self.width) * PLACE_RANGE)

    def forward(self, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
        """Return pooled and token features."""
        x = pixel_values if self.form is None else self.form(pixel_values)
        x = functional.relu(self.stem_norm(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        if self.colours is not None:
            x = torch.cat([x, self.colours(pixel_values)], dim=1)
        tokens = x.flatten(2).transpose(1, 2)  # [B, D, h, w] -> [B, h * w, D]
        if self.places is not None:
            tokens = tokens + self.places
        pooled = tokens.mean(dim=1)
        return pooled if self.project is None else self.project(pooled), tokens
