"""Byte-level BPE learned from texts: what reads words and what writes captions both begin with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers


def learn_byte_level_bpe(
    texts: Iterable[str | Sequence[str]],
    *,
    vocabulary: int,
    special: Sequence[str],
    normalised: normalizers.Normalizer,
) -> Tokenizer:
    """Learn tokens of any language, unspaced ones too. Texts are normalised, and become lower-case.

    vocabulary : tokens at most, of which 256 are the bytes, and the `special` ones come first.

    Source: Sennrich et al., 2016; on bytes: Radford et al., 2019.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalised, normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=list(special),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
