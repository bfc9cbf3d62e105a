from __future__ import annotations

import pytest
from sample_evaluation import sample

from motet.report.confusion import confusion
from motet.report.curves import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, histories, round_ticks
from motet.report.intervals import comparison, share_axis
from motet.report.reading import Metric, count, metric, number
from motet.report.sections import excerpt
from motet.report.verdict import best_baseline, standing, verdict
from motet.report.wording import figure, language, pattern_words


def score(
    value: float, low: float | None = None, high: float | None = None, n: int = 10
) -> dict[str, object]:
    return {"n": n, "metrics": {"accuracy": {"value": value, "low": low, "high": high}}}


def test_the_axis_is_the_shortest_between_round_ends() -> None:
    # From .62 to .97: a spread of .35 takes steps of .1; the ends outwards are .6 and 1.
    axis = share_axis([0.62, 0.8, 0.97])
    assert axis is not None and axis.ticks == (0.6, 0.7, 0.8, 0.9, 1.0)
    # (.7 - .6) / (1 - .6) = .25 and (.97 - .6) / .4 = .925.
    assert axis.position(0.7) == 25.0 and axis.position(0.97) == 92.5
    # .3 to .5 spreads .2: steps of .05. .3 itself is a tick, although .3 / .05 falls short of 6.
    assert share_axis([0.3, 0.31, 0.5]).ticks == (0.3, 0.35, 0.4, 0.45, 0.5)  # type: ignore[union-attr]
    assert share_axis([0.0, 1.0]).ticks == (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)  # type: ignore[union-attr]
    # A single value on a tick still gets an axis with a length, one step long and within 0 and 1.
    assert share_axis([1.0]).ticks == (0.95, 1.0)  # type: ignore[union-attr]
    assert share_axis([0.0]).ticks == (0.0, 0.05)  # type: ignore[union-attr]
    assert share_axis([]) is None


def test_interval_bars_lie_where_the_numbers_say() -> None:
    evaluation = {
        "patterns": {
            "image+text": score(0.9, 0.82, 0.96),
            "image": score(0.75, 0.65, 0.85),
            "none": score(0.25),
        },
        "baselines": {"text:lexical": {"pattern": "text", **score(0.8, 0.7, 0.9)}},
        "ceilings": {"image+text": 0.98},
    }
    table = comparison(evaluation)
    assert table is not None and table.axis is not None
    # Values with some modality span .65 to .98: a spread of .33 takes steps of .1, from .6 to 1, .4 long.
    # Guessing from nothing (.25) would stretch it and is drawn as lying beyond.
    assert (table.axis.low, table.axis.high) == (0.6, 1.0)
    lines = {line.name: line for group in table.groups for line in group}
    both = lines["image and text"].mark
    assert both is not None
    # .9, .82, .96, .98 less .6, by .4: .75, .55, .9, .95.
    assert (both.point, both.low, both.high, both.ceiling) == (75.0, 55.0, 90.0, 95.0)
    baseline = lines["text:lexical"].mark
    assert baseline is not None and (baseline.point, baseline.low, baseline.high) == (50.0, 25.0, 75.0)
    nothing = lines["nothing present"].mark
    assert nothing is not None and nothing.beyond and nothing.point == 0.0
    # A baseline whose pattern was not evaluated still has its group, whose head holds no numbers.
    assert lines["text alone"].metrics == {} and lines["text alone"].mark is None


def test_guessing_alone_is_drawn_where_it_is() -> None:
    table = comparison({"patterns": {"none": score(0.25, 0.2, 0.3)}})
    assert table is not None and table.axis is not None and table.axis.ticks == (0.2, 0.25, 0.3)
    mark = table.groups[0][0].mark
    assert mark is not None and (mark.point, mark.low, mark.high, mark.beyond) == (50.0, 0.0, 100.0, False)


@pytest.mark.parametrize(
    ("value", "low", "high", "rival", "place"),
    [
        (0.9, 0.86, 0.94, 0.85, "clearly above"),
        (0.9, 0.84, 0.94, 0.85, "above"),
        (0.9, 0.84, 0.94, 0.9001, "equal"),
        (0.9, 0.84, 0.94, 0.93, "below"),
        (0.9, 0.84, 0.92, 0.93, "clearly below"),
        (0.9, None, None, 0.93, "below"),
    ],
)
def test_standing(value: float, low: float | None, high: float | None, rival: float, place: str) -> None:
    assert standing(Metric(value, low, high), rival) == place


