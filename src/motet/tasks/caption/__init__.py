"""A sentence for a picture: the decoder that writes it, and its loss."""

from __future__ import annotations

from motet.tasks.caption.decoder import CaptionDecoder, DecoderShape
from motet.tasks.caption.language_decoder import LanguageDecoder
from motet.tasks.caption.loss import Decoder, token_losses
from motet.tasks.caption.packing import Packed, pack, together

__all__ = [
    "CaptionDecoder",
    "Decoder",
    "DecoderShape",
    "LanguageDecoder",
    "Packed",
    "pack",
    "together",
    "token_losses",
]
