"""From a table of pictures, questions and answers to a model directory: learn, choose by pattern, write, measure."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data import CellIssue, Cells, ImageCells, Schema, Table, TextCells, cells, column_slices
from motet.data.answers import AnswerCounts
from motet.data.question_words import KnownQuestions, known_of
from motet.deployment.answer_options import AnswerOptions
from motet.deployment.answer_sources import AskedSources, ask_sources, broken_pictures, with_learned
from motet.deployment.asked_table import AskedTable, read_asked_table
from motet.deployment.cell_issues import refuse_unread
from motet.deployment.heads import export_head
from motet.deployment.results import add_broken, made_with, not_measured, write_results
from motet.deployment.resuming import checkpoints_beside, hashes_of
from motet.deployment.sources import Sources
from motet.encoders import FeatureCache
from motet.model import (
    HeadEntry,
    Manifest,
    check_place,
    new_model_directory,
    table_digest,
    write_manifest,
)
from motet.progress import progress
from motet.runtime.answer_model import AnswerModel
from motet.runtime.evaluate_answers import evaluate_answers
from motet.runtime.long_questions import unread_tokens
from motet.runtime.target import ClassTarget
from motet.selection import Selection, select
from motet.tasks.answer import answer_targets
from motet.training.answering import Answering, finish_heads, fit_answers

Rows = npt.NDArray[np.int64]
CHOSEN_ON = 5000  # validation rows at most
ROWS_AT_ONCE = 4096  # whose counts of each answer stand in memory


def build_answer_model(table: Table, schema: Schema, place: Path, options: AnswerOptions) -> dict[str, Any]:
    """Train a model that answers questions about pictures, and write the model directory `place`.

    Returns its evaluation: the saved model measured on the test rows, for each pattern, beside the most common answer,
    a model of questions alone and one of pictures alone.

    Raises TableError where no row has an answer, or nothing to answer from can be read.
    """
    begun = time.perf_counter()
    check_place(place)
    kept = checkpoints_beside(place, table, schema, options)
    read = read_asked_table(table, schema, options)
    for name in options.slices:
        column_slices(table, name, read.split.test)
    clock = time.perf_counter()
    by_modality = cells(table, schema)
    pictures, every = by_modality["image"], np.arange(len(table))
    assert isinstance(pictures, ImageCells)
    refuse_unread(pictures, read.distinct["image"].number >= 0, read.split.train, schema)
    asked = ask_sources(by_modality, read.distinct, read.split, options)
    kept.encoded_by(hashes_of(asked.opened.encoders))
    refuse_unread(pictures, asked.decoded("image", every), read.split.train, schema)
    seconds = {"encode": round(time.perf_counter() - clock, 3)}
    clock = time.perf_counter()
    settings = replace(options.training, seed=options.seed)
    with progress(f"training {options.strategy}", settings.epochs_for(len(read.taught))) as advance:
        made = fit_answers(
            asked.sources,
            read.counts,
            read.taught,
            read.split.validation,
            options.strategy,
            settings,
            moments=asked.moments,
            time_limit=options.time_limit,
            checkpoint=kept.of("heads"),
            advance=advance,
        )
    seconds["train"] = round(time.perf_counter() - clock, 3)
    if made.cut:
        read.notes.append(f"training was cut short by the time limit after {len(made.history)} epochs")
    prior = _prior(read.counts, read.split.train)
    entries = _entries(made)
    selection = _select(made, asked, read, entries, prior, options)
    opened = with_learned(asked)
    used = np.concatenate([read.split.train, read.split.validation])
    read.notes.extend(_long_questions(by_modality["text"], read, opened))
    broken = broken_pictures(opened, pictures, used, asked.decoded("image", used))
    heads = finish_heads(made.network, asked.bases)
    with new_model_directory(place) as making:
        (making / "heads").mkdir()
        for name, head in heads.items():
            export_head(head, making / "heads" / name)
        manifest = Manifest(
            task="answer",
            classes=read.vocabulary.answers,
            class_type="string",
            prior=tuple(prior.tolist()),
            schema=schema,
            sources=opened.write(making),
            heads=entries,
            patterns=selection.patterns,
            baselines={name: name for name, head in entries.items() if head.kind == "unimodal"},
            training={
                "options": asdict(options),
                "table": {"name": table.name, "rows": len(table), "digest": table_digest(table)},
                "rows": read.split.counts,
                "best_epoch": made.best_epoch,
                "vocabulary": asdict(read.vocabulary) | {"answers": len(read.vocabulary.answers)},
                "questions": _known(by_modality["text"], read).to_json(),
                "notes": read.notes,
            },
            seed=options.seed,
            versions=made_with(),
        )
        write_manifest(making, manifest)
        evaluation = _measure(making, table, read, broken, made, selection, options)
        evaluation["seconds"] |= {**seconds, "total": round(time.perf_counter() - begun, 3)}
        write_results(making, manifest, evaluation, table, schema)
    kept.remove()
    return evaluation


def _prior(counts: AnswerCounts, rows: Rows) -> npt.NDArray[np.float64]:
    """Shares [C] of the answers in what the given rows teach."""
    total = np.zeros(counts.size)
    for some in np.array_split(rows, max(1, -(-len(rows) // ROWS_AT_ONCE))):
        total += answer_targets(counts.dense(some), counts.totals[some]).sum(axis=0, dtype=np.float64)
    return total / max(float(total.sum()), 1.0)


def _long_questions(questions: Cells, read: AskedTable, opened: Sources) -> list[str]:
    """A note that counts questions which are not read whole, where there are any."""
    assert isinstance(questions, TextCells)
    mine = read.distinct["text"]
    number = mine.number[np.concatenate([read.split.train, read.split.validation])]
    different, counts = np.unique(number[number >= 0], return_counts=True)
    unread = unread_tokens(opened.encoders.values(), questions.take(mine.rows[different]))
    long = sum(int(count) for count, tokens in zip(counts, unread, strict=True) if tokens)
    if not long:
        return []
    most = next(filter(None, unread))
    which = "1 question is" if long == 1 else f"{long:,} questions are"
    return [f"{which} longer than the {most} tokens that are read of one"]


def _known(questions: Cells, read: AskedTable) -> KnownQuestions:
    """Scripts and words of the different training questions."""
    mine = read.distinct["text"]
    number = np.unique(mine.number[read.split.train])
    assert isinstance(questions, TextCells)
    return known_of(questions.take(mine.rows[number[number >= 0]]))


def _entries(made: Answering) -> dict[str, HeadEntry]:
    found = {}
    for name in made.network.names:
        sources = made.network.head(name).sources
        tokens = tuple(source.name for source in sources if source.read != "pooled")
        kind = name if name == made.network.fused else "unimodal"
        found[name] = HeadEntry(f"heads/{name}.onnx", tuple(s.name for s in sources), kind, tokens)
    return found


def _select(
    made: Answering,
    asked: AskedSources,
    read: AskedTable,
    entries: dict[str, HeadEntry],
    prior: npt.NDArray[np.floating],
    options: AnswerOptions,
) -> Selection:
    """Who answers each pattern, chosen and calibrated on validation rows, which trained nothing."""
    rows = read.split.validation
    known_answer = read.counts.common[rows] >= 0
    which = "" if known_answer.all() else "whose most common answer is in the vocabulary"
    rows = rows[known_answer]
    rows = rows[:: max(1, -(-len(rows) // CHOSEN_ON))]
    modalities = made.rows.modalities
    known: dict[tuple[str, frozenset[str]], npt.NDArray[np.floating]] = {}

    def logits_of(head: str, shown: frozenset[str], at: Rows) -> npt.NDArray[np.floating]:
        if (head, shown) not in known:
            known[head, shown] = made.logits(head, rows, shown)
        return known[head, shown][at]

    modality_of = {one.source.name: one.source.modality for one in made.rows.sources}
    logits_of(made.network.fused, frozenset(modalities), np.arange(0))  # now it is known which can be read
    return select(
        entries,
        modality_of,
        modalities,
        logits_of,
        {modality: asked.decoded(modality, rows) for modality in modalities},
        read.counts.common[rows],
        prior,
        target=ClassTarget(read.vocabulary.answers),
        forced=None if options.fusion == "auto" else made.network.fused,
        which=which,
        seed=options.seed,
    )


def _measure(
    making: Path,
    table: Table,
    read: AskedTable,
    broken: tuple[CellIssue, ...],
    made: Answering,
    selection: Selection,
    options: AnswerOptions,
) -> dict[str, Any]:
    """`evaluation.json`: the test rows answered by the directory as written, and how it was trained."""
    split = read.split
    evaluation = not_measured("answer")
    if len(split.test):
        model = AnswerModel(making, cache=FeatureCache() if options.cache else None)
        evaluation = evaluate_answers(model, table, split.test, slices=options.slices)
    evaluation["notes"] = list(dict.fromkeys([*read.notes, *evaluation.get("notes", [])]))
    add_broken(evaluation, (*read.issues, *broken))
    evaluation["history"] = {made.network.fused: [epoch.to_json() for epoch in made.history]}
    evaluation["selection"] = {
        pattern: {
            "chosen": entry.chosen,
            "why": entry.why,
            "temperature": entry.temperature,
            "candidates": [c.to_json() for c in selection.candidates.get(pattern, [])],
        }
        for pattern, entry in selection.patterns.items()
    }
    evaluation["vocabulary"] = {
        "answers": dict(zip(read.vocabulary.answers, read.vocabulary.counts, strict=True)),
        "left_out": read.vocabulary.left_out,
        "left_out_count": read.vocabulary.left_out_count,
        "unseen": {
            name: read.counts.unseen_share(rows)
            for name, rows in (("validation", split.validation), ("test", split.test))
        },
    }
    sides = split.counts
    evaluation["data"] = {"name": table.name, "rows": sides, "left_out": len(table) - sum(sides.values())}
    evaluation["seed"] = options.seed
    return evaluation
