"""`motet ask` and `motet describe` of a model that others trained: `hf:DIRECTORY` or `hf:OWNER/NAME`."""

from __future__ import annotations

from pathlib import Path


def named_model(first: str, named: str | None) -> Path:
    """The model, which stands first or after --model. Raises UsageError for none, and for both."""
    from motet.errors import UsageError

    if first and named:
        raise UsageError("a model is named twice: first, and with --model")
    if not (first or named):
        raise UsageError("no model is named: a directory that `motet train` wrote, or hf:OWNER/NAME")
    return Path(named or first)


def is_ready_made(model: Path) -> bool:
    """Whether this names a ready-made model, not a directory that `motet train` wrote."""
    return str(model).startswith("hf:")


def ask_ready_made(model: Path, question: str, images: list[Path], accept_licence: bool, json: bool) -> None:
    """Ask a question about each picture, or have each described where there is none, and print what is said."""
    from motet.cli.console import print_json
    from motet.cli.learning import require_learning_wing
    from motet.cli.paths import check_picture

    for image in images:
        check_picture(image)
    require_learning_wing()
    from motet.deployment.ready_made import open_ready_made

    opened = open_ready_made(str(model), accept_licence=accept_licence)
    said = [opened.ask(question, image) if question else opened.describe(image) for image in images]
    if json:
        told = {"model": opened.name, "licence": opened.licence, "megabytes": round(opened.megabytes, 2)}
        key = "prediction" if question else "caption"
        print_json(
            [{"image": str(image), key: text, **told} for image, text in zip(images, said, strict=True)]
        )
        return
    for image, text in zip(images, said, strict=True):
        print(text if len(images) == 1 else f"{image}: {text}")
