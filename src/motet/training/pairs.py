"""Pictures and their sentences as training reads them: features, and which pairs of a batch belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from motet.encoders import FeatureTable

Rows = npt.NDArray[np.int64]
Tables = Mapping[str, FeatureTable]


@dataclass(frozen=True)
class PairFeatures:
    """Features of P pictures and S sentences, by source.

    picture [S] : which picture each sentence belongs to. same [S] : equal where two sentences say the same.
    """

    images: Tables
    texts: Tables
    picture: Rows
    same: Rows

    @property
    def pictures(self) -> int:
        """P: each has a sentence."""
        return int(self.picture.max()) + 1

    def sentences_of(self, pictures: Rows) -> Rows:
        """The sentences of the given pictures, in their order in the table."""
        mine = np.zeros(self.pictures, bool)
        mine[pictures] = True
        return np.flatnonzero(mine[self.picture])


class PairSampler:
    """Draws sentences for pictures, and says which pairs of a batch belong together."""

    def __init__(self, features: PairFeatures, sentences: Rows, most: int) -> None:
        self.most = most
        self.picture, self.same = features.picture, features.same
        order = np.argsort(features.picture[sentences], kind="stable")
        self.sentences = sentences[order]
        owners = features.picture[self.sentences]
        pictures = features.pictures
        self.start = np.searchsorted(owners, np.arange(pictures + 1))
        # pictures that some sentence's words are said of, by number of the words
        pairs = np.unique(np.stack([features.same[sentences], features.picture[sentences]]), axis=1)
        self.said, self.said_of = pairs
        self._place = np.full(pictures, -1, np.int64)

    def draw(self, pictures: Rows, random: np.random.Generator) -> Rows:
        """At most `most` sentences of each picture, without repetition."""
        chosen = []
        for picture in pictures.tolist():
            mine = self.sentences[self.start[picture] : self.start[picture + 1]]
            chosen.append(random.permutation(mine)[: self.most] if len(mine) > self.most else mine)
        return np.concatenate(chosen)

    def positives(self, pictures: Rows, sentences: Rows) -> npt.NDArray[np.bool_]:
        """[N, M]: the sentence, or one with the same words, belongs to the picture."""
        self._place[pictures] = np.arange(len(pictures))
        low = np.searchsorted(self.said, self.same[sentences], "left")
        high = np.searchsorted(self.said, self.same[sentences], "right")
        counts = high - low
        column = np.repeat(np.arange(len(sentences)), counts)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        row = self._place[self.said_of[np.repeat(low, counts) + within]]
        found = np.zeros((len(pictures), len(sentences)), bool)
        found[row[row >= 0], column[row >= 0]] = True
        self._place[pictures] = -1
        return found
