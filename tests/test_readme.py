"""What the READMEs show in Python runs on what `make demo` writes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from motet.data.catalogue import write_catalogue
from motet.deployment import match

ROOT = Path(__file__).parents[1]
BLOCKS = [
    pytest.param(code, id=f"{name}-{number}")
    for name in ("README.md", "README.zh-CN.md")
    for number, code in enumerate(
        re.findall(r"^```python\n(.*?)^```", (ROOT / name).read_text(encoding="utf-8"), re.M | re.S)
    )
]


@pytest.mark.parametrize("code", BLOCKS)
def test_it_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """Towers are small, so that it takes seconds."""
    write_catalogue(tmp_path / "demo" / "catalogue", rows=72, seed=0)
    whole = match.fit_match
    small = {"width": 16, "hidden": 16, "epochs": 2, "least_steps": 4, "members": 1}
    monkeypatch.setattr(match, "fit_match", lambda f, t, h, s, **k: whole(f, t, h, replace(s, **small), **k))
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README", "exec"), {})
    assert capsys.readouterr().out


def test_both_languages_show_the_same() -> None:
    """The same calls: only words, comments and what is asked differ."""
    english, chinese = (
        [
            re.sub(r"\"[^\"]*\"|#.*", "", block.values[0])
            for block in BLOCKS
            if block.id.startswith(f"{name}-")
        ]
        for name in ("README.md", "README.zh-CN.md")
    )
    assert english == chinese and len(english) == 2


def test_both_languages_name_the_same_options_encoders_and_files() -> None:
    """Placeholders are words of each language: what follows a colon is left out."""
    english, chinese = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md")
    )
    for named in (
        lambda text: set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)),
        lambda text: re.findall(r"`([\w/-]+:?)[^`]*`", " ".join(re.findall(r"^(\|[^|]*)\|", text, re.M))),
        lambda text: re.findall(r"^  ([\w.]+/?) +\S", text.split("\nmodel/\n")[1].split("```")[0], re.M),
    ):
        assert named(english) == named(chinese) and len(named(english)) >= 7
