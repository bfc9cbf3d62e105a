"""The model card: README.md of a model directory, written from its manifest and evaluation."""

from __future__ import annotations

import re
from typing import Any

from motet.model.manifest import Manifest
from motet.model.metric_names import metric_name

TITLES = {
    "regress": "# A multimodal regression model",
    "answer": "# A model that answers questions about pictures",
}
# those of a class, of labels, of a number: what a page of a model can hold
METRICS = (
    "accuracy",
    "vqa_accuracy",
    "micro_f1",
    "macro_f1",
    "sample_f1",
    "map",
    "log_loss",
    "r2",
    "rmse",
    "mae",
)
CAPTION_METRICS = ("cider_d", "bleu_4", "rouge_l")
MATCH_METRICS = ("recall@1", "recall@5", "recall@10", "median_rank")


def model_card(manifest: Manifest, evaluation: dict[str, Any] | None) -> str:
    """Markdown with Hugging Face front matter: what the model does, how well for each pattern, how to run it."""
    lines = _LINES.get(manifest.task, _answer_lines)(manifest, evaluation)
    licences = sorted({entry.licence for entry in manifest.sources.values()})
    lines += [
        "## What it is made of",
        "",
        *(
            f"- {_code(name)}: {_cell(e.encoder)}, licence {_cell(e.licence)}"
            for name, e in manifest.sources.items()
        ),
        "",
        f"Licences of its encoders: {_cell(', '.join(licences))}. The licence of the training data is yours to state.",
        "",
    ]
    return "\n".join(lines)


def _match_lines(manifest: Manifest, evaluation: dict[str, Any] | None) -> list[str]:
    lines = [
        "---",
        "library_name: motet",
        "pipeline_tag: other",
        "tags:",
        "- multimodal",
        "- retrieval",
        "- zero-shot",
        "---",
        "",
        "# One space for pictures and words",
        "",
        f"It puts pictures and sentences as vectors of {next(iter(manifest.spaces.values())).width} numbers into one "
        "space, in which those that belong together are near.",
        "",
    ]
    if evaluation is not None:
        shown = MATCH_METRICS
        lines += [
            f"## Measured on {_counted(evaluation, 'picture')}",
            "",
            f"| direction | space | queries | gallery | {' | '.join(map(metric_name, shown))} |",
            "|---|---|---|---" + "|---" * len(shown) + "|",
        ]
        spaces = {"this model": evaluation}
        if "reranked" in evaluation:
            spaces["first answers by words and regions"] = evaluation["reranked"]
        spaces |= evaluation["baselines"]
        for direction in evaluation["directions"]:
            for name, measured in spaces.items():
                entry = measured["directions"][direction]
                figures = (_interval(entry["metrics"][metric]) for metric in shown)
                lines.append(
                    f"| {direction} | {_cell(name)} | {entry['n']} | {entry['gallery']} | {' | '.join(figures)} |"
                )
        lines += ["", "95 % intervals, over pictures. More in `report.html` and `evaluation.json`.", ""]
    return [
        *lines,
        *_use('vectors = model.embed_texts(["a dog on a beach"]).vectors'),
    ]


def _answer_lines(manifest: Manifest, evaluation: dict[str, Any] | None) -> list[str]:
    lines = [
        "---",
        "library_name: motet",
        f"pipeline_tag: {'visual-question-answering' if manifest.task == 'answer' else 'other'}",
        "tags:",
        "- multimodal",
        "- regression" if manifest.task == "regress" else "- classification",
        *(f"- {modality}" for modality in manifest.modalities),
        "---",
        "",
        TITLES.get(manifest.task, "# A multimodal classifier"),
        "",
        f"It reads {', '.join(manifest.modalities)} and answers with {_answers(manifest)}. "
        "Any of its modalities may be missing in a row.",
        "",
        "| when a row has | answered by | because |",
        "|---|---|---|",
        *(
            f"| {name} | {_cell(entry.chosen)} | {_cell(entry.why)} |"
            for name, entry in manifest.patterns.items()
        ),
        "",
    ]
    if evaluation is not None:
        shown = [name for name in METRICS if name in evaluation["overall"]["metrics"]]
        lines += [
            f"## Measured on {_counted(evaluation, 'row')}",
            "",
            "Each pattern on all rows that have at least its modalities, the others hidden; 95 % intervals.",
            "",
            f"| pattern | rows | {' | '.join(map(metric_name, shown))} |",
            "|---|---" + "|---" * len(shown) + "|",
        ]
        for name, entry in {
            "each row with what it has": evaluation["overall"],
            **evaluation["patterns"],
        }.items():
            figures = (_interval(entry["metrics"][metric]) for metric in shown)
            lines.append(f"| {name} | {entry['n']} | {' | '.join(figures)} |")
        lines += ["", "More in `report.html` and `evaluation.json`.", ""]
    return [
        *lines,
        *_use('model.predict("table.csv")'),
    ]


