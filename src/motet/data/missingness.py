"""Whether a cell is there may tell the label: then a model learns how the table was filled, not what it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from motet.data.casting import has_words, text_of
from motet.data.classes import Labels
from motet.data.media_cells import MediaCells
from motet.data.schema import Column, Schema
from motet.data.table import CellIssue, Table, excerpt
from motet.data.tabular_cells import TabularCells
from motet.data.vector_cells import VectorCells

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
STRONG = 0.2  # Cramér's V from which it is told: between Cohen's small (.1) and medium (.3)
CHANCE = 0.05  # that any column of a table is told although its empty cells fell anywhere
_DRAWS = 1_000  # at least, and at a time


def telling_absence(present: Mapping[str, Bools], labels: Labels, rows: Rows, *, seed: int = 0) -> list[str]:
    """Say what is present or absent according to the label, beyond chance and by more than a little.

    present : [n] of each thing that may be absent, in the rows [n] of the labels. Numbers are told apart by the part of
    their range (`Labels.values`), and of several labels each is asked by itself and the strongest is told.
    """
    asked: list[tuple[Rows, Sequence[str]]]
    if labels.kind == "labels":
        each = [_has(labels, rows, k) for k in range(len(labels.classes))]
        asked = [(truth, (f"not {name}", name)) for truth, name in zip(each, labels.classes, strict=True)]
    elif labels.kind == "number":
        asked = [(labels.values[rows], _ranges(labels))]
    else:
        asked = [(labels.values[rows], labels.classes)]
    found: dict[str, tuple[float, str]] = {}
    for number, (truth, names) in enumerate(asked):
        told = absence_by_class(present, truth, names, questions=len(asked), seed=seed + number)
        for what, one in told.items():
            found[what] = max(found.get(what, one), one)
    return [message for _, message in sorted(found.values(), key=lambda one: -one[0])]


def absence_by_class(
    present: Mapping[str, Bools], truth: Rows, classes: Sequence[str], *, questions: int = 1, seed: int = 0
) -> dict[str, tuple[float, str]]:
    """How strongly the absence of each thing depends on the class, and that in words, where it surely and truly does.

    present : [n] of each thing that may be absent. truth [n] : number of each row's class, negative where unlabelled.
    Strength is Cramér's V of absence and class, corrected for bias (Bergsma, "A bias-correction for Cramér's V and
    Tschuprow's T", 2013, eq. 7-8); chance is a permutation test, by draws with the same margins, which Bonferroni
    corrects for the number of things that are present in some rows and absent in others, times `questions`.
    """
    known = truth >= 0
    count = np.bincount(truth[known], minlength=len(classes))
    there = np.flatnonzero(count)
    missing = {
        what: np.bincount(truth[known & ~have], minlength=len(classes)) for what, have in present.items()
    }
    varying = {what: held[there] for what, held in missing.items() if 0 < held.sum() < known.sum()}
    tests = questions * len(varying)
    found = {}
    for number, (what, held) in enumerate(varying.items()):
        strength = cramers_v(held, count[there])
        if strength < STRONG:
            continue
        draws = max(_DRAWS, round(2 * tests / CHANCE))
        if permutation_p(held, count[there], draws=draws, seed=seed + number) * tests <= CHANCE:
            names = [classes[i] for i in there.tolist()]
            found[what] = strength, _said(what, held, count[there], names, strength)
    return found


def _has(labels: Labels, rows: Rows, label: int) -> Rows:
    """Whether each row has a label, 0 or 1; -1 where nothing is known of it."""
    return np.where(labels.values[rows] < 0, -1, labels.truth[rows, label]).astype(np.int64)


def _ranges(labels: Labels) -> list[str]:
    """The least and the greatest number of each stratum, in words."""
    parts = [labels.truth[labels.values == k] for k in range(int(labels.values.max(initial=-1)) + 1)]
    return [f"{part.min():.6g} to {part.max():.6g}" if len(part) else "" for part in parts]


def cramers_v(held: Rows, count: Rows) -> float:
    """Cramér's V, corrected for bias, of which `held` [C] of the `count` [C] rows of each class are marked."""
    n, classes = int(count.sum()), len(count)
    narrower = min(k - 1 - (k - 1) ** 2 / max(1, n - 1) for k in (2, classes))
    if narrower <= 0:
        return 0.0
    excess = float(_chi_square(held[None], count)[0]) / n - (classes - 1) / (n - 1)
    return float(np.sqrt(min(1.0, max(0.0, excess) / narrower)))