def test_the_verdict_names_the_reached_and_the_best_baseline() -> None:
    said = verdict(sample())
    assert said.sentence == (
        "With image and text, the model is right on 0.965 of 142 test rows "
        "(95\u00a0% interval 0.931–0.992), above the best simple baseline "
        "(text:lexical, 0.945 on 146 rows), though not by more than the interval."
    )
    assert said.details[0] == (
        "It reaches 0.847 with image alone and 0.952 with text alone. "
        "Every pattern is at or above its best baseline."
    )


def test_the_verdict_does_not_spare_a_pattern_that_fails() -> None:
    evaluation = sample()
    evaluation["patterns"]["image"]["metrics"]["accuracy"] = {"value": 0.5, "low": 0.4, "high": 0.6}
    said = verdict(evaluation)
    assert said.details[0].endswith(
        "Clearly below a simple baseline: image alone (0.500 against 0.840, image:mobilenet_v2)."
    )
    evaluation["patterns"]["image+text"]["metrics"]["accuracy"] = {"value": 0.7, "low": 0.6, "high": 0.8}
    assert "clearly below the best simple baseline" in verdict(evaluation).sentence
    assert verdict(evaluation).sentence.endswith("prefer that one.")


def test_a_baseline_rivals_only_patterns_that_have_what_it_needs() -> None:
    evaluation = sample()
    assert best_baseline(evaluation, "image", "accuracy").name == "image:mobilenet_v2"  # type: ignore[union-attr]
    assert best_baseline(evaluation, "image+text", "accuracy").name == "text:lexical"  # type: ignore[union-attr]
    assert best_baseline(evaluation, "none", "accuracy").name == "majority"  # type: ignore[union-attr]


def test_curves_end_at_the_ends_of_the_panel() -> None:
    epochs = [{"epoch": 1, "train_loss": 2.0, "validation_loss": 2.0}, {"epoch": 3, "validation_loss": 0.0}]
    (history,) = histories({"history": {"concat": epochs}})
    (panel,) = history.panels
    train, validation = panel.curves
    # Losses from 0 to 2 give ticks 0, .5, ..., 2; epoch 1 is the left end, epoch 3 the right one.
    assert [tick.label for tick in panel.y_ticks] == ["0.0", "0.5", "1.0", "1.5", "2.0"]
    assert validation.points == ((LEFT, TOP), (WIDTH - RIGHT, HEIGHT - BOTTOM))
    assert train.points == ((LEFT, TOP),)
    assert panel.best == WIDTH - RIGHT
    assert history.summary == "2 epochs, lowest validation loss 0.000 at epoch 3"


def test_ticks_are_round_and_cover() -> None:
    # A spread of .37 in four: at least .0925 apart, the next round step is .1.
    assert round_ticks(0.13, 0.5) == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert round_ticks(5.0, 5.0)[0] <= 5.0 <= round_ticks(5.0, 5.0)[-1]
    assert round_ticks(0.0, 0.0)[0] < round_ticks(0.0, 0.0)[-1]


def test_confusion_mends_what_is_ragged_and_finds_the_worst_pairs() -> None:
    found = confusion({"confusion": {"labels": ["a", "b", None], "matrix": [[3, 2], [None, 4, 1]]}})
    assert found is not None
    assert [[cell.count for cell in row] for row in found.table] == [[3, 2, 0], [0, 4, 1], [0, 0, 0]]
    assert (found.wrong, found.n) == (3, 10)
    assert [(pair.label, pair.taken_for, pair.count, pair.share) for pair in found.pairs] == [
        ("a", "b", 2, 2 / 5),
        ("b", "–", 1, 1 / 5),
    ]
    assert confusion({"confusion": {"labels": [], "matrix": []}}) is None
    assert confusion({"confusion": {"labels": ["a"], "matrix": [[0]]}}) is None


def test_numbers_and_words() -> None:
    assert [figure(value) for value in (0.12345, None, float("nan"), -0.0001, 1234.5678)] == [
        "0.123", "–", "–", "0.000", "1,234.568",
    ]  # fmt: skip
    said = {pattern: pattern_words(pattern) for pattern in ("image", "image+text+audio", "none", "")}
    assert said == {
        "image": "image alone",
        "image+text+audio": "image, text and audio",
        "none": "nothing present",
        "": "nothing present",
    }
    assert [language(text) for text in ("plain", "汉字", "かな漢字", "한국")] == [None, "zh-CN", "ja", "ko"]
    assert number(True) is None and number("3") is None and count(2.5) is None and count(3.0) == 3
    assert metric(0.5) == Metric(0.5) and metric({"value": None}) is None
    assert metric({"value": 0.5, "low": 0.4, "high": None}) == Metric(0.5)
    short, empty = excerpt("short"), excerpt("")
    assert short is not None and short.whole is None and empty is None
