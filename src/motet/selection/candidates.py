"""Ways to answer one pattern: which heads, by which rule, and how their weights are learned from held-out rows.

K heads, n rows, C classes. A way is learned on some rows and measured on others; what ships is learned on all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from motet.model import HeadEntry, Member
from motet.runtime.combination import combine, log_softmax
from motet.runtime.number_target import NumberTarget
from motet.runtime.target import Target
from motet.selection.ensemble import greedy_mean, greedy_product, stacked_weights
from motet.selection.number_ways import number_ways
from motet.selection.temperature import fit_temperature
from motet.selection.way import COMBINED, FUSED, SINGLE, Expert, Learn, Logits, Truth, Way

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]


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
    found = []
    for names in unimodal.values():
        found += [Way(name, SINGLE, "product", (name,), _plain((name,))) for name in names]
        if len(names) > 1:
            found.append(Way(" x ".join(names), SINGLE, "product", tuple(names), _plain(tuple(names))))
    found += [Way(name, FUSED, "product", (name,), _plain((name,))) for name in fused]
    if len(shown) > 1:
        chosen = [experts[modality] for modality in sorted(shown)]
        theirs = tuple(head for expert in chosen for head in expert.heads)
        found += [
            Way("late-product", COMBINED, "product", theirs, _late(chosen)),
            Way("late-mean", COMBINED, "mean", theirs, _late(chosen)),
            Way("late-vote", COMBINED, "vote", theirs, _late(chosen)),
            Way("late-stacked", COMBINED, "product", theirs, _stacked(chosen)),
        ]
    everything = [*(name for names in unimodal.values() for name in names), *fused]
    if len(everything) > 1:
        every = tuple(everything)
        found += [
            Way("ensemble-mean", COMBINED, "mean", every, _greedy(everything, greedy_mean)),
            Way("ensemble-product", COMBINED, "product", every, _greedy(everything, greedy_product)),
        ]
    return [replace(way, learn=_of_flat(way.learn, target)) for way in found]


def answer(way: Way, members: Sequence[Member], logits: Logits) -> Floats:
    """Combined logits [n, C], before the temperature of the whole."""
    stacked = np.stack([logits[member.head] for member in members])
    weights = np.array([member.weight for member in members])
    temperatures = np.array([member.temperature for member in members])
    return combine(way.rule, stacked, np.ones(stacked.shape[:2], bool), weights, temperatures)


def _of_flat(learn: Learn, target: Target) -> Learn:
    """The same from logits [n, ...] of a target, each answer of which is one of several classes."""

    def learn_flat(logits: Logits, truth: Truth) -> tuple[Member, ...]:
        pairs = {name: target.flat(values, truth) for name, values in logits.items()}
        return learn({name: flat for name, (flat, _) in pairs.items()}, next(iter(pairs.values()))[1])

    return learn_flat


def _plain(names: tuple[str, ...]) -> Learn:
    return lambda logits, labels: tuple(Member(name) for name in names)


def _late(experts: Sequence[Expert]) -> Learn:
    """Each modality's expert as it is calibrated by itself."""

    def learn(logits: Logits, labels: Labels) -> tuple[Member, ...]:
        return tuple(
            Member(head, temperature=temperature)
            for expert in experts
            for temperature in [_calibration(expert, logits, labels)]
            for head in expert.heads
        )

    return learn


def _stacked(experts: Sequence[Expert]) -> Learn:
    """Each modality's expert with a weight that is learned."""

    def learn(logits: Logits, labels: Labels) -> tuple[Member, ...]:
        logs = np.stack([sum(log_softmax(logits[head]) for head in expert.heads) for expert in experts])
        weights = stacked_weights(logs, labels)
        return tuple(
            Member(head, weight=float(weight))
            for expert, weight in zip(experts, weights, strict=True)
            if weight > 0
            for head in expert.heads
        )

    return learn


def _greedy(names: Sequence[str], search: Callable[[Floats, Labels], Floats]) -> Learn:
    """Calibrated heads with the shares that a greedy search gives them."""

    def learn(logits: Logits, labels: Labels) -> tuple[Member, ...]:
        temperatures = [fit_temperature(logits[name], labels) for name in names]
        logs = np.stack([log_softmax(logits[n] / t) for n, t in zip(names, temperatures, strict=True)])
        return tuple(
            Member(name, float(share), temperature)
            for name, share, temperature in zip(names, search(logs, labels), temperatures, strict=True)
            if share > 0
        )

    return learn


def _calibration(expert: Expert, logits: Logits, labels: Labels) -> float:
    return fit_temperature(np.sum([log_softmax(logits[head]) for head in expert.heads], axis=0), labels)
