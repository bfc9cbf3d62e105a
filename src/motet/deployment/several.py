"""Several tasks from one table: a picture network that all of them teach, then a model directory for each.

1. Every task's heads learn together on one `small` picture network (`training.together`); a picture that is a test or
   validation picture of any task teaches none.
2. The network becomes an encoder like any other, and each task's own builder learns, chooses, measures and writes its
   model on it. So each directory is a whole model, and every command opens it.
3. The same once more for each task by itself, with as many steps of it, for the table of alone against together.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from motet.data import Schema, Table
from motet.deployment.answer import build_answer_model
from motet.deployment.answer_options import AnswerOptions
from motet.deployment.caption import build_caption_model
from motet.deployment.lessons import Shared, TaskOptions, make_lessons, share_pictures
from motet.deployment.match import build_match_model
from motet.deployment.match_options import MatchOptions
from motet.encoders.torch_small import write_encoder
from motet.errors import UsageError
from motet.model import ModelDirectory, check_new_place, write_manifest
from motet.progress import progress
from motet.tasks.match import LOCAL
from motet.training.together import Together, TogetherSettings, learn_together

TABLE = "tasks.json"
ENCODER = "shared"  # what the picture encoder is called in each model
BUILDERS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "answer": build_answer_model,
    "caption": build_caption_model,
    "match": build_match_model,
}
FIGURES = {"answer": "accuracy", "caption": "cider_d", "match": "mrr"}  # what the table shows of each task


@dataclass(frozen=True)
class SeveralOptions:
    """What a user may say about several tasks at once.

    tasks : options of each task, by name, at least two; their picture encoders are left as they are, since one is
    learned here. together : how it is learned. alone : whether each task is learned by itself too, to compare.
    """

    tasks: Mapping[str, TaskOptions]
    together: TogetherSettings = field(default_factory=TogetherSettings)
    alone: bool = True

    def __post_init__(self) -> None:
        unknown = [name for name in self.tasks if name not in BUILDERS]
        if unknown or len(self.tasks) < 2:
            raise UsageError(
                f"several tasks at once are two or three of {', '.join(BUILDERS)}, not "
                + (", ".join(self.tasks) or "none")
            )
        lost = [name for name in self.together.weights if name not in self.tasks]
        if lost:
            raise UsageError(
                f"a weight is given to {lost[0]}, which is not among the tasks {', '.join(self.tasks)}"
            )
        if any(
            isinstance(said, AnswerOptions) and said.time_limit is not None for said in self.tasks.values()
        ):
            raise UsageError(
                "several tasks at once have no --time-limit: it would end one of them alone; train that by itself"
            )
        if any(said.resume for said in self.tasks.values()):
            raise UsageError("several tasks at once cannot be resumed: leave --resume out")
        match = self.tasks.get("match")
        if isinstance(match, MatchOptions) and LOCAL in match.terms:
            raise UsageError("--term local is learned over frozen features: train --task match by itself")


def build_several(
    table: Table, schemas: Mapping[str, Schema], place: Path, options: SeveralOptions
) -> dict[str, Any]:
    """Train all tasks on one picture network, and write `place`: a model directory for each task, and the table.

    schemas : how each task reads the table. Returns what `tasks.json` holds: figures alone and together, the
    history of learning together, and the weights.

    Raises TableError where a task has nothing to learn from, ModelError where something stands at `place`.
    """
    begun = time.perf_counter()
    check_new_place(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    shared = share_pictures(table, schemas, options.tasks, options.together.seed)
    notes = shared.notes
    with tempfile.TemporaryDirectory(dir=place.resolve().parent, prefix=f".{place.name}.making-") as folder:
        making = Path(folder) / "models"
        making.mkdir()
        learned = _learn(table, schemas, list(options.tasks), shared, options, Path(folder) / ENCODER)
        found: dict[str, Any] = {
            "schema_version": 1,
            "tasks": {
                name: {"metric": FIGURES[name], "together": _figure(name, evaluation)}
                for name, evaluation in _build(
                    table, schemas, options, Path(folder) / ENCODER, making
                ).items()
            },
        }
        for name in options.tasks if options.alone else ():
            beside = Path(folder) / f"alone-{name}"
            only = replace(shared, small=shared.again())
            _learn(table, schemas, [name], only, options, beside / ENCODER, learned.batches)
            (made,) = _build(table, schemas, options, beside / ENCODER, beside, [name]).values()
            found["tasks"][name]["alone"] = _figure(name, made)
        found |= {
            "weighting": options.together.weighting,
            "weights": learned.weights,
            "best_epoch": learned.best_epoch,
            "history": [asdict(epoch) for epoch in learned.history],
            "notes": notes,
            "seed": options.together.seed,
            "seconds": {"total": round(time.perf_counter() - begun, 3)},
        }
        text = json.dumps(found, ensure_ascii=False, indent=1)
        (making / TABLE).write_text(text + "\n", encoding="utf-8")
        (making / "README.md").write_text(_card(found), encoding="utf-8")
        if place.exists():
            place.rmdir()
        making.rename(place)
    return found


@torch.random.fork_rng()
def _learn(
    table: Table,
    schemas: Mapping[str, Schema],
    names: list[str],
    shared: Shared,
    options: SeveralOptions,
    folder: Path,
    batches: int | None = None,
) -> Together:
    """Teach the network by the named tasks, so many batches of each an epoch, and write it as an encoder."""
    lessons = make_lessons(table, schemas, {name: options.tasks[name] for name in names}, shared)
    settings = options.together
    if len(names) == 1:
        settings = replace(settings, weighting="fixed", weights={})
    with progress(f"learning {', '.join(names)}", settings.epochs) as advance:
        made = learn_together(lessons, settings, batches=batches, advance=advance)
    written = write_encoder(shared.small.network, shared.small.preprocessor, folder.with_name("written"))
    folder.parent.mkdir(parents=True, exist_ok=True)
    written.rename(folder)
    return made


def _build(
    table: Table,
    schemas: Mapping[str, Schema],
    options: SeveralOptions,
    encoder: Path,
    folder: Path,
    names: list[str] | None = None,
) -> dict[str, dict[str, Any]]:
    """The model of each task on an encoder, and its evaluation."""
    made = {}
    for name in options.tasks if names is None else names:
        said = replace(options.tasks[name], image_encoders=(str(encoder),))
        made[name] = BUILDERS[name](table, schemas[name], folder / name, said)
        _record_encoder(folder / name)
    return made


def _record_encoder(place: Path) -> None:
    """Write which encoder the pictures have by its name: the folder that it was read from is gone when all is done."""
    manifest = ModelDirectory(place).manifest
    options = {**manifest.training["options"], "image_encoders": [ENCODER]}
    write_manifest(place, replace(manifest, training={**manifest.training, "options": options}))


def _figure(name: str, evaluation: Mapping[str, Any]) -> dict[str, Any] | None:
    """The metric of the table, {"n", "value", "low", "high"}; None where no test rows measured it.

    n : questions, pictures to describe, or sentences to search by.
    """
    measured = {
        "answer": evaluation.get("overall", {}),
        "caption": evaluation,
        "match": evaluation.get("directions", {}).get("text->image", {}),
    }[name]
    found = measured.get("metrics", {}).get(FIGURES[name])
    if found is None:
        return None
    return {"n": measured["n"], **{part: found[part] for part in ("value", "low", "high")}}


def _card(found: Mapping[str, Any]) -> str:
    lines = [
        "# Several tasks, one picture encoder",
        "",
        f"Learned together (weights: {found['weighting']}), each folder a whole model with its own card.",
        "",
        "| task | metric | n | together | alone |",
        "|---|---|---|---|---|",
    ]
    for name, one in found["tasks"].items():
        figures = [_shown(one.get(how)) for how in ("together", "alone")]
        count = (one["together"] or {"n": 0})["n"]
        lines.append(f"| [{name}]({name}/README.md) | {one['metric']} | {count:,} | {' | '.join(figures)} |")
    return "\n".join([*lines, "", f"Test rows, 95 % intervals. More in `{TABLE}`.", ""])


def _shown(figure: Mapping[str, Any] | None) -> str:
    if figure is None or figure["value"] is None:
        return "-"
    return f"{figure['value']:.3f} ({figure['low']:.3f}-{figure['high']:.3f})"
