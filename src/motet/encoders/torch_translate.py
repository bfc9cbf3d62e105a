"""Texts are translated there and back by local sequence-to-sequence models: the same in other words.

Sennrich et al., "Improving Neural Machine Translation Models with Monolingual Data", arXiv 1511.06709; as augmentation:
Edunov et al., arXiv 1808.09381. Decoding is greedy, so that a sentence has one translation. Nothing is downloaded,
and no code that comes with a model is ever run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from motet.encoders.torch_files import refuse_random_weights, weight_files
from motet.errors import EncoderError
from motet.progress import progress

BATCH = 16
LONGEST = 256  # tokens of a sentence that are read, and written at most
_SENTENCE = re.compile(r"(?:[^.!?。！？\n]|[.!?](?!\s))*[.!?。！？]*\s*")
TOKENIZERS = ("tokenizer.json", "vocab.json", "source.spm", "target.spm", "spiece.model")


class Translator:
    """A chain of models; called with texts, it gives each as it comes out of the last.

    directories : model directories (Marian, T5, BART, ...) with safetensors and a tokenizer; a text goes through one
    after the other: there, and back. folder : where translated sentences are kept between runs, by what the models are;
    None keeps them in memory.

    Raises EncoderError where a directory holds no such model.
    """

    def __init__(self, directories: Sequence[Path], folder: Path | None = None) -> None:
        self.directories = [directory.expanduser() for directory in directories]
        identity = hashlib.blake2b(f"1 {LONGEST}".encode(), digest_size=16)
        for directory in self.directories:
            identity.update(_identity(directory))
        self._book = None if folder is None else folder / f"{identity.hexdigest()}.jsonl"
        self._known = _read(self._book)
        self._models: list[tuple[Any, Any]] = []

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """Translate sentence by sentence; white space between sentences stays, and what comes back empty too."""
        cut = [_SENTENCE.findall(text) for text in texts]
        wanted = {part.strip() for parts in cut for part in parts} - {""}
        todo = sorted(wanted - set(self._known), key=lambda sentence: (len(sentence), sentence))
        if todo:  # a bar of nothing would disturb that of who asks for what is known
            with progress("translating there and back", len(todo)) as advance:
                for begin in range(0, len(todo), BATCH):
                    batch = todo[begin : begin + BATCH]
                    self._keep(dict(zip(batch, self._translate(batch), strict=True)))
                    advance(len(batch))
        return ["".join(self._again(part) for part in parts) for parts in cut]

    def _again(self, part: str) -> str:
        sentence = part.strip()
        return part.replace(sentence, self._known[sentence] or sentence, 1) if sentence else part

    def _translate(self, sentences: list[str]) -> list[str]:
        if not self._models:
            self._models = [_load(directory) for directory in self.directories]
        for tokenizer, model in self._models:
            # What one model says nothing of has nothing to be said of it by the next.
            said = [sentence or "." for sentence in sentences]
            longest = min(LONGEST, tokenizer.model_max_length)
            inputs = tokenizer(said, return_tensors="pt", padding=True, truncation=True, max_length=longest)
            with torch.inference_mode():
                made = model.generate(
                    input_ids=inputs["input_ids"],
                    attention_mask=inputs["attention_mask"],
                    num_beams=1,
                    do_sample=False,
                    max_new_tokens=LONGEST,
                )
            spoken = [one.strip() for one in tokenizer.batch_decode(made, skip_special_tokens=True)]
            sentences = [new if old else "" for old, new in zip(sentences, spoken, strict=True)]
        return sentences

    def _keep(self, translated: dict[str, str]) -> None:
        self._known |= translated
        if self._book is None:
            return
        lines = "".join(json.dumps(pair, ensure_ascii=False) + "\n" for pair in translated.items())
        try:
            self._book.parent.mkdir(parents=True, exist_ok=True)
            with self._book.open("a", encoding="utf-8") as file:
                file.write(lines)
        except OSError:
            self._book = None  # a full or read-only disk costs time, never an answer


def _read(book: Path | None) -> dict[str, str]:
    """Sentences that were translated before; a line that a killed run left half written is skipped."""
    known: dict[str, str] = {}
    if book is None or not book.is_file():
        return known
    for line in book.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            sentence, translated = json.loads(line)
            known[str(sentence)] = str(translated)
        except (ValueError, TypeError):
            continue
    return known


def _identity(directory: Path) -> bytes:
    weights = weight_files(directory) if directory.is_dir() else []
    if not weights or not (directory / "config.json").is_file():
        raise EncoderError(
            f"{directory}: no translation model here: give a directory with config.json, .safetensors and a tokenizer"
        )
    digest = hashlib.blake2b(digest_size=16)
    for path in [
        *(directory / name for name in ("config.json", "generation_config.json", *TOKENIZERS)),
        *weights,
    ]:
        if path.is_file():
            with path.open("rb") as file:
                digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.digest()


def _load(directory: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(directory, **local)
        model, info = AutoModelForSeq2SeqLM.from_pretrained(
            directory, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **local
        )
    except Exception as error:  # damaged files fail in any way, in any of three libraries
        why = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise EncoderError(f"{directory}: cannot be loaded as a translation model: {why}") from error
    refuse_random_weights(directory, info["missing_keys"])
    return tokenizer, model.eval()
