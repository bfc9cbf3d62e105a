"""What a search found as one page that opens offline: pictures, scores, and what is known of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jinja2


@dataclass(frozen=True)
class Shown:
    """One answer on the sheet. picture : a data URI of the thumbnail, or None; facts : what stands below it."""

    id: str
    score: float
    picture: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def contact_sheet(query: str, found: Sequence[Shown], *, asked: str | None = None, where: str = "") -> str:
    """The page, as HTML: best answer first, all text escaped, nothing loaded from elsewhere.

    query : what was asked for, in words. asked : a data URI of the picture that was asked with. where : the filter.
    """
    page = jinja2.Environment(
        loader=jinja2.PackageLoader("motet.retrieval", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("contact_sheet.html")
    return page.render(query=query, found=found, asked=asked, where=where)
