"""Large contrastive batches in the memory of small ones: GradCache.

A contrastive loss needs the vectors of the whole batch, but the activations that made them need not be there at the
same time:

1. all parts of the batch are encoded without a graph, and only the vectors are kept;
2. the loss is taken over the vectors, some queries at a time, and its gradient with respect to them is kept;
3. each part is encoded once more, with a graph, and its kept gradient is sent back through it.

The gradient is that of the whole batch, for one further forward pass. Source: Gao et al., "Scaling Deep Contrastive
Learning Batch Size under Memory Limited Setup", arXiv 2101.06983, sec. 3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from motet.fusion import Dropout
from motet.tasks.match import MatchObjective, Size

QUERIES_AT_ONCE = 256


@dataclass(frozen=True)
class Side:
    """One side of a batch in parts: the vectors are `network(read())` [n, W] of each, in order.

    Each `read` is called twice and must give the same both times.
    """

    network: nn.Module
    reads: Sequence[Callable[[], Any]]

    @classmethod
    def of(
        cls, network: nn.Module, read: Callable[[npt.NDArray[Any]], Any], rows: npt.NDArray[Any], at_once: int
    ) -> Side:
        """Rows that `read` makes inputs of, at most so many at once."""
        parts = np.array_split(rows, -(-len(rows) // at_once))
        return cls(network, [partial(read, part) for part in parts])


def backward_in_parts(images: Side, texts: Side, positives: Tensor, objective: MatchObjective) -> float:
    """Add the gradient of a whole batch to the parameters of both networks and of the objective; return the loss.

    positives [N, M] bool, as in `MatchBatch`. What the networks draw (dropout) is the same in both passes, and batch
    normalisation, which sees a part at a time, counts each part once.

    Raises UsageError for an objective that is not a sum of shares.
    """
    drawn = [_encoded(side) for side in (images, texts)]
    x, y = (torch.cat([vectors for vectors, _ in parts]).requires_grad_() for parts in drawn)
    size, total = Size.of(positives), 0.0
    for queries, gallery, right in ((x, y, positives), (y, x, positives.T)):
        for begin in range(0, len(queries), QUERIES_AT_ONCE):
            here = slice(begin, begin + QUERIES_AT_ONCE)
            share = objective.share(queries[here], gallery, right[here], size)
            share.backward()  # type: ignore[no-untyped-call]
            total += float(share.detach())
    for side, vectors, parts in ((images, x, drawn[0]), (texts, y, drawn[1])):
        assert vectors.grad is not None
        gradients = torch.split(vectors.grad, [len(part) for part, _ in parts])
        for read, (_, state), gradient in zip(side.reads, parts, gradients, strict=True):
            with _drawing_again(side.network, state), _statistics_as_they_are(side.network):
                made = side.network(read())
            made.backward(gradient)
    return total


def _encoded(side: Side) -> list[tuple[Tensor, list[Tensor]]]:
    """The vectors of each part, without a graph, and where the generators stood before it."""
    made = []
    for read in side.reads:
        state = [generator.get_state() for generator in _generators(side.network)]
        with torch.no_grad():
            made.append((side.network(read()), state))
    return made


def _generators(network: nn.Module) -> list[torch.Generator]:
    """What a network may draw from: PyTorch's generator of each device it lies on, and those of its dropouts."""
    devices = {parameter.device for parameter in network.parameters() if parameter.device.type == "cuda"}
    found = [torch.default_generator, *(torch.cuda.default_generators[device.index] for device in devices)]
    own = (part.generator for part in network.modules() if isinstance(part, Dropout))
    return [*found, *dict.fromkeys(generator for generator in own if generator is not None)]


@contextmanager
def _drawing_again(network: nn.Module, state: Sequence[Tensor]) -> Iterator[None]:
    """Let the generators stand where they stood, and afterwards where they stand now."""
    generators = _generators(network)
    before = [generator.get_state() for generator in generators]
    for generator, earlier in zip(generators, state, strict=True):
        generator.set_state(earlier)
    try:
        yield
    finally:
        for generator, later in zip(generators, before, strict=True):
            generator.set_state(later)


@contextmanager
def _statistics_as_they_are(network: nn.Module) -> Iterator[None]:
    """Leave the running statistics of batch normalisation, which the first pass has counted."""
    norms = [part for part in network.modules() if isinstance(part, _BatchNorm) and part.track_running_stats]
    momenta = [norm.momentum for norm in norms]
    counted = [norm.num_batches_tracked for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, momentum, number in zip(norms, momenta, counted, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, number
