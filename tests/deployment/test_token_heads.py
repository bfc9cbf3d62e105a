"""Heads over tokens: trained, exported and run as they were trained, and a row is answered by itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, pre_tokenizers

from motet.data import infer_schema, read_table
from motet.deployment import Options, build_model
from motet.deployment.heads import export_head, inputs_of
from motet.encoders import ArrayRows, FeatureTable
from motet.encoders.cache import Shelf
from motet.encoders.tokens import ShelfTokens
from motet.errors import ModelError, UsageError
from motet.experiments import compare
from motet.fusion import FUSIONS, Source
from motet.runtime import Model
from motet.runtime.combination import log_softmax
from motet.runtime.head import Head
from motet.runtime.target import ClassTarget
from motet.tasks import FusedClassifier, objective_of
from motet.training import Balance, Fold, Settings, multiply_out, predict_logits, to_latent, train_heads

WORDS = ["<pad>", *"abcdefgh"]
READERS = sorted(name for name in FUSIONS if FUSIONS[name].reads_tokens)
TEXT, IMAGE = Source("text:a", "text", 5, "tokens"), Source("image:b", "image", 4)
NUMBERS = Source("tabular:tabular", "tabular", 2)


def ragged(n: int, width: int, seed: int = 0) -> ShelfTokens:
    """Rows of 1 to 6 positions."""
    generator = np.random.default_rng(seed)
    shelf = Shelf(None, width, tokens=True)
    keys = np.arange(n, dtype=np.uint64)[:, None].repeat(2, axis=1).view(np.uint8)
    shelf.add(keys, [generator.normal(size=(int(k), width)) for k in generator.integers(1, 7, n)])
    return ShelfTokens(shelf, shelf.find(keys), np.arange(n), np.ones(n, np.int64))


def tables_of(n: int) -> dict[str, FeatureTable]:
    generator = np.random.default_rng(1)
    made = {}
    for source in (TEXT, IMAGE, NUMBERS):
        pooled = ArrayRows(generator.normal(size=(n, source.width)).astype(np.float32))
        tokens = ragged(n, source.width) if source.read != "pooled" else None
        made[source.name] = FeatureTable(pooled, generator.random(n) < 0.8, tokens=tokens)
    return made


@pytest.mark.parametrize("fusion", [*READERS, "concat"])
def test_the_graph_answers_as_torch_does_whatever_rows_stand_together(fusion: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    text = TEXT if fusion in READERS else replace(TEXT, read="attention")
    head = FusedClassifier(FUSIONS[fusion]((text, IMAGE, NUMBERS), width=8), 3).eval()
    export_head(head, tmp_path / "head")
    running = Head(tmp_path / "head.onnx", tuple(source.name for source in head.sources))
    assert running.tokens == {TEXT.name}
    tables, rows = tables_of(20), np.arange(20)
    for hidden in ({}, {TEXT.name: False}, {IMAGE.name: False}):
        shown = dict.fromkeys(tables, True) | hidden
        pieces = [running.run(tables, piece, shown) for piece in np.array_split(rows[::-1], 7)]
        whole = running.run(tables, rows, shown)
        assert np.abs(np.concatenate(pieces)[::-1] - whole).max() < 1e-4
        always = {name: replace(table, present=np.full(20, shown[name])) for name, table in tables.items()}
        np.testing.assert_allclose(predict_logits(head, always, rows), whole, atol=1e-4)


@pytest.mark.parametrize("read", ["tokens", "attention"])
def test_numbers_of_absent_rows_and_hidden_positions_do_not_reach_the_graph(
    read: Any, tmp_path: Path
) -> None:
    import onnxruntime

    torch.manual_seed(0)
    text = replace(TEXT, read=read)
    head = FusedClassifier(FUSIONS["coattention"]((text, IMAGE), width=8), 3).eval()
    export_head(head, tmp_path / "head")
    session = onnxruntime.InferenceSession(str(tmp_path / "head.onnx"), providers=["CPUExecutionProvider"])
    assert {i.name for i in session.get_inputs()} == {*inputs_of(text), *inputs_of(IMAGE)}
    mask = np.array([[True, False, True], [True, True, True]])
    tokens = np.random.default_rng(0).normal(size=(2, 3, 5)).astype(np.float32)
    feed = {"image:b.pooled": np.ones((2, 4), np.float32), "image:b.present": np.array([True, True])}
    feed |= {"text:a.mask": mask, "text:a.present": np.array([True, False])}
    plain = session.run(["logits"], feed | {"text:a.tokens": tokens})[0]
    spoiled = tokens.copy()
    spoiled[0, 1] = spoiled[1] = np.nan
    np.testing.assert_array_equal(session.run(["logits"], feed | {"text:a.tokens": spoiled})[0], plain)


@pytest.mark.parametrize("read", ["tokens", "attention"])
def test_what_was_trained_in_few_dimensions_reads_whole_tokens_afterwards(read: Any) -> None:
    tables = tables_of(60)
    labels = np.arange(60) % 2
    latent = to_latent(tables, np.arange(40), seed=0)
    fold = Fold(latent.tables, labels, np.arange(40), np.arange(40, 60))
    sources = (replace(TEXT, read=read), IMAGE, NUMBERS)
    made = train_heads(
        lambda given: FusedClassifier(FUSIONS["early"](given, width=8), 2),
        sources,
        [fold],
        objective_of(ClassTarget(("a", "b"))),
        Settings(epochs=2, least_steps=0, balance=Balance(auxiliary=0.3)),
    )
    wanted = predict_logits(made.heads[0], latent.tables, np.arange(60))
    for member in made.heads[0].members:
        multiply_out(member.fusion, latent.bases)
        assert member.fusion.sources[0] == sources[0]
    # coordinates are kept as float16
    np.testing.assert_allclose(predict_logits(made.heads[0], tables, np.arange(60)), wanted, atol=2e-2)


def published(folder: Path) -> Path:
    """A text network as its authors would publish it, with random weights."""
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
    config = transformers.BertConfig(**shape, vocab_size=9, max_position_embeddings=16, pad_token_id=0)
    transformers.BertModel(config, add_pooling_layer=False).eval().save_pretrained(folder)
    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="<pad>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": "<pad>"}))
    return folder


def columns(n: int) -> dict[str, list[Any]]:
    """The class is that of the number or of the first letter; a fifth of the cells are empty."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, n)
    texts = [" ".join(["ab"[y], *generator.choice(list("cdefgh"), generator.integers(1, 9))]) for y in labels]
    gone = generator.random((2, n)) < 0.2
    return {
        "text": [None if off else text for text, off in zip(texts, gone[0], strict=True)],
        "size": [
            None if off else float(y + generator.normal()) for y, off in zip(labels, gone[1], strict=True)
        ],
        "y": ["ab"[y] for y in labels],
    }


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("published") / "letters")


