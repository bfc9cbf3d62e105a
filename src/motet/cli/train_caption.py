"""`motet train --task caption`: from pictures and their sentences to a model that describes pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motet.data import Schema, Table
    from motet.deployment.caption_options import CaptionOptions


def train_caption(table: Table, schema: Schema, output: Path, options: CaptionOptions, *, json: bool) -> None:
    """Train, measure, write, and print what came."""
    from motet.cli.console import message, print_json
    from motet.cli.results_captions import print_captions
    from motet.deployment.caption import build_caption_model

    evaluation = build_caption_model(table, schema, output, options)
    if json:
        print_json(evaluation)
        return
    print_captions(evaluation)
    if "metrics" in evaluation:
        message(f"report: {output / 'report.html'}")
    message(f"model: {output}")
