"""What all terms of pretraining share: the two encoders, the joint transformer, and the common space."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn import functional

from motet.encoders.torch_small_vision import SmallVision
from motet.encoders.torch_small_words import SmallWords
from motet.tasks.pretrain.batch import Shape
from motet.tasks.pretrain.joint import Joint


class Shared(nn.Module):
    """The encoders that are pretrained, the joint transformer over both, and projections into one space."""

    def __init__(self, image: SmallVision, text: SmallWords, shape: Shape) -> None:
        super().__init__()
        self.image, self.text = image, text
        self.cells = shape.grid[0] * shape.grid[1]
        self.joint = Joint(shape)
        self.picture_space = nn.Linear(shape.pictures, shape.width, bias=False)
        self.text_space = nn.Linear(shape.words, shape.width, bias=False)


def beside(of_pairs: Tensor, count: int) -> Tensor:
    """[K, ...] -> [count, ...]: what stands alone has nothing beside it, zeros that a mask hides."""
    return functional.pad(of_pairs, [0, 0] * (of_pairs.dim() - 1) + [0, count - len(of_pairs)])


@contextmanager
def whole_pictures_count(network: nn.Module) -> Iterator[None]:
    """Keep batch normalisation's running moments, which make features, free of pictures with hidden patches."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum
