"""Vision-language models that others trained, in tiny random configurations written to disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers

from motet.deployment.ready_made import SENTENCE, open_ready_made
from motet.errors import EncoderError, UsageError

SAID = "[PAD] [UNK] [CLS] [SEP] <image> user assistant how many apples ? one two red is the a picture of"
WORDS = SAID.split()
TEXT = {
    "vocab_size": len(WORDS),
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
}
VISION = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 16,
    "patch_size": 8,
}
TEMPLATE = (
    "{% for message in messages %}user {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image> {% else %}{{ part['text'] }} {% endif %}{% endfor %}{% endfor %}assistant"
)


def tokenizer(**special: Any) -> Any:
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token="[UNK]",
        pad_token="[PAD]",
        eos_token="[SEP]",
        bos_token="[CLS]",
        **special,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("ready")
    Image.new("RGB", (20, 12), "red").save(place / "red.png")
    (place / "broken.png").write_bytes(b"no picture")
    return place


def blip(place: Path, family: str) -> Path:
    """BLIP: no chat template; its text decoder looks at the picture."""
    torch.manual_seed(0)
    text = {**TEXT, "bos_token_id": 2, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0}
    config = transformers.BlipConfig(
        text_config={**text, "encoder_hidden_size": 16, "projection_dim": 16},
        vision_config=VISION,
        projection_dim=16,
    )
    getattr(transformers, family)(config).save_pretrained(place)
    images = transformers.BlipImageProcessorPil(size={"height": 16, "width": 16})
    transformers.BlipProcessor(images, tokenizer()).save_pretrained(place)
    return place


def llava(place: Path) -> Path:
    """LLaVA: a chat template, and a decoder that gives its prompt back."""
    torch.manual_seed(0)
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(**VISION, projection_dim=16),
        text_config=transformers.LlamaConfig(
            **TEXT, num_key_value_heads=2, bos_token_id=2, eos_token_id=3, pad_token_id=0
        ),
        image_token_index=WORDS.index("<image>"),
        vision_feature_layer=-1,
    )
    transformers.LlavaForConditionalGeneration(config).save_pretrained(place)
    images = transformers.CLIPImageProcessorPil(
        size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}
    )
    transformers.LlavaProcessor(
        images,
        tokenizer(additional_special_tokens=["<image>"]),
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    ).save_pretrained(place)
    return place


def test_a_captioner_without_a_chat_template_describes(folder: Path) -> None:
    opened = open_ready_made(str(blip(folder / "blip", "BlipForConditionalGeneration")))
    assert isinstance(opened.describe(folder / "red.png"), str)
    assert opened.describe(folder / "red.png") == opened.describe((folder / "red.png").read_bytes())
    assert opened.licence == "not stated" and opened.megabytes > 0


def florence(place: Path) -> Path:
    """Florence-2: no chat template; tasks are named by tokens."""
    torch.manual_seed(0)
    vision = transformers.Florence2VisionConfig(
        embed_dim=[8, 8], num_heads=[2, 2], num_groups=[2, 2], depths=[1, 1], patch_size=[7, 3], patch_stride=[4, 2],
        patch_padding=[3, 1], patch_prenorm=[False, True], window_size=2, projection_dim=16,
    )  # fmt: skip
    text = transformers.BartConfig(
        vocab_size=len(WORDS), d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, max_position_embeddings=128, pad_token_id=0,
        bos_token_id=2, eos_token_id=3, decoder_start_token_id=3, forced_eos_token_id=3,
    )  # fmt: skip
    config = transformers.Florence2Config(
        vision_config=vision, text_config=text, image_token_id=WORDS.index("<image>")
    )
    transformers.Florence2ForConditionalGeneration(config).save_pretrained(place)
    images = transformers.CLIPImageProcessorPil(size={"height": 32, "width": 32}, do_center_crop=False)
    images.image_seq_length = 17
    words = tokenizer(extra_special_tokens={"image_token": "<image>"})
    transformers.Florence2Processor(images, words).save_pretrained(place)
    return place


def test_florence_is_told_its_task(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = open_ready_made(str(florence(folder / "florence")))
    told: list[Any] = []
    plain = type(opened.processor).__call__
    monkeypatch.setattr(
        type(opened.processor),
        "__call__",
        lambda self, **said: told.append(said["text"]) or plain(self, **said),
    )
    assert isinstance(opened.describe(folder / "red.png"), str)
    assert isinstance(opened.ask("how many apples ?", folder / "red.png"), str)
    assert told == ["<CAPTION>", "how many apples ?"]


def test_a_model_that_answers_questions_is_asked(folder: Path) -> None:
    opened = open_ready_made(str(blip(folder / "blip-vqa", "BlipForQuestionAnswering")))
    assert type(opened.model).__name__ == "BlipForQuestionAnswering"
    said = opened.ask("how many apples ?", folder / "red.png")
    assert set(said.split()) <= set(WORDS)
    with pytest.raises(UsageError, match="use `motet ask`"):
        opened.describe(folder / "red.png")


def test_words_that_a_model_cannot_read_are_refused(folder: Path) -> None:
    opened = open_ready_made(str(llava(folder / "words-for")))
    with pytest.raises(UsageError, match="at most 64 tokens"):
        opened.ask("how " * 10_000, folder / "red.png")
    with pytest.raises(UsageError, match="fails on this question or picture"):
        opened.ask("how many <image> ?", folder / "red.png")


def test_a_model_with_weights_missing_is_refused(folder: Path) -> None:
    """transformers would draw them at random, and the answers with them."""
    place = blip(folder / "half", "BlipForConditionalGeneration")
    weights = load_file(place / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "crossattention" not in name}
    assert 0 < len(kept) < len(weights)
    save_file(kept, place / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match="weights are missing"):
        open_ready_made(str(place))


def test_a_model_that_writes_nothing_is_refused(folder: Path) -> None:
    place = folder / "vilt"
    config = transformers.ViltConfig(**TEXT, image_size=32, patch_size=8, num_labels=3)
    transformers.ViltForQuestionAnswering(config).save_pretrained(place)
    images = transformers.ViltImageProcessorPil(size={"shortest_edge": 32})
    transformers.ViltProcessor(images, tokenizer()).save_pretrained(place)
    with pytest.raises(EncoderError, match="writes no text"):
        open_ready_made(str(place))


def test_a_chat_template_gets_messages_and_the_prompt_is_not_repeated(folder: Path) -> None:
    opened = open_ready_made(str(llava(folder / "llava")))
    red = Image.open(folder / "red.png")
    inputs = opened._inputs("how many apples ?", red)
    prompt = opened.processor.decode(inputs["input_ids"][0])
    assert prompt.count("<image>") == 4 and "how many apples ?" in prompt  # 2 x 2 patches
    with torch.inference_mode():
        whole = opened.model.generate(**inputs, max_new_tokens=40, do_sample=False)[0]
    added = opened.processor.decode(whole[inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert opened.ask("how many apples ?", folder / "red.png") == added.strip()
    asked = opened.processor.decode(opened._inputs("", red)["input_ids"][0])
    assert len(asked.split()) == 4 + len(SENTENCE.split()) + 2


def test_the_commands_run_it(folder: Path, motet: Callable[..., Any]) -> None:
    place = llava(folder / "said")
    (place / "README.md").write_text("---\nlicense: mit\n---\n")
    asked = motet("ask", f"hf:{place}", "--image", folder / "red.png", "how many apples ?", "--json")
    assert asked.code == 0, asked.err
    assert "licence: mit" in asked.err and json.loads(asked.out)["licence"] == "mit"
    told = motet("describe", f"hf:{place}", "--image", folder / "red.png", "--image", folder / "red.png")
    assert told.code == 0 and len(told.out.splitlines()) == 2
    again = motet(
        "ask", "--model", f"hf:{place}", "--image", folder / "red.png", "how many apples ?", "--json"
    )
    assert again.code == 0 and again.out == asked.out
    again = motet("describe", "--model", f"hf:{place}", "--image", folder / "red.png")
    assert again.code == 0 and again.out.strip() in told.out
    for wrong in (
        ("ask", f"hf:{place}", "how many ?"),
        ("ask", f"hf:{place}", "--model", f"hf:{place}", "--image", folder / "red.png", "how many ?"),
        ("describe", f"hf:{place}", "--model", f"hf:{place}", "--image", folder / "red.png"),
        ("describe", "--image", folder / "red.png"),
        ("ask", "--image", folder / "red.png"),
        ("ask", f"hf:{place}", "--image", folder / "red.png"),
        ("ask", f"hf:{place}", "--image", folder / "red.png", "how ?", "--card", folder / "card.html"),
        ("describe", f"hf:{place}", "--image", folder / "red.png", "--beams", "3"),
        ("describe", f"hf:{place}", "--image", folder / "red.png", "--seed", "0"),
    ):
        assert motet(*wrong).code == 2, wrong
    assert motet("ask", f"hf:{place}", "--image", folder / "broken.png", "how many ?").code == 1


def test_a_picture_that_cannot_be_read_is_said_and_the_others_are_described(
    folder: Path, motet: Callable[..., Any]
) -> None:
    place = blip(folder / "several", "BlipForConditionalGeneration")
    pictures = [folder / "gone.png", folder / "red.png", folder / "broken.png"]
    asked = [part for picture in pictures for part in ("--image", picture)]
    done = motet("describe", f"hf:{place}", *asked)
    assert done.code == 0 and f"{pictures[0]}: no such file" in done.err and f"{pictures[2]}: " in done.err
    assert len(done.out.splitlines()) == 1 and done.out.startswith(f"{pictures[1]}: ")
    found = json.loads(motet("describe", f"hf:{place}", *asked, "--json").out)
    assert [one["caption"] is None for one in found] == [one["issue"] is not None for one in found]
    assert [one["issue"] is None for one in found] == [False, True, False]


@pytest.mark.parametrize(("name", "said"), [("hf:", "names no model"), ("hf:/no/such", "no such directory")])
def test_a_name_of_nothing_is_refused_before_anything_heavy_is_imported(
    folder: Path, motet: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.setattr("motet.cli.learning.require_learning_wing", lambda: pytest.fail("imported"))
    done = motet("describe", name, "--image", folder / "red.png")
    assert done.code == 2 and said in done.err
    done = motet("ask", name, "--image", folder / "red.png", "how many?")
    assert done.code == 2 and said in done.err


def test_a_question_where_the_model_should_stand(folder: Path, motet: Callable[..., Any]) -> None:
    for question in ("how many apples?", "有几个苹果？", "word " * 10_000):
        done = motet("ask", "--image", folder / "red.png", question)
        assert done.code == 2 and "the model is missing" in done.err


def test_a_licence_that_forbids_commercial_use_must_be_accepted(folder: Path) -> None:
    place = shutil.copytree(blip(folder / "free", "BlipForConditionalGeneration"), folder / "bound")
    (place / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    with pytest.raises(UsageError, match="--accept-licence"):
        open_ready_made(str(place))
    assert open_ready_made(str(place), accept_licence=True).licence == "cc-by-nc-4.0"


def test_what_cannot_be_opened_is_said_in_words(folder: Path) -> None:
    with pytest.raises(EncoderError, match="neither a directory here nor a hub name"):
        open_ready_made("nothing")
    (folder / "empty").mkdir()
    (folder / "empty" / "config.json").write_text("{}")
    with pytest.raises(EncoderError, match="no safetensors weights"):
        open_ready_made(str(folder / "empty"))
    words = transformers.BertConfig(**TEXT)
    transformers.BertModel(words).save_pretrained(folder / "words")
    with pytest.raises(EncoderError, match="does not open it as a vision-language model"):
        open_ready_made(str(folder / "words"))
    weights = blip(folder / "cut", "BlipForConditionalGeneration") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(EncoderError, match="does not open it as a vision-language model"):
        open_ready_made(str(folder / "cut"))


def test_size_and_licence_are_shown_before_a_download(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    siblings = [SimpleNamespace(rfilename="model.safetensors", size=3_000_000)]
    info = SimpleNamespace(siblings=siblings, card_data={"license": "mit"})

    def fetch(hub: str, **options: Any) -> str:
        if options.get("local_files_only"):
            raise OSError("not in the cache")
        assert "owner/model: 3 MB, licence: mit" in caplog.text
        raise ConnectionError("stopped here")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: info)
    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    with caplog.at_level("INFO", logger="motet"), pytest.raises(EncoderError, match="not reached"):
        open_ready_made("owner/model")
