"""Selection: the lowest held-out log-loss among all candidates of each pattern, against a slow reference."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.data import all_patterns
from motet.model import HeadEntry
from motet.runtime import combine, log_softmax
from motet.selection import fit_temperature, select

Floats = npt.NDArray[np.floating]
CLASSES = 3


def heads_of(sources: Mapping[str, str], fusions: tuple[str, ...] = ()) -> dict[str, HeadEntry]:
    """A unimodal head for each source, and fused ones over all."""
    heads = {name: HeadEntry(f"heads/{name}.onnx", (name,), "unimodal") for name in sources}
    for fusion in fusions:
        heads[fusion] = HeadEntry(f"heads/{fusion}.onnx", tuple(sources), fusion)
    return heads


class World:
    """Selection rows with labels, presence, and logits of each head for each set of modalities shown."""

    def __init__(
        self, rows: int, sources: Mapping[str, str], fusions: tuple[str, ...], seed: int, absent: float = 0.2
    ) -> None:
        random = np.random.default_rng(seed)
        self.sources, self.heads = dict(sources), heads_of(sources, fusions)
        self.modalities = sorted(set(sources.values()), key=("image", "text", "tabular").index)
        self.labels = random.integers(0, CLASSES, rows)
        self.present = {m: random.random(rows) >= absent for m in self.modalities}
        self.made: dict[tuple[str, frozenset[str]], Floats] = {}
        for name, head in self.heads.items():
            read = {self.sources[source] for source in head.sources}
            for size in range(1, len(read) + 1):
                for shown in itertools.combinations(sorted(read), size):
                    right = np.eye(CLASSES)[self.labels] * random.uniform(0, 3)
                    noise = random.normal(0, 1.5, (rows, CLASSES))
                    self.made[name, frozenset(shown)] = (right + noise) * random.uniform(0.3, 4)

    def logits_of(self, head: str, shown: frozenset[str], rows: npt.NDArray[np.int64]) -> Floats:
        read = frozenset(self.sources[source] for source in self.heads[head].sources)
        return self.made[head, shown & read][rows]

    def select(self, forced: str | None = None):
        return select(
            self.heads,
            self.sources,
            self.modalities,
            self.logits_of,
            self.present,
            self.labels,
            forced=forced,
        )


def loss_of(logits: Floats, labels: npt.NDArray[np.int64]) -> float:
    """Log-loss by the definition, one row at a time."""
    total = 0.0
    for row, label in zip(logits.astype(np.float64), labels, strict=True):
        exponents = np.exp(row - row.max())
        total -= float(np.log(max(exponents[label] / exponents.sum(), 1e-6)))
    return total / len(labels)


def smoothed(logits: Floats, labels: npt.NDArray[np.int64], temperature: float) -> float:
    """Mean of -log p over targets that leave the label 1 / (N + 2), shared by the other classes."""
    logs = log_softmax(logits / temperature)
    right = logs[np.arange(len(labels)), labels]
    wrong = (logs.sum(axis=1) - right) / (logits.shape[1] - 1)
    doubt = 1 / (len(labels) + 2)
    return -float(((1 - doubt) * right + doubt * wrong).mean())


def lowest(logits: Floats, labels: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Temperature with the lowest smoothed loss on a fine grid over [0.05, 20], and the log-loss with it."""
    grid = np.geomspace(0.05, 20, 3000)
    best = float(grid[int(np.argmin([smoothed(logits, labels, t) for t in grid]))])
    return best, loss_of(logits / best, labels)


