"""Words become token numbers by an encoder's own tokenizer.json, sorted by length and padded by batch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from motet.errors import EncoderError, UsageError
from motet.preprocessing.configs import read_config

Side = Literal["left", "right"]

# Texts are sorted within windows of this many, so that memory stays bounded on tables of any length.
_WINDOW = 65_536
# Longer texts are cut before they are tokenised: no encoder reads that far, and one cell may hold 10 MB.
_LONGEST_TEXT = 200_000

# Position numbers of these begin after the padding's, so that fewer tokens fit than max_position_embeddings.
_POSITIONS_AFTER_PADDING = {
    "camembert",
    "data2vec-text",
    "ibert",
    "longformer",
    "mpnet",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
}


@dataclass(frozen=True)
class Batch:
    """Some rows' tokens, b rows of t positions.

    rows           [b] int64: which of the texts each row is
    input_ids      [b, t] int64, padded to the longest of the batch
    attention_mask [b, t] int64: 1 for a token, 0 for padding
    token_type_ids [b, t] int64, only where asked for
    """

    rows: NDArray[np.int64]
    input_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]
    token_type_ids: NDArray[np.int64] | None = None


class WordPreprocessor:
    """A tokenizer with its padding and its limit of length; it holds no state between calls."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        max_length: int,
        pad_id: int = 0,
        padding_side: Side = "right",
        truncation_side: Side = "right",
    ) -> None:
        """Take over a tokenizer, whose own truncation and padding are replaced."""
        special = tokenizer.num_special_tokens_to_add(is_pair=False)
        if max_length <= special:
            raise UsageError(
                f"max_length must be above {special}, the number of special tokens, not {max_length}"
            )
        self.tokenizer = tokenizer
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(max_length, direction=truncation_side)
        self.max_length = max_length
        self.pad_id = pad_id
        self.padding_side = padding_side
        self.truncation_side = truncation_side

    @classmethod
    def from_directory(cls, directory: Path | str, max_length: int = 128) -> WordPreprocessor:
        """Read tokenizer.json and what stands beside it in an encoder's folder.

        ``max_length`` counts special tokens, and is lowered to what the encoder can read. Raises
        ``EncoderError`` where there is no tokenizer.json, or it is damaged.
        """
        directory = Path(directory)
        path = directory / "tokenizer.json"
        if not path.is_file():
            raise EncoderError(
                f"{directory} has no tokenizer.json; write it with "
                "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
            )
        try:
            tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except Exception as error:  # tokenizers raises nothing narrower
            raise EncoderError(f"{path} cannot be read as a tokenizer: {error}") from None
        model = read_config(directory / "config.json") or {}
        said = read_config(directory / "tokenizer_config.json") or {}
        sentence = read_config(directory / "sentence_bert_config.json") or {}
        special = read_config(directory / "special_tokens_map.json") or {}
        pad_id = _pad_id(tokenizer, said, special, model)
        return cls(
            tokenizer,
            max_length=min([max_length, *_limits(model, said, sentence, pad_id)]),
            pad_id=pad_id,
            padding_side="left" if said.get("padding_side") == "left" else "right",
            truncation_side="left" if said.get("truncation_side") == "left" else "right",
        )

    def save(self, directory: Path | str) -> None:
        """Write tokenizer.json and tokenizer_config.json, from which ``from_directory`` makes the same."""
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.tokenizer.save(str(directory / "tokenizer.json"))
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "pad_token": self.tokenizer.id_to_token(self.pad_id),
            "model_max_length": self.max_length,
            "padding_side": self.padding_side,
            "truncation_side": self.truncation_side,
        }
        text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
        (directory / "tokenizer_config.json").write_text(text, encoding="utf-8")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of all that changes what comes out."""
        parts = (self.tokenizer.to_str(), str(self.pad_id), self.padding_side)
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    def ids(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """Return each text's token numbers, with special tokens, cut to ``max_length``, unpadded."""
        return [ids for ids, _ in self._encode(texts)]

    def cut(self, texts: Sequence[str]) -> list[bool]:
        """Return whether each text is longer than what ``ids`` gives of it."""
        made = []
        for start in range(0, len(texts), 1024):
            some = texts[start : start + 1024]
            encoded = self.tokenizer.encode_batch_fast([_valid_text(self._cut(text)) for text in some])
            made += [
                len(text) > _LONGEST_TEXT or bool(one.overflowing)
                for text, one in zip(some, encoded, strict=True)
            ]
        return made

    def batches(
        self, texts: Sequence[str], batch_size: int, *, token_type_ids: bool = False
    ) -> Iterator[Batch]:
        """Yield every text exactly once, long ones first, in batches of near lengths.

        Padding all to one length costs up to seven times as much as padding to the longest of a batch.
        """
        if batch_size < 1:
            raise UsageError(f"batch_size must be at least 1, not {batch_size}")
        for start in range(0, len(texts), _WINDOW):
            encoded = self._encode(texts[start : start + _WINDOW])
            order = sorted(range(len(encoded)), key=lambda row: -len(encoded[row][0]))
            for first in range(0, len(order), batch_size):
                rows = order[first : first + batch_size]
                yield self._pad(np.array(rows) + start, [encoded[row] for row in rows], token_type_ids)

    def _encode(self, texts: Sequence[str]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        encoded = []
        # A tokenizer's own records of a text are a hundred times the size of its numbers: few at a time.
        for start in range(0, len(texts), 1024):
            cleaned = [_valid_text(self._cut(text)) for text in texts[start : start + 1024]]
            for one in self.tokenizer.encode_batch_fast(cleaned):
                # Attention over no token at all is 0/0, so a text without tokens is one padding token.
                ids, types = (one.ids, one.type_ids) if one.ids else ([self.pad_id], [0])
                encoded.append((np.array(ids, np.int64), np.array(types, np.int64)))
        return encoded

    def _cut(self, text: str) -> str:
        return text[-_LONGEST_TEXT:] if self.truncation_side == "left" else text[:_LONGEST_TEXT]

    def _pad(
        self,
        rows: NDArray[np.int64],
        encoded: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
        token_type_ids: bool,
    ) -> Batch:
        longest = max(len(ids) for ids, _ in encoded)
        input_ids = np.full((len(rows), longest), self.pad_id, np.int64)
        attention_mask = np.zeros_like(input_ids)
        types = np.zeros_like(input_ids)
        for row, (ids, row_types) in enumerate(encoded):
            place = slice(longest - len(ids), None) if self.padding_side == "left" else slice(len(ids))
            input_ids[row, place], attention_mask[row, place], types[row, place] = ids, 1, row_types
        return Batch(rows, input_ids, attention_mask, types if token_type_ids else None)


def _valid_text(text: str) -> str:
    """Return text that has a UTF-8 form: a surrogate without its other half becomes U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        # Through UTF-16, so that two halves that stand together become the character that was meant.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _pad_id(
    tokenizer: Tokenizer, said: dict[str, Any], special: dict[str, Any], model: dict[str, Any]
) -> int:
    for source in (said, special):
        token = source.get("pad_token")
        token = token.get("content") if isinstance(token, dict) else token
        number = tokenizer.token_to_id(token) if isinstance(token, str) else None
        if number is not None:
            return number
    if tokenizer.padding is not None:
        return int(tokenizer.padding["pad_id"])
    number = model.get("pad_token_id")
    # Where nothing is said any number will do, since padding is masked.
    return number if isinstance(number, int) and 0 <= number < tokenizer.get_vocab_size() else 0


def _limits(
    model: dict[str, Any], said: dict[str, Any], sentence: dict[str, Any], pad_id: int
) -> Iterator[int]:
    """Yield every length, in tokens, that the encoder's files say cannot be exceeded."""
    text = model["text_config"] if isinstance(model.get("text_config"), dict) else model
    positions = text.get("max_position_embeddings")
    if isinstance(positions, int) and text.get("model_type") in _POSITIONS_AFTER_PADDING:
        positions -= pad_id + 1
    for limit in (positions, said.get("model_max_length"), sentence.get("max_seq_length")):
        # transformers writes 1e30 for "no limit".
        if isinstance(limit, int | float) and not isinstance(limit, bool) and 0 < limit < 10**9:
            yield int(limit)
