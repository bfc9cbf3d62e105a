"""What is particular to networks of sounds: which part hears, how it is pooled, and what its graph is traced with."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from motet.data.sounds import Sound
from motet.encoders.torch_export import Inputs
from motet.encoders.torch_pooling import pooled_over
from motet.preprocessing import AudioPreprocessor


class PooledSound(nn.Module):
    """Sound network with one output convention: input_values [B, n] or [B, h, w] -> pooled [B, D], tokens [B, T, D]."""

    def __init__(self, network: nn.Module, pooling: str) -> None:
        super().__init__()
        self.network = network
        self.pooling = pooling

    def forward(self, input_values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return pooled and token features."""
        made = self.network(input_values)  # called input_features by some: the first one of all
        tokens = made.last_hidden_state
        pooled = made.pooler_output if self.pooling == "pooler" else pooled_over(tokens, self.pooling)
        return pooled, tokens


def listening_part(model: nn.Module) -> nn.Module:
    """The encoder of a model that writes down what it hears (Whisper); else the whole model."""
    whole: Any = model
    part: nn.Module = whole.get_encoder() if getattr(whole.config, "is_encoder_decoder", False) else model
    return part


def sound_pooling(model: nn.Module, pooler_is_random: bool) -> str:
    """AST gives the mean of its two class tokens, normalised ("pooler"); all others are averaged over time."""
    config: Any = model.config
    own = str(config.model_type) == "audio-spectrogram-transformer"
    return "pooler" if own and not pooler_is_random else "mean"


def example_sounds(
    sounds: AudioPreprocessor, seeded: torch.Generator
) -> tuple[Inputs, Inputs, dict[str, dict[int, str]]]:
    """Inputs to trace with, inputs of another size and length to check with, and the axes that may change."""

    def of(seconds: float, count: int) -> Inputs:
        made = [
            sounds(
                Sound((torch.rand(round(seconds * sounds.rate), generator=seeded) - 0.5).numpy(), sounds.rate)
            )
            for _ in range(count)
        ]
        return {"input_values": torch.from_numpy(np.stack(made))}

    axes = {"input_values": {0: "batch"}, "pooled": {0: "batch"}, "tokens": {0: "batch"}}
    if sounds.form == "waveform":
        axes["input_values"][1], axes["tokens"][1] = "length", "frames"
    return of(1.0, 2), of(1.7, 3), axes
