"""Optimisers without the compiler: the same steps, and nothing of it loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from motet.training.optimisers import without_compiler


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.LBFGS])
def test_the_steps_are_the_same(kind: type[torch.optim.Optimizer]) -> None:
    def steps(made: type[torch.optim.Optimizer]) -> torch.Tensor:
        w = torch.tensor([3.0, -2.0], requires_grad=True)
        optimiser = made([w], lr=0.1)  # type: ignore[call-arg]

        def closure() -> float:
            optimiser.zero_grad()
            loss = (w**4 - w).sum()
            loss.backward()
            return float(loss.detach())

        for _ in range(5):
            with torch.enable_grad():
                closure()
            optimiser.step(torch.enable_grad()(closure))
        return w.detach()

    assert torch.equal(steps(kind), steps(without_compiler(kind)))


def test_training_does_not_load_the_compiler() -> None:
    program = """
import sys
import numpy as np
from motet.encoders import ArrayRows, FeatureTable
from motet.fusion import FUSIONS, Source
from motet.runtime.target import ClassTarget
from motet.tasks import FusedClassifier, objective_of
from motet.training import Fold, Settings, fit_probe, train_heads

values = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
tables = {"image:x": FeatureTable(ArrayRows(values), np.ones(40, bool))}
fold = Fold(tables, (values[:, 0] > 0).astype(np.int64), np.arange(30), np.arange(30, 40))
source = Source("image:x", "image", 4)
two = objective_of(ClassTarget(("a", "b")))
fit_probe(source, fold, [fold], two)
train_heads(lambda s: FusedClassifier(FUSIONS["concat"](s), 2), [source], [fold], two, Settings(epochs=1))
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
