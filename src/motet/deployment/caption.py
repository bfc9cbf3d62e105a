"""From a table of pictures and sentences to a captioner: encode once, train, write, measure what ships."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from motet.data import ImageCells, Pairs, Schema, Table
from motet.data.duplicates import normalised_digests
from motet.data.scripts import script_of_words
from motet.data.splits import TEST, TRAIN, VALIDATION, side_counts
from motet.deployment.caption_graphs import PREFIX, STEP, export_decoder
from motet.deployment.caption_options import CaptionOptions
from motet.deployment.divided_pairs import divided_pairs
from motet.deployment.results import add_broken, data_of_pairs, made_with, not_measured, write_results
from motet.deployment.resuming import checkpoints_beside, hashes_of
from motet.deployment.sources import Sources, open_sources
from motet.encoders import FeatureCache, FeatureTable, token_features
from motet.encoders.pretrained import PretrainedEncoder
from motet.errors import TableError, UsageError
from motet.model import (
    CaptionEntry,
    HeadEntry,
    LanguageEntry,
    Manifest,
    check_place,
    new_model_directory,
    table_digest,
    write_manifest,
)
from motet.progress import progress
from motet.runtime.caption_model import CaptionModel
from motet.runtime.caption_neighbours import Neighbours
from motet.runtime.caption_tokens import CaptionTokens
from motet.runtime.evaluate_captions import evaluate_captions
from motet.training.caption_settings import CaptionSettings
from motet.training.caption_words import learn_caption_tokenizer, sentence_ids
from motet.training.captioning import Captioned, fit_captioner
from motet.training.language_model import LanguageModel, open_language_model
from motet.training.written import Written

Rows = npt.NDArray[np.int64]
Sides = npt.NDArray[np.int8]
OTHER_SCRIPT = 0.05  # share of sentences in another script than most, from which that is noted


def build_caption_model(table: Table, schema: Schema, place: Path, options: CaptionOptions) -> dict[str, Any]:
    """Train a captioner on the pictures of a table and their sentences, and write the model directory `place`.

    Returns its evaluation: the saved model measured on the test pictures, beside the captions of the training pictures
    that look most alike.

    Raises TableError where no row has a picture and words, or no training picture can be decoded.
    """
    begun = time.perf_counter()
    check_place(place)
    language = _language(options)
    kept = checkpoints_beside(place, table, schema, options)
    pairs, sides, said = divided_pairs(table, schema, options)
    notes = [*table.notes, *pairs.notes, *said]
    clock = time.perf_counter()
    opened, features = _encoded(table, schema, pairs, sides, options)
    kept.encoded_by(hashes_of(opened.encoders))
    seconds = {"encode": round(time.perf_counter() - clock, 3)}
    sides = np.where(features.present, sides, -1).astype(np.int8)
    train, held = (np.flatnonzero(sides == side) for side in (TRAIN, VALIDATION))
    if not len(train):
        first = f" ({features.issues[0].reason})" if features.issues else ""
        raise TableError(
            f"{table.name}: no training picture can be decoded{first}: mend the cells of its columns"
        )
    if not len(held):
        notes.append("no validation pictures: nothing could say when to stop, so training ran to its end")
    clock = time.perf_counter()
    texts = pairs.sentences.take(np.arange(len(pairs.picture)))
    trained_on = np.flatnonzero(sides[pairs.picture] == TRAIN)
    training_texts = [texts[at] for at in trained_on]
    notes += _scripts(training_texts)
    settings = replace(options.training, seed=options.seed)
    entry = None if language is None else _entry(language, settings)
    if language is None:
        tokenizer = learn_caption_tokenizer(training_texts, vocabulary=settings.vocabulary)
    else:
        tokenizer = language.tokenizer
    tokens = CaptionTokens(tokenizer, entry)
    written, cut = written_sentences(tokens, texts, pairs, settings.longest)
    if cut:
        notes.append(
            f"{cut:,} of {len(texts):,} sentences are longer than {settings.longest} tokens: cut there"
        )
    with progress("training the decoder", settings.epochs_for(len(train))) as advance:
        made = fit_captioner(
            features,
            written,
            tokens.size,
            train,
            held,
            settings,
            language=language,
            checkpoint=kept.of("decoder"),
            advance=advance,
        )
    seconds["train"] = round(time.perf_counter() - clock, 3)
    neighbours = Neighbours.of(
        features.rows.dense(train), _first_sentences(texts, pairs, train), normalised_digests(training_texts)
    )
    with new_model_directory(place) as making:
        manifest = _write(
            making, made, tokens, entry, neighbours, opened, table, schema, sides, options, notes
        )
        write_manifest(making, manifest)
        tested = np.flatnonzero(sides == TEST)
        evaluation = not_measured("caption")
        if len(tested):
            model = CaptionModel(making, cache=FeatureCache() if options.cache else None)
            evaluation = evaluate_captions(model, table, tested, pairs=pairs)
        evaluation["notes"] = list(dict.fromkeys([*notes, *evaluation.get("notes", [])]))
        add_broken(evaluation, (*pairs.issues, *features.issues))
        evaluation["history"] = {"decoder": [epoch.to_json() for epoch in made.history]}
        evaluation["data"] = data_of_pairs(table, pairs, sides)
        evaluation["seed"] = options.seed
        evaluation["seconds"] |= {**seconds, "total": round(time.perf_counter() - begun, 3)}
        write_results(making, manifest, evaluation, table, schema)
    kept.remove()
    return evaluation


def _encoded(
    table: Table, schema: Schema, pairs: Pairs, sides: Sides, options: CaptionOptions
) -> tuple[Sources, FeatureTable]:
    """The picture encoder, and features of the P pictures with their tokens, each encoded once."""
    cells = ImageCells(table, schema.inputs("image"))
    train = pairs.rows[sides == TRAIN]
    opened = open_sources({"image": cells}, None, 0, train, train[:0], options, None)
    cache = FeatureCache() if options.cache else None
    (encoder,) = opened.encoders.values()
    if isinstance(encoder, PretrainedEncoder):
        encoder.open_early(cache)
    encoder.fit(cells, train)
    return opened, token_features(encoder, cells, pairs.rows, cache=cache)


def _language(options: CaptionOptions) -> LanguageModel | None:
    """The language model that is to write, where one is named; what is wrong with it is said before all else."""
    if options.decoder is None:
        return None
    found = open_language_model(Path(options.decoder).expanduser(), accept_licence=options.accept_licence)
    needed = options.training.prefix + options.training.longest
    if found.positions is not None and found.positions < needed:
        raise UsageError(
            f"--decoder {options.decoder}: it reads {found.positions} positions, and the picture and a caption take "
            f"{needed}: name another"
        )
    return found


def _entry(language: LanguageModel, settings: CaptionSettings) -> LanguageEntry:
    return LanguageEntry(language.name, language.licence, language.vocabulary, language.end, settings.rank)


def written_sentences(
    tokens: CaptionTokens, texts: list[str], pairs: Pairs, longest: int
) -> tuple[Written, int]:
    """The sentences of each picture as numbers, and how many had to be cut."""
    sentences: list[list[npt.NDArray[np.int64]]] = [[] for _ in pairs.rows]
    made = sentence_ids(tokens, texts, longest + 1)
    for picture, ids in zip(pairs.picture.tolist(), made, strict=True):
        sentences[picture].append(ids[:longest])
    return Written(sentences), sum(len(ids) > longest for ids in made)


def _first_sentences(texts: list[str], pairs: Pairs, pictures: Rows) -> list[str]:
    """The first sentence of each of the given pictures."""
    _, first = np.unique(pairs.picture, return_index=True)
    return [texts[first[picture]] for picture in pictures]


def _scripts(texts: list[str]) -> list[str]:
    """A note where the sentences are in several scripts: a captioner does not know which is wanted."""
    scripts = [script_of_words(text) or "other" for text in texts]
    names, counts = np.unique(scripts, return_counts=True)
    if len(names) < 2 or counts.sum() - counts.max() < OTHER_SCRIPT * len(texts):
        return []
    return [
        f"the sentences are in several scripts ({', '.join(map(str, names))}), and captions will be in either: "
        "name the columns of one language with --text to choose"
    ]


def _write(
    making: Path,
    made: Captioned,
    tokens: CaptionTokens,
    language: LanguageEntry | None,
    neighbours: Neighbours,
    opened: Sources,
    table: Table,
    schema: Schema,
    sides: Sides,
    options: CaptionOptions,
    notes: list[str],
) -> Manifest:
    heads, beside = making / "heads", making / "captions"
    heads.mkdir()
    beside.mkdir()
    (source,) = opened.encoders
    export_decoder(made.decoder, source, heads)
    tokens.tokenizer.save(str(beside / "tokenizer.json"))
    neighbours.save(beside / "neighbours.arrow", beside / "sentences.arrow")
    return Manifest(
        task="caption",
        classes=(),
        class_type="string",
        prior=(),
        schema=schema,
        sources=opened.write(making),
        heads={PREFIX: HeadEntry(f"heads/{PREFIX}.onnx", (source,), "prefix", (source,))},
        patterns={},
        baselines={},
        training={
            "options": asdict(options),
            "table": {"name": table.name, "rows": len(table), "digest": table_digest(table)},
            "rows": side_counts(sides),
            "best_epoch": made.best_epoch,
            "notes": notes,
        },
        seed=options.seed,
        versions=made_with(),
        caption=CaptionEntry(
            prefix=PREFIX,
            step=f"heads/{STEP}.onnx",
            tokenizer="captions/tokenizer.json",
            neighbours="captions/neighbours.arrow",
            sentences="captions/sentences.arrow",
            longest=options.training.longest,
            beams=options.beams,
            length_penalty=options.length_penalty,
            no_repeat=options.no_repeat,
            language=language,
        ),
    )
