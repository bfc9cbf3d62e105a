"""Which of the options of `motet train` each task has."""

from __future__ import annotations

from collections.abc import Mapping

PAIRS = "it learns from pictures and their sentences alone"
LEARNS = {"match": PAIRS, "caption": PAIRS, "answer": "it learns answers from pictures and questions"}
ALSO = {
    "--fusion": {"answer"},
    "--time-limit": {"answer"},
    "--slice": {"answer"},
    "--text-encoder": {"match", "answer"},
    "--no-lexical": {"match"},
}


def refuse_options(task: str, given: Mapping[str, object]) -> None:
    """UsageError for an option of `classify` that was given and that the task has not, or none of several.

    given : value by name of the option, empty where it was not given. What stands in `ALSO` other tasks have too.
    """
    from motet.errors import UsageError

    tasks = task.split(",")
    for name, value in given.items():
        if value and all(one in LEARNS and one not in ALSO.get(name, ()) for one in tasks):
            raise UsageError(f"--task {task} has no {name}: {LEARNS[tasks[0]]}")