@pytest.mark.parametrize("pooling", [(), ("attention",)])
def test_from_a_table_to_a_model_that_reads_tokens(
    pooling: tuple[str, ...], encoder: Path, tmp_path: Path
) -> None:
    fusion = "concat" if pooling else "coattention"
    options = Options(
        text_encoders=(str(encoder),), fusion=fusion, tokens=not pooling, pooling=pooling, lexical=False
    )
    data = columns(90)
    table = read_table(data)
    schema = infer_schema(table, label="y", text=("text",), numeric=("size",))
    told = build_model(table, schema, tmp_path / "model", options)
    assert "overall" in told
    model = Model(tmp_path / "model")
    name = fusion if pooling else f"{fusion}-tokens"
    assert model.manifest.heads[name].tokens == ("text:letters",) == tuple(model.token_sources)
    assert model.manifest.patterns["text+tabular"].chosen == name
    whole = model.predict_proba(data)
    alone = np.concatenate(
        [
            model.predict_proba({key: values[i : i + 1] for key, values in data.items()})
            for i in range(0, 90, 9)
        ]
    )
    np.testing.assert_allclose(alone, whole[::9], atol=1e-4)
    # The head as it was saved, in PyTorch, on the features of the saved encoder.
    encoded = model.encode(table)
    sources = (
        Source("text:letters", "text", 16, "attention" if pooling else "tokens"),
        Source("tabular:tabular", "tabular", model.manifest.sources["tabular:tabular"].width),
    )
    members = [FusedClassifier(FUSIONS[fusion](sources), 2) for _ in range(2)]
    saved = load_file(tmp_path / "model" / "heads" / f"{name}.safetensors")
    logs = []
    for number, member in enumerate(members):
        begins = f"each.{number}."
        member.load_state_dict({k.removeprefix(begins): v for k, v in saved.items() if k.startswith(begins)})
        logs.append(log_softmax(predict_logits(member, encoded.tables, np.arange(90))))
    both = encoded.present["text"] & encoded.present["tabular"]
    wanted = np.logaddexp(*logs) / model.manifest.patterns["text+tabular"].temperature
    np.testing.assert_allclose(whole[both], np.exp(log_softmax(wanted))[both], atol=2e-3)


