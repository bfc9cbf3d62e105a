"""The tasks of `motet train`, and which of its options each has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

TASKS = ("classify", "match", "caption", "answer")
ALSO = {  # of classify, the first of TASKS, and of these
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
        having = {TASKS[0], *ALSO.get(name, ())}
        if value and not having & set(tasks):
            named = " and ".join(one for one in TASKS if one in having)
            raise UsageError(f"--task {task} has no {name}, which is of {named}: leave it out")


def check_task(task: str, label: str | None) -> None:
    """UsageError for a task, or several, that cannot be learned, or where `classify` lacks its label."""
    from motet.errors import UsageError

    tasks = task.split(",")
    unknown = [one for one in tasks if one not in TASKS]
    if unknown:
        further = "; encoders are learned by `motet pretrain`" if "pretrain" in unknown else ""
        raise UsageError(f"no task {unknown[0]!r}: one of {', '.join(TASKS)}{further}")
    if len(tasks) > 1 and ("classify" in tasks or len(set(tasks)) < len(tasks)):
        raise UsageError(f"--task {task}: several tasks at once are answer, caption and match, each once")
    if task == "classify" and label is None:
        raise UsageError(
            "name the column to learn with --label, or learn from pairs without labels with --task match"
        )


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
        wrong = [name for name, value in given.items() if value is not None]
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


def read_terms(said: Sequence[str]) -> dict[str, float]:
    """`local` or `distance=0.5` -> weights by term; UsageError where a weight is no number, or a term comes twice."""
    from motet.errors import UsageError

    terms = {}
    for one in said:
        name, _, weight = one.partition("=")
        if name in terms:
            raise UsageError(f"--term {name} is said twice: once, with one weight")
        try:
            terms[name] = float(weight) if weight else 1.0
        except ValueError:
            raise UsageError(f"--term {one}: after = stands a weight, a number above 0") from None
    return terms
