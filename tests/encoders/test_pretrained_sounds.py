"""Models of sounds as encoders: their numbers are the model's own, at any length, with and without PyTorch."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
import transformers

from motet.data import AudioCells, read_table
from motet.data.sounds import Sound, decode_sound
from motet.encoders import FeatureCache, encode_rows, load_encoder, save_encoder
from motet.encoders.pretrained import PretrainedEncoder
from motet.encoders.torch_choose import open_encoder
from motet.encoders.torch_engine import TorchEngine
from motet.encoders.torch_pretrained import prepare
from motet.errors import EncoderError

TINY = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
CONVOLUTIONS = {"conv_dim": (8, 8, 8), "conv_kernel": (10, 8, 4), "conv_stride": (5, 4, 4)}
POSITIONS = {"num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2}


def published(folder: Path, model: Any, extractor: Any) -> Path:
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    extractor.save_pretrained(folder)
    return folder


def wav2vec2(folder: Path) -> Path:
    config = transformers.Wav2Vec2Config(**TINY, **CONVOLUTIONS, **POSITIONS)
    return published(folder, transformers.Wav2Vec2Model(config), transformers.Wav2Vec2FeatureExtractor())


def hubert(folder: Path) -> Path:
    config = transformers.HubertConfig(
        **TINY, **CONVOLUTIONS, **POSITIONS, feat_extract_norm="layer", do_stable_layer_norm=True
    )
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=False)
    return published(folder, transformers.HubertModel(config), extractor)


def ast(folder: Path) -> Path:
    config = transformers.ASTConfig(**TINY, max_length=64, num_mel_bins=32)
    extractor = transformers.ASTFeatureExtractor(max_length=64, num_mel_bins=32)
    return published(folder, transformers.ASTModel(config), extractor)


def whisper(folder: Path) -> Path:
    config = transformers.WhisperConfig(
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=24,
        decoder_ffn_dim=24,
        num_mel_bins=16,
        max_source_positions=100,
        vocab_size=20,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=3,
        suppress_tokens=None,
        begin_suppress_tokens=None,
    )
    extractor = transformers.WhisperFeatureExtractor(feature_size=16, chunk_length=2)
    return published(folder, transformers.WhisperModel(config), extractor)


MODELS = {"wav2vec2": wav2vec2, "hubert": hubert, "ast": ast, "whisper": whisper}


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=round(seconds * 16_000)) * 0.2).astype(np.float32)


def own_features(folder: Path, samples: np.ndarray) -> torch.Tensor:
    """What transformers alone makes of one sound: its feature extractor, its model, a mean over time."""
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    inputs = extractor(samples, sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        if folder.name == "whisper":
            return model.get_encoder()(inputs["input_features"]).last_hidden_state.mean(dim=1)[0]
        made = model(inputs["input_values"].float())
    return made.pooler_output[0] if folder.name == "ast" else made.last_hidden_state.mean(dim=1)[0]


def wav(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format="WAV", subtype="FLOAT")
    return file.getvalue()


@pytest.mark.parametrize("name", MODELS)
def test_sounds_equal_the_model_itself(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[float] = []

    def decode(data: bytes, seconds: float) -> Sound:
        decoded.append(seconds)
        return decode_sound(data, seconds)

    monkeypatch.setattr(encode_rows, "decode_sound", decode)
    folder = MODELS[name](tmp_path / name)
    encoder = PretrainedEncoder(prepare(str(folder), "audio", folder=tmp_path / "prepared"))
    lengths = (0.3, 0.9, 1.5)
    samples = [sound(seconds, seed) for seed, seconds in enumerate(lengths)]
    cells = AudioCells(read_table({"s": [*map(wav, samples), b"no sound", None]}), ["s"])
    table = encoder.encode(cells, np.arange(5), cache=FeatureCache(tmp_path / "cache"))
    assert table.present.tolist() == [True, True, True, False, False]
    assert [issue.row for issue in table.issues] == [3]
    assert set(decoded) == {
        encoder.sounds.seconds + 1
    }  # no more of a long sound is decoded than is looked at
    got = table.rows.dense(np.arange(3))
    expected = np.stack([own_features(folder, one).numpy() for one in samples])
    np.testing.assert_allclose(got, expected, atol=4e-3 * np.abs(expected).max())  # cached as float16
    # the saved encoder needs no PyTorch, and each sound's answer does not depend on its neighbours
    save_encoder(encoder, tmp_path / "saved")
    shutil.rmtree(tmp_path / "prepared")
    opened = load_encoder(tmp_path / "saved")
    alone = opened.encode(cells, np.array([1])).rows.dense(np.array([0]))[0]
    np.testing.assert_allclose(alone, got[1], atol=1e-3 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["wav2vec2", "ast"])
def test_the_torch_engine_pools_as_the_graph_does(name: str, tmp_path: Path) -> None:
    folder = MODELS[name](tmp_path / name)
    encoder = PretrainedEncoder(prepare(str(folder), "audio", folder=tmp_path / "prepared"))
    cells = AudioCells(read_table({"s": [wav(sound(0.5)), wav(sound(0.8, 1)), b"no sound"]}), ["s"])
    batches = encoder.sample(cells, np.arange(3))
    assert [len(next(iter(batch.values()))) for batch in batches] == ([1, 1] if name == "wav2vec2" else [2])
    engine = TorchEngine(encoder.directory, "audio")
    for batch in batches:
        exact, fast = encoder.engine(batch), engine(batch)
        cosine = (exact * fast).sum(axis=1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(fast, axis=1)
        assert cosine.min() > 0.99  # bfloat16


def test_a_directory_is_opened_by_its_path(tmp_path: Path) -> None:
    encoder = open_encoder(str(wav2vec2(tmp_path / "tiny-wav2vec2")), "audio")
    assert isinstance(encoder, PretrainedEncoder)
    assert (encoder.name, encoder.modality, encoder.width) == ("tiny-wav2vec2", "audio", 16)
    assert encoder.sounds(Sound(sound(0.01), 16_000)).shape == (1_600,)
    # how much of a sound is read is part of the encoder, not of the version that runs it
    assert encoder.max_seconds == 30
    described = encoder.directory / "encoder.json"
    described.write_text(json.dumps(json.loads(described.read_text()) | {"max_seconds": 2}))
    assert PretrainedEncoder(encoder.directory).sounds(Sound(sound(3), 16_000)).shape == (32_000,)


def test_a_model_of_pictures_is_none_of_sounds(tmp_path: Path) -> None:
    config = transformers.ViTConfig(**TINY, image_size=16, patch_size=8)
    folder = published(
        tmp_path / "vit", transformers.ViTModel(config), transformers.ViTImageProcessor(size=16)
    )
    with pytest.raises(EncoderError, match="feature_extractor_type"):
        open_encoder(str(folder), "audio")
