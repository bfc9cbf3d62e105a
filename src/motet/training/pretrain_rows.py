"""What pretraining reads: pairs of pictures and texts, and pictures and texts that stand alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from motet.encoders.torch_small_vision import SmallVision
from motet.encoders.torch_small_words import SmallWords
from motet.tasks.pretrain import PretrainBatch
from motet.training.pairs import PairFeatures, PairSampler, Rows
from motet.training.small import Small


@dataclass(frozen=True)
class Drawn:
    """Numbers of the pictures [K] and texts [K] of pairs, and of pictures and texts that stand alone."""

    pictures: Rows
    texts: Rows
    lone_pictures: Rows
    lone_texts: Rows


@dataclass(frozen=True)
class PretrainRows:
    """The two `small` encoders with their cells, and what belongs together.

    image, text : networks and readers. rows [P] : row of the picture cells of each picture of a pair.
    picture [S], same [S] : which of them each text belongs to; equal where texts say the same. Texts are numbered as
    the cells of `text` are. lone_pictures : rows of the picture cells without a text. lone_texts : numbers of texts
    without a picture, which follow those of pairs.
    """

    image: Small
    text: Small
    rows: Rows
    picture: Rows
    same: Rows
    lone_pictures: Rows
    lone_texts: Rows

    @property
    def networks(self) -> tuple[SmallVision, SmallWords]:
        """What is pretrained."""
        image, text = self.image.network, self.text.network
        assert isinstance(image, SmallVision) and isinstance(text, SmallWords)
        return image, text

    def texts_of(self, pictures: Rows) -> Rows:
        """Numbers of the texts of some pictures."""
        return np.flatnonzero(np.isin(self.picture, pictures))

    def sampler(self, pictures: Rows) -> PairSampler:
        """Draws one text for each of some pictures, and tells which belong together."""
        features = PairFeatures({}, {}, self.picture, self.same)
        return PairSampler(features, self.texts_of(pictures), most=1)

    def parts(
        self, pictures: Rows, sampler: PairSampler, size: int, random: np.random.Generator
    ) -> Iterator[Drawn]:
        """One epoch in random order: batches of about `size` pairs, and as many that stand alone of each modality.

        Where one of the three is more than the others, some batches hold nothing of these.
        """
        several = self.batches(len(pictures), size)
        kinds = []
        for rows in (pictures, self.lone_pictures, self.lone_texts):
            parts = np.array_split(random.permutation(rows), batches_of(len(rows), size))
            if len(parts) < several:
                parts += [rows[:0]] * (several - len(parts))
                parts = [parts[place] for place in random.permutation(several)]
            kinds.append(parts)
        for part, *lone in zip(*kinds, strict=True):
            part = np.sort(part)
            yield Drawn(part, sampler.draw(part, random) if len(part) else part, *lone)

    def batches(self, pictures: int, size: int) -> int:
        """Batches of an epoch with so many pictures of pairs."""
        return max(
            batches_of(count, size) for count in (pictures, len(self.lone_pictures), len(self.lone_texts))
        )

    def read(
        self, drawn: Drawn, sampler: PairSampler, random: np.random.Generator | None = None
    ) -> PretrainBatch | None:
        """A batch of what can be read; None where nothing can. Pictures are changed where `random` is given."""
        rows = np.concatenate([self.rows[drawn.pictures], drawn.lone_pictures])
        read = self.image.reader.read(rows, random)
        there = np.isin(rows[: len(drawn.pictures)], read.rows)
        pictures, texts = drawn.pictures[there], drawn.texts[there]
        if not len(read.rows) + len(texts) + len(drawn.lone_texts):
            return None
        # Of several pictures of a row the first is taken: `owner` rises.
        owner = read.owner.numpy()
        first = torch.from_numpy(np.searchsorted(owner, np.arange(len(read.rows))))
        words = self.text.reader.read(np.concatenate([texts, drawn.lone_texts])).inputs
        positives: npt.NDArray[np.bool_] = sampler.positives(pictures, texts)
        return PretrainBatch(
            read.inputs["pixel_values"][first],
            words["input_ids"],
            words["attention_mask"],
            torch.from_numpy(positives),
        )


def batches_of(count: int, size: int) -> int:
    """Batches of about `size` that so many fall into, at least one."""
    return max(1, round(count / size))
