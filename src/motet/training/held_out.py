"""What heads say of rows that they were not fitted on: their logits, and the loss after a temperature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from motet.encoders import Features
from motet.fusion import Source
from motet.selection import temperature_of
from motet.tasks import Objective
from motet.training.batches import TOKEN_ROWS, read_rows
from motet.training.folds import Fold, Tables
from motet.training.stacked import StackedHeads
from motet.training.threads import one_thread

Rows = npt.NDArray[np.int64]


def predict_logits(
    head: Any, tables: Tables, rows: Rows, *, shown: frozenset[str] | None = None, size: int = 512
) -> npt.NDArray[np.float32]:
    """Logits [n, C] of the given rows in eval mode; `shown`: modalities not to be hidden (default: all)."""
    head.eval()
    size = min(size, TOKEN_ROWS) if any(source.read != "pooled" for source in head.sources) else size
    parts = []
    with one_thread(), torch.inference_mode():
        for begin in range(0, max(len(rows), 1), size):
            batch = {}
            for source in head.sources:
                pooled, present, *tokens = read_rows(source, tables, rows[begin : begin + size])
                if shown is not None and source.modality not in shown:
                    present = np.zeros_like(present)
                batch[source.name] = Features(*map(torch.from_numpy, (pooled, present, *tokens)))
            parts.append(head(batch).float().numpy())
    return np.concatenate(parts)


def validate(
    stack: StackedHeads,
    sources: Sequence[Source],
    folds: Sequence[Fold],
    objective: Objective,
    members: int,
    *,
    size: int = 4096,
) -> tuple[float | None, tuple[float | None, float | None]]:
    """Loss after a temperature, and (loss, accuracy of classes), of the held rows of all folds; None without any."""
    logits, labels = [], []
    size = min(size, TOKEN_ROWS) if any(source.read != "pooled" for source in sources) else size
    with torch.inference_mode():
        for number, fold in enumerate(folds):
            for begin in range(0, len(fold.held), size):
                rows = fold.held[begin : begin + size]
                features = {}
                for source in sources:
                    read = (torch.from_numpy(a) for a in read_rows(source, fold.tables, rows))
                    features[source.name] = Features(*(a.to(stack.device) for a in read))
                each = [stack.logits(number * members + m, features) for m in range(members)]
                logits.append(objective.pooled(torch.stack(each)).float().cpu().numpy())
                labels.append(fold.labels[rows])
    if not logits:
        return None, (None, None)
    target, truth = objective.target, np.concatenate(labels)
    answers = target.spread(np.concatenate(logits))
    calibrated = target.losses(answers / temperature_of(target, answers, truth), truth)
    right = target.score_of(target.answers(answers), truth) if target.score == "accuracy" else None
    return float(calibrated.mean()), (float(target.losses(answers, truth).mean()), right)


def validate_alone(
    stack: StackedHeads,
    sources: Sequence[Source],
    folds: Sequence[Fold],
    objective: Objective,
    members: int,
) -> dict[str, float | None]:
    """Loss after a temperature of the held rows that have a modality, the others hidden."""
    found: dict[str, float | None] = {}
    for modality in dict.fromkeys(source.modality for source in sources):
        names = [source.name for source in sources if source.modality == modality]
        tables = [
            {
                n: t if n in names else replace(t, present=np.zeros_like(t.present))
                for n, t in f.tables.items()
            }
            for f in folds
        ]
        held = [f.held[np.all([f.tables[n].present[f.held] for n in names], axis=0)] for f in folds]
        shown = [replace(f, tables=t, held=h) for f, t, h in zip(folds, tables, held, strict=True)]
        found[modality] = validate(stack, sources, shown, objective, members)[0]
    return found
