"""Linear probes: logistic regression on one source (ridge regression of a number), its penalty chosen on held-out rows.

Convex, so there is nothing to tune but the penalty, and the answer does not depend on a seed. A probe is both
the baseline that every report shows and the unimodal head of its source. Solved by PyTorch's L-BFGS: over sparse rows
three times as fast as scikit-learn's, which the tests hold it to.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from motet.encoders import FeatureTable, SparseRows
from motet.fusion import Source
from motet.tasks import LinearClassifier, Objective
from motet.training.designs import design, standardisation
from motet.training.folds import Fold
from motet.training.optimisers import without_compiler
from motet.training.threads import one_thread

Rows = npt.NDArray[np.int64]
STEPS = tuple(float(10 ** (k / 2)) for k in range(-8, 6))  # inverse penalties: 1e-4 ... 316, half decades
START_DENSE, START_SPARSE = 4, 11  # .01 for standardised features, 32 for TF-IDF: usual optima
MAXIMUM_ITERATIONS = 200
LARGE = 2**25  # numbers of a matrix, 128 MB


@dataclass(frozen=True)
class Probe:
    """A probe fitted on all rows; its inverse penalty C; the held-out loss of each C tried; for each fold the
    logits [n, C] of its held rows, by a probe fitted without them: NaN where a row has nothing of the source; and the
    seconds of one processor that all this took."""

    module: LinearClassifier
    inverse_penalty: float
    tried: dict[float, float]
    held_logits: list[npt.NDArray[np.floating]]
    seconds: float


def fit_probe(
    source: Source,
    whole: Fold,
    folds: Sequence[Fold],
    objective: Objective,
) -> Probe:
    """Choose C on the first fold, answer the held rows of every fold with it, and fit on the rows of `whole`.

    Rows where the source is absent are left out. The search begins at a usual value and walks downhill in half
    decades: the loss in log C has one valley. Without a held row to choose on, the usual value is taken.
    """
    begun = time.thread_time()
    table = whole.tables[source.name]
    cores = nullcontext() if is_large(table, whole.fit) else one_thread()
    best = START_SPARSE if isinstance(table.rows, SparseRows) else START_DENSE
    tried: dict[int, tuple[npt.NDArray[np.floating], float]] = {}
    with cores:
        first = _Fit(source, folds[0], objective) if folds else None
        if first is not None and first.can_choose:
            while True:
                for step in (best - 1, best, best + 1):
                    if 0 <= step < len(STEPS) and step not in tried:
                        tried[step] = first.held(STEPS[step])
                step = min((s for s in (best - 1, best, best + 1) if s in tried), key=lambda s: tried[s][1])
                if step == best:
                    break
                best = step
        held = [tried[best][0] if best in tried else first.held(STEPS[best])[0]] if first else []
        del first  # its matrix would stand in memory beside that of all rows
        held += [_Fit(source, fold, objective).held(STEPS[best])[0] for fold in folds[1:]]
        module = _Fit(source, whole, objective).module(STEPS[best])
    return Probe(
        module,
        STEPS[best],
        {STEPS[step]: loss for step, (_, loss) in sorted(tried.items())},
        held,
        time.thread_time() - begun,
    )


def is_large(table: FeatureTable, rows: Rows) -> bool:
    """Whether these rows of a source as a matrix are so large that one at a time, on all cores, should be fitted."""
    return not isinstance(table.rows, SparseRows) and len(rows) * table.width > LARGE


class _Fit:
    """One source and one fold, ready to be fitted with any penalty."""

    def __init__(self, source: Source, fold: Fold, objective: Objective) -> None:
        self.source, self.fold, self.objective = source, fold, objective
        self.table: FeatureTable = fold.tables[source.name]
        self.rows = fold.fit[self.table.present[fold.fit]]
        self.checked = self.table.present[fold.held]  # [n] of the held rows
        self.mean, self.scale = standardisation(self.table, self.rows)
        self.design = design(self.table, self.rows, self.mean, self.scale)
        self.check = design(self.table, fold.held[self.checked], self.mean, self.scale)

    @property
    def can_choose(self) -> bool:
        return bool(self.checked.any())

    def held(self, inverse_penalty: float) -> tuple[npt.NDArray[np.floating], float]:
        """Logits [n, C] of the held rows, NaN where the source is absent, and their loss."""
        # Each fit starts from zero: started at a neighbour's answer, a solver that stops on small gradients
        # stays there, and all penalties look alike.
        weight, bias = self._solve(inverse_penalty)
        target = self.objective.target
        logits = np.full((len(self.checked), target.outputs), np.nan)
        told = (self.check @ weight + bias - self._shift).numpy()
        logits[self.checked] = told
        if not self.can_choose:
            return logits, 0.0
        wanted = self.fold.labels[self.fold.held[self.checked]]
        return logits, float(target.losses(target.spread(told), wanted).mean())

    def module(self, inverse_penalty: float) -> LinearClassifier:
        """The fitted probe, in eval mode."""
        mean, scale = torch.from_numpy(self.mean), torch.from_numpy(self.scale)
        weight, bias = self._solve(inverse_penalty)
        return LinearClassifier(self.source, mean, scale, weight, bias - self._shift).eval()

    @property
    def _shift(self) -> Tensor:
        """What the loss adds to the logits: biases are free, so that those fitted without it hold it already."""
        shift = self.objective.shift
        return torch.zeros(self.objective.target.outputs) if shift is None else shift

    def _solve(self, inverse_penalty: float) -> tuple[Tensor, Tensor]:
        wanted = self.objective.wanted(self.fold.labels[self.rows])
        weights = torch.from_numpy(self.fold.weights_of(self.rows))
        return _linear_model(self.design, wanted, weights, self.objective, inverse_penalty)


def _linear_model(
    design: Tensor, wanted: Tensor, weights: Tensor, objective: Objective, inverse_penalty: float
) -> tuple[Tensor, Tensor]:
    """Weights [D, O] and biases [O] that minimise, over rows with weights w_i that sum to w,

    sum_i w_i loss_i / w + |W|^2 / (2 C w),   C the inverse penalty: scikit-learn's multinomial objective, and with half
    the squared error that of its Ridge with alpha = 1 / C.

    Outputs that are the same in every row are not learned: see `Objective.idle_bias`.
    """
    outputs = wanted.shape[1]
    weight, bias = torch.zeros(design.shape[1], outputs), torch.zeros(outputs)
    learned = (wanted != wanted[:1]).any(dim=0)
    if not learned.any() or not float(weights.sum()):
        return weight, objective.idle_bias(wanted, bias, learned & False)
    penalty = 1 / (inverse_penalty * float(weights.sum()))
    share = (weights / weights.sum()).unsqueeze(1)  # [n, 1]
    wanted_of = wanted[:, learned]
    transposed = design.t().to_sparse_csr() if design.layout is torch.sparse_csr else design.t()
    w = torch.zeros(design.shape[1], wanted_of.shape[1], requires_grad=True)
    b = torch.zeros(wanted_of.shape[1], requires_grad=True)
    solver = without_compiler(torch.optim.LBFGS)(
        [w, b],
        max_iter=MAXIMUM_ITERATIONS,
        history_size=10,
        tolerance_grad=1e-4,
        tolerance_change=1e-9,
        line_search_fn="strong_wolfe",
    )

    @torch.no_grad()
    def objective_value() -> Tensor:
        scores = design @ w + b
        error = (objective.mean(scores) - wanted_of) * share
        w.grad, b.grad = transposed @ error + penalty * w, error.sum(dim=0)
        fit = objective.partition(scores) - (scores * wanted_of).sum(dim=1)
        return penalty / 2 * w.square().sum() + (share[:, 0] * fit).sum()

    solver.step(objective_value)  # type: ignore[no-untyped-call]
    weight[:, learned], bias[learned] = w.detach(), b.detach()
    return weight, objective.idle_bias(wanted, bias, learned)
