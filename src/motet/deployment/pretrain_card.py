"""The README.md beside pretrained encoders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from motet.tasks.pretrain import TERMS


def pretrain_card(found: Mapping[str, Any]) -> str:
    """A card in Markdown of what `history.json` holds."""
    data, best = found["data"], found["history"][found["best_epoch"] - 1]
    held = data["pairs"]["validation"]
    alone = []
    for key, what in (
        ("pictures_alone", "pictures without words"),
        ("texts_alone", "texts without a picture"),
    ):
        if data[key]:
            alone.append(f"{data[key]:,} {what}")
    lines = [
        "---",
        "tags: [motet, pretrained]",
        "---",
        "",
        f"# Encoders pretrained on {data['name']}",
        "",
        f"Learned without labels from {data['pairs']['train']:,} pairs of pictures and words"
        + (f", {' and '.join(alone)}" if alone else "")
        + f", by motet {found['version']}; "
        + (
            f"{held:,} further pair{'s' * (held != 1)} chose epoch {found['best_epoch']} of {found['epochs']}."
            if held
            else f"none were held out: the last of {found['epochs']} epochs was kept."
        ),
        "",
        "    motet train TABLE --label COLUMN --image-encoder FOLDER/image --text-encoder FOLDER/text",
        "",
        "| term | weight | training loss | validation loss | what it asks |",
        "|---|---|---|---|---|",
    ]
    for name, weight in found["terms"].items():
        figures = (best[side].get(name) for side in ("train", "validation"))
        shown = " | ".join("-" if figure is None else f"{figure:.3f}" for figure in figures)
        lines.append(f"| {name} | {weight:g} | {shown} | {TERMS[name].asks} |")
    if best["reciprocal_rank"] is not None:
        lines += [
            "",
            f"Mean reciprocal rank among the {held:,} validation pairs, the mean of both "
            f"directions: {best['reciprocal_rank']:.3f}.",
        ]
    if found["projected"] is not None:
        made = found["projected"]
        lines += [
            "",
            f"Features of pictures are spread as far as {made['words']:,} common words tell "
            f"{made['pictures']:,} pictures apart along them; tokens are as they were learned.",
        ]
    if found["notes"]:
        lines += ["", *(f"- {note}" for note in found["notes"])]
    return "\n".join(lines) + "\n"
