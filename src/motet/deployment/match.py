"""From a table of pictures and sentences to a model of one space: encode once, train, write, measure what ships."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data import Schema, Table
from motet.data.splits import TEST, TRAIN, VALIDATION, side_counts
from motet.deployment.divided_pairs import divided_pairs
from motet.deployment.heads import export_head
from motet.deployment.match_options import MatchOptions
from motet.deployment.match_sources import MatchCells, encode_pairs, finish, live_sources, readable
from motet.deployment.results import add_broken, data_of_pairs, made_with, not_measured, write_results
from motet.deployment.resuming import checkpoints_beside, hashes_of
from motet.deployment.sources import Sources
from motet.encoders import FeatureCache, is_small
from motet.encoders.pretrained import PretrainedEncoder
from motet.errors import TableError, UsageError
from motet.model import (
    HeadEntry,
    Manifest,
    PartsEntry,
    SpaceEntry,
    check_place,
    new_model_directory,
    table_digest,
    write_manifest,
)
from motet.progress import progress
from motet.runtime.evaluate_matches import evaluate_matches
from motet.runtime.match_model import MatchModel
from motet.tasks.match import LOCAL
from motet.training.canonical import fit_cca
from motet.training.checkpoint import Checkpoints
from motet.training.local_parts import MatchedParts, fit_parts, with_tokens
from motet.training.match_settings import MatchSettings
from motet.training.match_side import LiveSource, embed
from motet.training.matching import Matched, fit_match
from motet.training.pairs import PairFeatures
from motet.training.processes import leader_first, leads, several
from motet.training.small import SmallSettings

Rows = npt.NDArray[np.int64]
TRAINED, CCA, ZERO_SHOT = "trained", "cca", "zero-shot"
LIVE_PICTURES = 128  # in a batch where rows are encoded anew in each step: more steps serve better


def build_match_model(table: Table, schema: Schema, place: Path, options: MatchOptions) -> dict[str, Any]:
    """Train one space on the pictures of a table and their sentences, and write the model directory `place`.

    Returns its evaluation: the saved model measured on the test pictures, beside canonical correlation over the same
    features and, where both encoders are of one pair that was trained together, that pair as it is. In several
    processes (`training.processes`) the one that leads does so; the others return nothing.

    Raises TableError where no row has a picture and words, or no training picture can be decoded.
    """
    begun = time.perf_counter()
    check_place(place)
    if several() and options.resume:
        raise UsageError("a training in several processes cannot be resumed: leave --resume out")
    kept = None if several() else checkpoints_beside(place, table, schema, options)
    pairs, sides, said = divided_pairs(table, schema, options)
    notes = [*table.notes, *pairs.notes, *pairs.shared, *said]
    clock = time.perf_counter()
    given = MatchCells.of(table, schema, pairs)
    with leader_first():
        opened, features = encode_pairs(given, sides, options)
    if kept is not None:
        kept.encoded_by(hashes_of(opened.encoders))
    live = live_sources(given, sides, options)
    seconds = {"encode": round(time.perf_counter() - clock, 3)}
    there = np.logical_and.reduce(
        [readable(live, sides), *(made.present for made in features.images.values())]
    )
    broken = [issue for made in features.images.values() for issue in made.issues]
    sides = np.where(there, sides, -1)
    train, held = (np.flatnonzero(sides == side) for side in (TRAIN, VALIDATION))
    if len(train) == 1:
        raise TableError(
            f"{table.name}: one picture to train on: without another there is nothing that it could be told from"
        )
    if not len(train):
        first = f" ({broken[0].reason})" if broken else ""
        raise TableError(
            f"{table.name}: no training picture can be decoded{first}: mend the cells of its columns"
        )
    if len(held) < 2:
        notes.append(
            "fewer than two validation pictures: nothing could say when to stop, so training ran to its end"
        )
    clock = time.perf_counter()
    settings = _settings(opened, live, len(train), options)
    spaces, features = _spaces(features, opened, train, held, options, settings, live, given, kept)
    parts = spaces[TRAINED].parts
    if parts is not None and parts.weight == 0:
        notes.append(
            "words and regions found validation pictures no better than the whole alone: their weight is 0"
        )
    seconds["train"] = round(time.perf_counter() - clock, 3)
    if not leads():
        return {}
    with new_model_directory(place) as making:
        manifest = _write(making, spaces, opened, table, schema, sides, options, settings, notes)
        write_manifest(making, manifest)
        tested = np.flatnonzero(sides == TEST)
        evaluation = not_measured("match")
        if len(tested):
            model = MatchModel(making, cache=FeatureCache() if options.cache else None)
            evaluation = evaluate_matches(model, table, tested, pairs=pairs)
        evaluation["notes"] = list(dict.fromkeys([*notes, *evaluation.get("notes", [])]))
        broken = [issue for made in features.images.values() for issue in made.issues]  # `small` ones' too
        add_broken(evaluation, (*pairs.issues, *broken))
        evaluation["history"] = _histories(spaces[TRAINED])
        evaluation["data"] = data_of_pairs(table, pairs, sides)
        evaluation["seed"] = options.seed
        evaluation["seconds"] |= {**seconds, "total": round(time.perf_counter() - begun, 3)}
        write_results(making, manifest, evaluation, table, schema)
    if kept is not None:
        kept.remove()
    return evaluation


def _settings(
    opened: Sources, live: Mapping[str, LiveSource], pictures: int, options: MatchOptions
) -> MatchSettings:
    """How the space is trained: what the user says, as pretrained pairs and networks that are learned allow it."""
    aligned = _aligned(opened, options)
    settings = replace(
        options.training,
        objective=options.objective,
        terms={name: weight for name, weight in options.terms.items() if name != LOCAL},
        seed=options.seed,
        aligned=aligned,
        width=opened.encoders[aligned[0]].width if aligned else options.training.width,
    )
    if live:
        settings = replace(
            settings,
            members=1,
            pictures=min(settings.pictures, LIVE_PICTURES),
            epochs=min(settings.epochs, SmallSettings().epochs_for(pictures)),
        )
    return settings


def _spaces(
    features: PairFeatures,
    opened: Sources,
    train: Rows,
    held: Rows,
    options: MatchOptions,
    settings: MatchSettings,
    live: Mapping[str, LiveSource],
    given: MatchCells,
    kept: Checkpoints | None,
) -> tuple[dict[str, Matched], PairFeatures]:
    """The space that answers, and its baselines after it; features with those of `small` encoders, now learned."""
    if options.local:  # said before towers are trained in vain
        with_tokens("image", features.images), with_tokens("text", features.texts)
    with progress("training both towers", settings.members * settings.epochs_for(len(train))) as advance:
        made = {
            TRAINED: fit_match(features, train, held, settings, live=live, checkpoints=kept, advance=advance)
        }
    if not leads():
        return made, features
    features = finish(live, given, opened, features, options)
    if options.local:
        made[TRAINED] = replace(
            made[TRAINED], parts=_parts(features, made[TRAINED], train, held, options, kept)
        )
    made[CCA] = fit_cca(features, train, seed=options.seed)
    if settings.aligned:
        image, text = settings.aligned
        pair = replace(
            features,
            images={image: features.images[image]},
            texts={text: features.texts[text]},
        )
        made[ZERO_SHOT] = fit_match(pair, train, held, replace(settings, epochs=0, least_steps=0, members=1))
    return made, features


def _parts(
    features: PairFeatures,
    space: Matched,
    train: Rows,
    held: Rows,
    options: MatchOptions,
    kept: Checkpoints | None,
) -> MatchedParts:
    """Regions and words, learned beside whole vectors."""

    def cosines(pictures: Rows, sentences: Rows) -> npt.NDArray[np.float32]:
        return embed(space.image, features.images, pictures) @ embed(space.text, features.texts, sentences).T

    settings = replace(options.parts, seed=options.seed)
    with progress("training words and regions", settings.epochs_for(len(train))) as advance:
        checkpoint = None if kept is None else kept.of(LOCAL)
        return fit_parts(features, train, held, settings, cosines, checkpoint=checkpoint, advance=advance)


def _aligned(opened: Sources, options: MatchOptions) -> tuple[str, ...]:
    """The sources of pictures and of words that are one pretrained pair (CLIP); nothing where there is no such pair."""
    if any(options.pooling_of(modality) is not None for modality in ("image", "text")):
        return ()  # pooled otherwise than the pair was trained
    halves = {
        modality: {
            encoder.name: encoder
            for encoder in opened.encoders.values()
            if encoder.modality == modality and isinstance(encoder, PretrainedEncoder)
        }
        for modality in ("image", "text")
    }
    both = {name for name in options.image_encoders if not is_small(name)} & set(
        options.text_encoders
    )  # one directory, or name
    for name in halves["image"] if both else ():
        if name in halves["text"] and halves["image"][name].width == halves["text"][name].width:
            return f"image:{name}", f"text:{name}"
    return ()


def _write(
    making: Path,
    spaces: Mapping[str, Matched],
    opened: Sources,
    table: Table,
    schema: Schema,
    sides: npt.NDArray[np.int8],
    options: MatchOptions,
    settings: MatchSettings,
    notes: list[str],
) -> Manifest:
    (making / "heads").mkdir()
    heads: dict[str, HeadEntry] = {}
    entries: dict[str, SpaceEntry] = {}
    for name, space in spaces.items():
        for side, tower in (("image", space.image), ("text", space.text)):
            head = f"{name}-{side}"
            export_head(tower, making / "heads" / head, output="embedding")
            heads[head] = HeadEntry(f"heads/{head}.onnx", tuple(s.name for s in tower.sources), "tower")
        parts = None
        if space.parts is not None:
            for side, made in (("image", space.parts.image), ("text", space.parts.text)):
                head, read = f"{name}-{side}-parts", tuple(s.name for s in made.sources)
                export_head(made, making / "heads" / head, output="parts")
                heads[head] = HeadEntry(f"heads/{head}.onnx", read, "parts", read)
            parts = PartsEntry(f"{name}-image-parts", f"{name}-text-parts", made.width, space.parts.weight)
        made_by = {CCA: "canonical correlation", ZERO_SHOT: "both encoders as they are"}.get(name)
        said = " + ".join(
            [options.objective, *(f"{weight:g} {term}" for term, weight in options.terms.items())]
        )
        entries[name] = SpaceEntry(
            f"{name}-image",
            f"{name}-text",
            space.image.width,
            space.scale,
            space.bias,
            made_by or said,
            parts,
        )
    return Manifest(
        task="match",
        classes=(),
        class_type="string",
        prior=(),
        schema=schema,
        sources=opened.write(making),
        heads=heads,
        patterns={},
        baselines={},
        training={
            "options": {**asdict(options), "terms": dict(options.terms), "training": asdict(settings)},
            "table": {"name": table.name, "rows": len(table), "digest": table_digest(table)},
            "rows": side_counts(sides),
            "best_epoch": spaces[TRAINED].best_epoch,
            "notes": notes,
        },
        seed=options.seed,
        versions=made_with(),
        spaces=entries,
    )


def _histories(space: Matched) -> dict[str, list[dict[str, Any]]]:
    """How each training went, by name."""
    histories = {TRAINED: space.history} | ({LOCAL: space.parts.history} if space.parts else {})
    return {name: [epoch.to_json() for epoch in epochs] for name, epochs in histories.items()}
