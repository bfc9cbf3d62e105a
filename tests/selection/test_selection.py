"""Selection: the best single modality, or what surely beats it; every way to answer against a slow reference."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.data import all_patterns
from motet.model import HeadEntry
from motet.runtime import combine, log_softmax
from motet.runtime.labels_target import LabelsTarget
from motet.runtime.target import ClassTarget
from motet.selection import crossed_judged, fit_temperature, halves_of, select
from motet.selection.candidates import ways
from motet.selection.ensemble import greedy_mean, greedy_product, stacked_weights

Floats = npt.NDArray[np.floating]
Labels = npt.NDArray[np.int64]
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

    def select(self, forced: str | None = None, *, seed: int = 0):
        return select(
            self.heads,
            self.sources,
            self.modalities,
            self.logits_of,
            self.present,
            self.labels,
            np.full(CLASSES, 1 / CLASSES),
            forced=forced,
            seed=seed,
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
    grid = np.geomspace(0.05, 20, 1200)
    best = float(grid[int(np.argmin([smoothed(logits, labels, t) for t in grid]))])
    return best, loss_of(logits / best, labels)


def temperature_on_grid(logits: Floats, labels: Labels) -> float:
    return lowest(logits, labels)[0]


def reference(world: World, pattern: str, seed: int = 0) -> dict[str, float]:
    """Log-loss of the ways that learn nothing but temperatures, written out: no code of selection is used.

    Rows are parted into two halves; temperatures of one half answer the other.
    """
    shown = frozenset(pattern.split("+"))
    rows = np.flatnonzero(np.all([world.present[m] for m in shown], axis=0))
    labels = world.labels[rows]
    halves = (np.random.default_rng(seed).permutation(len(world.labels)) % 2)[rows]
    logs = {
        name: log_softmax(world.logits_of(name, shown, rows))
        for name, head in world.heads.items()
        if (head.kind == "unimodal") <= ({world.sources[s] for s in head.sources} <= shown)
    }
    of = {m: [s for s, modality in world.sources.items() if modality == m] for m in sorted(shown)}
    parts = {name: [name] for name in logs}
    parts |= {" x ".join(names): names for names in of.values() if len(names) > 1}

    def crossed(
        made: Callable[[npt.NDArray[np.bool_], npt.NDArray[np.bool_]], tuple[Floats, Floats]],
    ) -> float:
        total = 0.0
        for half in (0, 1):
            learn, held = halves != half, halves == half
            learned, asked = made(learn, held)
            total += loss_of(asked / temperature_on_grid(learned, labels[learn]), labels[held]) * held.sum()
        return total / len(labels)

    def product(names: list[str]) -> Floats:
        return np.sum([logs[name] for name in names], axis=0)

    ways = {
        name: crossed(lambda learn, held, m=m: (product(m)[learn], product(m)[held]))
        for name, m in parts.items()
    }
    if len(shown) > 1:
        experts = []
        for modality in sorted(shown):
            alone = reference(world, modality, seed)
            single = {n for n in alone if n in of[modality] or n == " x ".join(of[modality])}
            experts.append(parts[min(single, key=lambda name: alone[name])])

        def late(rule: str) -> Callable[..., tuple[Floats, Floats]]:
            def made(learn: npt.NDArray[np.bool_], held: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
                whole = []
                for part in (learn, held):
                    answers = [
                        logs[name][part] / temperature_on_grid(product(names)[learn], labels[learn])
                        for names in experts
                        for name in names
                    ]
                    p = np.exp([log_softmax(answer) for answer in answers])
                    first = np.eye(CLASSES)[p.argmax(axis=2)]
                    whole.append(
                        {
                            "late-product": np.log(p).sum(axis=0),
                            "late-mean": np.log(p.mean(axis=0)),
                            "late-vote": np.log(((p + first) / 2).mean(axis=0)),
                        }[rule]
                    )
                return whole[0], whole[1]

            return made

        ways |= {rule: crossed(late(rule)) for rule in ("late-product", "late-mean", "late-vote")}
    return ways


TWO = {"image:a": "image", "text:b": "text", "text:c": "text"}


@pytest.mark.parametrize("seed", range(3))
def test_candidates_equal_the_slow_reference(seed: int) -> None:
    world = World(80, TWO, ("concat", "gated"), seed)
    chosen = world.select()
    assert list(chosen.patterns) == ["image+text", "image", "text", "none"]
    for pattern, candidates in chosen.candidates.items():
        expected = reference(world, pattern)
        learned = {"ensemble-mean", "ensemble-product", "late-stacked"}
        assert {c.name for c in candidates} - learned == set(expected), pattern
        for candidate in candidates:
            if candidate.name not in learned:  # the grid steps by 0.5 % in temperature
                assert candidate.loss == pytest.approx(expected[candidate.name], abs=1e-3), (
                    pattern,
                    candidate.name,
                )
        assert [c.loss for c in candidates] == sorted(c.loss for c in candidates)


def test_fusion_answers_where_its_gain_is_sure_and_the_best_single_modality_elsewhere() -> None:
    """A fused head that is right in 95 of 100 rows where each modality is in 60; and one that is right in 61."""
    for right, wins in ((0.95, True), (0.61, False)):
        world = World(200, {"image:a": "image", "text:b": "text"}, ("concat",), 1, absent=0)
        random = np.random.default_rng(3)
        shared = random.random(200)  # the same rows are hard for all: no ensemble of them gains much
        for (name, shown), _ in list(world.made.items()):
            good = shared < (right if name == "concat" and len(shown) == 2 else 0.6)
            said = np.where(good, world.labels, (world.labels + 1) % CLASSES)
            world.made[name, shown] = np.eye(CLASSES)[said] * 2
        chosen = world.select()
        entry = chosen.patterns["image+text"]
        heads = {m.head for m in entry.members}
        assert ("concat" in heads) == wins
        assert ("better than the best single modality" in entry.why) == wins
        assert "the best single modality" in entry.why
        single = [c for c in chosen.candidates["image+text"] if c.kind == "single"]
        assert wins or entry.chosen == min(single, key=lambda c: c.loss).name


@pytest.mark.parametrize("seed", range(12))
def test_no_pattern_is_answered_by_what_is_not_surely_better_than_its_best_single_modality(seed: int) -> None:
    world = World(60, TWO, ("concat",), seed)
    chosen = world.select(seed=seed)
    for pattern, candidates in chosen.candidates.items():
        named = next(c for c in candidates if c.name == chosen.patterns[pattern].chosen)
        single = min((c for c in candidates if c.kind == "single"), key=lambda c: c.loss)
        assert named.loss <= single.loss
        assert named is single or "better than the best single modality" in chosen.patterns[pattern].why


@pytest.mark.parametrize("seed", range(3))
def test_what_is_written_is_what_was_learned_on_all_rows(seed: int) -> None:
    """Its temperature is the best there is for its combined logits, by a grid."""
    world = World(60, TWO, ("concat",), seed)
    chosen = world.select()
    for pattern, entry in chosen.patterns.items():
        if pattern == "none":
            assert entry.members == () and entry.rule == "prior"
            continue
        shown = frozenset(pattern.split("+"))
        rows = np.flatnonzero(np.all([world.present[m] for m in shown], axis=0))
        stacked = np.stack([world.logits_of(m.head, shown, rows) for m in entry.members])
        weights, temperatures = (
            np.array([getattr(m, name) for m in entry.members]) for name in ("weight", "temperature")
        )
        answered = combine(entry.rule, stacked, np.ones(stacked.shape[:2], bool), weights, temperatures)
        best, _ = lowest(answered, world.labels[rows])
        assert entry.temperature == pytest.approx(best, rel=5e-3)


@settings(max_examples=25, deadline=None)
@given(
    modalities=st.sets(st.sampled_from(["image", "text", "tabular"]), min_size=1),
    rows=st.integers(0, 30),
    absent=st.sampled_from([0.0, 0.3, 1.0]),
    forced=st.sampled_from([None, "late", "concat", "late-vote"]),
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


@pytest.mark.parametrize("forced", ["concat", "gated", "late", "late-mean"])
def test_a_forced_fusion_answers_wherever_two_modalities_are(forced: str) -> None:
    for seed in range(5):
        chosen = World(40, TWO, ("concat", "gated"), seed).select(forced)
        entry = chosen.patterns["image+text"]
        assert entry.chosen.startswith(forced) and entry.why == f"{forced} was asked for"
        # one modality has nothing to fuse: chosen as always
        assert "held-out rows" in chosen.patterns["text"].why


def test_late_is_made_of_heads_that_read_one_modality() -> None:
    world = World(90, TWO, ("concat",), 0, absent=0)
    world.made["concat", frozenset(["text"])] = np.eye(CLASSES)[world.labels] * 6
    chosen = world.select()
    assert chosen.patterns["text"].chosen == "concat"
    late = [c for c in chosen.candidates["image+text"] if c.name.startswith("late")]
    assert len(late) == 4
    assert {world.heads[m.head].kind for c in late for m in c.members} == {"unimodal"}


@pytest.mark.parametrize("rows", [0, 1, 9])
def test_few_rows_take_late_without_a_comparison(rows: int) -> None:
    chosen = World(rows, TWO, ("concat",), 0, absent=0).select()
    entry = chosen.patterns["image+text"]
    assert entry.chosen == "late-product"
    have = "1 held-out row has" if rows == 1 else f"{rows} held-out rows have"
    assert entry.why == f"only {have} image+text: taken without a comparison, temperature 1"
    assert entry.temperature == 1 and {m.temperature for m in entry.members} == {1}


def test_ten_rows_are_compared() -> None:
    entry = World(10, TWO, ("concat",), 0, absent=0).select().patterns["image+text"]
    assert "on 10 held-out rows" in entry.why


def test_a_clearly_better_head_is_chosen_and_one_that_only_guesses_is_not() -> None:
    world = World(90, {"image:a": "image", "text:b": "text"}, (), 0, absent=0)
    world.made["text:b", frozenset(["text"])] = np.eye(CLASSES)[world.labels] * 6
    world.made["image:a", frozenset(["image"])] = np.zeros((90, CLASSES))
    chosen = world.select()
    members = {m.head for m in chosen.patterns["image+text"].members}
    assert "text:b" in members
    best = chosen.candidates["image+text"][0]
    assert best.score == 1 and best.loss < 0.03  # calibration on 45 rows leaves about 1 / 47 of doubt


# Shares and weights


def probabilities_of(heads: int, rows: int, seed: int) -> tuple[Floats, Labels]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, rows)
    skill = random.uniform(0, 2, (heads, 1, 1))
    return log_softmax(np.eye(CLASSES)[labels] * skill + random.normal(size=(heads, rows, CLASSES))), labels


@pytest.mark.parametrize("seed", range(5))
def test_the_greedy_mean_takes_the_steps_that_a_slow_search_takes(seed: int) -> None:
    logs, labels = probabilities_of(4, 50, seed)
    taken: list[int] = []
    best = math.inf
    while len(taken) < 12:
        losses = []
        for head in range(4):
            mean = np.mean([np.exp(logs[k]) for k in [*taken, head]], axis=0)
            losses.append(loss_of(np.log(mean), labels))
        if min(losses) > best - 1e-4:
            break
        best = min(losses)
        taken.append(int(np.argmin(losses)))
    np.testing.assert_allclose(
        greedy_mean(logs, labels, np.ones(50)), np.bincount(taken, minlength=4) / len(taken)
    )


@pytest.mark.parametrize("search", [greedy_mean, greedy_product])
@pytest.mark.parametrize("seed", range(5))
def test_an_ensemble_is_no_worse_than_its_best_head_where_it_was_learned(
    search: Callable[[Floats, Labels, Floats], Floats], seed: int
) -> None:
    logs, labels = probabilities_of(5, 40, seed)
    shares = search(logs, labels, np.ones(40))
    assert shares.sum() == pytest.approx(1) and (shares >= 0).all()
    rule = "mean" if search is greedy_mean else "product"
    together = combine(rule, logs, np.ones(logs.shape[:2], bool), shares)
    assert loss_of(together, labels) <= min(loss_of(one, labels) for one in logs) + 1e-9


@pytest.mark.parametrize("seed", range(5))
def test_stacked_weights_are_the_minimum_that_scipy_finds(seed: int) -> None:
    from scipy.optimize import minimize

    logs, labels = probabilities_of(3, 60, seed)

    def loss(weights: Floats) -> float:
        return loss_of(np.tensordot(weights, logs, 1), labels) + 1e-3 * float(np.square(weights - 1).sum())

    found = minimize(loss, np.ones(3), bounds=[(0, None)] * 3, method="L-BFGS-B", options={"ftol": 1e-14})
    assert loss(stacked_weights(logs, labels, np.ones(60))) == pytest.approx(found.fun, abs=1e-5)


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


@pytest.mark.parametrize("learn", [greedy_mean, greedy_product, stacked_weights])
def test_a_row_that_counts_three_times_is_as_three_rows(
    learn: Callable[[Floats, Labels, Floats], Floats],
) -> None:
    moved = 0.0
    for seed in range(4):
        logs, labels = probabilities_of(4, 40, seed)
        times = np.random.default_rng(seed).integers(0, 4, 40)
        rows = np.repeat(np.arange(40), times)
        counted = learn(logs, labels, times / times.mean())
        np.testing.assert_allclose(counted, learn(logs[:, rows], labels[rows], np.ones(len(rows))), atol=1e-6)
        moved = max(moved, np.abs(counted - learn(logs, labels, np.ones(40))).max())
    assert moved > 0.05


def test_classes_counted_alike_leave_a_posterior_of_equal_classes_as_it_is() -> None:
    """x is 1 in one of ten rows of the frequent class and in six of ten of the rare one.

    With classes in equal shares, P(rare | x = 1) is .6 / (.6 + .1), and P(often | x = 0) is .9 / (.9 + .4): logits of
    just that are calibrated where every class counts alike, and then alone.
    """
    x = np.repeat([0, 1, 0, 1], [720, 80, 40, 60])
    labels = np.repeat([0, 1], [800, 100])
    logits = np.log(np.array([[0.9, 0.4], [0.1, 0.6]]))[x]
    counts = ClassTarget(("often", "rare"), np.array([900 / 1600, 900 / 200])).counts(labels)
    assert counts.mean() == pytest.approx(1)
    assert fit_temperature(logits, labels, counts) == pytest.approx(1, abs=0.01)  # less the doubt of 1 / 902
    by_shares = fit_temperature(logits, labels)
    assert by_shares == pytest.approx(lowest(logits, labels)[0], rel=5e-3) and abs(by_shares - 1) > 0.1


def test_the_choice_counts_every_class_alike_where_the_target_says_so() -> None:
    """Of 10 rows one is rare. One modality's head always says the frequent class, surely; the other tells the rare
    class in 8 of 10 rows, and the frequent one in 7 of 10. By shares the first is better, by classes the second."""
    n = 500
    labels = (np.arange(n) % 10 == 0).astype(np.int64)
    random = np.random.default_rng(0)
    told = np.where(random.random(n) < np.where(labels == 1, 0.8, 0.7), labels, 1 - labels)
    logits = {
        "image:usual": np.tile([1.1, -1.1], (n, 1)),
        "image:rare": np.eye(2)[told] * np.log(3),
    }
    for balance, best in ((None, "image:usual"), (np.array([10 / 18, 10 / 2]), "image:rare")):
        selection = select(
            heads_of(dict.fromkeys(logits, "image")),
            dict.fromkeys(logits, "image"),
            ["image"],
            lambda head, shown, rows: logits[head][rows],
            {"image": np.ones(n, bool)},
            labels,
            np.array([0.9, 0.1]),
            target=ClassTarget(("often", "rare"), balance),
        )
        single = [c for c in selection.candidates["image"] if c.name in logits]
        assert single[0].name == best
        assert ("every class counted alike" in selection.patterns["image"].why) == (balance is not None)


def test_temperature_without_rows_is_one() -> None:
    assert fit_temperature(np.zeros((0, CLASSES)), np.zeros(0, np.int64)) == 1.0


def test_without_rows_to_measure_on_the_metrics_are_null_in_json() -> None:
    world = World(0, {"text:a": "text", "image:b": "image"}, ("concat",), seed=0)
    for candidates in world.select().candidates.values():
        told = [candidate.to_json() for candidate in candidates]
        assert {(one["log_loss"], one["accuracy"]) for one in told} == {(None, None)}


def test_cuts_that_a_row_is_judged_by_are_learned_from_the_other_half_alone() -> None:
    """What is true of one half may change as it likes: its own judged answers stay, the cuts of the other half move."""
    random = np.random.default_rng(0)
    target = LabelsTarget(("a", "b"))
    truth = (random.random((80, 2)) < 0.3).astype(float)
    logits = {"words": target.spread(truth * 2 + random.normal(size=(80, 2)))}
    (way,) = ways(heads_of({"words": "text"}), {"words": "text"}, frozenset({"text"}), {}, target)
    halves = halves_of(80, seed=0)
    _, judged = crossed_judged(way, logits, truth, halves, target)
    changed = truth.copy()
    changed[halves == 0] = 1 - changed[halves == 0]
    _, other = crossed_judged(way, logits, changed, halves, target)
    assert np.array_equal(judged[halves == 0], other[halves == 0])
    assert not np.allclose(judged[halves == 1, 2:], other[halves == 1, 2:])
