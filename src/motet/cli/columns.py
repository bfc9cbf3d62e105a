"""Which columns of a table hold what: the options that `inspect`, `train` and `compare` share, defined once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, get_type_hints

from motet.cli.options import (
    AudioOption,
    CategoricalOption,
    GroupOption,
    ImageOption,
    NumericOption,
    SplitColumnOption,
    TextOption,
    VectorOption,
)


@dataclass(frozen=True)
class Columns:
    """The columns that a user names: each field is an option."""

    image: ImageOption = None
    text: TextOption = None
    audio: AudioOption = None
    vector: VectorOption = None
    numeric: NumericOption = None
    categorical: CategoricalOption = None
    split_column: SplitColumnOption = None
    group: GroupOption = None

    def said(self) -> dict[str, Any]:
        """As `infer_schema` takes them."""
        inputs = ("image", "text", "audio", "vector", "numeric", "categorical")
        return {name: getattr(self, name) or () for name in inputs} | {
            "split": self.split_column,
            "group": self.group,
        }


NONE_NAMED = Columns()


def takes_columns(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option for each field of `Columns` in place of its parameter `columns`.

    Typer reads options from the signature: this is the one that it is shown.
    """
    signature, hints = inspect.signature(command), get_type_hints(command, include_extras=True)
    options = get_type_hints(Columns, include_extras=True)
    names = [field.name for field in fields(Columns)]
    shown: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        if name == "columns":
            shown += [parameter.replace(name=n, annotation=options[n], default=None) for n in names]
        else:
            shown.append(parameter.replace(annotation=hints[name]))

    @functools.wraps(command)
    def run(**given: Any) -> None:
        command(
            **{name: given.pop(name) for name in list(given) if name not in names}, columns=Columns(**given)
        )

    run.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    run.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
    return run
