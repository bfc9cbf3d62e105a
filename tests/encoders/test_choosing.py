"""Which encoder a name means, and which engine runs it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from motet.data import Table, TabularCells, TextCells
from motet.data.scripts import Script, script_of
from motet.encoders import recommended, torch_choose, torch_engine
from motet.encoders.engine import OnnxEngine
from motet.encoders.licences import Licence
from motet.encoders.pretrained import PretrainedEncoder
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


@pytest.mark.parametrize(
    ("wanted", "modality", "reads", "listed"),
    [
        ("lexical", "image", "text", "descriptor, clip-b32"),
        ("descriptor", "text", "image and audio", "lexical, minilm"),
        ("clip-b32", "text", "image", "lexical, minilm"),
    ],
)
def test_an_encoder_of_another_modality_is_wrong_usage(
    wanted: str, modality: str, reads: str, listed: str
) -> None:
    with pytest.raises(UsageError, match=f"no {modality} encoder {wanted!r}: it reads {reads}; .*{listed}"):
        open_encoder(wanted, modality)


@pytest.mark.parametrize("wanted", ["owner/model", "minilm"])
def test_a_hub_name_without_a_network_fails_in_words(wanted: str) -> None:
    hub = next((m.hub for m in RECOMMENDED if m.name == wanted), wanted)
    with pytest.raises(
        EncoderError, match=f"{hub}: no directory here, not in the local cache.*give the directory of a model"
    ):
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
    torch_choose._advise.cache_clear()
    assert open_encoder("auto", "text").name == "lexical"
    assert open_encoder("auto", "image").name == "descriptor"
    assert open_encoder("auto", "tabular").name == "tabular"
    # it says which it took, and the one option that would get a better one
    said = " ".join(caplog.messages)
    assert "text encoder: lexical" in said and "--text-encoder multilingual-minilm" in said
    assert "image encoder: descriptor" in said and "--image-encoder clip-b32" in said
    caplog.clear()
    open_encoder("auto", "text")
    assert not caplog.messages  # the advice is given once


def in_cache(monkeypatch: pytest.MonkeyPatch, *hubs: str) -> list[tuple[str, str | None]]:
    """Make these hub models look downloaded; returns what is prepared, as (directory, name)."""
    prepared: list[tuple[str, str | None]] = []

    def prepare(
        directory: str, modality: str, *, pooling: str | None, name: str | None, licence: str | None
    ) -> Path:
        assert pooling is None
        prepared.append((directory, name))
        return Path(directory)

    monkeypatch.setattr(
        torch_choose, "_in_local_cache", lambda hub: Path(f"/cache/{hub}") if hub in hubs else None
    )
    monkeypatch.setattr(torch_choose, "prepare", prepare)
    monkeypatch.setattr(torch_choose, "PretrainedEncoder", lambda directory, **_: directory)
    return prepared


def carded(folder: Path, front_matter: str) -> Path:
    """A model directory of which only the card and the configuration matter."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "README.md").write_text(f"---\nlanguage: en\n{front_matter}\n---\n# A model\nlicense: mit\n")
    return folder


def test_auto_takes_the_first_recommended_model_of_the_local_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = in_cache(monkeypatch, "google/mobilenet_v2_1.0_224", "facebook/dinov2-small")
    open_encoder("auto", "image")
    assert prepared == [("/cache/facebook/dinov2-small", "dinov2-s")]


