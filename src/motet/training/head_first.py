"""The head that learning begins with where a network has earlier weights: a linear probe on its features.

With a head drawn at random, its first errors would change the network more than they teach it (Kumar et al.,
"Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution", arXiv 2202.10054, sec. 3.4: LP-FT).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from motet.encoders import FeatureTable
from motet.encoders.features import ArrayRows
from motet.fusion import Source
from motet.runtime.target import ClassTarget
from motet.tasks import LinearClassifier, objective_of
from motet.training.folds import Fold
from motet.training.probe import fit_probe
from motet.training.small import Small, pooled_features

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


def head_over(
    small: Small, labels: Rows, train: Rows, classes: int, weights: Floats | None = None
) -> LinearClassifier:
    """Fit a linear probe on the pooled features that a network gives of those of the rows `train` that can be read.

    labels : [N] class numbers. weights : [classes] of the rows of each class in the loss, or None.
    """
    values, read = pooled_features(small, train)
    wanted = labels[read]
    table = FeatureTable(ArrayRows(values), np.ones(len(values), bool))
    fold = Fold(
        {"small": table}, wanted, np.arange(len(values)), weights=None if weights is None else weights[wanted]
    )
    target = ClassTarget(tuple(map(str, range(classes))))
    return fit_probe(Source("small", small.modality, table.width), fold, [], objective_of(target)).module
