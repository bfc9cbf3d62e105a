"""Matching measured by what ships: the saved model embeds the test pairs, and ranks become `evaluation.json`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from motet.data import ImageCells, Pairs, Table, read_pairs
from motet.data.scripts import script_of_words
from motet.data.splits import TEST, split_sides
from motet.errors import TableError
from motet.evaluation import both_directions
from motet.model import Manifest, SpaceEntry
from motet.runtime.evaluate_parts import reranked
from motet.runtime.provenance import broken_cells, provenance, trained_on

if TYPE_CHECKING:
    from motet.runtime.match_model import MatchModel

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
FEW_PICTURES = 100  # below which a recall says little
LEAST_OF_A_LANGUAGE = 30  # sentences that a language must have to be told apart
EXAMPLES = 6  # queries that are shown of each direction
SHOWN = 5  # answers to each
MOST_RERANKED = 5000  # pictures, all of whose regions are held while re-ranking is measured


def evaluate_matches(
    model: MatchModel,
    table: Table,
    pictures: Rows | None = None,
    *,
    pairs: Pairs | None = None,
    all_rows: bool = False,
) -> dict[str, Any]:
    """Measure a saved model on pairs: the content of `evaluation.json`.

    pictures : numbers of the pictures of `pairs` to measure. Not given: where the table has the split column that the
        model was trained with, those of rows that it calls test, else all; a note says which.
    all_rows : all pictures, also where the split column names test rows.

    Raises TableError where no row has a picture and words, or no test picture can be decoded.
    """
    begun = time.perf_counter()
    manifest = model.manifest
    pairs = read_pairs(table, manifest.schema) if pairs is None else pairs
    notes = [*table.notes, *pairs.notes, *pairs.shared]
    split = "test"
    if pictures is None:
        pictures, split, note = pictures_to_measure(manifest, table, pairs, all_rows)
        notes += [note] if note else []
    cells = ImageCells(table, manifest.schema.inputs("image"))
    seen = model.embed_images(cells, pairs.rows[pictures])
    there, broken = seen.present, broken_cells(pairs.issues, seen.issues)
    if not there.any():
        raise TableError(
            f"{table.name}: none of {len(pictures)} {split} pictures can be decoded: nothing to measure"
        )
    pictures = pictures[there]
    place = np.full(len(pairs.rows), -1, np.int64)
    place[pictures] = np.arange(len(pictures))
    sentences = _different(pairs, np.flatnonzero(place[pairs.picture] >= 0))
    owner = place[pairs.picture[sentences]]
    if len(pictures) < FEW_PICTURES:
        notes.append(f"only {len(pictures)} pictures were measured: a small gallery makes finding easy")
    texts = model.embed_texts(pairs.sentences, sentences)
    encoding = time.perf_counter() - begun
    spoken = _languages(pairs, sentences)

    def measured(images: Floats, words: Floats) -> dict[str, Any]:
        return {"directions": both_directions(images, words, owner, seed=manifest.seed)}

    def of_language(mine: Rows) -> dict[str, Any]:
        images, words = seen.vectors[there], texts.vectors[mine]
        return {"directions": both_directions(images, words, owner[mine], seed=manifest.seed)}

    def baseline(space: SpaceEntry) -> dict[str, Any]:
        images = model.embed_images(cells, pairs.rows[pictures], space=space)
        words = model.embed_texts(pairs.sentences, sentences, space=space)
        return {"made_by": space.made_by, **measured(images.vectors, words.vectors)}

    has_parts = model.space.parts is not None
    both = (cells, pairs.rows[pictures]), (pairs.sentences, sentences)
    better = {}
    if has_parts and len(pictures) <= MOST_RERANKED:
        better["reranked"] = reranked(model, both, owner, seen.vectors[there], texts.vectors)
    elif has_parts:
        notes.append(
            f"words and regions were not measured: the gallery is larger than {MOST_RERANKED:,} pictures"
        )
    others = [name for name in manifest.spaces if manifest.spaces[name] is not model.space]
    return {
        "schema_version": 1,
        "task": manifest.task,
        "split": split,
        "n": len(pictures),
        **measured(seen.vectors[there], texts.vectors),
        "baselines": {name: baseline(manifest.spaces[name]) for name in others},
        **better,
        **({"languages": {name: of_language(mine) for name, mine in spoken.items()}} if spoken else {}),
        "examples": _examples(
            pairs, pictures, sentences, owner, seen.vectors[there], texts.vectors, manifest.seed
        ),
        "issues": {"broken": len(broken), "broken_measured": len(broken_cells(seen.issues))},
        **provenance(manifest, table, broken, notes, encoding=encoding, begun=begun),
    }


def _different(pairs: Pairs, sentences: Rows) -> Rows:
    """Of some sentences those that their picture does not have already: a picture's rows may repeat its caption.

    Twice in the gallery, the same sentence would take two places before the right one.
    """
    of = np.stack([pairs.picture[sentences], pairs.same[sentences]])
    _, first = np.unique(of, axis=1, return_index=True)
    return sentences[np.sort(first)]


def pictures_to_measure(
    manifest: Manifest, table: Table, pairs: Pairs, all_rows: bool
) -> tuple[Rows, str, str]:
    """Numbers of pictures, what they are called, and a note on them, which may be empty."""
    column, everything = manifest.schema.split, np.arange(len(pairs.rows))
    if column is None or column not in table.columns or all_rows:
        if trained_on(manifest, table):
            return everything, "given", "these are the pairs that trained the model: the figures are too good"
        return everything, "given", ""
    sides = split_sides(table, column)[pairs.row]
    tested = np.unique(pairs.picture[sides == TEST])
    if not len(tested):
        raise TableError(
            f"{table.name}: split column {column!r} names no test rows with a picture and words; to measure all rows: "
            "--all-rows, in Python all_rows=True"
        )
    return tested, "test", f"measured: the {len(tested):,} pictures that column {column!r} calls test"


def _languages(pairs: Pairs, sentences: Rows) -> dict[str, Rows]:
    """Which of the sentences are in each script; nothing where all are in one."""
    scripts = np.array([script_of_words(text) or "other" for text in pairs.sentences.take(sentences)])
    found = {str(name): np.flatnonzero(scripts == name) for name in np.unique(scripts)}
    found = {name: mine for name, mine in found.items() if len(mine) >= LEAST_OF_A_LANGUAGE}
    return found if len(found) > 1 else {}


def _examples(
    pairs: Pairs, pictures: Rows, sentences: Rows, owner: Rows, images: Floats, texts: Floats, seed: int
) -> dict[str, list[dict[str, Any]]]:
    """Some queries of each direction, drawn by the seed, with what came first."""
    random = np.random.default_rng(seed)
    asked = np.sort(random.choice(len(sentences), min(EXAMPLES, len(sentences)), replace=False))
    shown = np.sort(random.choice(len(pictures), min(EXAMPLES, len(pictures)), replace=False))

    def words(at: Rows) -> list[str]:
        return pairs.sentences.take(sentences[at])

    def row(picture: int) -> int:
        return int(pairs.rows[pictures[picture]])

    found: dict[str, list[dict[str, Any]]] = {"text->image": [], "image->text": []}
    for query, text in zip(asked.tolist(), words(asked), strict=True):
        scores = images @ texts[query]
        first = np.argsort(-scores, kind="stable")
        found["text->image"].append(
            {
                "text": text,
                "rank": int(np.flatnonzero(first == owner[query])[0]) + 1,
                "gallery": len(pictures),
                "found": [
                    {"image_row": row(at), "score": float(scores[at]), "right": bool(at == owner[query])}
                    for at in first[:SHOWN].tolist()
                ],
            }
        )
    for query in shown.tolist():
        scores = texts @ images[query]
        first = np.argsort(-scores, kind="stable")
        right = np.flatnonzero(owner[first] == query)
        found["image->text"].append(
            {
                "image_row": row(query),
                "rank": int(right[0]) + 1 if len(right) else None,
                "gallery": len(sentences),
                "found": [
                    {"text": text, "score": float(scores[at]), "right": bool(owner[at] == query)}
                    for at, text in zip(first[:SHOWN].tolist(), words(first[:SHOWN]), strict=True)
                ],
            }
        )
    return found
