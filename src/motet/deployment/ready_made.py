"""Vision-language models that others trained, run as they are: what a user would pick instead of training one.

transformers' image-text-to-text convention: messages of `{"type": "image"}` and `{"type": "text"}` where the processor
has a chat template, else the picture with the words. No code of a model is run, and no other weights than safetensors.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL.Image import Image
from safetensors import SafetensorError

from motet.data.media import decode_image
from motet.data.picture_files import read_picture
from motet.encoders.torch_choose import find_model
from motet.encoders.torch_files import refuse_random_weights, weight_files
from motet.errors import EncoderError, MediaError, UsageError

log = logging.getLogger("motet")
MOST_TOKENS = 40  # of an answer or a sentence
SENTENCE = "Describe the picture in one sentence."  # asked where a chat template wants words


@dataclass(frozen=True)
class ReadyMade:
    """A processor with its model, their name, licence and size; whether it was trained to answer questions alone."""

    name: str
    licence: str
    megabytes: float
    processor: Any
    model: Any
    only_answers: bool = False

    def ask(self, question: str, image: str | Path | bytes) -> str:
        """The answer to a question about a picture, in the model's own words.

        Raises UsageError for a question that is empty, or longer than the model reads, and for a picture that is not
        there or cannot be decoded.
        """
        if not question.strip():
            raise UsageError("a ready-made model answers questions: ask one, or use `motet describe`")
        return self._generate(question, image)

    def describe(self, image: str | Path | bytes) -> str:
        """A sentence about a picture. Raises UsageError as `ask` does, and of a model that answers questions alone."""
        if self.only_answers:
            raise UsageError(
                f"{self.name} answers questions about a picture and describes none: use `motet ask`"
            )
        return self._generate("", image)

    def _generate(self, question: str, image: str | Path | bytes) -> str:
        import torch

        picture = _picture(image)
        # Each family has its own ways to fail on words that it was not made for ("<image>" among them).
        try:
            inputs = self._inputs(question, picture)
            self._refuse_long(inputs)
            with torch.inference_mode():
                made = self.model.generate(**inputs, max_new_tokens=MOST_TOKENS, do_sample=False)[0]
        except (ValueError, TypeError, IndexError, RuntimeError, AttributeError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise UsageError(f"{self.name} fails on this question or picture: {reason}") from error
        given = inputs.get("input_ids")
        # A decoder gives its prompt back, an encoder-decoder does not.
        if given is not None and made[: given.shape[1]].tolist() == given[0].tolist():
            made = made[given.shape[1] :]
        return str(self.processor.decode(made, skip_special_tokens=True)).strip()

    def _refuse_long(self, inputs: Mapping[str, Any]) -> None:
        longest = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        if longest and "input_ids" in inputs and inputs["input_ids"].shape[1] > longest:
            raise UsageError(
                f"{self.name} reads at most {longest:,} tokens, and this question with its picture has "
                f"{inputs['input_ids'].shape[1]:,}: shorten it"
            )

    def _inputs(self, question: str, picture: Image) -> Mapping[str, Any]:
        if getattr(self.processor, "chat_template", None):
            content = [{"type": "image", "image": picture}, {"type": "text", "text": question or SENTENCE}]
            made: Mapping[str, Any] = self.processor.apply_chat_template(
                [{"role": "user", "content": content}],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            )
            return made
        # Florence-2 knows its tasks by tokens, and its processor by this table of them.
        if not question and "<CAPTION>" in getattr(self.processor, "task_prompts_without_inputs", {}):
            question = "<CAPTION>"
        words = {"text": question} if question else {}
        made = self.processor(images=picture, **words, return_tensors="pt")
        return made


def open_ready_made(name: str, *, accept_licence: bool = False) -> ReadyMade:
    """Open a directory, or `OWNER/NAME` of the hub, whose licence and size are shown before it is downloaded.

    Raises UsageError where its licence must be accepted first, EncoderError where it cannot be loaded.
    """
    from transformers import (
        AutoConfig,
        AutoModelForImageTextToText,
        AutoModelForVisualQuestionAnswering,
        AutoProcessor,
    )
    from transformers import (
        logging as loading,
    )

    found = find_model(name, accept_licence)
    files = weight_files(found.directory)
    if not files:
        raise EncoderError(
            f"{found.directory}: has no safetensors weights (other weight formats are not read)"
        )
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    log.info("%s: %.0f MB, licence: %s", found.name, megabytes, found.licence.name)
    local = {"trust_remote_code": False, "local_files_only": True}
    loading.set_verbosity_error()  # type: ignore[no-untyped-call]
    loading.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        config = AutoConfig.from_pretrained(found.directory, **local)
        asks = any("ForQuestionAnswering" in one for one in config.architectures or ())
        family = AutoModelForVisualQuestionAnswering if asks else AutoModelForImageTextToText
        processor = AutoProcessor.from_pretrained(found.directory, **local)  # type: ignore[no-untyped-call]
        loaded: Any = family.from_pretrained(
            found.directory, config=config, use_safetensors=True, output_loading_info=True, **local
        )
        model, info = loaded
    except ImportError as error:
        lacks = str(error).strip().splitlines()[0]
        raise EncoderError(
            f"{found.name}: its processor needs a package that is not installed: {lacks}"
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, SafetensorError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise EncoderError(
            f"{found.name}: transformers does not open it as a vision-language model: {reason}"
        ) from error
    refuse_random_weights(found.directory, info["missing_keys"])
    if not hasattr(model, "generate"):
        raise EncoderError(f"{found.name}: {type(model).__name__} writes no text: name a model that does")
    return ReadyMade(found.name, found.licence.name, megabytes, processor, model.eval(), asks)


def _picture(image: str | Path | bytes) -> Image:
    try:
        return decode_image(read_picture(image)).convert("RGB")
    except MediaError as error:
        named = "" if isinstance(image, bytes) else f" {image}"
        raise UsageError(f"picture{named}: {error}") from error
