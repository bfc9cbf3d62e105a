"""Which encoder a name means, and which engine runs it."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from motet.encoders import recommended, torch_choose, torch_engine
from motet.encoders.pretrained import OnnxEngine, PretrainedEncoder
from motet.encoders.registry import RECOMMENDED, Recommended
from motet.encoders.torch_choose import open_encoder
from motet.encoders.torch_engine import TorchEngine, choose_engine
from motet.errors import EncoderError, UsageError

# What a name means.


@pytest.mark.parametrize(
    ("name", "modality"), [("lexical", "text"), ("descriptor", "image"), ("tabular", "tabular")]
)
def test_embedded_encoders_open_by_name(name: str, modality: str) -> None:
    encoder = open_encoder(name, modality)
    assert (encoder.name, encoder.modality) == (name, modality)


@pytest.mark.parametrize(
    ("wanted", "modality", "listed"),
    [
        ("minilmm", "text", ["lexical", "minilm", "bge-small-zh", "small"]),
        ("clip", "image", ["descriptor", "clip-b32", "dinov2-s", "small"]),
        ("lexical", "image", ["descriptor"]),  # a text encoder is none of pictures
        ("", "text", ["lexical"]),
        ("no/such/folder", "text", ["lexical"]),
        ("https://example.org/model", "text", ["lexical"]),
        ("../model", "text", ["lexical"]),
    ],
)
def test_an_unknown_name_lists_what_there_is(wanted: str, modality: str, listed: list[str]) -> None:
    with pytest.raises(EncoderError, match=f"no {modality} encoder {wanted!r}") as error:
        open_encoder(wanted, modality)
    assert all(name in str(error.value) for name in listed)


@pytest.mark.parametrize("wanted", ["owner/model", "minilm"])
def test_a_hub_name_without_a_network_fails_in_words(wanted: str) -> None:
    hub = next((m.hub for m in RECOMMENDED if m.name == wanted), wanted)
    with pytest.raises(EncoderError, match=f"{hub}: not in the local cache.*give a local model directory"):
        open_encoder(wanted, "text")


def test_a_directory_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match=r"no config\.json here"):
        open_encoder(str(tmp_path), "text")


def test_auto_never_touches_the_network(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def network(*_: object, **__: object) -> None:
        raise AssertionError("auto reached for the network")

    monkeypatch.setattr("socket.socket.connect", network)
    monkeypatch.setattr(torch_choose, "_download", network)
    caplog.set_level(logging.INFO, "motet")
    assert open_encoder("auto", "text").name == "lexical"
    assert open_encoder("auto", "image").name == "descriptor"
    assert open_encoder("auto", "tabular").name == "tabular"
    # it says which it took, and the one option that would get a better one
    said = " ".join(caplog.messages)
    assert "text encoder: lexical" in said and "--text-encoder multilingual-minilm" in said
    assert "image encoder: descriptor" in said and "--image-encoder clip-b32" in said


def in_cache(monkeypatch: pytest.MonkeyPatch, *hubs: str) -> list[tuple[str, str | None]]:
    """Make these hub models look downloaded; returns what is prepared, as (directory, name)."""
    prepared: list[tuple[str, str | None]] = []

    def prepare(directory: str, modality: str, *, name: str | None, licence: str | None) -> Path:
        prepared.append((directory, name))
        return Path(directory)

    monkeypatch.setattr(
        torch_choose, "_in_local_cache", lambda hub: Path(f"/cache/{hub}") if hub in hubs else None
    )
    monkeypatch.setattr(torch_choose, "prepare", prepare)
    monkeypatch.setattr(torch_choose, "PretrainedEncoder", lambda directory: directory)
    return prepared


def test_auto_takes_the_first_recommended_model_of_the_local_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = in_cache(monkeypatch, "google/mobilenet_v2_1.0_224", "facebook/dinov2-small")
    open_encoder("auto", "image")
    assert prepared == [("/cache/facebook/dinov2-small", "dinov2-s")]


def test_auto_leaves_out_what_forbids_commercial_use(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = in_cache(monkeypatch, *(m.hub for m in RECOMMENDED if m.non_commercial))
    assert open_encoder("auto", "image").name == "descriptor"
    assert prepared == []


def test_a_non_commercial_licence_must_be_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    bound = [m for m in RECOMMENDED if m.non_commercial]
    assert bound, "the registry names one, so that the rule is lived"
    prepared = in_cache(monkeypatch, *(m.hub for m in bound))
    for model in bound:
        for wanted in (model.name, model.hub):
            with pytest.raises(UsageError, match="forbids commercial use: add --accept-licence"):
                open_encoder(wanted, model.modality)
            assert prepared == []
            open_encoder(wanted, model.modality, accept_licence=True)
            assert prepared.pop()[1] == model.name


@pytest.mark.parametrize(
    ("licence", "bound"),
    [
        ("cc-by-nc-4.0", True),
        ("CC-BY-NC-SA-4.0", True),
        ("apple-amlr-nc", True),
        ("MIT", False),
        ("ncsa", False),
    ],
)
def test_which_licences_are_non_commercial(licence: str, bound: bool) -> None:
    assert Recommended("a", "image", "o/a", 1, "", licence).non_commercial is bound


def test_the_registry_says_size_licence_and_languages() -> None:
    assert len({m.name for m in RECOMMENDED}) == len({m.hub for m in RECOMMENDED}) == len(RECOMMENDED)
    for model in RECOMMENDED:
        assert model.megabytes > 0 and model.licence and torch_choose.HUB_NAME.match(model.hub)
        assert bool(model.languages) == (model.modality == "text")
    assert any("Chinese" in m.languages for m in recommended("text"))


# Which engine runs it.


class Fake:
    """An engine whose features and speed are set: each batch takes `seconds` on a clock of its own."""

    clock = 0.0

    def __init__(self, name: str, seconds: float, noise: float = 0.0) -> None:
        self.name, self.seconds, self.noise = name, seconds, noise

    def __call__(self, inputs: dict[str, Any]) -> np.ndarray:
        Fake.clock += self.seconds
        made = np.repeat(inputs["input_ids"].astype(np.float32), 2, axis=1)
        return made + self.noise * np.array([1, -1] * (made.shape[1] // 2), np.float32)


@pytest.fixture
def encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PretrainedEncoder:
    monkeypatch.setenv("MOTET_CACHE", str(tmp_path / "cache"))
    place = tmp_path / "encoder"
    place.mkdir()
    said = {
        "name": "n",
        "modality": "text",
        "width": 2,
        "licence": "MIT",
        "identity": "abc",
        "kind": "pretrained",
    }
    (place / "encoder.json").write_text(json.dumps(said))
    return PretrainedEncoder(place, engine=lambda: Fake(OnnxEngine.name, 1.0))


def fast_engine(monkeypatch: pytest.MonkeyPatch, seconds: float, noise: float = 0.0) -> None:
    made = type(
        "Fast",
        (Fake,),
        {
            "name": TorchEngine.name,
            "__init__": lambda self, *_: Fake.__init__(self, TorchEngine.name, seconds, noise),
        },
    )
    monkeypatch.setattr(torch_engine, "TorchEngine", made)
    monkeypatch.setattr(torch_engine.time, "perf_counter", lambda: Fake.clock)


BATCHES = [{"input_ids": np.arange(1, 9).reshape(4, 2)}, {"input_ids": np.arange(3, 11).reshape(4, 2)}]


@pytest.mark.parametrize(
    ("seconds", "noise", "chosen"),
    [
        (0.2, 0.0, TorchEngine.name),
        (0.2, 0.01, TorchEngine.name),
        (0.2, 2.0, OnnxEngine.name),  # fast, but other features
        (0.95, 0.0, OnnxEngine.name),  # equal, but hardly faster
        (3.0, 0.0, OnnxEngine.name),
    ],
)
def test_the_faster_engine_within_tolerance(
    encoder: PretrainedEncoder, monkeypatch: pytest.MonkeyPatch, seconds: float, noise: float, chosen: str
) -> None:
    fast_engine(monkeypatch, seconds, noise)
    picked, measured = choose_engine(encoder, lambda: BATCHES)
    assert measured["chosen"] == chosen == picked.engine_name
    # two batches of four rows, each batch taking `seconds`
    assert measured["rows_per_second"] == {OnnxEngine.name: 4.0, TorchEngine.name: round(4 / seconds, 1)}
    assert (picked.fingerprint == encoder.fingerprint) == (chosen == OnnxEngine.name)


def test_it_is_measured_once_and_remembered(
    encoder: PretrainedEncoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fast_engine(monkeypatch, 0.2)
    _, first = choose_engine(encoder, lambda: BATCHES)
    book = json.loads((tmp_path / "cache" / "engines.json").read_text())
    assert list(book.values()) == [first] and next(iter(book)).startswith("abc ")

    def again() -> list[Any]:
        raise AssertionError("measured again")

    picked, second = choose_engine(encoder, again)
    assert second == first and picked.engine_name == TorchEngine.name


@pytest.mark.parametrize("content", ["", "{", "[]", '{"other": {"chosen": "x"}}'])
def test_a_damaged_book_is_measured_anew(
    encoder: PretrainedEncoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    fast_engine(monkeypatch, 0.2)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "engines.json").write_text(content)
    _, measured = choose_engine(encoder, lambda: BATCHES)
    assert measured["chosen"] == TorchEngine.name
    book = json.loads((tmp_path / "cache" / "engines.json").read_text())
    assert measured in book.values()
    assert ("other" in book) == ("other" in content)  # what is known of other encoders is kept


def test_without_rows_nothing_is_measured_or_remembered(encoder: PretrainedEncoder, tmp_path: Path) -> None:
    picked, measured = choose_engine(encoder, list)
    assert picked is encoder and measured == {"chosen": OnnxEngine.name}
    assert not (tmp_path / "cache").exists()
