"""Ways to answer one pattern: which heads, by which rule, and how their weights are learned from held-out rows.

K heads, n rows, C classes. A way is learned on some rows and measured on others; what ships is learned on all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from motet.model import HeadEntry, Member
from motet.runtime.combination import combine, log_softmax
from motet.runtime.number_target import NumberTarget
from motet.runtime.target import Target
from motet.runtime.temperature import fit_temperature
from motet.selection.ensemble import greedy_mean, greedy_product, stacked_weights
from motet.selection.number_ways import number_ways
from motet.selection.way import COMBINED, FUSED, SINGLE, Expert, Learn, Logits, Truth, Way

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
# (logits of each head [n, C], labels [n], how much each row counts [n]) -> members
LearnFlat = Callable[[Logits, Labels, Floats], tuple[Member, ...]]


def ways(
    heads: Mapping[str, HeadEntry],
    modality_of: Mapping[str, str],
    shown: frozenset[str],
    experts: Mapping[str, Expert],
    target: Target,
) -> list[Way]:
    """Every candidate of the pattern `shown`.

    modality_of : of each source. experts : the best single way of each modality; needed where two are shown. Where
    numbers are answered they are averaged or summed: see `number_ways`.
    """
    unimodal: dict[str, list[str]] = {}
    fused = []
    for name, head in heads.items():
        read = {modality_of[source] for source in head.sources}
        if head.kind == "unimodal" and read <= shown:
            unimodal.setdefault(next(iter(read)), []).append(name)
        elif head.kind != "unimodal" and read >= shown:
            fused.append(name)
    if isinstance(target, NumberTarget):
        late = [experts[modality] for modality in sorted(shown)] if len(shown) > 1 else []
        return number_ways(list(unimodal.values()), fused, late, target)

    def way(name: str, kind: str, rule: str, names: Sequence[str], learn: LearnFlat) -> Way:
        return Way(name, kind, rule, tuple(names), _of_flat(learn, target))

    found = []
    for names in unimodal.values():
        found += [way(name, SINGLE, "product", [name], _plain([name])) for name in names]
        if len(names) > 1:
            found.append(way(" x ".join(names), SINGLE, "product", names, _plain(names)))
    found += [way(name, FUSED, "product", [name], _plain([name])) for name in fused]
    if len(shown) > 1:
        chosen = [experts[modality] for modality in sorted(shown)]
        theirs = [head for expert in chosen for head in expert.heads]
        found += [
            way("late-product", COMBINED, "product", theirs, _late(chosen)),
            way("late-mean", COMBINED, "mean", theirs, _late(chosen)),
            way("late-vote", COMBINED, "vote", theirs, _late(chosen)),
            way("late-stacked", COMBINED, "product", theirs, _stacked(chosen)),
        ]
    every = [*(name for names in unimodal.values() for name in names), *fused]
    if len(every) > 1:
        found += [
            way("ensemble-mean", COMBINED, "mean", every, _greedy(every, greedy_mean)),
            way("ensemble-product", COMBINED, "product", every, _greedy(every, greedy_product)),
        ]
    return found


def answer(way: Way, members: Sequence[Member], logits: Logits) -> Floats:
    """Combined logits [n, C], before the temperature of the whole."""
    stacked = np.stack([logits[member.head] for member in members])
    weights = np.array([member.weight for member in members])
    temperatures = np.array([member.temperature for member in members])
    return combine(way.rule, stacked, np.ones(stacked.shape[:2], bool), weights, temperatures)


def _of_flat(learn: LearnFlat, target: Target) -> Learn:
    """The same from logits [n, ...] of a target, each answer of which is one of several classes."""

    def learn_flat(logits: Logits, truth: Truth) -> tuple[Member, ...]:
        pairs = {name: target.flat(values, truth) for name, values in logits.items()}
        labels = next(iter(pairs.values()))[1]
        return learn({name: flat for name, (flat, _) in pairs.items()}, labels, target.counts(labels))

    return learn_flat


def _plain(names: Sequence[str]) -> LearnFlat:
    return lambda logits, labels, counts: tuple(Member(name) for name in names)


def _late(experts: Sequence[Expert]) -> LearnFlat:
    """Each modality's expert as it is calibrated by itself."""

    def learn(logits: Logits, labels: Labels, counts: Floats) -> tuple[Member, ...]:
        return tuple(
            Member(head, temperature=temperature)
            for expert in experts
            for temperature in [_calibration(expert, logits, labels, counts)]
            for head in expert.heads
        )

    return learn


def _stacked(experts: Sequence[Expert]) -> LearnFlat:
    """Each modality's expert with a weight that is learned."""

    def learn(logits: Logits, labels: Labels, counts: Floats) -> tuple[Member, ...]:
        logs = np.stack([sum(log_softmax(logits[head]) for head in expert.heads) for expert in experts])
        weights = stacked_weights(logs, labels, counts)
        return tuple(
            Member(head, weight=float(weight))
            for expert, weight in zip(experts, weights, strict=True)
            if weight > 0
            for head in expert.heads
        )

    return learn


def _greedy(names: Sequence[str], search: Callable[[Floats, Labels, Floats], Floats]) -> LearnFlat:
    """Calibrated heads with the shares that a greedy search gives them."""

    def learn(logits: Logits, labels: Labels, counts: Floats) -> tuple[Member, ...]:
        temperatures = [fit_temperature(logits[name], labels, counts) for name in names]
        logs = np.stack([log_softmax(logits[n] / t) for n, t in zip(names, temperatures, strict=True)])
        return tuple(
            Member(name, float(share), temperature)
            for name, share, temperature in zip(
                names, search(logs, labels, counts), temperatures, strict=True
            )
            if share > 0
        )

    return learn


def _calibration(expert: Expert, logits: Logits, labels: Labels, counts: Floats) -> float:
    product = np.sum([log_softmax(logits[head]) for head in expert.heads], axis=0)
    return fit_temperature(product, labels, counts)
