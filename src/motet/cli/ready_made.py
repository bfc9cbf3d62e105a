"""`motet ask` and `motet describe` of a model that others trained: `hf:DIRECTORY` or `hf:OWNER/NAME`."""

from __future__ import annotations

from pathlib import Path

PREFIX = "hf:"


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
    return str(model).startswith(PREFIX)


def refuse_licence(accept_licence: bool) -> None:
    """UsageError where a licence is accepted for a model that asks for none."""
    from motet.errors import UsageError

    if accept_licence:
        raise UsageError(
            "--accept-licence is of ready-made models (hf:...): leave it out for one that train wrote"
        )


def ask_ready_made(model: Path, question: str, images: list[Path], accept_licence: bool, json: bool) -> None:
    """Ask a question about each picture, or have each described where there is none, and print what is said.

    A picture that cannot be read is said, and the others go on. Raises MediaError where none can be.
    """
    from motet.cli.console import message, print_json
    from motet.cli.learning import require_learning_wing
    from motet.cli.paths import check_pictures, read_pictures
    from motet.errors import MediaError

    name = str(model).removeprefix(PREFIX)
    _check_name(name)
    check_pictures(images)
    require_learning_wing()
    from motet.deployment.ready_made import open_ready_made

    opened = open_ready_made(name, accept_licence=accept_licence)
    files, issues = read_pictures(images)
    said = [
        None if data is None else opened.ask(question, data) if question else opened.describe(data)
        for data in files
    ]
    if json and any(text is not None for text in said):
        told = {"model": opened.name, "licence": opened.licence, "megabytes": round(opened.megabytes, 2)}
        key = "prediction" if question else "caption"
        found = [
            {"image": str(image), key: text, "issue": issue, **told}
            for image, text, issue in zip(images, said, issues, strict=True)
        ]
        print_json(found[0] if question else found)  # a question is of one picture, as of a trained model
        return
    for image, text, issue in zip(images, said, issues, strict=True):
        if issue is not None:
            message(f"{image}: {issue}")
        else:
            print(text if len(images) == 1 else f"{image}: {text}")
    if all(text is None for text in said):
        raise MediaError("no picture could be decoded, so nothing is said of any")


def _check_name(name: str) -> None:
    """UsageError for what names neither a directory here nor could be of the hub, before anything heavy is imported."""
    from motet.encoders.registry import HUB_NAME
    from motet.errors import UsageError

    if not name:
        raise UsageError("hf: names no model: write hf:DIRECTORY, or hf:OWNER/NAME of the Hugging Face hub")
    if not Path(name).expanduser().is_dir() and not HUB_NAME.match(name):
        raise UsageError(
            f"hf:{name}: no such directory, and no name of the Hugging Face hub either, which is OWNER/NAME"
        )
