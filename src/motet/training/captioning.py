"""How a captioner is learned: teacher forcing over several sentences a picture, on tokens of a frozen encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from motet.encoders import FeatureTable
from motet.tasks.caption import CaptionDecoder, Decoder, DecoderShape, LanguageDecoder, pack, token_losses
from motet.training.caption_settings import CaptionSettings
from motet.training.checkpoint import Checkpoint, Learning
from motet.training.epoch import Epoch
from motet.training.epoch_loop import Held, learn_epochs
from motet.training.language_model import LanguageModel
from motet.training.latent_tokens import LatentTokens, TokenBasis, tokens_to_latent
from motet.training.low_rank import add_low_rank, merge_low_rank
from motet.training.optimisers import decay_matrices, without_compiler
from motet.training.schedule import warm_then_cosine

Rows = npt.NDArray[np.int64]
WINDOW = 16  # batches whose pictures are put in order of their words, so that little of a batch is padding


@dataclass(frozen=True)
class Written:
    """What people wrote of P pictures: sentences[p] are numbers of words from start to end, for each picture."""

    sentences: Sequence[Sequence[npt.NDArray[np.int64]]]

    def lengths(self, pictures: Rows) -> Rows:
        """Words [n] of the given pictures."""
        return np.array([sum(len(ids) - 1 for ids in self.sentences[p]) for p in pictures], np.int64)

    def some(
        self, pictures: Rows, most: int, random: np.random.Generator | None
    ) -> list[list[npt.NDArray[np.int64]]]:
        """The sentences of each of the given pictures; at most so many, drawn, where `random` is given."""
        rows = []
        for picture in pictures.tolist():
            mine = list(self.sentences[picture])
            if random is not None and len(mine) > most:
                mine = [mine[at] for at in random.permutation(len(mine))[:most]]
            rows.append(mine)
        return rows


@dataclass(frozen=True)
class Captioned:
    """A decoder that reads the encoder's own tokens, and how its training went."""

    decoder: Decoder
    history: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0


def fit_captioner(
    table: FeatureTable,
    written: Written,
    vocabulary: int,
    train: Rows,
    held: Rows,
    settings: CaptionSettings,
    *,
    language: LanguageModel | None = None,
    checkpoint: Checkpoint | None = None,
    advance: Callable[[int], None] = lambda epochs: None,
) -> Captioned:
    """Train a decoder on the pictures `train`; keep the epoch whose loss on the words of `held` is lowest.

    Without held pictures the last epoch is kept. Tokens are read in few dimensions and multiplied out at the end
    (`latent_tokens`). The same seed gives the same weights on one machine. checkpoint : see `learn_epochs`.

    language : the model whose words the sentences are numbers of; then only what leads into it is learned, and an
    update of its attention where `settings.rank` says so.
    """
    latent, basis = tokens_to_latent(table, train)
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        decoder = _begin(latent.width, vocabulary, settings, language)
        history, best_epoch = _learn(decoder, latent, written, train, held, settings, advance, checkpoint)
    if isinstance(decoder, LanguageDecoder):
        merge_low_rank(decoder.language)
    return Captioned(_multiplied_out(decoder, basis), history, best_epoch)


def _begin(
    source: int, vocabulary: int, settings: CaptionSettings, language: LanguageModel | None
) -> Decoder:
    """A decoder over tokens of `source` numbers, before it is learned."""
    if language is None:
        shape = DecoderShape(
            vocabulary, source, settings.width, settings.layers, settings.memory_layers, settings.heads,
            settings.longest, settings.dropout,
        )  # fmt: skip
        return CaptionDecoder(shape)
    add_low_rank(language.network, settings.rank)
    return LanguageDecoder(
        language.network,
        source,
        prefix=settings.prefix,
        width=settings.width,
        layers=settings.mapping_layers,
        heads=settings.heads,
        dropout=settings.dropout,
    )


def _learn(
    decoder: Decoder,
    latent: LatentTokens,
    written: Written,
    train: Rows,
    held: Rows,
    settings: CaptionSettings,
    advance: Callable[[int], None],
    checkpoint: Checkpoint | None,
) -> tuple[list[Epoch], int]:
    random = np.random.default_rng(settings.seed)
    optimiser = without_compiler(torch.optim.AdamW)(
        decay_matrices(decoder, settings.weight_decay),
        lr=settings.learning_rate,
        betas=(0.9, 0.98),
        fused=True,
    )
    batches = -(-len(train) // settings.pictures)
    epochs = settings.epochs_for(len(train))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: warm_then_cosine(step, epochs * batches, settings.warmup)
    )

    def epoch() -> float:
        total, words = 0.0, 0
        for pictures in caption_batches(train, written, settings.pictures, random):
            losses = _losses(decoder, latent, written, pictures, settings, random)
            optimiser.zero_grad()
            losses.mean().backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            total, words = total + float(losses.detach().sum()), words + len(losses)
        return total / words

    def measured() -> Held:
        return _held_loss(decoder, latent, written, held, settings), None

    learning = Learning(decoder, optimiser, schedule, random)
    return learn_epochs(
        learning, epochs, settings.patience, epoch, measured, checkpoint=checkpoint, advance=advance
    )


def caption_batches(train: Rows, written: Written, size: int, random: np.random.Generator) -> list[Rows]:
    """The pictures in random order, in parts of about `size` and of near numbers of words."""
    shuffled = random.permutation(train)
    number = -(-len(train) // size)
    parts: list[Rows] = []
    for window in np.array_split(shuffled, -(-number // WINDOW)):
        by_length = window[np.argsort(written.lengths(window), kind="stable")]
        parts += np.array_split(by_length, -(-len(window) // size))
    return [parts[place] for place in random.permutation(len(parts))]


def _losses(
    decoder: Decoder,
    latent: LatentTokens,
    written: Written,
    pictures: Rows,
    settings: CaptionSettings,
    random: np.random.Generator | None,
) -> Tensor:
    """Losses [n] of the words of some pictures; of few of their sentences, and smoothed, where `random` is given."""
    tokens, mask = latent.dense(pictures)
    rows = written.some(pictures, settings.sentences, random)
    smoothing = settings.smoothing if random is not None else 0.0
    return token_losses(
        decoder, torch.from_numpy(tokens), torch.from_numpy(mask), pack(rows), smoothing=smoothing
    )


def _held_loss(
    decoder: Decoder, latent: LatentTokens, written: Written, held: Rows, settings: CaptionSettings
) -> float | None:
    """Mean loss of all words of the held pictures, in nats; None without any."""
    total, words = 0.0, 0
    ordered = held[np.argsort(written.lengths(held), kind="stable")]
    with torch.no_grad():
        for begin in range(0, len(ordered), settings.pictures):
            losses = _losses(
                decoder, latent, written, ordered[begin : begin + settings.pictures], settings, None
            )
            total, words = total + float(losses.sum()), words + len(losses)
    return total / words if words else None


def _multiplied_out(decoder: Decoder, basis: TokenBasis) -> Decoder:
    """The same decoder over the encoder's own tokens: ((x - m) s) V W = x (s V W) - m (s V W)."""
    weight, bias = decoder.project.weight.detach(), decoder.project.bias.detach()
    whole = (torch.from_numpy(basis.scale)[:, None] * torch.from_numpy(basis.basis)) @ weight.T  # [D, W]
    decoder.project = torch.nn.Linear(len(whole), weight.shape[0])
    with torch.no_grad():
        decoder.project.weight.copy_(whole.T)
        decoder.project.bias.copy_(bias - torch.from_numpy(basis.mean) @ whole)
    return decoder.eval()
