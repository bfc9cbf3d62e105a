"""What a row has may differ between training and prediction, and between classes: answered, and said."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from motet import Model, MultimodalClassifier, load

Motet = Callable[..., Any]
Row = dict[str, Any]
WORDS = {"lamp": "light shade bulb bright", "chair": "seat wood oak legs", "novel": "story pages author plot"}
CENTRES = {"lamp": [2.0, 0.0, 0.0], "chair": [0.0, 2.0, 0.0], "novel": [0.0, 0.0, 2.0]}


def words(label: str, row: int) -> str:
    return " ".join(random.Random(row).choices(WORDS[label].split(), k=5))


def signal(label: str, row: int) -> list[float]:
    return (np.random.default_rng(row).normal(0, 0.3, 3) + CENTRES[label]).tolist()


def rows_of(count: int, has: Callable[[int, str], tuple[bool, bool]]) -> list[Row]:
    """Words and a vector of three classes in turn; `has` says which of the two a row of this class has."""
    made = []
    for row in range(count):
        label = list(WORDS)[row % 3]
        text, vector = has(row, label)
        made.append(
            {
                "title": words(label, row) if text else None,
                "signal": signal(label, row) if vector else None,
                "photo": None,
                "kind": label,
            }
        )
    return made


def fit(rows: list[Row], place: Path, **options: Any) -> Model:
    made = MultimodalClassifier(fusion="late", text="title", vector="signal", **options)
    made.fit(rows, label="kind").save(place)
    return load(place)


def probabilities(answers: list[Any]) -> np.ndarray:
    return np.array([list(one.probabilities.values()) for one in answers])


@pytest.fixture(scope="module")
def either(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose 60 rows had words or a vector, never both; its columns were inferred, and no row had a photo."""
    place = tmp_path_factory.mktemp("either") / "model"
    rows = rows_of(60, lambda row, _: (row % 2 == 0, row % 2 == 1))
    MultimodalClassifier(fusion="late").fit(rows, label="kind").save(place)
    return place


def predict(motet: Motet, model: Path, rows: list[Row], place: Path) -> tuple[list[Row], list[str], str]:
    """Records, notes and stderr of the command."""
    table, answers = place / "new.jsonl", place / "answers.jsonl"
    table.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    done = motet("predict", model, table, "-o", answers, "--json")
    assert done.code == 0, done.err
    records = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
    return records, json.loads(done.out)["notes"], done.err


def test_a_modality_that_is_absent_everywhere_at_prediction(either: Path) -> None:
    model = load(either)
    rows = [{"title": words("chair", 7), "signal": None}, {"title": words("novel", 8), "signal": []}]
    answers = model.predict(rows)
    assert [one.pattern for one in answers] == ["text", "text"]
    assert [one.prediction for one in answers] == ["chair", "novel"]
    without = model.predict([{"title": row["title"]} for row in rows])
    np.testing.assert_allclose(probabilities(answers), probabilities(without), atol=1e-6)
    assert model.read(rows).notes == ()
    assert model.read([{"title": "oak"}]).notes == ("no column 'signal' in list: absent in every row",)


def test_a_column_that_the_model_never_saw_is_not_read_and_named(
    motet: Motet, either: Path, tmp_path: Path
) -> None:
    rows = [{"title": words("chair", 7), "signal": None}, {"title": words("novel", 8), "signal": None}]
    plain, notes, _ = predict(motet, either, rows, tmp_path)
    assert notes == []
    more = [{**row, "sound": "a.wav", "photo": "a.jpg"} for row in rows]
    answered, notes, said = predict(motet, either, more, tmp_path)
    assert answered == plain
    assert notes == [
        "not in the table that trained the model, and not read: 'sound' of new.jsonl",
        "empty in every row that trained the model, and not read: 'photo'",
    ]
    assert all(note in said for note in notes)


def test_a_pattern_that_was_never_seen_falls_back_and_says_so(
    motet: Motet, either: Path, tmp_path: Path
) -> None:
    rows = [
        {"title": words("lamp", 1), "signal": signal("lamp", 1)},
        {"title": words("chair", 2), "signal": signal("chair", 2)},
        {"title": words("novel", 3), "signal": None},
        {"title": None, "signal": None},
    ]
    records, notes, said = predict(motet, either, rows, tmp_path)
    assert [one["pattern"] for one in records] == ["text+signal", "text+signal", "text", "none"]
    assert [one["prediction"] for one in records[:3]] == ["lamp", "chair", "novel"]
    assert all(one["issue"] is None for one in records)  # nothing is wrong with the cells
    both, nothing = notes
    assert both == (
        "2 rows have text+signal: answered by late-product (late was asked for; "
        "only 0 held-out rows have text+signal: temperature 1)"
    )
    assert nothing.startswith("1 row has nothing that the model reads: answered by prior")
    assert both in said and nothing in said
    # its experts answer together: a product of their probabilities, by hand
    alone = [
        predict(motet, either, [{**rows[0], column: None}], tmp_path)[0][0] for column in ("title", "signal")
    ]
    ways = load(either).manifest.patterns
    assert {ways[one["pattern"]].chosen for one in alone} <= {"text:lexical", "signal:vector"}
    product = np.prod(
        [np.array(list(one["probabilities"].values())) ** ways[one["pattern"]].temperature for one in alone],
        axis=0,
    )
    np.testing.assert_allclose(list(records[0]["probabilities"].values()), product / product.sum(), atol=1e-4)
    table = tmp_path / "labelled.jsonl"
    labelled = [{**row, "kind": kind} for row, kind in zip(rows, WORDS, strict=False)]
    table.write_text("\n".join(map(json.dumps, labelled)), encoding="utf-8")
    measured = json.loads(motet("evaluate", either, table, "--json").out)
    assert both in measured["notes"]


