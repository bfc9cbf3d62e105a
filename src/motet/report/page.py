"""The page: an evaluation becomes one HTML file that needs nothing beside itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from motet.model import metric_name
from motet.report import (
    abstaining,
    availability,
    captions,
    curves,
    intervals,
    matches,
    sections,
    slices,
    starving,
    wording,
)
from motet.report import confusion as matrices
from motet.report.reading import Tree, count, mapping
from motet.report.verdict import verdict

NO_THUMBNAILS: Mapping[int, str] = {}


def render_report(evaluation: Tree, *, title: str, thumbnails: Mapping[int, str] = NO_THUMBNAILS) -> str:
    """Return the report of an evaluation as one HTML page.

    `evaluation` is the content of evaluation.json; what is absent or null in it is left out of the page.
    `thumbnails` maps a row to the data URI of its picture (see `thumbnail`), for the gallery of mistakes.
    Raises UsageError where a thumbnail is no such URI.
    """
    for row, uri in thumbnails.items():
        wording.picture_uri(uri, f"thumbnails[{row}]")
    shared = {
        "title": title,
        "split": evaluation.get("split"),
        "n": count(evaluation.get("n")) or count(mapping(evaluation.get("overall")).get("n")),
        "warnings": sections.remarks(evaluation, "warnings"),
        "notes": sections.remarks(evaluation, "notes"),
        "broken": sections.broken(evaluation),
        "absent": sections.absent(evaluation),
        "histories": curves.histories(evaluation),
        "making": sections.making(evaluation),
        "sources": sections.sources(evaluation),
    }
    if evaluation.get("task") == "match":
        page = environment().get_template("matches.html")
        return page.render(
            **shared,
            headline=matches.headline(evaluation),
            directions=matches.directions(evaluation),
            zero_shot=matches.zero_shot(evaluation),
            examples=matches.examples(evaluation, thumbnails),
        )
    if evaluation.get("task") == "caption":
        page = environment().get_template("captions.html")
        return page.render(
            **shared,
            headline=captions.headline(evaluation),
            scores=captions.scores(evaluation),
            faults=captions.faults(evaluation),
            space=captions.space(evaluation),
            tokenizer=wording.words(evaluation.get("tokenizer")),
            examples=captions.examples(evaluation, thumbnails),
        )
    return (
        environment()
        .get_template("page.html")
        .render(
            **shared,
            task=evaluation.get("task"),
            target=evaluation.get("target", "class"),
            verdict=verdict(evaluation),
            comparison=intervals.comparison(evaluation),
            choices=sections.choices(evaluation),
            missing=availability.missing_panels(evaluation),
            missing_score=availability.missing_score(evaluation),
            shares=availability.shares(evaluation),
            interactions=availability.interactions(evaluation),
            paired=count(mapping(evaluation.get("emap")).get("n")),
            slice_tables=slices.slice_tables(evaluation),
            risks=abstaining.risks(evaluation),
            alone=starving.alone_curves(evaluation),
            reliabilities=availability.reliabilities(evaluation),
            class_scores=sections.class_scores(evaluation),
            confusion=matrices.confusion(evaluation),
            mistakes=sections.mistakes(evaluation, thumbnails),
            mistakes_known=isinstance(evaluation.get("mistakes"), list),
            suspects=sections.suspects(evaluation),
        )
    )


def write_report(
    path: str | os.PathLike[str],
    evaluation: Tree,
    *,
    title: str,
    thumbnails: Mapping[int, str] = NO_THUMBNAILS,
) -> Path:
    """Write the report of an evaluation and return where it is.

    The page is written beside its place and moved there, so that half a page never exists. Raises what
    `render_report` raises, and OSError where the place cannot be written.
    """
    page = render_report(evaluation, title=title, thumbnails=thumbnails)
    place = Path(path)
    beside = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        beside.write_text(page, encoding="utf-8", newline="\n")
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)
    return place


@cache
def environment() -> Environment:
    """Return the templates of this room: everything that they print is escaped."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    made.filters.update(
        figure=wording.figure,
        whole=wording.whole,
        between=wording.between,
        metric_name=metric_name,
        language=wording.language,
    )
    made.globals.update(drawing=curves)
    return made


def _finalize(value: Any) -> Any:
    return wording.writable(value) if isinstance(value, str) else value
