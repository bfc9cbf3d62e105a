"""For each pattern, which heads answer: the best single modality, unless another candidate is surely better.

Candidates are compared on rows that no head was fitted on. What a candidate learns there itself (temperature, weights)
is learned on one half of these rows and measured on the other, both ways round; what ships is learned on all of them.
A candidate that reads several modalities must beat the best that reads one by a gain that a paired bootstrap on
the loss finds real: so no pattern is knowingly worse than its best single modality.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data import all_patterns
from motet.evaluation import paired_difference
from motet.model import HeadEntry, Member, PatternEntry
from motet.runtime.target import ClassTarget, Target
from motet.selection.candidates import answer, ways
from motet.selection.temperature import temperature_of
from motet.selection.way import SINGLE, Expert, Way

Floats = npt.NDArray[np.floating]
Truth = npt.NDArray[Any]
Rows = npt.NDArray[np.int64]
# (head, modalities shown, rows [n] of the selection rows) -> logits [n, C]
HeadLogits = Callable[[str, frozenset[str], Rows], Floats]
FEW_ROWS = 10
SURE = 0.05  # chance that a gain which is none is taken for one


@dataclass(frozen=True)
class Candidate:
    """One way to answer, measured: its members, rule and temperature as learned on all selection rows, and the loss
    and score of those rows as halves that learned nothing from them gave, under the names that the target has."""

    name: str
    kind: str
    rule: str
    members: tuple[Member, ...]
    temperature: float
    loss: float
    score: float
    named: tuple[str, str] = ("log_loss", "accuracy")

    def to_json(self) -> dict[str, Any]:
        """As it stands in `evaluation.json`; loss and score are null where no row could measure it."""
        measured = math.isfinite(self.loss)
        return {
            "name": self.name,
            "kind": self.kind,
            self.named[0]: self.loss if measured else None,
            self.named[1]: self.score if measured and math.isfinite(self.score) else None,
            "temperature": self.temperature,
        }


@dataclass(frozen=True)
class Selection:
    """What was chosen for each pattern, and every candidate that was compared."""

    patterns: dict[str, PatternEntry]
    candidates: dict[str, list[Candidate]]
    experts: dict[str, Expert]  # what answers best for each modality by itself
    held_answers: Floats  # [N, C]: of each selection row by the choice of its own pattern; NaN where unknown
    held_losses: dict[
        str, Floats
    ]  # [n] of each pattern's choice on the rows that have it; no key where they are few


def select(
    heads: Mapping[str, HeadEntry],
    modality_of: Mapping[str, str],
    modalities: Sequence[str],
    logits_of: HeadLogits,
    present: Mapping[str, npt.NDArray[np.bool_]],
    labels: Truth,
    prior: Floats,
    *,
    target: Target | None = None,
    forced: str | None = None,
    which: str = "",
    seed: int = 0,
) -> Selection:
    """Choose for each pattern of `modalities`.

    heads : candidates by name. modality_of : modality of each source. logits_of : logits of a head on selection
    rows when only some modalities are shown. present [N], labels [N] : of the selection rows. prior [C] : the answer
    to rows that have nothing. target : what is answered (default: one of C classes).
    forced : a fusion or `late` rule to answer with wherever it can: wherever two modalities are present.
    which : what sets these rows apart from other held-out ones, in words such as "with a known answer".
    """
    target = ClassTarget(tuple(map(str, range(len(prior))))) if target is None else target
    chosen: dict[str, PatternEntry] = {}
    compared: dict[str, list[Candidate]] = {}
    experts: dict[str, Expert] = {}
    halves = halves_of(len(labels), seed)
    answers = np.full((len(labels), len(prior)), np.nan)
    lost: dict[str, Floats] = {}
    # Single modalities first: `late` is made of their experts.
    for pattern in reversed(all_patterns(modalities)):
        shown = frozenset(pattern.split("+")) - {"none"}
        if not shown:
            why = f"nothing is present: {target.prior_words} of the training rows"
            even = np.tile(prior, (len(labels), 1))
            chosen[pattern] = PatternEntry(
                "prior",
                (),
                1.0,
                "prior",
                why,
                target.thresholds(even, labels),
                target.cuts(even[:0], labels[:0]),
            )
            continue
        rows = np.flatnonzero(np.logical_and.reduce([present[m] for m in shown]))
        found = ways(heads, modality_of, shown, experts, target)
        logits = {
            name: target.spread(logits_of(name, shown, rows))
            for name in {head for way in found for head in way.heads}
        }
        measured = [_measure(target, way, logits, labels[rows], halves[rows]) for way in found]
        best, why = _choose(
            target, measured, pattern, len(rows), forced if len(shown) > 1 else None, which, seed
        )
        if len(shown) == 1:
            single = min((m for m in measured if m[0].kind == SINGLE), key=lambda m: m[0].loss)[0]
            experts[pattern] = Expert(single.name, tuple(member.head for member in single.members))
        compared[pattern] = sorted((candidate for candidate, _ in measured), key=lambda c: c.loss)
        nobody = np.zeros((0, len(prior)))
        thresholds, cuts = target.thresholds(nobody, labels[:0]), target.cuts(nobody, labels[:0])
        if len(rows) >= FEW_ROWS:
            way = next(way for way in found if way.name == best.name)
            held = target.answers(crossed_answers(way, logits, labels[rows], halves[rows], target))
            thresholds, cuts = target.thresholds(held, labels[rows]), target.cuts(held, labels[rows])
            more = [present[m][rows] for m in modalities if m not in shown]
            lost[pattern] = next(losses for candidate, losses in measured if candidate.name == best.name)
            mine = ~np.any(more, axis=0) if more else np.ones(len(rows), bool)  # rows of this very pattern
            answers[rows[mine]] = held[mine]
        chosen[pattern] = PatternEntry(
            best.rule, best.members, best.temperature, best.name, why, thresholds, cuts
        )
    order = all_patterns(modalities)
    return Selection(
        {p: chosen[p] for p in order},
        {p: compared[p] for p in order if p in compared},
        experts,
        answers,
        {p: lost[p] for p in order if p in lost},
    )


def halves_of(rows: int, seed: int) -> npt.NDArray[np.int64]:
    """Which half [N], 0 or 1, each of N selection rows belongs to."""
    return np.random.default_rng(seed).permutation(rows) % 2


def _measure(
    target: Target, way: Way, logits: Mapping[str, Floats], labels: Truth, halves: npt.NDArray[np.int64]
) -> tuple[Candidate, Floats]:
    """The candidate as learned on all rows [n], and the loss of each row [n] as the other half has it."""
    named = (target.loss, target.score)
    if len(labels) == 0:
        members = way.learn(*_one_even_row(target, logits))
        return Candidate(way.name, way.kind, way.rule, members, 1.0, math.inf, 0.0, named), np.zeros(0)
    members = way.learn(logits, labels)
    temperature = temperature_of(target, answer(way, members, logits), labels)
    held = crossed_answers(way, logits, labels, halves, target)
    losses = target.losses(held, labels)
    loss, score = float(losses.mean()), target.score_of(target.answers(held), labels)
    return Candidate(way.name, way.kind, way.rule, members, temperature, loss, score, named), losses


def crossed_answers(
    way: Way, logits: Mapping[str, Floats], labels: Truth, halves: npt.NDArray[np.int64], target: Target
) -> Floats:
    """Logarithms of probabilities [n, C], or numbers [n, 1]: of each half of the rows by what the other half taught."""
    made = np.zeros(next(iter(logits.values())).shape)
    for held, _, taught in _taught(way, logits, labels, halves, target):
        made[held] = taught(held)
    return made


def crossed_judged(
    way: Way, logits: Mapping[str, Floats], labels: Truth, halves: npt.NDArray[np.int64], target: Target
) -> tuple[Floats, Floats]:
    """Answers [n, ...] of `crossed_answers`, and the same as they are measured: cuts, where there are any, are learned
    on the other half too, from its answers by the same weights and temperature."""
    made = crossed_answers(way, logits, labels, halves, target)
    parts: dict[int, Floats] = {}
    for held, learn, taught in _taught(way, logits, labels, halves, target):
        cuts = target.cuts(target.answers(taught(learn)), labels[learn])
        entry = PatternEntry("", (), 1.0, "", "", (), cuts)
        judged = target.judged(target.answers(made[held]), [""] * len(held), {"": entry})
        parts |= dict(zip(held.tolist(), judged, strict=True))
    return target.answers(made), np.stack([parts[row] for row in range(len(labels))])


def _taught(
    way: Way, logits: Mapping[str, Floats], labels: Truth, halves: npt.NDArray[np.int64], target: Target
) -> Iterator[tuple[Rows, Rows, Callable[[Rows], Floats]]]:
    """For each half: its rows, those of the other half, and how the way, as the other half taught it, answers rows."""
    for held, learn in crossed(halves):
        mine = {name: values[learn] for name, values in logits.items()}
        members = way.learn(mine, labels[learn])
        temperature = temperature_of(target, answer(way, members, mine), labels[learn])

        def taught(rows: Rows, members: tuple[Member, ...] = members, by: float = temperature) -> Floats:
            asked = answer(way, members, {name: values[rows] for name, values in logits.items()})
            return target.normal(asked / by)

        yield held, learn, taught


def crossed(halves: npt.NDArray[np.int64]) -> Iterator[tuple[Rows, Rows]]:
    """Each half of the rows [n] that is answered, and the other, which teaches; where one is empty, all are both."""
    first, second = np.flatnonzero(halves == 0), np.flatnonzero(halves == 1)
    if len(first) and len(second):
        yield first, second
        yield second, first
    elif len(halves):
        yield np.arange(len(halves)), np.arange(len(halves))


def _one_even_row(target: Target, logits: Mapping[str, Floats]) -> tuple[dict[str, Floats], Truth]:
    """Where no row can tell anything: one that tells nothing, so that weights and temperatures are the usual ones."""
    even = {name: np.zeros((1, *values.shape[1:])) for name, values in logits.items()}
    return even, target.even_truth()


def _choose(
    target: Target,
    measured: Sequence[tuple[Candidate, Floats]],
    pattern: str,
    rows: int,
    forced: str | None,
    which: str,
    seed: int,
) -> tuple[Candidate, str]:
    """The candidate that answers a pattern, and why."""
    ranked = sorted(measured, key=lambda m: m[0].loss)
    those = f" {which}" if which else ""
    few = f"1 held-out row{those} has" if rows == 1 else f"{rows} held-out rows{those} have"
    if forced is not None:
        named = [m for m in ranked if m[0].name == forced or m[0].name.split("-")[0] == forced]
        why = f"{forced} was asked for"
        if rows >= FEW_ROWS:
            return named[0][0], why
        return _uncalibrated(named[0][0]), f"{why}; only {few} {pattern}: temperature 1"
    if rows < FEW_ROWS:
        # Too few rows to compare on: take the rule with the fewest assumptions.
        usual = next((c for c, _ in measured if c.name == target.usual_way), measured[0][0])
        why = f"only {few} {pattern}: taken without a comparison"
        return _uncalibrated(usual), why + (", temperature 1" if target.calibrated else "")
    single, of_single = next(m for m in ranked if m[0].kind == SINGLE)
    best, of_best = ranked[0]
    name = target.loss_words
    told = f"{name} {best.loss:.3f} on {rows} held-out rows"
    if best.kind == SINGLE:
        return best, f"the best single modality, and the lowest {told}"
    gain, low, high = paired_difference(of_single - of_best, tail=SURE, seed=seed)
    by = f"by {gain:.3f} [{low:.3f}, {high:.3f}]"
    if low > 0:
        return best, f"lowest {told}: better than the best single modality, {single.name}, {by}"
    return single, (
        f"the best single modality, {name} {single.loss:.3f} on {rows} held-out rows: "
        f"{best.name} is better {by} only, which is not sure"
    )


def _uncalibrated(candidate: Candidate) -> Candidate:
    """As its members answer by themselves: a handful of rows says nothing of how sure they should be."""
    members = tuple(replace(member, temperature=1.0) for member in candidate.members)
    return replace(candidate, members=members, temperature=1.0)
