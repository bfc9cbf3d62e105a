"""`motet train --task answer`: from pictures, questions and answers to a model that answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motet.data import Schema, Table
    from motet.deployment.answer_options import AnswerOptions


def check_columns(
    task: str,
    image: Sequence[str] | None,
    question: Sequence[str] | None,
    answer: Sequence[str] | None,
    vocabulary: int | None,
) -> None:
    """UsageError where the task asks for columns that are not named, or another task was given columns of this one."""
    from motet.errors import UsageError

    if task != "answer":
        given = {"--question": question, "--answer": answer, "--vocabulary": vocabulary}
        wrong = [name for name, value in given.items() if value]
        if wrong:
            raise UsageError(f"{wrong[0]} is of --task answer")
        return
    for option, named in (("--image", image), ("--question", question), ("--answer", answer)):
        if not named:
            raise UsageError(f"--task answer learns from named columns: say which with {option} COLUMN")
    if question is not None and len(question) > 1:
        raise UsageError(
            f"--question names {len(question)} columns, and a row asks one question: further words of a row are --text"
        )


def train_answer(table: Table, schema: Schema, output: Path, options: AnswerOptions, *, json: bool) -> None:
    """Train, measure, write, and print what came."""
    from motet.cli.console import message, print_json
    from motet.cli.results import print_evaluation
    from motet.deployment.answer import build_answer_model

    evaluation = build_answer_model(table, schema, output, options)
    if json:
        print_json(evaluation)
        return
    print_evaluation(evaluation)
    if "overall" in evaluation:
        message(f"report: {output / 'report.html'}")
    message(f"model: {output}")
