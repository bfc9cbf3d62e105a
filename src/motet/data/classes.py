"""The label column becomes class numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from motet.data.schema import Schema
from motet.data.table import CellIssue, Table

LabelType = Literal["string", "integer", "boolean", "float"]


@dataclass(frozen=True)
class Labels:
    """Labels of N rows.

    values  [N] int64: index into `classes`; -1 where the row has no label, -2 where its label is not a class.
    classes text of each class: in numeric order for numbers and booleans, else by code point.
    type    what the values were in the table ("1" in a CSV is a string).
    issues  rows with a label that is not one of the given classes.
    """

    values: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    type: LabelType = "string"
    issues: tuple[CellIssue, ...] = field(default=(), repr=False)


def labels(table: Table, schema: Schema) -> Labels:
    """Number the classes of the label column; TableError where it is missing, empty or of one class."""
    raise NotImplementedError


def encode_labels(table: Table, schema: Schema, classes: Sequence[str]) -> Labels:
    """Number the labels of a table by given classes: -2, and an issue, where a label is none of them."""
    raise NotImplementedError
