"""How a captioner is learned: teacher forcing over several sentences a picture, on tokens of a frozen encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from motet.encoders import FeatureTable
from motet.tasks.caption import CaptionDecoder, Decoder, DecoderShape, LanguageDecoder
from motet.training.caption_settings import CaptionSettings
from motet.training.checkpoint import Checkpoint
from motet.training.epoch import Epoch
from motet.training.epoch_loop import Held, learn_epochs
from motet.training.language_model import LanguageModel
from motet.training.latent_tokens import LatentTokens, TokenBasis, tokens_to_latent
from motet.training.learning import Learning
from motet.training.low_rank import add_low_rank, merge_low_rank
from motet.training.optimisers import decay_matrices, without_compiler
from motet.training.written import Written, caption_batches, mean_word_loss, sentence_losses

Rows = npt.NDArray[np.int64]


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
        return plain_decoder(source, vocabulary, settings)
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


def plain_decoder(source: int, vocabulary: int, settings: CaptionSettings) -> CaptionDecoder:
    """A decoder that learns its words from the sentences alone."""
    shape = DecoderShape(
        vocabulary, source, settings.width, settings.layers, settings.memory_layers, settings.heads,
        settings.longest, settings.dropout,
    )  # fmt: skip
    return CaptionDecoder(shape)


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
    learning = Learning.of(decoder, optimiser, random, steps=epochs * batches, warmup=settings.warmup)

    def losses_of(pictures: Rows, random: np.random.Generator | None) -> Tensor:
        tokens, mask = map(torch.from_numpy, latent.dense(pictures))
        return sentence_losses(decoder, tokens, mask, written, pictures, settings, random)

    def epoch() -> float:
        total, words = 0.0, 0
        for pictures in caption_batches(train, written, settings.pictures, random):
            losses = losses_of(pictures, random)
            learning.step(losses.mean().backward)
            total, words = total + float(losses.detach().sum()), words + len(losses)
        return total / words

    ordered = held[np.argsort(written.lengths(held), kind="stable")]

    def measured() -> Held:
        return mean_word_loss(lambda some: losses_of(some, None), ordered, settings.pictures), None

    return learn_epochs(
        learning, epochs, settings.patience, epoch, measured, checkpoint=checkpoint, advance=advance
    )


def _multiplied_out(decoder: Decoder, basis: TokenBasis) -> Decoder:
    """The same decoder over the encoder's own tokens: ((x - m) s) V W = x (s V W) - m (s V W)."""
    weight, bias = decoder.project.weight.detach(), decoder.project.bias.detach()
    whole = (torch.from_numpy(basis.scale)[:, None] * torch.from_numpy(basis.basis)) @ weight.T  # [D, W]
    decoder.project = torch.nn.Linear(len(whole), weight.shape[0])
    with torch.no_grad():
        decoder.project.weight.copy_(whole.T)
        decoder.project.bias.copy_(bias - torch.from_numpy(basis.mean) @ whole)
    return decoder.eval()
