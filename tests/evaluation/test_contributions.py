"""What modalities give, against definitions written out, on classifiers whose answers are known."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motet.evaluation import missing_rates, row_contributions, shapley
from motet.evaluation.contributions import MIXED, RATES
from motet.runtime.labels_target import LabelsTarget
from motet.runtime.number_target import NumberTarget
from motet.runtime.target import ClassTarget

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]
LABELS = np.arange(600) % 2
TWO = ClassTarget(("a", "b"))


def loss(answers: Floats) -> float:
    return float(TWO.row_losses(answers, LABELS).mean())


def figures(answers: Floats) -> dict[str, float | None]:
    return TWO.figures(answers, LABELS)


def classifier(right: Mapping[frozenset[str], float]):  # type: ignore[no-untyped-def]
    """Gives the label a probability that depends on what is shown."""

    def answer(present: Mapping[str, Bools]) -> Floats:
        p = np.empty(600)
        for row in range(600):
            p[row] = right[frozenset(m for m, have in present.items() if have[row])]
        made = np.empty((600, 2))
        made[np.arange(600), LABELS], made[np.arange(600), 1 - LABELS] = p, 1 - p
        return made

    return answer


SETS = [frozenset(c) for size in range(4) for c in itertools.combinations(("image", "text", "tabular"), size)]
KNOWN = dict(zip(SETS, (0.5, 0.6, 0.8, 0.55, 0.9, 0.62, 0.85, 0.95), strict=True))
EVERYTHING = {m: np.ones(600, bool) for m in ("image", "text", "tabular")}


def test_shapley_values_are_the_mean_over_all_orders() -> None:
    told = shapley(classifier(KNOWN), EVERYTHING, loss)
    for modality in EVERYTHING:
        gains = []
        for order in itertools.permutations(EVERYTHING):
            before = frozenset(order[: order.index(modality)])
            gains.append(math.log(KNOWN[before | {modality}]) - math.log(KNOWN[before]))
        assert told["values"][modality] == pytest.approx(np.mean(gains))
    assert sum(told["values"].values()) == pytest.approx(told["none"] - told["all"])
    assert told["none"] == pytest.approx(math.log(2))


def test_a_modality_that_changes_nothing_is_worth_nothing() -> None:
    same = {shown: (0.9 if "text" in shown else 0.5) for shown in SETS}
    values = shapley(classifier(same), EVERYTHING, loss)["values"]
    assert values["image"] == values["tabular"] == 0
    assert values["text"] == pytest.approx(math.log(0.9 / 0.5))


def test_missing_rates_hide_as_many_as_they_say_and_what_is_hidden_stays_so() -> None:
    seen: list[dict[str, Bools]] = []

    def watch(present: Mapping[str, Bools]) -> Floats:
        seen.append(dict(present))
        return np.full((600, 2), 0.5)

    present = dict(EVERYTHING, image=np.arange(600) % 3 > 0)
    curves = missing_rates(watch, present, figures, seed=1)
    assert list(curves) == ["image", "text", "tabular", MIXED]
    assert [point["rate"] for point in curves["text"]] == list(RATES)
    of = {name: seen[i * len(RATES) : (i + 1) * len(RATES)] for i, name in enumerate(curves)}
    for name, shown in of.items():
        for modality in present:
            hidden = modality == name or name == MIXED
            for rate, now, after in zip(RATES, shown, [*shown[1:], shown[-1]], strict=True):
                assert not (now[modality] & ~present[modality]).any()
                assert not (after[modality] & ~now[modality]).any()
                kept = now[modality].sum() / present[modality].sum()
                # of at least 400 cells: deviation of a share is below sqrt(.25 / 400) = .025; four of those
                assert abs(kept - (1 - rate if hidden else 1)) < 0.1


def test_accuracy_falls_with_what_is_missing() -> None:
    """Text alone tells: accuracy is that of a coin where it is hidden (.5 answers class 0), so 1 - rate / 2."""
    tells = {shown: (0.9 if "text" in shown else 0.5) for shown in SETS}
    curves = missing_rates(classifier(tells), EVERYTHING, figures)
    assert {point["accuracy"] for point in curves["image"]} == {1.0}
    for point in curves["text"]:
        assert point["accuracy"] == pytest.approx(1 - point["rate"] / 2, abs=0.08)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_contributions_of_a_row_are_the_mean_over_the_orders_of_what_it_has(
    seed: int, modalities: int
) -> None:
    """Any answers whatever: a table of probabilities [2^M, N, C], and the definition written out row by row."""
    random = np.random.default_rng(seed)
    names = ("image", "text", "audio", "tabular")[:modalities]
    table = random.dirichlet(np.ones(3), (2**modalities, 9))
    table[0] = table[0, 0]  # nothing shown: the prior, of every row
    present = {name: random.random(9) < 0.6 for name in names}

    def answer(shown: Mapping[str, Bools]) -> Floats:
        codes = sum((shown[name].astype(int) << i for i, name in enumerate(names)), np.zeros(9, int))
        return np.asarray(table[codes, np.arange(9)])

    answers = answer(present)
    values = row_contributions(answer, present, answers, ClassTarget(("a", "b", "c")).explained(answers))
    for row in range(9):
        best = answers[row].argmax()
        has = [i for i, name in enumerate(names) if present[name][row]]
        for i, name in enumerate(names):
            gains = [0.0]
            for order in itertools.permutations(has) if i in has else ():
                before = sum(1 << j for j in order[: order.index(i)])
                gains.append(table[before | 1 << i, row, best] - table[before, row, best])
            if i in has:
                assert values[name][row] == pytest.approx(np.mean(gains[1:]))
            else:
                assert values[name][row] == 0
        total = sum(of_rows[row] for of_rows in values.values())
        assert total == pytest.approx(answers[row, best] - table[0, row, best])


def numbers(of: Mapping[frozenset[str], float], rows: int = 4):  # type: ignore[no-untyped-def]
    """Answers with a number that depends on what is shown."""

    def answer(present: Mapping[str, Bools]) -> Floats:
        shown = [frozenset(m for m, have in present.items() if have[row]) for row in range(rows)]
        return np.array([[of[one]] for one in shown])

    return answer


NONE, IMAGE, TEXT, BOTH = (frozenset(names) for names in ((), ("image",), ("text",), ("image", "text")))


def test_contributions_to_a_number_are_its_terms_and_half_of_what_two_give_together() -> None:
    """10 from nothing, 3 for the picture, -4 for the words, 2 for both at once: 3 + 1 and -4 + 1."""
    answer = numbers({NONE: 10, IMAGE: 13, TEXT: 6, BOTH: 11})
    present = {"image": np.array([1, 1, 0, 0], bool), "text": np.array([1, 0, 1, 0], bool)}
    answers = answer(present)
    values = row_contributions(answer, present, answers, NumberTarget(10, 2).explained(answers))
    np.testing.assert_allclose(values["image"], [4, 3, 0, 0])
    np.testing.assert_allclose(values["text"], [-3, 0, -4, 0])


def test_contributions_to_labels_are_those_to_each_alone() -> None:
    random = np.random.default_rng(0)
    table = random.random((4, 6, 3))
    present = {"image": random.random(6) < 0.7, "text": random.random(6) < 0.7}

    def answer(shown: Mapping[str, Bools], label: int | None = None) -> Floats:
        codes = shown["image"].astype(int) + 2 * shown["text"]
        told = table[codes, np.arange(6)]
        return told if label is None else told[:, [label]]

    together = row_contributions(
        answer, present, answer(present), LabelsTarget(("a", "b", "c")).explained(answer(present))
    )
    for label in range(3):
        alone = row_contributions(
            lambda shown, k=label: answer(shown, k), present, answer(present, label), lambda told: told[:, 0]
        )
        for modality, values in alone.items():
            np.testing.assert_allclose(together[modality][:, label], values)


def test_shapley_values_of_a_number_part_its_squared_error() -> None:
    """Errors of 4, 2, 3 and 0 with a scale of 2 cost 4, 1, 2.25 and 0: over both orders the picture takes off
    ((4 - 1) + (2.25 - 0)) / 2, the words ((4 - 2.25) + (1 - 0)) / 2."""
    target, truth = NumberTarget(10, 2), np.full(4, 7.0)
    everything = {"image": np.ones(4, bool), "text": np.ones(4, bool)}
    answer = numbers({NONE: 11, IMAGE: 9, TEXT: 4, BOTH: 7})
    told = shapley(answer, everything, lambda answers: float(target.row_losses(answers, truth).mean()))
    assert told == {"none": 4, "all": 0, "values": {"image": 2.625, "text": 1.375}}


def test_shapley_values_of_labels_are_log_losses_a_label() -> None:
    """Probabilities of what is true of two labels: .5 and .5 from nothing, .8 and .5 with the words, which give all."""
    target, truth = LabelsTarget(("a", "b")), np.tile([1.0, 0.0], (4, 1))
    everything = {"image": np.ones(4, bool), "text": np.ones(4, bool)}
    told = shapley(
        lambda shown: np.tile([0.8 if shown["text"].all() else 0.5, 0.5], (4, 1)),
        everything,
        lambda answers: float(target.row_losses(answers, truth).mean()),
    )
    assert told["values"]["text"] == pytest.approx(math.log(0.8 / 0.5) / 2)
    assert told["values"]["image"] == 0


def test_r2_falls_by_the_rate_of_what_is_missing() -> None:
    """Words give the number, nothing its mean: of the variance 1 - rate is told, and R2 of equal numbers is null."""
    truth = np.where(LABELS, 3.0, 1.0)
    target = NumberTarget(2, 1)

    def answer(present: Mapping[str, Bools]) -> Floats:
        return np.where(present["text"], truth, 2.0)[:, None]

    curves = missing_rates(answer, EVERYTHING, lambda told: target.figures(told, truth))
    for point in curves["text"]:
        assert point["r2"] == pytest.approx(1 - point["rate"], abs=0.08)
        assert point["relative_squared_error"] == pytest.approx(1 - point["r2"])  # type: ignore[operator]
    assert target.figures(np.full((3, 1), 2.0), np.full(3, 2.0)) == {"r2": None, "relative_squared_error": 0}
