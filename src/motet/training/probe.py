"""Linear probes: logistic regression on one source, its penalty chosen on held-out rows.

Convex, so there is nothing to tune but the penalty, and the answer does not depend on a seed. A probe is both
the baseline that every report shows and the unimodal head of its source. Solved by PyTorch's L-BFGS: over sparse rows
three times as fast as scikit-learn's, which the tests hold it to.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from motet.encoders import FeatureTable, SparseRows
from motet.evaluation import log_loss
from motet.fusion import Source
from motet.runtime.combination import log_softmax
from motet.tasks import LinearClassifier
from motet.training.designs import design, standardisation
from motet.training.folds import Fold
from motet.training.optimisers import without_compiler
from motet.training.threads import one_thread

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
STEPS = tuple(float(10 ** (k / 2)) for k in range(-8, 6))  # inverse penalties: 1e-4 ... 316, half decades
START_DENSE, START_SPARSE = 4, 11  # .01 for standardised features, 32 for TF-IDF: usual optima
MAXIMUM_ITERATIONS = 200


@dataclass(frozen=True)
class Probe:
    """A probe fitted on all rows; its inverse penalty C; the held-out log-loss of each C tried; for each fold the
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
    classes: int,
    *,
    class_weights: Floats | None = None,
) -> Probe:
    """Choose C on the first fold, answer the held rows of every fold with it, and fit on the rows of `whole`.

    Rows where the source is absent are left out. The search begins at a usual value and walks downhill in half
    decades: log-loss in log C has one valley. Without a held row to choose on, the usual value is taken.
    """
    begun = time.thread_time()
    table = whole.tables[source.name]
    best = START_SPARSE if isinstance(table.rows, SparseRows) else START_DENSE
    tried: dict[int, tuple[npt.NDArray[np.floating], float]] = {}
    with one_thread():
        first = _Fit(source, folds[0], classes, class_weights) if folds else None
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
        held += [_Fit(source, fold, classes, class_weights).held(STEPS[best])[0] for fold in folds[1:]]
        module = _Fit(source, whole, classes, class_weights).module(STEPS[best])
    return Probe(
        module,
        STEPS[best],
        {STEPS[step]: loss for step, (_, loss) in sorted(tried.items())},
        held,
        time.thread_time() - begun,
    )


class _Fit:
    """One source and one fold, ready to be fitted with any penalty."""

    def __init__(self, source: Source, fold: Fold, classes: int, class_weights: Floats | None) -> None:
        self.source, self.fold, self.classes, self.class_weights = source, fold, classes, class_weights
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
        """Logits [n, C] of the held rows, NaN where the source is absent, and their log-loss."""
        # Each fit starts from zero: started at a neighbour's answer, a solver that stops on small gradients
        # stays there, and all penalties look alike.
        weight, bias = self._solve(inverse_penalty)
        logits = np.full((len(self.checked), self.classes), np.nan)
        logits[self.checked] = (self.check @ weight + bias).numpy()
        if not self.can_choose:
            return logits, 0.0
        wanted = self.fold.labels[self.fold.held[self.checked]]
        return logits, log_loss(log_softmax(logits[self.checked]), wanted)

    def module(self, inverse_penalty: float) -> LinearClassifier:
        """The fitted probe, in eval mode."""
        mean, scale = torch.from_numpy(self.mean), torch.from_numpy(self.scale)
        return LinearClassifier(self.source, mean, scale, *self._solve(inverse_penalty)).eval()

    def _solve(self, inverse_penalty: float) -> tuple[Tensor, Tensor]:
        labels = self.fold.labels[self.rows]
        return _logistic_regression(self.design, labels, self.classes, inverse_penalty, self.class_weights)


def _logistic_regression(
    design: Tensor,
    labels: npt.NDArray[np.int64],
    classes: int,
    inverse_penalty: float,
    class_weights: Floats | None,
) -> tuple[Tensor, Tensor]:
    """Weights [D, C] and biases [C] that minimise, over rows with weights w_i that sum to w,

    sum_i w_i log-loss_i / w + |W|^2 / (2 C w),   C the inverse penalty: scikit-learn's multinomial objective.

    Classes without a row get the lowest bias less ten, and no weight.
    """
    seen = np.unique(labels)
    weight, bias = torch.zeros(design.shape[1], classes), torch.full((classes,), -10.0 if len(seen) else 0.0)
    if len(seen) < 2:  # nothing to tell apart: the one class, or none
        bias[torch.from_numpy(seen)] = 0
        return weight, bias
    columns = torch.from_numpy(seen)
    share = torch.ones(len(labels)) if class_weights is None else torch.from_numpy(class_weights[labels])
    penalty = 1 / (inverse_penalty * float(share.sum()))
    share = (share / share.sum()).unsqueeze(1)  # [n, 1]
    wanted = nn.functional.one_hot(torch.from_numpy(np.searchsorted(seen, labels)), len(seen)).float()
    transposed = design.t().to_sparse_csr() if design.layout is torch.sparse_csr else design.t()
    w = torch.zeros(design.shape[1], len(seen), requires_grad=True)
    b = torch.zeros(len(seen), requires_grad=True)
    solver = without_compiler(torch.optim.LBFGS)(
        [w, b],
        max_iter=MAXIMUM_ITERATIONS,
        history_size=10,
        tolerance_grad=1e-4,
        tolerance_change=1e-9,
        line_search_fn="strong_wolfe",
    )

    @torch.no_grad()
    def objective() -> Tensor:
        log_p = (design @ w + b).log_softmax(dim=1)
        error = (log_p.exp() - wanted) * share
        w.grad, b.grad = transposed @ error + penalty * w, error.sum(dim=0)
        return penalty / 2 * w.square().sum() - (share * log_p * wanted).sum()

    solver.step(objective)  # type: ignore[no-untyped-call]
    weight[:, columns], bias[columns] = w.detach(), b.detach()
    bias[np.setdiff1d(np.arange(classes), seen)] = float(b.detach().min()) - 10
    return weight, bias
