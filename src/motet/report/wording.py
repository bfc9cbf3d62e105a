"""How numbers, patterns and other people's words are written on the page."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from markupsafe import Markup

from motet.errors import UsageError
from motet.report.reading import Metric, number

NOTHING = "–"
PATTERN_SEPARATOR = "+"

# Control characters are not allowed in HTML, lone surrogates cannot be written as UTF-8 at all.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_PICTURE = re.compile(r"data:image/(jpeg|png|webp|gif);base64,[A-Za-z0-9+/]+={0,2}")

_KANA = re.compile("[\u3040-\u30ff]")
_HANGUL = re.compile("[\u1100-\u11ff\uac00-\ud7af]")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")

Text = TypeVar("Text", bound=str)


def figure(value: object, decimals: int = 3) -> str:
    """Write a number with three decimals (or as many as asked), and a dash where there is none."""
    read = number(value)
    # Adding 0.0 turns a negative zero, which rounding can make, into zero.
    return NOTHING if read is None else f"{round(read, decimals) + 0.0:,.{decimals}f}"


def whole(value: object) -> str:
    """Write a count with its thousands marked, and a dash where there is none."""
    read = number(value)
    return NOTHING if read is None else f"{read:,.0f}"


def between(metric: Metric) -> str:
    """Write the ends of an interval, or nothing where there is none."""
    if metric.low is None or metric.high is None:
        return ""
    return f"{figure(metric.low)}–{figure(metric.high)}"


def pattern_words(pattern: str) -> str:
    """Write a pattern in words: `image+text` is "image and text", `image` is "image alone"."""
    modalities = [part for part in pattern.split(PATTERN_SEPARATOR) if part]
    if not modalities or modalities == ["none"]:
        return "nothing present"
    if len(modalities) == 1:
        return f"{modalities[0]} alone"
    return f"{', '.join(modalities[:-1])} and {modalities[-1]}"


def words(value: Any) -> str:
    """Write any value of an evaluation as text: a list joined by commas, a dash for null."""
    if value is None or value == "":
        return NOTHING
    if isinstance(value, list | tuple):
        return ", ".join(words(element) for element in value) or NOTHING
    if isinstance(value, float):
        return NOTHING if number(value) is None else f"{value:g}"
    return str(value)


def writable(text: Text) -> Text:
    """Replace what HTML or UTF-8 cannot hold (control characters, lone surrogates) by U+FFFD."""
    if not _UNWRITABLE.search(text):
        return text
    replaced = _UNWRITABLE.sub("\ufffd", text)
    # Markup stays Markup: nothing that was safe before becomes escaped twice.
    return Markup(replaced) if isinstance(text, Markup) else replaced  # type: ignore[return-value]  # noqa: S704


def language(text: str) -> str | None:
    """Return the language that decides how Han characters are drawn: `ja`, `ko`, `zh-CN`, or None."""
    if _KANA.search(text):
        return "ja"
    if _HANGUL.search(text):
        return "ko"
    return "zh-CN" if _HAN.search(text) else None


def picture_uri(uri: str, where: str) -> str:
    """Return the data URI of a picture unchanged.

    Raises UsageError for anything else, because the page may not point outside itself.
    """
    if not _PICTURE.fullmatch(uri):
        raise UsageError(
            f"{where} is not the data URI of a JPEG, PNG, WebP or GIF picture (it begins {uri[:40]!r}): "
            "make one with motet.report.thumbnail."
        )
    return uri
