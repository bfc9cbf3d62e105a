"""How far a decoder is from the words that people wrote."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from motet.tasks.caption.decoder import CaptionDecoder
from motet.tasks.caption.language_decoder import LanguageDecoder
from motet.tasks.caption.packing import Packed, together

Decoder = CaptionDecoder | LanguageDecoder


def token_losses(
    decoder: Decoder, tokens: Tensor, mask: Tensor, packed: Packed, *, smoothing: float = 0.0
) -> Tensor:
    """Cross-entropy [n] of each of the n words that follow another, given those before it (teacher forcing), in nats.

    tokens [B, T, D], mask [B, T] : the pictures. smoothing : share of the target that all words have alike (Szegedy et
    al., 2016).
    """
    cross = decoder.of_pictures(tokens, mask)
    states, _ = decoder.read(packed.ids, packed.places, together(packed), None, cross, mask)
    words = packed.sentence >= 0
    logits = decoder.logits(states[words])
    return functional.cross_entropy(
        logits, packed.following[words], label_smoothing=smoothing, reduction="none"
    )