def test_auto_leaves_out_what_forbids_commercial_use(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = in_cache(monkeypatch, "o/bound")
    model = Recommended("bound", "image", "o/bound", 1, "", "cc-by-nc-4.0")
    monkeypatch.setattr(torch_choose, "recommended", lambda _: (model,))
    assert open_encoder("auto", "image").name == "descriptor"
    assert prepared == []


def test_auto_leaves_out_what_its_own_card_forbids(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "motet")
    prepared = in_cache(monkeypatch)
    folder = carded(tmp_path / "minilm", "license: cc-by-nc-4.0")
    monkeypatch.setattr(torch_choose, "_in_local_cache", lambda _: folder)
    assert open_encoder("auto", "text").name == "lexical"
    assert prepared == []
    assert f"not taken: cc-by-nc-4.0, says {folder / 'README.md'}" in " ".join(caplog.messages)


def test_a_non_commercial_licence_must_be_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Recommended("bound", "image", "o/bound", 1, "", "cc-by-nc-4.0")
    monkeypatch.setattr(torch_choose, "RECOMMENDED", (*RECOMMENDED, model))
    prepared = in_cache(monkeypatch, model.hub)
    for wanted in (model.name, model.hub):
        with pytest.raises(UsageError, match="forbids commercial use: add --accept-licence"):
            open_encoder(wanted, model.modality)
        assert prepared == []
        open_encoder(wanted, model.modality, accept_licence=True)
        assert prepared.pop()[1] == model.name


@pytest.mark.parametrize(
    ("front_matter", "named"),
    [
        ("license: cc-by-nc-4.0", "cc-by-nc-4.0"),
        ("license: 'CC-BY-NC-SA-4.0'  # of the data too", "CC-BY-NC-SA-4.0"),
        ("license:\n- mit\n- cc-by-nc-nd-4.0", "mit, cc-by-nc-nd-4.0"),
        ("license: [mit, cc-by-nc-4.0]", "mit, cc-by-nc-4.0"),
        ("license: other\nlicense_name: apple-amlr", "apple-amlr"),
        ("license_name: research-only\nlicense: other", "research-only"),
    ],
)
@pytest.mark.parametrize("way", ["directory", "hub name in the cache"])
def test_the_card_of_a_model_is_asked_in_every_way_in(
    way: str, front_matter: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = in_cache(monkeypatch)
    folder = carded(tmp_path / "model", front_matter)
    monkeypatch.setattr(torch_choose, "_in_local_cache", lambda _: folder)
    wanted = str(folder) if way == "directory" else "owner/model"
    with pytest.raises(UsageError) as error:
        open_encoder(wanted, "text")
    assert str(error.value).startswith(
        f"{wanted}: its licence ({named}, says {folder / 'README.md'}) forbids"
    )
    assert prepared == []
    open_encoder(wanted, "text", accept_licence=True)
    assert len(prepared) == 1


@pytest.mark.parametrize("front_matter", ["license: mit", "license: other", "tags: nc", "license: ncsa"])
def test_other_cards_need_no_acceptance(
    front_matter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = in_cache(monkeypatch)
    open_encoder(str(carded(tmp_path / "model", front_matter)), "text")
    assert len(prepared) == 1


def test_a_saved_encoder_keeps_its_licence_as_an_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_cache(monkeypatch)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "encoder.json").write_text('{"licence": "cc-by-nc-4.0"}')
    with pytest.raises(UsageError, match=r"cc-by-nc-4\.0, says .*encoder\.json"):
        open_encoder(str(tmp_path), "text")


# Which script the texts are in.


@pytest.mark.parametrize(
    ("texts", "script"),
    [
        (["a lamp of brass", "a chair"], "latin"),
        (["Größe 42, été", "12"], "latin"),
        (["红色跑步鞋", "Nike 跑步鞋 Air Max 2024"], "chinese"),
        (["赤いランニングシューズ", "靴です"], "other"),
        (["красная лампа", "стул"], "other"),
        (["12", "-", ""], None),
    ],
)
def test_script_of_texts(texts: list[str], script: str | None) -> None:
    column = TextCells(Table(pa.table({"title": texts})), ["title"])
    assert script_of(column, np.arange(len(texts))) == script


def test_script_of_what_is_no_text() -> None:
    table = Table(pa.table({"price": [1.0]}))
    assert script_of(TabularCells(table, ["price"], []), np.arange(1)) is None


MINILM, MULTILINGUAL = (
    "sentence-transformers/all-MiniLM-L6-v2",
    "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
)


@pytest.mark.parametrize(
    ("script", "hubs", "taken"),
    [
        (None, [MINILM], "minilm"),
        ("latin", [MINILM, MULTILINGUAL], "minilm"),
        ("chinese", [MINILM, MULTILINGUAL, "BAAI/bge-small-zh-v1.5"], "multilingual-minilm"),
        ("chinese", [MINILM, "BAAI/bge-small-zh-v1.5"], "bge-small-zh"),
        ("chinese", [MINILM], None),
        ("latin", ["BAAI/bge-small-zh-v1.5"], None),
        ("other", [MINILM, "BAAI/bge-small-zh-v1.5"], None),
        ("other", ["intfloat/multilingual-e5-small"], "multilingual-e5-small"),
    ],
)
def test_auto_takes_only_what_reads_the_script(
    script: Script | None,
    hubs: list[str],
    taken: str | None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "motet")
    prepared = in_cache(monkeypatch, *hubs)
    made = open_encoder("auto", "text", script=script)
    if taken is None:
        assert made.name == "lexical" and prepared == []
        assert "was not taken: it reads" in caplog.messages[0]
    else:
        assert [name for _, name in prepared] == [taken]


@pytest.mark.parametrize(
    ("licence", "bound"),
    [
        ("cc-by-nc-4.0", True),
        ("CC-BY-NC-SA-4.0", True),
        ("apple-amlr-nc", True),
        ("MIT", False),
        ("CC BY-NC 4.0", True),
        ("FAIR Noncommercial Research License", True),
        ("apple-ascl", True),
        ("research-only", True),
        ("ncsa", False),
        ("not stated", False),
    ],
)
def test_which_licences_are_non_commercial(licence: str, bound: bool) -> None:
    assert Recommended("a", "image", "o/a", 1, "", licence).non_commercial is bound


@pytest.mark.parametrize(
    ("repository", "downloaded"),
    [
        (
            ["model.safetensors", "open_clip_model.safetensors", "onnx/model.safetensors"],
            {"model.safetensors"},
        ),
        (
            ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
            {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"},
        ),
    ],
)
def test_weights_are_downloaded_once(
    repository: list[str], downloaded: set[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    siblings = [SimpleNamespace(rfilename=name, size=10) for name in repository]
    info = SimpleNamespace(siblings=siblings, card_data={"license": "mit"})
    asked: list[str] = []

    def fetch(hub: str, *, allow_patterns: list[str]) -> str:
        asked.extend(allow_patterns)
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: info)
    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    assert torch_choose._download("owner/model", False) == (
        tmp_path,
        Licence("mit", "the model card of owner/model"),
    )
    assert {name for name in asked if name.endswith(".safetensors")} == downloaded
    info.card_data = {"license": "other", "license_name": "apple-amlr"}
    with pytest.raises(UsageError, match=r"apple-amlr, says the model card of owner/model"):
        torch_choose._download("owner/model", False)


class ConnectError(Exception):
    """What a transport raises that is no OSError."""


def test_a_hub_that_cannot_be_reached_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectError("[Errno 111] Connection refused")

    said = "owner/model: no directory here, .*the hub was not reached .*give the directory of a model on this machine"
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", refuse)
    with pytest.raises(EncoderError, match=said):
        torch_choose._download("owner/model", False)
    info = SimpleNamespace(siblings=[SimpleNamespace(rfilename="model.safetensors", size=10)], card_data={})
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: info)
    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(EncoderError, match=said):
        torch_choose._download("owner/model", False)


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
    lock = Lock()

    def __init__(self, name: str, seconds: float, noise: float = 0.0) -> None:
        self.name, self.seconds, self.noise = name, seconds, noise

    @contextmanager
    def side_by_side(self) -> Iterator[Fake]:
        yield self

    def __call__(self, inputs: dict[str, Any]) -> np.ndarray:
        with Fake.lock:
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
    monkeypatch.setattr(torch_engine, "_has_bfloat16", lambda: True)
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


def test_bfloat16_is_not_tried_where_the_processor_lacks_it(
    encoder: PretrainedEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch_engine, "_has_bfloat16", lambda: False)
    monkeypatch.setattr(torch_engine.TorchEngine, "__init__", lambda *_: pytest.fail("loaded all the same"))
    picked, measured = choose_engine(encoder, lambda: BATCHES)
    assert picked is encoder and measured["chosen"] == OnnxEngine.name


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
