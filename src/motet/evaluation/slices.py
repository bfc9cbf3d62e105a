"""Every metric on parts of the rows: where a model that is good on the whole is not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data.slicing import Slice

Rows = npt.NDArray[np.int64]
Metric = Mapping[str, float | None]
FEW = 5  # rows below which an interval would say nothing


def slice_metrics(
    slices: Iterable[Slice], measure: Callable[[Rows], Mapping[str, Metric]]
) -> list[dict[str, Any]]:
    """Measure each slice: {"name", "kind", "n", "metrics"}; without interval (null) where it has under five rows.

    measure : places [n] of the rows of a slice -> {metric: {"value", "low", "high"}}.
    """
    found = []
    for part in slices:
        metrics = measure(part.at)
        if len(part.at) < FEW:
            metrics = {
                name: {"value": metric["value"], "low": None, "high": None}
                for name, metric in metrics.items()
            }
        found.append({"name": part.name, "kind": part.kind, "n": len(part.at), "metrics": dict(metrics)})
    return found
