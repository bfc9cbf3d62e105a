"""`--decoder`: pictures lead a language model of a local directory, which then writes without PyTorch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

import motet
from bare_install import motet_bare
from motet.errors import EncoderError, ModelError, UsageError
from motet.runtime import CaptionModel
from motet.training import language_model
from motet.training.caption_settings import CaptionSettings
from motet.training.checkpoint import Checkpoint
from motet.training.language_model import open_language_model
from test_caption_models import COLOURS, SHAPES, build, check_cache_and_batch, drawn_table, options

END = "<|endoftext|>"
KINDS = ("gpt2", "llama")
SETTINGS = CaptionSettings(
    longest=20, width=32, heads=2, dropout=0.0, prefix=4, epochs=60, least_steps=0, pictures=8, learning_rate=5e-3,
    smoothing=0.0, patience=60,
)  # fmt: skip


def sentences() -> list[str]:
    rows = drawn_table(1)
    return [*rows["said"], *rows["said_too"]]


def tokenizer() -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=290,
        special_tokens=[END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    made.train_from_iterator(sentences(), trainer)
    return made


def network(kind: str, vocabulary: int) -> Any:
    """A tiny causal language model; of a padded vocabulary, as published ones have."""
    torch.manual_seed(0)
    shared = {"vocab_size": vocabulary, "bos_token_id": 0, "eos_token_id": 0}
    if kind == "gpt2":
        shape = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 40}
        return transformers.GPT2LMHeadModel(transformers.GPT2Config(**shape, **shared))
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    heads = {"num_key_value_heads": 2, "max_position_embeddings": 40, "tie_word_embeddings": True}
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**shape, **heads, **shared))


def taught(kind: str, folder: Path) -> Path:
    """It learns to write sentences after a hint of two words: it looks at what stands before, as real ones do."""
    words = tokenizer()
    model = network(kind, words.get_vocab_size() + 5)
    hints = [next(f"{c} {s} " for c in COLOURS for s in SHAPES if f"{c} {s}" in text) for text in sentences()]
    rows = [[0, *words.encode(hint + text).ids, 0] for hint, text in zip(hints, sentences(), strict=True)]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    counted = torch.tensor([[-100] + row[1:] + [-100] * (longest - len(row)) for row in rows])
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(120):
        loss = model(input_ids=ids, labels=counted).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval().save_pretrained(folder)
    words.save(str(folder / "tokenizer.json"))
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    return folder


@pytest.fixture(scope="module")
def language(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: taught(kind, tmp_path_factory.mktemp("language") / kind) for kind in KINDS}


@pytest.fixture(scope="module")
def captioners(
    patches: Path, language: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """GPT-2 frozen, Llama with LoRA."""
    made = {}
    for kind, rank in (("gpt2", 0), ("llama", 4)):
        made[kind] = tmp_path_factory.mktemp("captions") / kind
        settings = CaptionSettings(**{**SETTINGS.__dict__, "rank": rank})
        build(drawn_table(), made[kind], options(patches, decoder=str(language[kind]), training=settings))
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_lead_the_language_model(captioners: dict[str, Path], kind: str) -> None:
    rows = drawn_table()
    tested = [i for i, side in enumerate(rows["split"]) if side == "test"]
    found = motet.load(captioners[kind]).describe({"photo": [rows["photo"][i] for i in tested]})
    right = [rows["said"][i].split()[1] in (one.caption or "") for one, i in zip(found, tested, strict=True)]
    assert np.mean(right) >= 0.75, [one.caption for one in found]
    assert all(one.ended for one in found)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", [{"beams": 1}, {"beams": 3}, {"top_p": 0.9, "seed": 4}])
def test_the_cache_and_the_batch_change_nothing(
    captioners: dict[str, Path], kind: str, how: dict[str, Any]
) -> None:
    check_cache_and_batch(captioners[kind], how)


def test_only_what_was_learned_is_saved_and_told(
    captioners: dict[str, Path], language: dict[str, Path]
) -> None:
    frozen = load_file(captioners["gpt2"] / "heads" / "decoder.safetensors")
    assert not any(name.startswith("language.") for name in frozen) and "into.weight" in frozen
    changed = load_file(captioners["llama"] / "heads" / "decoder.safetensors")
    names = {name.rsplit(".", 2)[-2] for name in changed if name.startswith("language.")}
    assert names == {"q_proj", "v_proj"}
    before = load_file(language["llama"] / "model.safetensors")
    assert all(
        not torch.equal(changed[f"language.{name}"], before[name]) for name in before if "q_proj" in name
    )
    entry = motet.load(captioners["llama"]).manifest.caption.language
    assert entry.name == "llama" and entry.licence == "mit" and entry.rank == 4 and entry.end == 0
    card = (captioners["llama"] / "README.md").read_text(encoding="utf-8")
    assert "llama" in card and "mit" in card


def test_it_runs_without_the_learning_wing(captioners: dict[str, Path], tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(drawn_table()["photo"][0])
    done = motet_bare("describe", captioners["llama"], "--image", picture, "--json")
    assert done.returncode == 0, done.stderr
    wanted = motet.load(captioners["llama"]).describe([picture])[0]
    assert json.loads(done.stdout)[0]["caption"] == wanted.caption


def test_the_step_is_that_of_the_language_model(
    captioners: dict[str, Path], language: dict[str, Path]
) -> None:
    """Logits by the graph, word by word, against the whole sentence after its prefix by transformers."""
    model = motet.load(captioners["gpt2"])
    assert isinstance(model, CaptionModel)
    network = transformers.AutoModelForCausalLM.from_pretrained(language["gpt2"])
    learned = load_file(captioners["gpt2"] / "heads" / "decoder.safetensors")
    entry = model.entry.language
    assert entry is not None
    from motet.runtime.caption_step import CachedWriting
    from motet.tasks.caption import LanguageDecoder

    decoder = LanguageDecoder(
        network, learned["project.weight"].shape[1], prefix=4, width=32, layers=2, heads=2, dropout=0.0
    )
    decoder.load_state_dict(learned, strict=False)
    decoder.eval()
    cells = motet.data.ImageCells(model.read({"photo": drawn_table()["photo"][:3]}), ["photo"])
    ((_, table),) = model.windows(cells, np.arange(3))
    tokens, mask = table.tokens.dense(np.arange(3))
    ids = np.array([[entry.size, 40, 50, 60]] * 3)
    writing = CachedWriting.of(model.step, model.pictures(table, np.arange(3)))
    found = np.stack([writing.next(ids[:, place]) for place in range(4)], axis=1)
    with torch.no_grad():
        seen = torch.ones(3, 4, dtype=torch.bool)
        x = torch.cat([decoder.project(torch.from_numpy(tokens)), decoder.constants.expand(3, -1, -1)], 1)
        hidden = (~torch.cat([torch.from_numpy(mask), seen], 1))[:, None, None] * -1e9
        for layer in decoder.mapping:
            x = layer(x, hidden)
        prefix = decoder.into(decoder.norm(x[:, -4:])) * decoder.scale
        words = network.get_input_embeddings()(torch.from_numpy(ids[:, 1:]))
        whole = torch.cat([prefix, decoder.start.expand(3, 1, -1), words], dim=1)
        wanted = network(inputs_embeds=whole).logits[:, 4:]
    np.testing.assert_allclose(found, wanted.numpy(), atol=1e-3)


def test_an_interrupted_training_goes_on_exactly(
    patches: Path, language: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state holds what is learned, and not the language model once more."""
    settings = CaptionSettings(**{**SETTINGS.__dict__, "rank": 4, "epochs": 4, "dropout": 0.1})
    said = options(patches, decoder=str(language["llama"]), training=settings)
    build(drawn_table(), tmp_path / "whole", said)
    saved, kept = Checkpoint.save, list[dict[str, Any]]()

    def stopped(self: Checkpoint, *state: Any) -> None:
        saved(self, *state)
        kept.append(load_file(self.folder / f"{self.name}.safetensors"))
        if len(kept) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "save", stopped)
        with pytest.raises(KeyboardInterrupt):
            build(drawn_table(), tmp_path / "stopped", said)
    assert any(".up." in name for name in kept[0]) and not any("embed_tokens" in name for name in kept[0])
    config = language["llama"] / "config.json"
    as_it_was = config.read_bytes()
    config.write_bytes(as_it_was + b" ")
    with pytest.raises(UsageError, match=r"config\.json"):
        build(drawn_table(), tmp_path / "stopped", replace(said, resume=True))
    config.write_bytes(as_it_was)
    build(drawn_table(), tmp_path / "stopped", replace(said, resume=True))
    heads = [
        (tmp_path / name / "heads" / "decoder.safetensors").read_bytes() for name in ("whole", "stopped")
    ]
    assert heads[0] == heads[1]


