from __future__ import annotations

import math
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading_html import read
from sample_evaluation import sample, sample_thumbnails

from motet.report import render_card, render_report
from motet.report.intervals import share_axis

words = st.text(st.characters(exclude_categories=()), max_size=20) | st.sampled_from(
    [
        "</style><script>x</script>",
        "'\"><svg onload=x>",
        "\ud800",
        "\x00",
        "汉字",
        "\u202eright to left",
        "{{ x }}",
        "-->",
    ]
)
junk = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | words
    | st.lists(st.none() | st.floats() | words, max_size=3)
    | st.dictionaries(words, st.none() | st.floats() | words, max_size=3)
)
shares = st.floats(0, 1) | st.none() | st.just(math.nan)
metrics = st.dictionaries(
    st.sampled_from(["accuracy", "macro_f1", "log_loss", "ece", "recall@1"]) | words,
    st.none() | shares | st.fixed_dictionaries({"value": shares, "low": shares, "high": shares}),
    max_size=5,
)
score = st.fixed_dictionaries({}, optional={"n": st.none() | st.integers(0, 10**9), "metrics": metrics})
patterns = st.sampled_from(["image+text", "image", "text", "none", ""]) | words
epochs = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "epoch": st.integers(0, 99),
            "train_loss": st.floats(),
            "validation_loss": st.floats(0, 1e12),
            "validation_accuracy": shares,
        },
    ),
    max_size=5,
)
evaluations = st.fixed_dictionaries(
    {},
    optional={
        "split": words,
        "overall": score,
        "patterns": st.dictionaries(patterns, score, max_size=4),
        "baselines": st.dictionaries(
            words,
            st.builds(lambda found, pattern: {**found, "pattern": pattern}, score, patterns),
            max_size=4,
        ),
        "ceilings": st.dictionaries(patterns, shares, max_size=3),
        "history": st.dictionaries(words, epochs, max_size=2),
        "confusion": st.fixed_dictionaries(
            {
                "labels": st.lists(words, max_size=4),
                "matrix": st.lists(st.lists(st.integers(0, 9), max_size=4)),
            }
        ),
        "mistakes": st.lists(
            st.dictionaries(st.sampled_from(["row", "text", "label", "image", "id"]), words)
        ),
        "broken": st.lists(st.dictionaries(st.sampled_from(["row", "column", "reason", "value"]), words)),
        "notes": st.lists(words, max_size=2),
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(evaluation=evaluations, title=words)
def test_any_evaluation_becomes_a_sound_page(evaluation: dict[str, Any], title: str) -> None:
    read(render_report(evaluation, title=title))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_page_survives_anything_in_the_place_of_any_value(data: st.DataObject) -> None:
    evaluation = sample()
    for _ in range(data.draw(st.integers(1, 4))):
        node: Any = evaluation
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            key = data.draw(st.sampled_from(keys))
            inner = node[key]
            if not isinstance(inner, dict | list) or not inner or data.draw(st.integers(0, 2)) == 0:
                break
            node = inner
        if isinstance(node, dict) and len(node) > 1 and data.draw(st.booleans()):
            del node[key]
        else:
            node[key] = data.draw(junk)
    read(render_report(evaluation, title="t", thumbnails=sample_thumbnails()))


@settings(max_examples=60, deadline=None)
@given(
    record=st.dictionaries(
        st.sampled_from(["prediction", "confidence", "pattern", "probabilities", "issue", "contributions"]),
        junk,
        max_size=5,
    ),
    text=st.none() | words,
)
def test_any_prediction_becomes_a_sound_card(record: dict[str, Any], text: str | None) -> None:
    read(render_card(record, picture=None, text=text, title="t"))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_an_axis_holds_its_values_in_order(values: list[float]) -> None:
    axis = share_axis(values)
    assert axis is not None and 0 <= axis.low < axis.high <= 1
    assert axis.low - 1e-8 <= min(values) and max(values) <= axis.high + 1e-8
    placed = [axis.position(value) for value in sorted(values)]
    assert placed == sorted(placed) and min(placed) >= 0 and max(placed) <= 100
    # Never more than one step of empty axis on either side.
    step = axis.ticks[1] - axis.ticks[0]
    assert min(values) - axis.low <= step + 1e-8 and axis.high - max(values) <= step + 1e-8
