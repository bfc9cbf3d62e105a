"""Translation there and back: by local models of random weights, sentence by sentence, remembered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from motet.encoders import torch_translate
from motet.encoders.torch_translate import Translator
from motet.errors import EncoderError

WORDS = ["<pad>", "</s>", "<unk>", "a", "lamp", "of", "brass", "oak", "chair", "and", "linen", ".", "!"]


def written(folder: Path, seed: int) -> Path:
    """A T5 of random weights, as its authors would publish it."""
    folder.mkdir()
    config = transformers.T5Config(
        vocab_size=len(WORDS),
        d_model=16,
        d_kv=8,
        d_ff=24,
        num_layers=1,
        num_heads=2,
        decoder_start_token_id=0,
    )
    torch.manual_seed(seed)
    model = transformers.T5ForConditionalGeneration(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter))
    model.save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.save(str(folder / "tokenizer.json"))
    said = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": "<pad>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    return folder


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("models")
    return [written(folder / "there", 0), written(folder / "back", 1)]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_translate, "LONGEST", 8)


def alone(directory: Path, sentence: str) -> str:
    """One sentence by the model itself, a token at a time."""
    model = transformers.T5ForConditionalGeneration.from_pretrained(directory).eval()
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    asked = torch.tensor([tokenizer.encode(sentence).ids])
    made = [0]
    while len(made) <= 8 and made[-1] != 1:
        with torch.inference_mode():
            logits = model(input_ids=asked, decoder_input_ids=torch.tensor([made])).logits
        made.append(int(logits[0, -1].argmax()))
    return " ".join(WORDS[k] for k in made[1:] if k > 2)


def test_each_sentence_goes_through_one_model_after_the_other(chain: list[Path]) -> None:
    sentences = ["a lamp of brass.", "oak and linen!", "a chair"]
    expected = []
    for sentence in sentences:
        there = alone(chain[0], sentence)
        back = alone(chain[1], there) if there else ""
        expected.append(back or sentence)
    assert expected != sentences  # these weights say something of some of them
    made = Translator(chain)([f"{sentences[0]}\n\n{sentences[1]} {sentences[2]}", "", sentences[2]])
    assert made == [f"{expected[0]}\n\n{expected[1]} {expected[2]}", "", expected[2]]


def test_numbers_with_a_point_are_not_cut_and_nothing_is_lost() -> None:
    for text in ("Rs.899 for 3.5 m. Good! 很软。好看？\n\nend", "...", "\n a", "no end", "a. b.c  \n"):
        assert "".join(torch_translate._SENTENCE.findall(text)) == text
    assert [part for part in torch_translate._SENTENCE.findall("3.5 m. Good! 很软。好看？") if part] == [
        "3.5 m. ",
        "Good! ",
        "很软。",
        "好看？",
    ]


def test_what_was_translated_is_kept_and_half_a_line_is_skipped(
    chain: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Translator(chain, tmp_path)(["a lamp of brass", "oak"])
    (book,) = tmp_path.iterdir()
    with book.open("a", encoding="utf-8") as file:
        file.write('["half a li')

    def refuse(directory: Path) -> None:
        raise AssertionError("loaded again")

    monkeypatch.setattr(torch_translate, "_load", refuse)
    assert Translator(chain, tmp_path)(["oak", "a lamp of brass"]) == first[::-1]
    with pytest.raises(AssertionError, match="loaded again"):
        Translator(chain[::-1], tmp_path)(["oak"])  # another chain is another book


def test_a_folder_that_cannot_be_written_costs_no_answer(chain: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert Translator(chain, tmp_path / "file")(["oak"]) == Translator(chain)(["oak"])


def test_what_is_no_translation_model_is_refused_by_name(chain: list[Path], tmp_path: Path) -> None:
    for empty in (tmp_path, tmp_path / "absent"):
        with pytest.raises(EncoderError, match=r"no translation model here.*safetensors"):
            Translator([empty])
    other = tmp_path / "bert"
    config = transformers.BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    transformers.BertModel(config).save_pretrained(other)
    with pytest.raises(EncoderError, match="bert: cannot be loaded"):
        Translator([other])(["oak"])
    lacking = written(tmp_path / "lacking", 2)
    weights = load_file(lacking / "model.safetensors")
    del weights["encoder.block.0.layer.0.SelfAttention.q.weight"]
    save_file(weights, lacking / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match="1 weights are missing"):
        Translator([lacking])(["oak"])
