"""How it is learned: linear probes by convex optimisation, fused heads by one loop."""

from __future__ import annotations

from motet.training.loop import Epoch, Settings, Trained, predict_logits, train_head
from motet.training.probe import Probe, fit_probe

__all__ = ["Epoch", "Probe", "Settings", "Trained", "fit_probe", "predict_logits", "train_head"]
