"""The page of a captioner: metrics beside the nearest neighbour's captions, what is wrong, and some captions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from motet.report.intervals import Axis, Line, drawn_line, share_axis
from motet.report.reading import Tree, count, listing, mapping, metrics_of, number, records
from motet.report.wording import between, figure, whole, words

DRAWN = "cider_d"
COLUMNS = ("cider_d", "bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "clip_score", "ref_clip_score")
FAULTS = ("empty", "repeated", "copied", "different")


@dataclass(frozen=True)
class Scores:
    """Lines of the model and its baselines, on one axis."""

    lines: tuple[Line, ...]
    columns: tuple[str, ...]
    axis: Axis | None


@dataclass(frozen=True)
class Faults:
    """How many captions are empty, loop, are training sentences, differ; and their mean length in words."""

    name: str
    n: int | None
    counts: tuple[int | None, ...]
    length: float | None


@dataclass(frozen=True)
class Example:
    """A picture, what was written of it, what the nearest training picture says, and what people wrote."""

    thumbnail: str | None
    caption: str
    neighbour: str
    references: tuple[str, ...]


def headline(evaluation: Tree) -> str:
    """Say the CIDEr-D, in words, beside the nearest neighbour's."""
    found = metrics_of(evaluation).get(DRAWN)
    if found is None:
        return "Nothing was measured."
    said = f"CIDEr-D {figure(found.value)} ({between(found)}) over {whole(evaluation.get('n'))} pictures"
    for name, entry in mapping(evaluation.get("baselines")).items():
        beside = metrics_of(entry).get(DRAWN)
        if beside is not None:
            said += f"; captions of the {words(name)} {figure(beside.value)} ({between(beside)})"
    return f"{said}."


def scores(evaluation: Tree) -> Scores | None:
    """Return the lines of the model and its baselines; None where nothing was measured."""
    lines = [
        Line(name, baseline, count(mapping(entry).get("n")), metrics_of(entry))
        for name, baseline, entry in _entries(evaluation)
    ]
    lines = [line for line in lines if line.metrics]
    if not lines:
        return None
    drawn = [line.metrics[DRAWN] for line in lines if DRAWN in line.metrics]
    axis = share_axis([end for one in drawn for end in (one.value, one.low, one.high) if end is not None])
    have = {name for line in lines for name in line.metrics}
    return Scores(
        tuple(drawn_line(line, DRAWN, axis) for line in lines),
        tuple(name for name in COLUMNS if name in have),
        axis,
    )


def space(evaluation: Tree) -> str:
    """Name the model by whose space captions were scored; empty where none was given."""
    named = mapping(evaluation.get("clip_score")).get("model")
    return words(named) if named else ""


def faults(evaluation: Tree) -> list[Faults]:
    """Return the counts of what is wrong with captions, of the model and its baselines."""
    made = []
    for name, _, entry in _entries(evaluation):
        counted = mapping(mapping(entry).get("faults"))
        if counted:
            counts = tuple(count(counted.get(fault)) for fault in FAULTS)
            made.append(Faults(name, count(mapping(entry).get("n")), counts, number(counted.get("words"))))
    return made


def examples(evaluation: Tree, thumbnails: Mapping[int, str]) -> list[Example]:
    """Return the pictures that are shown, drawn by the seed and not picked."""
    made = []
    for one in records(mapping(evaluation.get("examples")).get("captions")):
        row = count(one.get("image_row"))
        made.append(
            Example(
                None if row is None else thumbnails.get(row),
                words(one.get("caption")) if one.get("caption") else "",
                words(one.get("neighbour")) if one.get("neighbour") else "",
                tuple(words(text) for text in listing(one.get("references"))),
            )
        )
    return made


def _entries(evaluation: Tree) -> list[tuple[str, bool, object]]:
    baselines = mapping(evaluation.get("baselines")).items()
    return [("this model", False, evaluation), *((str(name), True, entry) for name, entry in baselines)]
