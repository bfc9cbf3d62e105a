"""Captioning measured by what ships: the saved model describes test pictures, and figures become `evaluation.json`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from motet.data import CellIssue, ImageCells, Pairs, Table, read_pairs
from motet.errors import TableError
from motet.evaluation.caption_words import TOKENIZER
from motet.evaluation.captions import CIDER, caption_faults, caption_metrics, caption_scores
from motet.runtime.caption_match import MatchedPictures, told_space
from motet.runtime.evaluate_matches import pictures_to_measure
from motet.runtime.provenance import broken_cells, provenance
from motet.runtime.surely_worse import worse_notes

if TYPE_CHECKING:
    from motet.runtime.caption_model import CaptionModel
    from motet.runtime.match_model import MatchModel

Rows = npt.NDArray[np.int64]
EXAMPLES = 8  # pictures that are shown, drawn by the seed
FEW_PICTURES = 100  # below which the figures say little
NEIGHBOUR = "nearest-neighbour"


def evaluate_captions(
    model: CaptionModel,
    table: Table,
    pictures: Rows | None = None,
    *,
    pairs: Pairs | None = None,
    all_rows: bool = False,
    space: MatchModel | None = None,
) -> dict[str, Any]:
    """Measure a saved captioner on pictures with sentences: the content of `evaluation.json`.

    pictures, pairs, all_rows : as of `evaluate_matches`.
    space : a model that matches; then captions get a CLIPScore by it too (`evaluation.clip_score`).

    Raises TableError where no row has a picture and words, or no test picture can be decoded.
    """
    begun = time.perf_counter()
    manifest = model.manifest
    pairs = read_pairs(table, manifest.schema) if pairs is None else pairs
    notes, split = [*table.notes, *pairs.notes], "test"
    if pictures is None:
        pictures, split, note = pictures_to_measure(manifest, table, pairs, all_rows)
        notes += [note] if note else []
    cells = ImageCells(table, manifest.schema.inputs("image"))
    how, said, near, there = model.decoding(), [], [], []
    issues: list[CellIssue] = []
    encoding = decoding = 0.0
    clock = time.perf_counter()
    for some, features in model.windows(cells, pairs.rows[pictures]):
        encoding, clock = encoding + time.perf_counter() - clock, time.perf_counter()
        issues += features.issues
        there.append(features.present)
        near += model.neighbours.nearest(features.rows.dense(np.flatnonzero(features.present)))
        said += [one.caption for one in model.captions_of(features, some, how=how) if one.caption is not None]
        decoding, clock = decoding + time.perf_counter() - clock, time.perf_counter()
    if not said:
        raise TableError(
            f"{table.name}: none of {len(pictures)} {split} pictures can be decoded: nothing to measure"
        )
    pictures = pictures[np.concatenate(there)]
    if len(pictures) < FEW_PICTURES:
        notes.append(f"only {len(pictures)} pictures were measured: these figures say little")
    references = sentences_by_picture(pairs, pictures)
    scores, theirs = (caption_scores(captions, references) for captions in (said, near))
    beside = {NEIGHBOUR: (np.arange(len(near)), theirs[:, CIDER])}
    notes += worse_notes("CIDEr-D", scores[:, CIDER], beside, seed=manifest.seed)
    matched: MatchedPictures | None = None
    scored_by: dict[str, Any] = {}
    if space is not None:
        matched = MatchedPictures.of(space, cells, pairs.rows[pictures], references)
        scored_by, told = told_space(space, table)
        notes += told

    def measured(captions: list[str], scores: npt.NDArray[np.float64]) -> dict[str, Any]:
        metrics = caption_metrics(scores, seed=manifest.seed)
        beside = {} if matched is None else matched.metrics(captions, seed=manifest.seed)
        return {
            "n": len(captions),
            "metrics": {**metrics, **beside},
            "faults": caption_faults(captions, model.neighbours.digests),
        }

    broken = broken_cells(pairs.issues, issues)
    mine = measured(said, scores)
    shown = np.random.default_rng(manifest.seed).permutation(len(pictures))[:EXAMPLES]
    made = {
        "schema_version": 1,
        "task": manifest.task,
        "split": split,
        **mine,
        "overall": {"n": mine["n"], "metrics": mine["metrics"]},
        "baselines": {NEIGHBOUR: measured(near, theirs)},
        "tokenizer": TOKENIZER,
        **({"clip_score": scored_by} if scored_by else {}),
        "decoding": {
            "beams": how.beams,
            "length_penalty": how.length_penalty,
            "no_repeat": how.no_repeat,
            "longest": how.longest,
        },
        "examples": {
            "captions": [
                {
                    "image_row": int(pairs.rows[pictures[at]]),
                    "caption": said[at],
                    "neighbour": near[at],
                    "references": references[at],
                }
                for at in shown.tolist()
            ]
        },
        "issues": {"broken": len(broken), "broken_measured": len(broken_cells(issues))},
        **provenance(manifest, table, broken, notes, encoding=encoding, begun=begun),
    }
    made["seconds"]["decode"] = round(decoding, 3)
    return made


def sentences_by_picture(pairs: Pairs, pictures: Rows) -> list[list[str]]:
    """What people wrote of each of the given pictures."""
    place = np.full(len(pairs.rows), -1, np.int64)
    place[pictures] = np.arange(len(pictures))
    mine = np.flatnonzero(place[pairs.picture] >= 0)
    found: list[list[str]] = [[] for _ in pictures]
    for at, text in zip(place[pairs.picture[mine]].tolist(), pairs.sentences.take(mine), strict=True):
        found[at].append(text)
    return found
