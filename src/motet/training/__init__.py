"""How it is learned: linear probes by convex optimisation, fused heads by one loop, both out of fold."""

from __future__ import annotations

from motet.training.balance import Balance
from motet.training.epoch import Epoch
from motet.training.folds import Fold
from motet.training.held_out import predict_logits
from motet.training.latent import Bases, multiply_out, to_latent
from motet.training.loop import Trained, train_heads
from motet.training.probe import Probe, fit_probe, is_large
from motet.training.settings import Settings
from motet.training.threads import side_by_side

__all__ = [
    "Balance",
    "Bases",
    "Epoch",
    "Fold",
    "Probe",
    "Settings",
    "Trained",
    "fit_probe",
    "is_large",
    "multiply_out",
    "predict_logits",
    "side_by_side",
    "to_latent",
    "train_heads",
]
