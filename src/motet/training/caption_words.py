"""The words of captions as numbers: byte-level BPE that is learned from the training sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer, normalizers

from motet.runtime.caption_tokens import END, PADDING, START, CaptionTokens
from motet.training.byte_level import learn_byte_level_bpe

Ids = npt.NDArray[np.int64]


def learn_caption_tokenizer(texts: Sequence[str], *, vocabulary: int) -> Tokenizer:
    """Learn byte-level BPE on sentences that will be written: characters stay what they are, but for their case.

    vocabulary : tokens at most, of which 256 are the bytes and three are padding, start and end.
    """
    return learn_byte_level_bpe(
        texts, vocabulary=vocabulary, special=(PADDING, START, END), normalised=normalizers.NFC()
    )


def sentence_ids(tokens: CaptionTokens, texts: Sequence[str], longest: int) -> list[Ids]:
    """Start, the words of each text, end: at most `longest` numbers; a text that is cut has no end."""
    tokens.tokenizer.encode_special_tokens = True  # what a person wrote is words, `<|end|>` too
    said = [" ".join(text.split()) for text in texts]
    made = tokens.tokenizer.encode_batch_fast(said, add_special_tokens=False)
    return [np.array([tokens.start, *one.ids, tokens.end], np.int64)[:longest] for one in made]
