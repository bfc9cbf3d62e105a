"""`motet train` of one task: learn, measure, write, and print what came."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motet.data import Schema, Table


def train_one(task: str, table: Table, schema: Schema, output: Path, options: Any, *, json: bool) -> None:
    """Train on a table with the options of the task, and print the evaluation, or all of it as JSON."""
    from motet.cli.console import message, print_json

    evaluation = _built(task, table, schema, output, options)
    if not evaluation:  # of several processes another leads
        return
    if json:
        print_json(evaluation)
        return
    _print(task, evaluation)
    if evaluation["n"]:
        message(f"report: {output / 'report.html'}")
    message(f"model: {output}")


def _built(task: str, table: Table, schema: Schema, output: Path, options: Any) -> dict[str, Any]:
    from motet import deployment
    from motet.cli.learning import resumable
    from motet.training.processes import process_group

    if task == "classify":
        return deployment.build_model(table, schema, output, options)
    with resumable(output):
        if task == "answer":
            return deployment.build_answer_model(table, schema, output, options)
        if task == "caption":
            return deployment.build_caption_model(table, schema, output, options)
        with process_group():
            return deployment.build_match_model(table, schema, output, options)


def _print(task: str, evaluation: Mapping[str, Any]) -> None:
    from motet.cli.results import print_evaluation, print_matches
    from motet.cli.results_captions import print_captions

    {"match": print_matches, "caption": print_captions}.get(task, print_evaluation)(evaluation)
