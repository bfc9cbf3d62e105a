"""A contrastive batch over several processes: each answers for its own rows, against those of all.

Never is the whole similarity matrix held by one process, and the gradient is exactly that of one process with the whole
batch, however many rows each has: the gather hands the gradient of a vector back to the process that made it.

Source: `local_loss` with `gather_with_grad` in OpenCLIP (Ilharco et al., 2021).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist
from torch import Tensor

from motet.tasks.match import MatchObjective, Size

Numbers = npt.NDArray[np.int64]
Positives = Callable[[Numbers, Numbers], npt.NDArray[np.bool_]]


def loss_of_process(
    objective: MatchObjective,
    images: Tensor,
    texts: Tensor,
    pictures: Numbers,
    sentences: Numbers,
    positives: Positives,
) -> Tensor:
    """This process's part of the loss of all, times the number of processes, a number.

    Times their number, because gradients are averaged over processes afterwards (as DistributedDataParallel does): the
    mean over processes of what is returned, and of its gradients, is what one process with all rows has.

    Parameters
    ----------
    images [n, W], texts [m, W] : this process's vectors; n and m may differ between processes.
    pictures [n], sentences [m] : their numbers in the table, which no other process has in this batch.
    positives : of numbers of pictures and of sentences, which belong together, as `MatchBatch.positives`.

    Raises UsageError for an objective that is not a sum of shares.
    """
    every_picture, every_sentence = (_all_numbers(n, images.device) for n in (pictures, sentences))
    right = torch.from_numpy(positives(pictures, every_sentence)).to(images.device)  # [n, all sentences]
    left = torch.from_numpy(positives(every_picture, sentences)).to(images.device)  # [all pictures, m]
    pairs = right.sum()
    dist.all_reduce(pairs)
    size = Size(len(every_picture), len(every_sentence), int(pairs))
    mine = objective.share(images, gather_rows(texts), right, size) + objective.share(
        texts, gather_rows(images), left.T, size
    )
    return mine * dist.get_world_size()


def gather_rows(x: Tensor) -> Tensor:
    """The rows of all processes [sum of n, W], in the order of processes, from this one's [n, W]; with gradient."""
    made: Tensor = _Gather.apply(x)  # type: ignore[no-untyped-call]
    return made


class _Gather(torch.autograd.Function):
    """All rows; on the way back each process has the sum, over processes, of the gradient of its own."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        counts = torch.zeros(dist.get_world_size(), dtype=torch.int64, device=x.device)
        counts[dist.get_rank()] = len(x)
        dist.all_reduce(counts)
        ctx.counts = counts.tolist()
        # Collectives want equal shapes: each process pads to the longest.
        padded = x.new_zeros(max(ctx.counts), *x.shape[1:])
        padded[: len(x)] = x
        every = [torch.empty_like(padded) for _ in ctx.counts]
        dist.all_gather(every, padded)
        return torch.cat([rows[:count] for rows, count in zip(every, ctx.counts, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        summed = gradients[0].contiguous().clone()
        dist.all_reduce(summed)
        return torch.split(summed, ctx.counts)[dist.get_rank()]


def _all_numbers(numbers: Numbers, device: torch.device) -> Numbers:
    gathered: Numbers = gather_rows(torch.from_numpy(numbers).to(device)).cpu().numpy()
    return gathered
