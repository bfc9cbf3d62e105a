"""Search whose first answers are put in order by words and regions, measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from motet.data import ImageCells, TextCells
from motet.evaluation import both_directions
from motet.evaluation.retrieval import Rescore
from motet.runtime.match_parts import DEPTH, PartRows, embed_parts, local_similarity, parts_entry

if TYPE_CHECKING:
    from motet.runtime.match_model import MatchModel

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


def reranked(
    model: MatchModel,
    cells: tuple[tuple[ImageCells, Rows], tuple[TextCells, Rows]],
    picture: Rows,
    images: Floats,
    texts: Floats,
) -> dict[str, Any]:
    """`reranked` of `evaluation.json`: both directions, the first answers by cosine put in order by parts as well.

    cells : of pictures and of sentences, and which rows of each. picture [S] : which of the P pictures each sentence
    belongs to. images [P, W], texts [S, W] : their whole vectors.
    """
    weight = parts_entry(model).weight
    regions = embed_parts(model, "image", *cells[0])
    words = embed_parts(model, "text", *cells[1])

    def of(asked: PartRows, gallery: PartRows, x: Floats, y: Floats) -> Rescore:
        def scores(query: int, places: Rows) -> Floats:
            cosines: Floats = y[places] @ x[query]
            return cosines + weight * local_similarity(asked.of(query), gallery, places)

        return scores

    rescore = of(words, regions, texts, images), of(regions, words, images, texts)
    directions = both_directions(
        images, texts, picture, seed=model.manifest.seed, rescore=rescore, depth=DEPTH
    )
    return {"depth": DEPTH, "weight": weight, "directions": directions}