def reference(world: World, pattern: str) -> dict[str, float]:
    """Loss of every way to answer one pattern, written out: no code of selection is used."""
    shown = frozenset(pattern.split("+"))
    rows = np.flatnonzero(np.all([world.present[m] for m in shown], axis=0))
    labels = world.labels[rows]

    def product(
        members: list[tuple[str, float]], rows: npt.NDArray[np.int64], shown: frozenset[str]
    ) -> Floats:
        return sum(
            (w * log_softmax(world.logits_of(h, shown, rows)) for h, w in members),
            np.zeros((len(rows), CLASSES)),
        )

    ways: dict[str, Floats] = {}
    for modality in sorted(shown):
        names = [s for s, m in world.sources.items() if m == modality]
        for name in names:
            ways[name] = product([(name, 1)], rows, shown)
        if len(names) > 1:
            ways[" x ".join(names)] = product([(name, 1) for name in names], rows, shown)
    for name, head in world.heads.items():
        if head.kind != "unimodal":
            ways[name] = world.logits_of(name, shown, rows)
    if len(shown) > 1:
        members: list[tuple[str, float]] = []
        for modality in sorted(shown):
            alone = reference(world, modality)
            # A fused head may answer for one modality, but `late` is made of heads that read nothing else.
            fused = {name for name, head in world.heads.items() if head.kind != "unimodal"}
            best = min(set(alone) - fused, key=lambda name: alone[name])
            mine = np.flatnonzero(world.present[modality])
            parts = [best] if best in world.heads else best.split(" x ")
            one = frozenset([modality])
            whole = product([(h, 1) for h in parts], mine, one)
            temperature, _ = lowest(whole, world.labels[mine])
            members += [(h, 1 / temperature) for h in parts]
        ways["late product"] = product(members, rows, shown)
        mixed = np.mean([np.exp(log_softmax(world.logits_of(h, shown, rows))) for h, _ in members], axis=0)
        ways["late mean"] = np.log(np.maximum(mixed, 1e-12))
    return {name: lowest(logits, labels)[1] for name, logits in ways.items()}


TWO = {"image:a": "image", "text:b": "text", "text:c": "text"}


@pytest.mark.parametrize("seed", range(4))
def test_candidates_and_choice_equal_the_slow_reference(seed: int) -> None:
    world = World(80, TWO, ("concat", "gated"), seed)
    chosen = world.select()
    assert list(chosen.patterns) == ["image+text", "image", "text", "none"]
    for pattern, candidates in chosen.candidates.items():
        expected = reference(world, pattern)
        assert {c.name for c in candidates} == set(expected), pattern
        for candidate in candidates:
            # the grid steps by 0.2 % in temperature, and late product takes its weights from it
            assert candidate.log_loss == pytest.approx(expected[candidate.name], abs=2e-4), (
                pattern,
                candidate.name,
            )
        assert [c.log_loss for c in candidates] == sorted(c.log_loss for c in candidates)
        assert expected[chosen.patterns[pattern].chosen] == pytest.approx(min(expected.values()), abs=2e-4)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_written_gives_the_loss_that_was_told(seed: int) -> None:
    world = World(60, TWO, ("concat",), seed)
    chosen = world.select()
    for pattern, entry in chosen.patterns.items():
        if pattern == "none":
            assert entry.members == () and entry.rule == "prior"
            continue
        shown = frozenset(pattern.split("+"))
        rows = np.flatnonzero(np.all([world.present[m] for m in shown], axis=0))
        stacked = np.stack([world.logits_of(m.head, shown, rows) for m in entry.members])
        weights = np.array([m.weight for m in entry.members])
        answered = combine(entry.rule, stacked, np.ones(stacked.shape[:2], bool), weights) / entry.temperature
        told = next(c for c in chosen.candidates[pattern] if c.name == entry.chosen)
        assert loss_of(answered, world.labels[rows]) == pytest.approx(told.log_loss, abs=1e-9)
        assert told.accuracy == np.mean(answered.argmax(axis=1) == world.labels[rows])


@settings(max_examples=25, deadline=None)
@given(
    modalities=st.sets(st.sampled_from(["image", "text", "tabular"]), min_size=1),
    rows=st.integers(0, 30),
    absent=st.sampled_from([0.0, 0.3, 1.0]),
    forced=st.sampled_from([None, "late", "concat"]),
    seed=st.integers(0, 1000),
)
def test_every_pattern_is_answered(
    modalities: set[str], rows: int, absent: float, forced: str | None, seed: int
) -> None:
    sources = {f"{m}:one": m for m in sorted(modalities)}
    fusions = ("concat",) if len(modalities) > 1 else ()
    world = World(rows, sources, fusions, seed, absent)
    chosen = world.select(forced)
    assert list(chosen.patterns) == all_patterns(modalities)
    for pattern, entry in chosen.patterns.items():
        assert entry.why and entry.chosen
        assert 0.05 <= entry.temperature <= 20
        if pattern == "none":
            continue
        assert entry.members
        shown = set(pattern.split("+"))
        for member in entry.members:
            assert np.isfinite(member.weight) and member.weight > 0
            head = world.heads[member.head]
            if head.kind == "unimodal":  # no head answers that has nothing to read
                assert {world.sources[s] for s in head.sources} <= shown