def changed_copy(of: Path, place: Path, **config: Any) -> Path:
    copied = Path(shutil.copytree(of, place))
    said = json.loads((copied / "config.json").read_text()) | config
    (copied / "config.json").write_text(json.dumps(said))
    return copied


def test_what_is_no_language_model_is_told(language: dict[str, Path], tmp_path: Path) -> None:
    good = language["gpt2"]
    other = changed_copy(good, tmp_path / "bert", architectures=["BertModel"])
    with pytest.raises(UsageError, match=r"no causal language model \(BertModel"):
        open_language_model(other)
    with pytest.raises(UsageError, match="no such directory"):
        open_language_model(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no config\.json"):
        open_language_model(tmp_path / "empty")
    bare = changed_copy(good, tmp_path / "bare")
    (bare / "model.safetensors").rename(bare / "pytorch_model.bin")
    with pytest.raises(UsageError, match=r"no \.safetensors file"):
        open_language_model(bare)
    wordless = changed_copy(good, tmp_path / "wordless")
    (wordless / "tokenizer.json").unlink()
    with pytest.raises(UsageError, match=r"no tokenizer\.json"):
        open_language_model(wordless)


def test_parts_that_do_not_fit_are_told(
    language: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = language["gpt2"]
    larger = changed_copy(good, tmp_path / "larger")
    words = Tokenizer.from_file(str(larger / "tokenizer.json"))
    words.add_tokens([f"word{number}" for number in range(20)])
    words.save(str(larger / "tokenizer.json"))
    with pytest.raises(EncoderError, match="they are not of one model"):
        open_language_model(larger)
    deeper = changed_copy(good, tmp_path / "deeper", n_layer=3)
    with pytest.raises(EncoderError, match="weights are missing"):
        open_language_model(deeper)
    endless = changed_copy(good, tmp_path / "endless", eos_token_id=None)
    (endless / "generation_config.json").unlink(missing_ok=True)
    with pytest.raises(EncoderError, match="which token ends a text"):
        open_language_model(endless)
    with monkeypatch.context() as patched:
        patched.setattr(language_model, "MOST_NUMBERS", 10_000)
        with pytest.raises(EncoderError, match="numbers do not fit into one ONNX file"):
            open_language_model(good)
    closed = changed_copy(good, tmp_path / "closed")
    (closed / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    with pytest.raises(UsageError, match="forbids commercial use"):
        open_language_model(closed)
    assert open_language_model(closed, accept_licence=True).licence == "cc-by-nc-4.0"
    with pytest.raises(UsageError, match="reads 40 positions, and the picture and a caption take 58"):
        build(drawn_table(), tmp_path / "m", options(decoder=str(good), training=CaptionSettings()))


def test_a_manifest_that_lies_is_told(captioners: dict[str, Path], tmp_path: Path) -> None:
    copied = Path(shutil.copytree(captioners["gpt2"], tmp_path / "copied"))
    data = json.loads((copied / "motet.json").read_text(encoding="utf-8"))
    data["caption"]["language"]["end"] = 10_000
    (copied / "motet.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ModelError, match=r"caption\.language\.end is 10000"):
        motet.load(copied)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--task", "caption", "--lora", "8"), "name one with --decoder"),
        (("--task", "caption", "--decoder", "nowhere"), "no such directory"),
        (("--task", "caption", "--decoder", "nowhere", "--lora", "-1"), "a rank is 0 or more"),
        (("--task", "match", "--decoder", "nowhere"), "are of --task caption"),
    ],
)
def test_wrong_usage(
    motet: Callable[..., Any], catalogue: Any, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = motet("train", catalogue.table, "-o", tmp_path / "m", *arguments)
    assert done.code == 2 and said in done.err, done.err
