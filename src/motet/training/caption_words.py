"""The words of captions as numbers: byte-level BPE that is learned from the training sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from motet.runtime.caption_tokens import END, PADDING, START, CaptionTokens

Ids = npt.NDArray[np.int64]


def learn_caption_tokenizer(texts: Sequence[str], *, vocabulary: int) -> Tokenizer:
    """Learn byte-level BPE on sentences: any language can be written, unspaced ones too. Sentences become lower-case.

    vocabulary : tokens at most, of which 256 are the bytes and three are padding, start and end.

    Source: Sennrich et al., 2016; on bytes: Radford et al., 2019.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=[PADDING, START, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def sentence_ids(tokens: CaptionTokens, texts: Sequence[str], longest: int) -> list[Ids]:
    """Start, the words of each text, end: at most `longest` numbers; a text that is cut has no end."""
    tokens.tokenizer.encode_special_tokens = True  # what a person wrote is words, `<|end|>` too
    said = [" ".join(text.split()) for text in texts]
    made = tokens.tokenizer.encode_batch_fast(said, add_special_tokens=False)
    return [np.array([tokens.start, *one.ids, tokens.end], np.int64)[:longest] for one in made]