def test_two_rows_in_a_pattern(motet: Motet, tmp_path: Path) -> None:
    rows = rows_of(36, lambda row, _: (True, row in (4, 20)))
    model = fit(rows, tmp_path / "model")
    answers = model.predict(rows)
    assert sorted({one.pattern for one in answers}) == ["text", "text+signal"]
    assert all(one.prediction == row["kind"] for one, row in zip(answers, rows, strict=True))
    assert np.isfinite(probabilities(model.predict([{"title": "", "signal": [1.0, 1.0, 1.0]}]))).all()
    _, notes, _ = predict(motet, tmp_path / "model", rows, tmp_path)
    (note,) = notes
    assert note.startswith("2 rows have text+signal: answered by ") and "temperature 1" in note


def test_a_class_of_one_pattern_alone_keeps_its_chance_in_the_others(tmp_path: Path) -> None:
    """Lamps have a vector and nothing else: what reads words has no row of them, and must still know the class."""
    rows = rows_of(90, lambda _, label: (label != "lamp", label == "lamp"))
    model = fit(rows, tmp_path / "model", test_size=0.2)
    answers = model.predict(rows)
    assert list(answers[0].probabilities) == ["chair", "lamp", "novel"]
    sums = probabilities(answers).sum(axis=1)
    np.testing.assert_allclose(sums, 1, atol=1e-6)
    assert all(0 < one.probabilities["lamp"] < 1 for one in answers)
    assert all(one.prediction == row["kind"] for one, row in zip(answers, rows, strict=True))
    notes = " ".join(model.manifest.training["notes"])
    assert all(f"whether column {name!r} is there tells the label" in notes for name in ("title", "signal"))


def wav(samples: np.ndarray, rate: int, kind: str = "WAV") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind)
    return file.getvalue()


def test_sounds_of_every_rate_length_and_number_of_channels(tmp_path: Path) -> None:
    def tone(hertz: float, rate: int, seconds: float = 0.3) -> np.ndarray:
        return (0.4 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)

    rows: list[Row] = []
    for row in range(24):
        rate = (8_000, 96_000, 44_100)[row // 2 % 3]
        made = tone((300, 1_500)[row % 2] * (1 + row / 200), rate)
        made = np.stack([made, made / 2], axis=1) if row % 4 < 2 else made
        rows.append({"sound": wav(made, rate), "kind": ("low", "high")[row % 2]})
    classifier = MultimodalClassifier(fusion="late", audio="sound").fit(rows, label="kind")
    hours = io.BytesIO()
    with soundfile.SoundFile(hours, "w", 8_000, 1, format="FLAC") as out:
        for _ in range(3 * 6):
            out.write(np.zeros(600 * 8_000, np.int16))
    new = [
        wav(tone(310, 96_000), 96_000),
        wav(np.stack([tone(1_480, 8_000)] * 2, axis=1), 8_000),
        b"",
        wav(np.zeros(0, np.float32), 8_000),
        hours.getvalue(),
    ]
    answers = classifier.model_.predict({"sound": new})
    assert [one.prediction for one in answers[:2]] == ["low", "high"]
    assert [one.pattern for one in answers] == ["audio", "audio", "none", "none", "audio"]
    assert [one.issue for one in answers] == [
        None,
        None,
        "sound: the sound is empty (0 bytes)",
        "sound: the sound has no samples",
        "sound: the sound lasts 10,800 seconds: at most the first 600 are read",
    ]


def test_vectors_of_ragged_width_or_with_inf(tmp_path: Path) -> None:
    rows = rows_of(48, lambda row, _: (row % 8 == 0, True))
    rows[3]["signal"] = [1.0, 2.0]
    rows[4]["signal"] = [1.0, float("inf"), 0.0]
    model = fit(rows, tmp_path / "model", test_size=0.2)
    assert model.manifest.sources["signal:vector"].width == 3
    answers = model.predict(rows)
    wrong = {n: one.issue for n, one in enumerate(answers) if one.issue}
    assert wrong == {
        3: "signal: a vector of 2 numbers, not of 3",
        4: "signal: the vector holds a null, NaN or infinite number, or one beyond float32",
    }
    assert [answers[3].pattern, answers[4].pattern] == ["none", "none"]
    whole = [n for n in range(48) if n not in wrong]
    assert sum(answers[n].prediction == rows[n]["kind"] for n in whole) >= 44
