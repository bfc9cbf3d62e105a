"""The page of a model that matches pictures and words: recall in both directions, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from motet.report.intervals import Axis, Line, drawn_line, share_axis
from motet.report.reading import Tree, count, listing, mapping, metrics_of, number, records
from motet.report.sections import Excerpt, excerpt
from motet.report.wording import between, figure, whole, words

DRAWN = "recall@1"
COLUMNS = ("recall@1", "recall@5", "recall@10", "median_rank", "mrr")


@dataclass(frozen=True)
class Directions:
    """Groups of lines, one a direction: the model, then its baselines; all on one axis."""

    groups: tuple[tuple[Line, ...], ...]
    columns: tuple[str, ...]
    axis: Axis | None


@dataclass(frozen=True)
class Found:
    """One answer to a query: a picture (or words), its similarity, and whether it is right."""

    text: str
    thumbnail: str | None
    score: float | None
    right: bool


@dataclass(frozen=True)
class Example:
    """A query, the rank of the first right answer, and what stood first."""

    text: Excerpt | None
    thumbnail: str | None
    rank: int | None
    gallery: int | None
    found: tuple[Found, ...]


def headline(evaluation: Tree) -> str:
    """Say how often the right answer comes first, in words, beside the best baseline."""
    said = []
    for name, entry in mapping(evaluation.get("directions")).items():
        first = metrics_of(entry).get(DRAWN)
        if first is None:
            continue
        rivals = {
            str(rival): metrics_of(mapping(mapping(of).get("directions")).get(name)).get(DRAWN)
            for rival, of in mapping(evaluation.get("baselines")).items()
        }
        measured = {rival: value for rival, value in rivals.items() if value is not None}
        best = max(measured, key=lambda rival: measured[rival].value, default=None)
        beside = f"; {best} {figure(measured[best].value)}" if best is not None else ""
        said.append(
            f"{arrow(str(name))}: the right one comes first for {figure(first.value)} ({between(first)}) of "
            f"{whole(mapping(entry).get('n'))} queries among {whole(mapping(entry).get('gallery'))}{beside}"
        )
    return ". ".join(said) + "." if said else "Nothing was measured."


def directions(evaluation: Tree) -> Directions | None:
    """Return the lines of each direction, languages and baselines beneath the model; None where there are none."""
    groups = []
    for name, entry in mapping(evaluation.get("directions")).items():
        lines = [_line(arrow(str(name)), entry, baseline=False)]
        reranked = mapping(evaluation.get("reranked"))
        if reranked:
            first = f"first {whole(reranked.get('depth'))} by words and regions"
            lines.append(_line(first, mapping(mapping(reranked.get("directions")).get(name)), False))
        for language, of in mapping(evaluation.get("languages")).items():
            lines.append(
                _line(f"{language} sentences", mapping(mapping(of).get("directions")).get(name), True)
            )
        for rival, of in mapping(evaluation.get("baselines")).items():
            lines.append(_line(str(rival), mapping(mapping(of).get("directions")).get(name), True))
        groups.append(tuple(line for line in lines if line.metrics))
    groups = [group for group in groups if group]
    if not groups:
        return None
    shown = [line.metrics[DRAWN] for group in groups for line in group if DRAWN in line.metrics]
    ends = [end for value in shown for end in (value.value, value.low, value.high) if end is not None]
    axis = share_axis(ends)
    have = {name for group in groups for line in group for name in line.metrics}
    return Directions(
        tuple(tuple(drawn_line(line, DRAWN, axis) for line in group) for group in groups),
        tuple(name for name in COLUMNS if name in have),
        axis,
    )


@dataclass(frozen=True)
class ZeroShotTable:
    """How classes were told apart by sentences, and by a few examples too: lines with accuracy drawn."""

    label: str
    classes: int
    chance: float | None
    calibrated: bool
    lines: tuple[Line, ...]
    axis: Axis | None


def zero_shot(evaluation: Tree) -> ZeroShotTable | None:
    """Return the table of zero-shot and few-shot, or None where neither was measured."""
    read = mapping(evaluation.get("zero_shot"))
    n = count(read.get("n"))
    lines = [Line("zero-shot: the sentences alone", False, n, metrics_of(read))]
    for shots, ways in mapping(read.get("few_shot")).items():
        each = "1 example a class" if shots == "1" else f"{shots} examples a class"
        for name, title in (("cache", "cache"), ("probe", "probe")):
            lines.append(Line(f"{each}, {title}", True, n, metrics_of(mapping(ways).get(name))))
    lines = [line for line in lines if line.metrics]
    if not lines:
        return None
    shown = [line.metrics["accuracy"] for line in lines if "accuracy" in line.metrics]
    axis = share_axis([end for one in shown for end in (one.value, one.low, one.high) if end is not None])
    return ZeroShotTable(
        words(read.get("label")),
        len(listing(read.get("classes"))),
        number(read.get("chance")),
        bool(read.get("calibrated")),
        tuple(drawn_line(line, "accuracy", axis) for line in lines),
        axis,
    )


def examples(evaluation: Tree, thumbnails: Mapping[int, str]) -> dict[str, list[Example]]:
    """Return the queries that are shown of each direction, drawn by the seed and not picked."""
    return {
        arrow(str(name)): [_example(one, thumbnails) for one in records(shown)]
        for name, shown in mapping(evaluation.get("examples")).items()
    }


def arrow(direction: str) -> str:
    """Write `text->image` with an arrow."""
    return direction.replace("->", " → ")


def _line(name: str, entry: object, baseline: bool) -> Line:
    return Line(name, baseline, count(mapping(entry).get("n")), metrics_of(entry))


def _example(one: Tree, thumbnails: Mapping[int, str]) -> Example:
    return Example(
        excerpt(one.get("text")),
        _thumbnail(one, thumbnails),
        count(one.get("rank")),
        count(one.get("gallery")),
        tuple(
            Found(
                words(answer["text"]) if answer.get("text") else "",
                _thumbnail(answer, thumbnails),
                number(answer.get("score")),
                bool(answer.get("right")),
            )
            for answer in records(one.get("found"))
        ),
    )


def _thumbnail(read: Tree, thumbnails: Mapping[int, str]) -> str | None:
    row = count(read.get("image_row"))
    return None if row is None else thumbnails.get(row)