@pytest.mark.parametrize("forced", ["concat", "gated", "late"])
def test_a_forced_fusion_answers_wherever_two_modalities_are(forced: str) -> None:
    for seed in range(5):
        chosen = World(40, TWO, ("concat", "gated"), seed).select(forced)
        entry = chosen.patterns["image+text"]
        assert entry.chosen.split(" ")[0] == forced and entry.why == f"{forced} was asked for"
        # one modality has nothing to fuse: chosen as always
        assert "lowest log-loss" in chosen.patterns["text"].why


def test_a_fused_head_that_is_best_for_one_modality_is_no_part_of_late() -> None:
    world = World(90, TWO, ("concat",), 0, absent=0)
    world.made["concat", frozenset(["text"])] = np.eye(CLASSES)[world.labels] * 6
    chosen = world.select()
    assert chosen.patterns["text"].chosen == "concat"
    late = next(c for c in chosen.candidates["image+text"] if c.name == "late product")
    assert {world.heads[m.head].kind for m in late.members} == {"unimodal"}


@pytest.mark.parametrize("rows", [0, 1, 9])
def test_few_rows_take_late_without_a_comparison(rows: int) -> None:
    chosen = World(rows, TWO, ("concat",), 0, absent=0).select()
    entry = chosen.patterns["image+text"]
    assert entry.chosen.startswith("late")
    assert entry.why == f"only {rows} held-out rows have image+text: taken without a comparison"


def test_ten_rows_are_compared() -> None:
    entry = World(10, TWO, ("concat",), 0, absent=0).select().patterns["image+text"]
    assert entry.why.startswith("lowest log-loss on 10 held-out rows")


def test_a_clearly_better_head_is_chosen_and_one_that_only_guesses_is_not() -> None:
    world = World(90, {"image:a": "image", "text:b": "text"}, (), 0, absent=0)
    world.made["text:b", frozenset(["text"])] = np.eye(CLASSES)[world.labels] * 6
    world.made["image:a", frozenset(["image"])] = np.zeros((90, CLASSES))
    chosen = world.select()
    members = {m.head for m in chosen.patterns["image+text"].members}
    assert "text:b" in members
    best = chosen.candidates["image+text"][0]
    assert best.accuracy == 1 and best.log_loss < 0.02  # calibration leaves about 1 / N of doubt


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000), rows=st.integers(5, 60), scale=st.floats(0.05, 30), signal=st.floats(0, 4)
)
def test_temperature_equals_a_grid_search(seed: int, rows: int, scale: float, signal: float) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, rows)
    logits = scale * (np.eye(CLASSES)[labels] * signal + random.normal(0, 1, (rows, CLASSES)))
    temperature = fit_temperature(logits, labels)
    assert 0.05 <= temperature <= 20
    best, _ = lowest(logits, labels)
    assert smoothed(logits, labels, temperature) <= smoothed(logits, labels, best) + 1e-3


@pytest.mark.parametrize("rows", [10, 100, 1000])
def test_rows_that_are_all_right_do_not_make_a_model_certain(rows: int) -> None:
    # two classes, every row right by a margin of 1: sigmoid(1 / T) = 1 - 1 / (N + 2), so 1 / T = log(N + 1)
    labels = np.arange(rows) % 2
    assert fit_temperature(np.eye(2)[labels], labels) == pytest.approx(1 / np.log(rows + 1), rel=1e-3)


def test_temperature_brings_back_what_logits_were_multiplied_by() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 1.5, (50_000, CLASSES))
    exact = np.exp(log_softmax(logits)).cumsum(axis=1)
    labels = (random.random((50_000, 1)) > exact).sum(axis=1).clip(0, CLASSES - 1)
    # drawn from the softmax itself, so the true temperature is 1; its standard error here is about 0.006
    for factor in (0.25, 1.0, 4.0):
        assert fit_temperature(logits * factor, labels) == pytest.approx(factor, rel=0.025)


def test_temperature_without_rows_is_one() -> None:
    assert fit_temperature(np.zeros((0, CLASSES)), np.zeros(0, np.int64)) == 1.0


def test_without_rows_to_measure_on_the_log_loss_is_null_in_json() -> None:
    world = World(0, {"text:a": "text", "image:b": "image"}, ("concat",), seed=0)
    for candidates in world.select().candidates.values():
        assert {candidate.to_json()["log_loss"] for candidate in candidates} == {None}