def permutation_p(held: Rows, count: Rows, *, draws: int, seed: int = 0) -> float:
    """Share of `draws` (and of itself) in which marks dealt out by chance depend on the class at least as much."""
    generator = np.random.default_rng(seed)
    reached = float(_chi_square(held[None], count)[0]) * (
        1 - 1e-9
    )  # equal counts are equal, whatever the rounding
    as_much = 0
    for begin in range(0, draws, _DRAWS):
        some = min(_DRAWS, draws - begin)
        dealt = generator.multivariate_hypergeometric(count, int(held.sum()), size=some, method="marginals")
        as_much += int((_chi_square(dealt, count) >= reached).sum())
    return (1 + as_much) / (1 + draws)


def input_presence(
    table: Table,
    schema: Schema,
    rows: Rows,
    of_modality: Mapping[str, Bools],
    broken: Iterable[CellIssue] = (),
) -> dict[str, Bools]:
    """Presence [n] of each modality in the given rows, and of each column where a modality has several.

    of_modality [n] : as it was found by whoever read the cells. broken : cells of columns that count as absent.
    """
    wrong: dict[str, list[int]] = {}
    for issue in broken:
        if issue.broken:
            wrong.setdefault(issue.column, []).append(issue.row)
    found: dict[str, Bools] = {}
    for modality, have in of_modality.items():
        columns = [
            column for column in schema.columns if column.role == "input" and column.modality == modality
        ]
        if len(columns) == 1:
            found[f"column {columns[0].name!r}"] = have
            continue
        found[f"modality {modality!r} (any of its {len(columns)} columns)"] = have
        for column in columns:
            if column.name in table.columns:
                filled = filled_cells(table, column)
                filled[wrong.get(column.name, [])] = False
                found[f"column {column.name!r}"] = filled[rows]
    return found


def filled_cells(table: Table, column: Column) -> Bools:
    """Which cells [N] of a column are not empty, as its kind has it; pictures and sounds are not decoded."""
    cells = table.column(column.name)
    if column.kind in ("image", "audio"):
        return MediaCells(table, [column.name]).present.copy()
    if column.kind == "vector" and column.role == "input":
        return VectorCells(table, column.name).present.copy()
    if column.kind == "numeric" and column.role == "input":
        return TabularCells(table, [column.name], [], {column.name: column.decimal}).present
    if column.kind in ("vector", "audio", "other"):
        return np.array(cells.is_valid().to_numpy(), bool)
    return has_words(text_of(cells, column.name)[0])


def _chi_square(held: Rows, count: Rows) -> Floats:
    """Pearson's statistic [k] of counts [k, C] that are marked, of [C], with one sum."""
    share = held.sum(axis=1, keepdims=True) / count.sum()
    statistic: Floats = ((held - share * count) ** 2 / (count * share * (1 - share))).sum(axis=1)
    return statistic


def _said(what: str, held: Rows, count: Rows, classes: Sequence[str], strength: float) -> str:
    share = held.sum() / count.sum()
    odd = (held - share * count) / np.sqrt(count)
    worst = int(np.lexsort((odd, np.abs(odd).round(9)))[-1])  # of two that are as odd, where more are absent
    others, rest = int(held.sum() - held[worst]), int(count.sum() - count[worst])
    return (
        f"whether {what} is there tells the label (Cramér's V {strength:.2f}): absent in {held[worst]:,} of "
        f"{count[worst]:,} rows of {excerpt(classes[worst])!r}, in {others:,} of {rest:,} of the others; a model "
        "learns that too: if cells will be empty for other reasons where it is used, fill them or leave the column out"
    )
