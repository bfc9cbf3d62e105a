"""An evaluation of captions as a table on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from motet.cli.console import counted, message, print_table, shortened
from motet.cli.results import interval
from motet.model import METRIC_NAMES

METRICS = ("cider_d", "bleu_1", "bleu_4", "rouge_l")
BY_SPACE = ("clip_score", "ref_clip_score")
FAULTS = ("empty", "repeated", "copied", "different")
SHOWN = 3


def print_captions(evaluation: Mapping[str, Any]) -> None:
    """Print the model beside the nearest neighbour's captions, with 95 % intervals, and some captions."""
    for note in evaluation.get("notes", []):
        message(f"note: {note}")
    if "metrics" not in evaluation:
        message("no test pictures: the model was trained, but not measured")
        return
    metrics = [*METRICS, *(key for key in BY_SPACE if key in evaluation["metrics"])]
    if "clip_score" in evaluation:
        message(f"CLIPScore: in the space of {evaluation['clip_score']['model']}; figures of another differ")
    entries = {"this model": evaluation}
    entries |= {f"baseline {name}": one for name, one in evaluation["baselines"].items()}
    print_table(
        f"{counted(evaluation['n'], 'picture')}; brackets: 95 % interval (bootstrap over pictures); own tokenizer",
        ["captions", *(METRIC_NAMES[key] for key in metrics), *FAULTS],
        [
            [
                name,
                *(interval(one["metrics"][key]) for key in metrics),
                *(str(one["faults"][key]) for key in FAULTS),
            ]
            for name, one in entries.items()
        ],
    )
    for one in evaluation["examples"]["captions"][:SHOWN]:
        message(f"row {one['image_row']}: {shortened(one['caption'], 100)}")
    broken = evaluation["issues"]["broken"]
    if broken:
        message(f"{counted(broken, 'broken cell')}, treated as absent: see the report")
