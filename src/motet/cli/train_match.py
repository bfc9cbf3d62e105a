"""`motet train --task match`: from pictures and their sentences to a model of one space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motet.data import Schema, Table
    from motet.deployment.match_options import MatchOptions


def read_terms(said: Sequence[str]) -> dict[str, float]:
    """`local` or `distance=0.5` -> weights by term; UsageError where a weight is no number."""
    from motet.errors import UsageError

    terms = {}
    for one in said:
        name, _, weight = one.partition("=")
        try:
            terms[name] = float(weight) if weight else 1.0
        except ValueError:
            raise UsageError(f"--term {one}: after = stands a weight, a number above 0") from None
    return terms


def train_match(table: Table, schema: Schema, output: Path, options: MatchOptions, *, json: bool) -> None:
    """Train, measure, write, and print what came."""
    from motet.cli.console import message, print_json
    from motet.cli.results import print_matches
    from motet.deployment.match import build_match_model
    from motet.training.processes import process_group

    with process_group():
        evaluation = build_match_model(table, schema, output, options)
    if not evaluation:  # another process leads
        return
    if json:
        print_json(evaluation)
        return
    print_matches(evaluation)
    if "directions" in evaluation:
        message(f"report: {output / 'report.html'}")
    message(f"model: {output}")
