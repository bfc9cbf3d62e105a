"""Which encoding a text file is in, decided by decoding it."""

from __future__ import annotations

import codecs
import re

BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_MULTIBYTE = re.compile(rb"[\xc2-\xf4][\x80-\xbf]{1,3}")
_C1 = re.compile("[\x80-\x9f]")


def decode(raw: bytes) -> tuple[str, str]:
    """Return the text of a file and a note on how it was read.

    A byte-order mark decides; else UTF-8, also with a few broken characters in a file that is plainly UTF-8;
    else GB18030; else Latin-1 in its Windows form. Half the characters of a GB18030 file must be common ones
    (GB 2312: both bytes above 0xA0): accented letters before plain ones ("Montréal" in Latin-1) decode as
    GB18030 too, but to rare characters.
    """
    for mark, name in BOMS:
        if raw.startswith(mark):
            text = raw[len(mark) :].decode(name, "replace")
            return text, _note(name.upper() + " by its byte-order mark", text.count("�"), "could not be read")
    try:
        return raw.decode("utf-8"), ""
    except UnicodeDecodeError:
        replaced = raw.decode("utf-8", "replace")
    broken = replaced.count("�")
    if len(_MULTIBYTE.findall(raw)) > 20 * broken:
        return replaced, _note("UTF-8", broken, "could not be read and became U+FFFD")
    try:
        text = raw.decode("gb18030")
    except UnicodeDecodeError:
        pass
    else:
        common = sum(map(_is_gb2312, set(text)))
        wide = sum(ord(character) > 0x7F for character in set(text))
        if 2 * common >= wide:
            return text, _note("GB18030", wide - common, "different characters are outside GB 2312")
    latin = raw.decode("latin-1")
    text = _C1.sub(lambda match: match[0].encode("latin-1").decode("cp1252", "replace"), latin)
    return text, _note("Latin-1 (Windows-1252)", text.count("�"), "could not be read")


def _is_gb2312(character: str) -> bool:
    if ord(character) <= 0x7F:
        return False
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _note(name: str, odd: int, what: str) -> str:
    odd_ones = f"; {odd} {'character' if odd == 1 else 'characters'} {what}" if odd else ""
    return f"the file was read as {name}{odd_ones}"
