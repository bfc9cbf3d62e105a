"""A trained decoder becomes the two graphs that the runtime runs, checked against PyTorch, beside its weights."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from motet.encoders.torch_export import Inputs, export_onnx
from motet.encoders.torch_small_words import FAR_BELOW
from motet.runtime.caption_step import STEP_INPUTS, STEP_OUTPUTS
from motet.tasks.caption import Decoder, LanguageDecoder

PREFIX, STEP = "prefix", "step"


class PrefixGraph(nn.Module):
    """Tokens [B, T, D], mask [B, T] of pictures -> keys and values [L, B, H, T, d]."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """As `Decoder.of_pictures`."""
        return self.decoder.of_pictures(tokens, mask)


class StepGraph(nn.Module):
    """S words after P others -> logits [B, V] of the word after them, and keys and values of P + S words."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(
        self,
        ids: Tensor,
        places: Tensor,
        past_keys: Tensor,
        past_values: Tensor,
        keys: Tensor,
        values: Tensor,
        mask: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """ids [B, S], places [S] from P on; what is kept of P words [L, B, H, P, d]; the pictures [L, B, H, T, d]."""
        seen = torch.arange(past_keys.shape[3] + ids.shape[1])
        bias = (seen[None, :] > places[:, None]) * FAR_BELOW
        states, (next_keys, next_values) = self.decoder.read(
            ids, places, bias, (past_keys, past_values), (keys, values), mask
        )
        return self.decoder.logits(states[:, -1]), next_keys, next_values


def export_decoder(decoder: Decoder, source: str, folder: Path) -> None:
    """Write `prefix.onnx`, `step.onnx` and `decoder.safetensors` into a folder; both graphs are checked.

    The safetensors hold what was learned: of a language model that stayed as it was, what leads into it.
    """
    decoder.eval()
    random = torch.Generator().manual_seed(0)

    def pictures(count: int, positions: int) -> Inputs:
        mask = torch.rand(count, positions, generator=random) > 0.3
        mask[:, 0] = True
        return {
            f"{source}.tokens": torch.rand(count, positions, decoder.project.in_features, generator=random),
            f"{source}.mask": mask,
        }

    def words(count: int, positions: int, before: int, new: int) -> Inputs:
        seen = pictures(count, positions)
        size = decoder.kept(count, before)
        with torch.no_grad():
            keys, values = decoder.of_pictures(*seen.values())
        given = (
            torch.randint(decoder.vocabulary, (count, new), generator=random),
            torch.arange(before, before + new),
            torch.rand(size, generator=random),
            torch.rand(size, generator=random),
            keys,
            values,
            seen[f"{source}.mask"],
        )
        return dict(zip(STEP_INPUTS, given, strict=True))

    # Folded, a table of words that is tied to the logits would be in the graph twice, the second time transposed.
    folding = not isinstance(decoder, LanguageDecoder)
    rows, spots = "batch", "positions"
    export_onnx(
        PrefixGraph(decoder),
        pictures(2, 3),
        pictures(5, 4),
        folder / f"{PREFIX}.onnx",
        outputs=("keys", "values"),
        dynamic={
            f"{source}.tokens": {0: rows, 1: spots},
            f"{source}.mask": {0: rows, 1: spots},
            "keys": {1: rows, 3: spots},
            "values": {1: rows, 3: spots},
        },
    )
    kept, picture = {1: rows, 3: "before"}, {1: rows, 3: spots}
    export_onnx(
        StepGraph(decoder),
        words(2, 3, 2, 3),
        words(5, 4, 1, 2),
        folder / f"{STEP}.onnx",
        outputs=STEP_OUTPUTS,
        dynamic={
            "ids": {0: rows, 1: "new"},
            "places": {0: "new"},
            "past_keys": kept,
            "past_values": kept,
            "keys": picture,
            "values": picture,
            "mask": {0: rows, 1: spots},
            "logits": {0: rows},
            "next_keys": {1: rows, 3: "after"},
            "next_values": {1: rows, 3: "after"},
        },
        folding=folding,
    )
    learned = {name: value.detach() for name, value in decoder.named_parameters() if value.requires_grad}
    tensors = {name: value.contiguous() for name, value in learned.items()}
    save_file(tensors, folder / "decoder.safetensors")
