"""From a table of pictures and words, without labels, to two encoder directories that any task can name."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from motet import __version__
from motet.data import Schema, Table
from motet.deployment.pretrain_card import pretrain_card
from motet.deployment.pretrain_cells import PretrainCells, read_cells
from motet.deployment.pretrain_options import PretrainOptions
from motet.deployment.resuming import checkpoints_beside
from motet.encoders.torch_small import write_encoder
from motet.model import check_new_place, new_model_directory
from motet.progress import progress
from motet.tasks.pretrain import TERMS
from motet.tasks.pretrain.words_of_picture import common_words
from motet.training.pretraining import Pretrained, fit_pretraining, shape_of
from motet.training.projection import project_by_words

HISTORY = "history.json"


def build_encoders(table: Table, schema: Schema, place: Path, options: PretrainOptions) -> dict[str, Any]:
    """Pretrain a `small` encoder of pictures and one of words on the pairs of a table; write them into `place`.

    `place` becomes a directory with `image` and `text`, each an encoder directory; `history.json`, which is what is
    returned; and a README.md. Test rows of a split column are left alone.

    Raises TableError where the table has fewer than two pairs to learn from, ModelError where `place` is taken.
    """
    begun = time.perf_counter()
    check_new_place(place, "encoders")
    kept = checkpoints_beside(place, table, schema, options)
    settings = replace(options.training, seed=options.seed)
    cells = read_cells(table, schema, options.validation_size, settings)
    epochs = settings.epochs_for(len(cells.train) + len(cells.rows.lone_pictures))
    with progress("pretraining", epochs) as advance:
        made = fit_pretraining(
            cells.rows, cells.train, cells.held, settings, checkpoint=kept.of("encoders"), advance=advance
        )
    image, text = cells.rows.networks
    projection = None
    if "words-of-picture" in settings.terms:
        common = common_words(shape_of(cells.rows, cells.train, settings))
        projection = project_by_words(cells.rows, cells.train, common, options.seed)
        image = image if projection is None else projection.of(image)
    found = _told(table, schema, cells, made, options, time.perf_counter() - begun)
    found["projected"] = None if projection is None else projection.to_json()
    with new_model_directory(place) as making:
        for modality, network, small in (
            ("image", image, cells.rows.image),
            ("text", text, cells.rows.text),
        ):
            write_encoder(network, small.preprocessor, making / ".made").rename(making / modality)
        (making / ".made").rmdir()
        (making / HISTORY).write_text(
            json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )
        (making / "README.md").write_text(pretrain_card(found), encoding="utf-8")
    kept.remove()
    return found


def _told(
    table: Table,
    schema: Schema,
    cells: PretrainCells,
    made: Pretrained,
    options: PretrainOptions,
    seconds: float,
) -> dict[str, Any]:
    broken = [issue.to_json() for issue in cells.issues if issue.broken]
    return {
        "schema_version": 1,
        "task": "pretrain",
        "terms": dict(options.training.terms),
        "columns": {modality: list(schema.inputs(modality)) for modality in ("image", "text")},
        "data": {
            "name": table.name,
            "pairs": {"train": len(cells.train), "validation": len(cells.held)},
            "pictures_alone": len(cells.rows.lone_pictures),
            "texts_alone": len(cells.rows.lone_texts),
        },
        "epochs": len(made.history),
        "best_epoch": made.best_epoch,
        "history": [epoch.to_json() for epoch in made.history],
        "notes": list(
            dict.fromkeys(
                [*cells.notes, *_unranked(cells, made, options), *_untaught(options.training.terms)]
            )
        ),
        "broken": broken,
        "seed": options.seed,
        "seconds": round(seconds, 1),
        "version": __version__,
    }


def _unranked(cells: PretrainCells, made: Pretrained, options: PretrainOptions) -> list[str]:
    """A note where held pairs could not be found among each other, though that is what is learned."""
    if (
        not len(cells.held)
        or "contrastive" not in options.training.terms
        or made.history[0].found is not None
    ):
        return []
    return [
        "no two validation pairs have different words: nothing to find one among, so the weighted loss chose the epoch"
    ]


def _untaught(terms: Iterable[str]) -> list[str]:
    """Notes on an encoder that no term teaches: what is written of it are random numbers."""
    taught = {modality for name in terms for modality in TERMS[name].teaches}
    return [
        f"no term here teaches the encoder of {what}: {modality} is as it began, and good for nothing"
        for modality, what in (("image", "pictures"), ("text", "words"))
        if modality not in taught
    ]
