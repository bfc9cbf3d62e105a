"""The last step of pretraining on words: features of pictures spread as far as words tell pictures apart along them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from motet.encoders.torch_small_vision import SmallVision
from motet.training.pretrain_rows import PretrainRows
from motet.training.small import pooled_features

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
MOST_PICTURES, MOST_WORDS = 20_000, 1_000
PICTURES_A_WORD = 4  # at least, of the words that are counted: more words than that would explain chance
RIDGE = 3.0  # pictures with average features that each word has beside its own
FLOOR = 0.01  # of what words explain, so that no direction is lost of which they say nothing
TEXTS_AT_ONCE = 512


@dataclass(frozen=True)
class Projection:
    """A linear map [D, D] with bias [D], and of how many pictures and words it was made."""

    weight: Floats
    bias: Floats
    pictures: int
    words: int

    def to_json(self) -> dict[str, int]:
        """As it stands in `history.json`."""
        return {"pictures": self.pictures, "words": self.words}

    def of(self, network: SmallVision) -> SmallVision:
        """A network with the same weights, whose pooled features are projected."""
        made = SmallVision(replace(network.config, projected=True))
        linear = {"weight": self.weight, "bias": self.bias}
        made.load_state_dict(
            {
                **network.state_dict(),
                **{f"project.{name}": torch.from_numpy(value).float() for name, value in linear.items()},
            }
        )
        return made.eval()


def project_by_words(rows: PretrainRows, train: Rows, common: Rows, seed: int) -> Projection | None:
    """The map of the pooled features of the pictures `train` by what their `common` words explain of them.

    common : numbers of tokens, the most common first. None where there is too little to tell any.
    """
    random = np.random.default_rng(seed)
    if len(train) > MOST_PICTURES:
        train = np.sort(random.choice(train, MOST_PICTURES, replace=False))
    common = common[: min(MOST_WORDS, len(train) // PICTURES_A_WORD)]
    if not len(common):
        return None
    features, read = pooled_features(rows.image, rows.rows[train])
    pictures = train[np.isin(rows.rows[train], read)]
    return projection(features, _words(rows, pictures, common), random)


def projection(
    features: npt.NDArray[np.floating], words: npt.NDArray[np.floating], random: np.random.Generator
) -> Projection | None:
    """Features [n, D] by how far words [n, V] (1 where a picture has one) tell pictures apart along each direction.

    Discriminant analysis with words for classes (Hastie, Tibshirani and Friedman, "The Elements of Statistical
    Learning", 2nd ed., sec. 4.3). Pictures have several words, so their means are those of a ridge regression:

    X = T B + R;  b = cov(T B), w = cov(R), of which the share D / (D + n) is replaced by its mean variance (there are
    few pictures for many features);  b u = q w u, u' w u = 1;  a feature is sqrt(q + .01) u' (x - mean).

    Where noise is the same in all directions, class means that spread as q make weights that spread as q: what
    a ridge, which expects the same of all weights, then finds in these features is Bayes' answer, the words being its
    prior. They are turned by a random rotation, so that what standardises each of them leaves those proportions.

    None where features are all alike, or words tell nothing of them.
    """
    count, width = features.shape
    mean = features.mean(axis=0, dtype=np.float64)
    x, t = features - mean, words - words.mean(axis=0, dtype=np.float64)
    told = t @ np.linalg.solve(t.T @ t + RIDGE * np.eye(t.shape[1]), t.T @ x)
    left = x - told
    between, within = told.T @ told / count, left.T @ left / count
    usual = float(np.trace(within)) / width
    if not (usual > 0 and np.trace(between) > 0):
        return None
    shrunk = width / (width + count)
    root = np.linalg.cholesky((1 - shrunk) * within + shrunk * usual * np.eye(width))
    explained, turned = np.linalg.eigh(np.linalg.solve(root, np.linalg.solve(root, between).T))
    directions = np.linalg.solve(root.T, turned) * np.sqrt(explained.clip(min=0) + FLOOR)
    rotation, _ = np.linalg.qr(random.standard_normal((width, width)))
    weight = (directions @ rotation).T
    return Projection(weight, -weight @ mean, count, words.shape[1])


def _words(rows: PretrainRows, pictures: Rows, common: Rows) -> Floats:
    """Which of the common words each of some pictures, in rising order, has in any text: [n, V] of 0 and 1."""
    texts = rows.texts_of(pictures)
    column = np.full(int(rows.networks[1].config.vocab_size), -1)
    column[common] = np.arange(len(common))
    had = np.zeros((len(pictures), len(common)))
    for begin in range(0, len(texts), TEXTS_AT_ONCE):
        some = texts[begin : begin + TEXTS_AT_ONCE]
        read = rows.text.reader.read(some).inputs
        at, place = read["attention_mask"].numpy().nonzero()
        words = column[read["input_ids"].numpy()[at, place]]
        owner = np.searchsorted(pictures, rows.picture[some])[at]
        had[owner[words >= 0], words[words >= 0]] = 1
    return had
