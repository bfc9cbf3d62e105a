"""What one task learns on a picture network that several tasks share: a batch's loss, and how far held rows are off.

Each lesson has its own heads, batches and seed, and reads pictures through the one network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from motet.data.answers import AnswerCounts
from motet.encoders import FeatureTable
from motet.fusion import draw_from
from motet.tasks.answer import answer_loss, answer_targets
from motet.tasks.match import MatchBatch, make_objective
from motet.training.answer_settings import AnswerSettings
from motet.training.answer_sources import AskedRows, AskedSource, token_rows
from motet.training.answering import Answering, AnswerNetwork, measured_answers, question_batches
from motet.training.caption_settings import CaptionSettings
from motet.training.captioning import plain_decoder
from motet.training.match_settings import MatchSettings
from motet.training.match_side import LiveSource, MatchSide
from motet.training.matching import held_reciprocal_rank
from motet.training.pairs import PairFeatures, PairSampler
from motet.training.small import Small
from motet.training.written import Written, caption_batches, mean_word_loss, sentence_losses

Rows = npt.NDArray[np.int64]


class Lesson(Protocol):
    """One task of several."""

    batches: int  # in one pass through its rows

    @property
    def module(self) -> nn.Module:
        """All that it learns, the shared network among it."""
        ...

    def loss(self, step: int) -> Tensor:
        """The mean loss of the next batch, the more the worse."""
        ...

    def held(self) -> float | None:
        """The same of held rows, in eval mode; None without any."""
        ...


class AnswerLesson:
    """Questions about pictures: the fused head over tokens, as in `fit_answers`.

    Each row of `train` has a known answer.
    """

    def __init__(
        self,
        sources: list[AskedSource],
        counts: AnswerCounts,
        train: Rows,
        held: Rows,
        fusion: str,
        settings: AnswerSettings,
    ) -> None:
        self.counts, self.settings = counts, settings
        self.asked = AskedRows(sources, len(counts.totals))
        self.held_rows = held[counts.common[held] >= 0]
        size = settings.rows_a_batch(len(train))
        picture = next(one.number for one in sources if one.source.modality == "image")
        self.random = np.random.default_rng(settings.seed)
        self.batches = -(-len(train) // size)
        self.drawn = _endless(lambda: question_batches(train, picture, size, settings.questions, self.random))
        torch.manual_seed(settings.seed)
        self.module = AnswerNetwork(sources, fusion, counts.size, settings)
        draw_from(self.module, torch.Generator().manual_seed(settings.seed))

    def loss(self, step: int) -> Tensor:
        """Cross-entropy against the shares of what people answered."""
        rows = next(self.drawn)
        batch = self.asked.read(rows, hide=self.settings.hide, random=self.random)
        targets = torch.from_numpy(answer_targets(self.counts.dense(rows), self.counts.totals[rows]))
        return answer_loss(self.module(batch, [self.module.fused])[self.module.fused], targets)

    def held(self) -> float | None:
        """Log-loss of the most common answers."""
        made = Answering(self.module, self.asked)
        return measured_answers(made, self.module.fused, self.held_rows, self.counts)[0]


class CaptionLesson:
    """Sentences of pictures: a decoder over the network's tokens, as in `fit_captioner`.

    at [P] : the row of the cells that each picture is.
    """

    def __init__(
        self,
        small: Small,
        at: Rows,
        written: Written,
        vocabulary: int,
        train: Rows,
        held: Rows,
        settings: CaptionSettings,
    ) -> None:
        self.small, self.at, self.written, self.settings, self.held_pictures = (
            small,
            at,
            written,
            settings,
            held,
        )
        self.random = np.random.default_rng(settings.seed)
        self.batches = -(-len(train) // settings.pictures)
        self.drawn = _endless(lambda: caption_batches(train, written, settings.pictures, self.random))
        torch.manual_seed(settings.seed)
        self.decoder = plain_decoder(small.network.width, vocabulary, settings)
        self.module = nn.ModuleList([small.network, self.decoder])

    def loss(self, step: int) -> Tensor:
        """Cross-entropy of the words, smoothed, of few sentences a picture."""
        losses = self._losses(next(self.drawn), self.random)
        while not len(losses):  # no picture of that batch could be decoded
            losses = self._losses(next(self.drawn), self.random)
        return losses.mean()

    def held(self) -> float | None:
        """Mean loss of the words of held pictures, in nats."""
        return mean_word_loss(
            lambda some: self._losses(some, None), self.held_pictures, self.settings.pictures
        )

    def _losses(self, pictures: Rows, random: np.random.Generator | None) -> Tensor:
        batch = self.small.reader.read(self.at[pictures], random)
        pictures = pictures[np.isin(self.at[pictures], batch.rows)]
        if not len(pictures):
            return torch.zeros(0)
        tokens, mask = token_rows(self.small.network, batch)
        return sentence_losses(self.decoder, tokens, mask, self.written, pictures, self.settings, random)


class MatchLesson:
    """Pictures and their sentences in one space, as in `fit_match`, with one tower a side.

    live : networks that are learned, of pictures always.
    """

    def __init__(
        self,
        features: PairFeatures,
        live: Mapping[str, LiveSource],
        train: Rows,
        held: Rows,
        settings: MatchSettings,
    ) -> None:
        self.features, self.held_pictures = features, held
        sentences = features.sentences_of(train)
        nothing: dict[str, FeatureTable] = {}
        self.sides = (
            MatchSide.of("image", nothing, train, seed=settings.seed, live=live["image"]),
            MatchSide.of("text", features.texts, sentences, seed=settings.seed, live=live.get("text")),
        )
        torch.manual_seed(settings.seed)
        self.image, self.text = (side.end_to_end(settings) for side in self.sides)
        self.objective = make_objective(settings.objective, settings.width, settings.terms)
        self.module = nn.ModuleList([self.image, self.text, self.objective])
        draw_from(self.module, torch.Generator().manual_seed(settings.seed))
        self.sampler = PairSampler(features, sentences, settings.sentences)
        self.random = np.random.default_rng(settings.seed)
        size = settings.rows_a_batch(len(train))
        self.batches = max(1, len(train) // size)
        self.drawn = _endless(lambda: self._shuffled(train, size))

    def loss(self, step: int) -> Tensor:
        """The objective over a batch of pairs."""
        pictures = next(self.drawn)
        sentences = self.sampler.draw(pictures, self.random)
        positives = torch.from_numpy(self.sampler.positives(pictures, sentences))
        read = [side.read(rows, step) for side, rows in zip(self.sides, (pictures, sentences), strict=True)]
        made: Tensor = self.objective(MatchBatch(self.image(read[0]), self.text(read[1]), positives))
        return made

    def held(self) -> float | None:
        """What is missing of a perfect mean reciprocal rank among held pictures."""
        found = held_reciprocal_rank((self.image, self.text), self.sides, self.features, self.held_pictures)
        return None if found is None else 1 - found

    def _shuffled(self, train: Rows, size: int) -> list[Rows]:
        shuffled = self.random.permutation(train)
        return [np.sort(shuffled[begin : begin + size]) for begin in range(0, self.batches * size, size)]


def _endless(passes: Callable[[], list[Rows]]) -> Iterator[Rows]:
    while True:
        yield from passes()