def _caption_lines(manifest: Manifest, evaluation: dict[str, Any] | None) -> list[str]:
    lines = [
        "---",
        "library_name: motet",
        "pipeline_tag: image-to-text",
        "tags:",
        "- multimodal",
        "- image-captioning",
        "---",
        "",
        "# A captioner",
        "",
        "It reads a picture and writes a sentence like those that it learned from. The directory holds "
        "captions of training pictures, and features of these pictures, as a baseline.",
        "",
    ]
    language = manifest.caption.language if manifest.caption is not None else None
    if language is not None:
        learned = (
            f"updates of rank {language.rank} of its attention are learned" if language.rank else "frozen"
        )
        lines += [
            f"The language model {_code(language.name)} writes ({learned}; licence: {_cell(language.licence)}): its "
            "weights are inside of the graphs.",
            "",
        ]
    if evaluation is not None:
        lines += [
            f"## Measured on {_counted(evaluation, 'picture')}",
            "",
            f"| captions | {' | '.join(map(metric_name, CAPTION_METRICS))} | empty | repeated | copied |",
            "|---" + "|---" * (len(CAPTION_METRICS) + 3) + "|",
        ]
        for name, entry in {"this model": evaluation, **evaluation["baselines"]}.items():
            figures = [_interval(entry["metrics"][metric]) for metric in CAPTION_METRICS]
            figures += [str(entry["faults"][fault]) for fault in ("empty", "repeated", "copied")]
            lines.append(f"| {_cell(name)} | {' | '.join(figures)} |")
        lines += [
            "",
            f"95 % intervals, over pictures. Words are counted by Motet's {_cell(evaluation['tokenizer'])}: figures of "
            "other tools differ. Repeated: some words stand twice in a row; copied: a training sentence, word by word. "
            "More in `report.html` and `evaluation.json`.",
            "",
        ]
    return [*lines, *_use('model.describe(["photo.jpg"])[0].caption')]


def _use(line: str) -> list[str]:
    """How the model is opened, and the line that asks it."""
    opened = 'model = motet.load("path/to/this/directory")'
    return ["## Use", "", "```python", "import motet", "", opened, line, "```", ""]


def _counted(evaluation: dict[str, Any], noun: str) -> str:
    return f"{evaluation['n']} {evaluation['split']} {noun}{'' if evaluation['n'] == 1 else 's'}"


def _answers(manifest: Manifest) -> str:
    if manifest.target.kind == "number":
        return f"a number: {_code(str(manifest.schema.label))}"
    if manifest.target.kind == "labels":
        return f"any of {len(manifest.classes)} labels: {_some(manifest.classes)}"
    return f"one of {len(manifest.classes)} classes: {_some(manifest.classes)}"


def _some(classes: tuple[str, ...], most: int = 12) -> str:
    shown = ", ".join(map(_code, classes[:most]))
    return shown if len(classes) <= most else f"{shown} and {len(classes) - most} more"


def _code(text: str) -> str:
    """A code span that holds any text: its fence is longer than every run of backticks inside (CommonMark 6.1)."""
    text = _one_line(text)
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    # a space is taken off each end again; without it a backtick there would lengthen the fence
    pad = " " if text[:1] in ("`", " ") or text[-1:] in ("`", " ") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _cell(text: str) -> str:
    """Plain words of a line or of a table's cell, in which nothing is markup."""
    return re.sub(r"([\\`*\[\]<|])", r"\\\1", _one_line(text))


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


def _interval(metric: dict[str, Any]) -> str:
    if metric["value"] is None:
        return "-"
    return f"{metric['value']:.3f} ({metric['low']:.3f}-{metric['high']:.3f})"


_LINES = {"match": _match_lines, "caption": _caption_lines}
