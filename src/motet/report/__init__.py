"""The report: evaluation.json becomes a page that opens offline, and one prediction becomes a card.

`render_report` and `write_report` make the page, `render_card` the card of one sample, `thumbnail` the small
pictures that both carry inside them, `spotlight` one that shows what an answer rests on. Nothing here measures: every
figure shown stands in the evaluation.
"""

from __future__ import annotations

from motet.report.card import render_card
from motet.report.gallery import shown_thumbnails
from motet.report.occlusion import regions, spotlight
from motet.report.page import render_report, write_report
from motet.report.thumbnails import thumbnail

__all__ = [
    "regions",
    "render_card",
    "render_report",
    "shown_thumbnails",
    "spotlight",
    "thumbnail",
    "write_report",
]