def test_a_manifest_that_does_not_say_what_is_read_is_refused(encoder: Path, tmp_path: Path) -> None:
    data = columns(60)
    table = read_table(data)
    schema = infer_schema(table, label="y", text=("text",), numeric=("size",))
    options = Options(
        text_encoders=(str(encoder),), fusion="early", tokens=True, lexical=False, test_size=0.0
    )
    build_model(table, schema, tmp_path / "model", options)
    place = tmp_path / "model" / "motet.json"
    said = json.loads(place.read_text(encoding="utf-8"))
    said["heads"]["early-tokens"]["tokens"] = []
    place.write_text(json.dumps(said), encoding="utf-8")
    with pytest.raises(ModelError, match=r"heads\.early-tokens\.tokens is not what .* reads"):
        Model(tmp_path / "model").predict(data)
    said["heads"]["early-tokens"]["tokens"] = ["text:other"]
    place.write_text(json.dumps(said), encoding="utf-8")
    with pytest.raises(ModelError, match=r"among its sources"):
        Model(tmp_path / "model")


def test_tokens_that_no_encoder_makes_are_told_and_change_nothing(tmp_path: Path) -> None:
    table = read_table(columns(60))
    schema = infer_schema(table, label="y", text=("text",), numeric=("size",))
    options = Options(text_encoders=("lexical",), fusion="early", tokens=True, cache=False, test_size=0.0)
    told = build_model(table, schema, tmp_path / "model", options)
    assert any(note.startswith("tokens are not read: no encoder here makes them") for note in told["notes"])
    assert "early" in Model(tmp_path / "model").manifest.heads


@pytest.mark.parametrize("fast", [False, True])
def test_compare_tells_pooled_features_and_tokens_apart(fast: bool, encoder: Path) -> None:
    table = read_table(columns(60))
    schema = infer_schema(table, label="y", text=("text",), numeric=("size",))
    options = Options(text_encoders=(str(encoder),), tokens=True, lexical=False)
    told = compare(table, schema, options, strategies=("concat", "early"), folds=2, fast=fast)
    fused = {row["name"]: row["seconds"] for row in told["rows"] if row["kind"] == "fused"}
    assert set(fused) == ({"concat"} if fast else {"concat", "early", "early-tokens"})
    assert all(seconds > 0 for seconds in fused.values())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            {"tokens": True, "fusion": "concat"},
            "reads pooled features: leave tokens out, or name one of .*early",
        ),
        ({"tokens": True, "fusion": "late"}, "reads pooled features"),
        ({"pooling": ("median",)}, "no pooling 'median': one of cls, mean, max, attention"),
        ({"pooling": ("tabular=max",)}, "no pooling 'tabular=max'"),
    ],
)
def test_wrong_usage(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Options(**wrong)


def test_what_is_said_of_one_modality_counts_there() -> None:
    options = Options(pooling=("image=max", "cls"))
    assert [options.pooling_of(m) for m in ("image", "text", "tabular")] == ["max", "cls", None]
    assert Options().pooling_of("image") is None
