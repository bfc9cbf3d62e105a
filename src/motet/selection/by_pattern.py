"""For each pattern, which heads answer: the candidate with the lowest log-loss on held-out rows.

The candidates of a pattern: every unimodal head in it; the product of the sources of one modality; every fused head,
with the modalities outside the pattern hidden; and `late`, the product or mean over modalities of the best that reads
each alone. Each is compared after its own temperature.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data import all_patterns
from motet.evaluation import accuracy, log_loss
from motet.model import HeadEntry, Member, PatternEntry
from motet.runtime.combination import combine, log_softmax
from motet.selection.temperature import fit_temperature

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
# (head, modalities shown, rows [n] of the selection rows) -> logits [n, C]
HeadLogits = Callable[[str, frozenset[str], npt.NDArray[np.int64]], Floats]
FEW_ROWS = 10


@dataclass(frozen=True)
class Candidate:
    """One way to answer, measured: its members, rule and temperature, and what it gave on selection rows."""

    name: str
    rule: str
    members: tuple[Member, ...]
    temperature: float
    log_loss: float
    accuracy: float

    def to_json(self) -> dict[str, Any]:
        """As it stands in `evaluation.json`; log-loss is null where no row could measure it."""
        return {
            "name": self.name,
            "log_loss": self.log_loss if math.isfinite(self.log_loss) else None,
            "accuracy": self.accuracy,
            "temperature": self.temperature,
        }


@dataclass(frozen=True)
class Selection:
    """What was chosen for each pattern, and every candidate that was compared."""

    patterns: dict[str, PatternEntry]
    candidates: dict[str, list[Candidate]]


def select(
    heads: Mapping[str, HeadEntry],
    modality_of: Mapping[str, str],
    modalities: Sequence[str],
    logits_of: HeadLogits,
    present: Mapping[str, npt.NDArray[np.bool_]],
    labels: Labels,
    *,
    forced: str | None = None,
) -> Selection:
    """Choose for each pattern of `modalities`.

    heads : candidates by name. modality_of : modality of each source. logits_of : logits of a head on selection
    rows when only some modalities are shown. present [N], labels [N] : of the selection rows.
    forced : the name of a fusion (or `late`) to answer with wherever it can: wherever two modalities are present.
    """
    chosen: dict[str, PatternEntry] = {}
    compared: dict[str, list[Candidate]] = {}
    alone: dict[str, Candidate] = {}
    for pattern in reversed(all_patterns(modalities)):  # single modalities first: `late` is made of them
        shown = frozenset(pattern.split("+")) - {"none"}
        if not shown:
            why = "nothing is present: the share of each class among the training rows"
            chosen[pattern] = PatternEntry("prior", (), 1.0, "prior", why)
            continue
        rows = np.flatnonzero(np.logical_and.reduce([present[m] for m in shown]))
        candidates = [
            _measure(name, rule, members, heads, modality_of, shown, logits_of, rows, labels)
            for name, rule, members in _candidates(heads, modality_of, shown, alone)
        ]
        if forced is not None and len(shown) > 1:
            matching = [c for c in candidates if c.name.split(" ")[0] == forced]
            best = min(matching, key=lambda c: c.log_loss)
            why = f"{forced} was asked for"
        elif len(rows) < FEW_ROWS:
            # Too few rows to compare on: take the rule with the fewest assumptions.
            best = next((c for c in candidates if c.name.startswith("late")), candidates[0])
            why = f"only {len(rows)} held-out rows have {pattern}: taken without a comparison"
        else:
            best = min(candidates, key=lambda c: c.log_loss)
            why = _reason(best, candidates, len(rows))
        if len(shown) == 1:  # a fused head that answers for one modality would count the others' heads twice
            unimodal = [c for c in candidates if all(heads[m.head].kind == "unimodal" for m in c.members)]
            alone[pattern] = min(unimodal, key=lambda c: c.log_loss)
        compared[pattern] = sorted(candidates, key=lambda c: c.log_loss)
        chosen[pattern] = PatternEntry(best.rule, best.members, best.temperature, best.name, why)
    order = all_patterns(modalities)
    return Selection({p: chosen[p] for p in order}, {p: compared[p] for p in order if p in compared})


def _candidates(
    heads: Mapping[str, HeadEntry],
    modality_of: Mapping[str, str],
    shown: frozenset[str],
    alone: Mapping[str, Candidate],
) -> list[tuple[str, str, tuple[Member, ...]]]:
    """(name, rule, members) of every candidate of a pattern."""
    unimodal: dict[str, list[str]] = {}
    fused = []
    for name, head in heads.items():
        read = {modality_of[source] for source in head.sources}
        if head.kind == "unimodal" and read <= shown:
            unimodal.setdefault(next(iter(read)), []).append(name)
        elif head.kind != "unimodal" and read >= shown:
            fused.append(name)
    found: list[tuple[str, str, tuple[Member, ...]]] = []
    for names in unimodal.values():
        found += [(name, "product", (Member(name),)) for name in names]
        if len(names) > 1:
            found.append((" x ".join(names), "product", tuple(Member(name) for name in names)))
    found += [(name, "product", (Member(name),)) for name in fused]
    if len(shown) > 1:
        # A modality's own answer enters as it was calibrated: its logits divided by its temperature.
        product = tuple(
            Member(member.head, member.weight / alone[modality].temperature)
            for modality in sorted(shown)
            for member in alone[modality].members
        )
        found.append(("late product", "product", product))
        found.append(("late mean", "mean", tuple(Member(member.head) for member in product)))
    return found


def _measure(
    name: str,
    rule: str,
    members: tuple[Member, ...],
    heads: Mapping[str, HeadEntry],
    modality_of: Mapping[str, str],
    shown: frozenset[str],
    logits_of: HeadLogits,
    rows: npt.NDArray[np.int64],
    labels: Labels,
) -> Candidate:
    if len(rows) == 0:
        return Candidate(name, rule, members, 1.0, float("inf"), 0.0)
    stacked = np.stack([logits_of(member.head, shown, rows) for member in members])
    everywhere = np.ones(stacked.shape[:2], bool)
    logits = combine(rule, stacked, everywhere, np.array([member.weight for member in members]))
    temperature = fit_temperature(logits, labels[rows])
    return Candidate(
        name,
        rule,
        members,
        temperature,
        log_loss(log_softmax(logits / temperature), labels[rows]),
        accuracy(logits.argmax(axis=1), labels[rows]),
    )


def _reason(best: Candidate, candidates: Sequence[Candidate], rows: int) -> str:
    others = sorted((c for c in candidates if c is not best), key=lambda c: c.log_loss)
    if not others:
        return "the only candidate"
    return (
        f"lowest log-loss on {rows} held-out rows: {best.log_loss:.3f}, "
        f"before {others[0].name} with {others[0].log_loss:.3f}"
    )
