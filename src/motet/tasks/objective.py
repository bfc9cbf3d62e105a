"""What heads minimise, by target: the loss, its parts for linear heads, and how an ensemble's members become one.

All three losses are those of a generalised linear model with its canonical link: -log p = A(s) - s.y + const, whose
gradient in the scores s is mean(s) - y (McCullagh and Nelder, "Generalized Linear Models", 1989, sec. 2.2).
Shapes: B rows, O outputs.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import softplus

from motet.runtime.labels_target import LabelsTarget
from motet.runtime.number_target import NumberTarget
from motet.runtime.target import Target

TINY = 1e-12
LEAST_SHARE = 1e-6  # of a class that no row has
IDLE = 10.0  # how far below the others, in logits, a class lies that no row has


class Objective(ABC):
    """The learning side of a target. Everything works under `torch.func.vmap`."""

    target: Target
    shift: Tensor | None = (
        None  # [O], added to the logits in the loss of fused heads; linear heads lose it afterwards
    )

    def wanted(self, truth: npt.NDArray[Any]) -> Tensor:
        """What is true of B rows as what the scores should mean [B, O]."""
        return torch.from_numpy(self._wanted(truth).astype(np.float32))

    @abstractmethod
    def _wanted(self, truth: npt.NDArray[Any]) -> npt.NDArray[np.floating]: ...

    @abstractmethod
    def mean(self, scores: Tensor) -> Tensor:
        """Expected `wanted` [B, O]: the gradient of A."""

    @abstractmethod
    def partition(self, scores: Tensor) -> Tensor:
        """A [B]."""

    @abstractmethod
    def row_loss(self, scores: Tensor, wanted: Tensor) -> Tensor:
        """Loss of each row [B], from scores and `wanted` [B, O]."""

    @abstractmethod
    def pooled(self, each: Tensor) -> Tensor:
        """Logits [M, B, O] of the members of an ensemble -> logits [B, O] of their mean answer."""

    @abstractmethod
    def idle_bias(self, wanted: Tensor, bias: Tensor, learned: Tensor) -> Tensor:
        """Biases [O] of linear heads: those learned, and what the others are, whose column of `wanted` is constant."""

    def loss(self, scores: Tensor, wanted: Tensor, weights: Tensor | None = None) -> Tensor:
        """Mean loss; weights [B] of the rows."""
        each = self.row_loss(scores, wanted)
        return each.mean() if weights is None else (each * weights).sum() / weights.sum().clamp(min=TINY)


class ClassObjective(Objective):
    """One class of C: cross-entropy.

    prior [C] : where it is given, the logarithm of each class's share is added to the logits in the loss alone, so that
    the logits themselves are those of balanced classes: logit adjustment with tau 1 (Menon et al., "Long-tail learning
    via logit adjustment", 2021, arXiv 2007.07314, eq. 10).
    """

    def __init__(self, target: Target, prior: npt.NDArray[np.floating] | None = None) -> None:
        self.target = target
        if prior is not None:
            # A class without a row has no share to take away: its bias stays far below the others.
            shift = np.log(np.where(prior > 0, np.maximum(prior, LEAST_SHARE), 1))
            self.shift = torch.from_numpy(shift.astype(np.float32))

    def _wanted(self, truth: npt.NDArray[Any]) -> npt.NDArray[np.floating]:
        one_hot: npt.NDArray[np.floating] = np.eye(self.target.outputs, dtype=np.float32)[truth]
        return one_hot

    def mean(self, scores: Tensor) -> Tensor:
        """Softmax."""
        return scores.softmax(dim=-1)

    def partition(self, scores: Tensor) -> Tensor:
        """Log-sum-exp."""
        return scores.logsumexp(dim=-1)

    def row_loss(self, scores: Tensor, wanted: Tensor) -> Tensor:
        """-log p of the class."""
        shifted = scores if self.shift is None else scores + self.shift.to(scores.device)
        return -(shifted.log_softmax(dim=-1) * wanted).sum(dim=-1)

    def pooled(self, each: Tensor) -> Tensor:
        """Logarithm of the mean probability."""
        return each.log_softmax(dim=-1).logsumexp(dim=0) - math.log(len(each))

    def idle_bias(self, wanted: Tensor, bias: Tensor, learned: Tensor) -> Tensor:
        """A class without a row lies below all others."""
        lowest = bias[learned].min() if learned.any() else torch.tensor(0.0)
        return torch.where(learned | (wanted.sum(dim=0) > 0), bias, lowest - IDLE)


class NumberObjective(Objective):
    """A number, in deviations from the mean of the training rows: squared error."""

    def __init__(self, target: NumberTarget) -> None:
        self.target: NumberTarget = target

    def _wanted(self, truth: npt.NDArray[Any]) -> npt.NDArray[np.floating]:
        return self.target.deviations(truth)[..., None]

    def mean(self, scores: Tensor) -> Tensor:
        """The scores themselves."""
        return scores

    def partition(self, scores: Tensor) -> Tensor:
        """Half their square."""
        return scores.square().sum(dim=-1) / 2

    def row_loss(self, scores: Tensor, wanted: Tensor) -> Tensor:
        """Squared error."""
        return (scores - wanted).square().sum(dim=-1)

    def pooled(self, each: Tensor) -> Tensor:
        """Their mean."""
        return each.mean(dim=0)

    def idle_bias(self, wanted: Tensor, bias: Tensor, learned: Tensor) -> Tensor:
        """Rows that all say the same are answered with it."""
        return torch.where(learned, bias, wanted.mean(dim=0) if len(wanted) else bias)


class LabelsObjective(Objective):
    """L labels, each there or not: binary cross-entropy."""

    def __init__(self, target: Target) -> None:
        self.target = target

    def _wanted(self, truth: npt.NDArray[Any]) -> npt.NDArray[np.floating]:
        return truth

    def mean(self, scores: Tensor) -> Tensor:
        """Sigmoid."""
        return scores.sigmoid()

    def partition(self, scores: Tensor) -> Tensor:
        """Sum of log(1 + exp s): a logistic regression for each label, by itself."""
        total: Tensor = softplus(scores).sum(dim=-1)
        return total

    def row_loss(self, scores: Tensor, wanted: Tensor) -> Tensor:
        """Mean of -log p of what is true of each label."""
        mean: Tensor = (softplus(scores) - scores * wanted).mean(dim=-1)
        return mean

    def pooled(self, each: Tensor) -> Tensor:
        """Log-odds of the mean probability of each label."""
        yes, no = -softplus(-each), -softplus(each)
        odds: Tensor = yes.logsumexp(dim=0) - no.logsumexp(dim=0)
        return odds

    def idle_bias(self, wanted: Tensor, bias: Tensor, learned: Tensor) -> Tensor:
        """A label that every row has is given, one that no row has is not."""
        constant = (wanted[0] * 2 - 1) * IDLE if len(wanted) else bias
        return torch.where(learned, bias, constant)


def objective_of(target: Target, adjust: npt.NDArray[np.floating] | None = None) -> Objective:
    """The objective of a target; `adjust` [C] : shares of classes that logits are adjusted by."""
    if isinstance(target, LabelsTarget):
        return LabelsObjective(target)
    return NumberObjective(target) if isinstance(target, NumberTarget) else ClassObjective(target, adjust)
