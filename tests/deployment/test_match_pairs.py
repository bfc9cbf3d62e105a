"""A pretrained pair (CLIP): without training the space is the pair's own, and its row stands beside a trained one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from motet.data import infer_schema, read_table
from motet.deployment import MatchOptions, build_match_model
from motet.runtime import MatchModel
from motet.training.match_settings import MatchSettings

NAMES = ["red", "blue", "green", "black", "white", "phone", "camera", "laptop", "shirt", "lamp", "a"]
WORDS = ["<pad>", "<s>", "</s>", "<unk>", *NAMES]
NOTHING = MatchSettings(epochs=0, least_steps=0, members=1)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published") / "pair"
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
    words = {
        **shape,
        "vocab_size": len(WORDS),
        "max_position_embeddings": 12,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    config = transformers.CLIPConfig(
        text_config=words, vision_config={**shape, "image_size": 24, "patch_size": 8}, projection_dim=10
    )
    transformers.CLIPModel(config).eval().save_pretrained(folder)
    said = {"image_processor_type": "ViTImageProcessor", "size": {"height": 24, "width": 24}}
    (folder / "preprocessor_config.json").write_text(json.dumps(said))
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>"})
    )
    return folder


def built(catalogue: Any, clip: Path, place: Path, **said: Any) -> dict[str, Any]:
    table = read_table(catalogue.table)
    schema = infer_schema(table, image=["image"], text=["title", "description"], split="split")
    options = MatchOptions(image_encoders=(str(clip),), text_encoders=(str(clip),), **said)
    return build_match_model(table, schema, place, options)


@pytest.mark.parametrize("lexical", [True, False])
def test_without_training_it_is_the_pair(lexical: bool, catalogue: Any, clip: Path, tmp_path: Path) -> None:
    """Also where `lexical` stands beside, which begins by adding nothing."""
    evaluation = built(catalogue, clip, tmp_path / "model", lexical=lexical, training=NOTHING)
    assert set(evaluation["baselines"]) == {"cca", "zero-shot"}
    for direction, entry in evaluation["baselines"]["zero-shot"]["directions"].items():
        for name, metric in entry["metrics"].items():
            mine = evaluation["directions"][direction]["metrics"][name]["value"]
            assert mine == pytest.approx(metric["value"], abs=0.02)  # near ties may change places
    model, network = MatchModel(tmp_path / "model"), transformers.CLIPModel.from_pretrained(clip).eval()
    said = ["a red phone", "blue lamp"]
    with torch.no_grad():
        for text, vector in zip(said, model.embed_texts(said).vectors, strict=True):
            ids = torch.tensor([[1, *(WORDS.index(word) for word in text.split()), 2]])
            found = network.get_text_features(input_ids=ids)
            found = getattr(found, "pooler_output", found)[0].numpy()
            np.testing.assert_allclose(vector, found / np.linalg.norm(found), atol=5e-3)


def test_training_goes_on_from_the_pair(catalogue: Any, clip: Path, tmp_path: Path) -> None:
    few = MatchSettings(epochs=2, least_steps=4, members=1)
    evaluation = built(catalogue, clip, tmp_path / "model", training=few)
    assert evaluation["baselines"]["zero-shot"]["directions"] != evaluation["directions"]
    model = MatchModel(tmp_path / "model")
    assert model.width == 10 == model.manifest.spaces["zero-shot"].width


def test_pooled_otherwise_it_is_no_pair(catalogue: Any, clip: Path, tmp_path: Path) -> None:
    evaluation = built(
        catalogue,
        clip,
        tmp_path / "model",
        pooling=("mean",),
        training=MatchSettings(width=8, epochs=1, least_steps=1, members=1),
    )
    assert set(evaluation["baselines"]) == {"cca"}
