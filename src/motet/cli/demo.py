"""`motet demo`: the whole journey on a catalogue that is drawn and written by code."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from motet.cli.options import DebugOption, JsonOption


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for catalogue and model.")] = Path(
        "demo"
    ),
    rows: Annotated[int, typer.Option(help="Rows of the catalogue, at least 20.")] = 800,
    seed: Annotated[int, typer.Option(help="Another catalogue, or other scenes, for another seed.")] = 0,
    scenes: Annotated[
        int,
        typer.Option(
            help="Draw so many scenes of coloured shapes instead, with questions and captions, and train nothing."
        ),
    ] = 0,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Draw a product catalogue, then inspect, train, evaluate and predict on it, with nothing to download.

    The best possible accuracy of each pattern is known by construction and printed beside the measured one.

    Examples:

      motet demo

      motet demo -o /tmp/demo --rows 400 --seed 3 --json

      motet demo --scenes 10000 -o scenes
    """
    if scenes:
        _write_scenes(output, scenes, seed, json)
        return
    from motet.cli.console import counted, message, print_json
    from motet.cli.learning import require_learning_wing
    from motet.cli.results import print_evaluation
    from motet.data import audit, infer_schema, read_table
    from motet.data.catalogue import write_catalogue
    from motet.model import check_place
    from motet.runtime import Model
    from motet.runtime.writing import write_predictions

    model = output / "model"
    check_place(model)
    require_learning_wing()
    from motet.deployment import Options, build_model

    options = Options(image_encoders=("descriptor",), text_encoders=("lexical",), seed=seed)
    begun = time.perf_counter()
    message(f"1/5 drawing and writing a catalogue of {rows} products in {output / 'catalogue'}")
    catalogue = write_catalogue(output / "catalogue", rows=rows, seed=seed)
    read = read_table(catalogue.table)
    schema = infer_schema(read, label=catalogue.label, split=catalogue.split)
    found = audit(read, schema)
    message(
        f"2/5 inspecting it: {counted(len(found.broken), 'broken cell')}, "
        f"{counted(len(found.warnings), 'warning')}"
    )
    for warning in found.warnings:
        message(f"    {warning['level']}: {warning['message']}")

    message("3/5 training, with the embedded encoders")
    ceilings = {name: best for name, best in catalogue.test_ceilings.items() if best is not None}
    evaluation = build_model(read, schema, model, options, ceilings=ceilings)
    message("4/5 evaluating the saved model on the test rows, without PyTorch")
    if not json:
        print_evaluation(evaluation, ceilings=ceilings)
    answers = output / "predictions.csv"
    opened = Model(model)
    written = write_predictions(answers, opened.predict_windows(read), opened.classes, named=True)
    message(f"5/5 predicting {written} rows: {answers}")
    seconds = time.perf_counter() - begun
    message(f"report: {model / 'report.html'} ({seconds:.0f} s in all)")
    if json:
        print_json(
            {
                "catalogue": str(catalogue.table),
                "model": str(model),
                "report": str(model / "report.html"),
                "predictions": str(answers),
                "rows": written,
                "broken": len(found.broken),
                "ceilings": catalogue.ceilings,
                "test_ceilings": ceilings,
                "evaluation": evaluation,
                "seconds": round(seconds, 1),
            }
        )


def _write_scenes(output: Path, count: int, seed: int, json: bool) -> None:
    """Write the tables of scenes, and say what they are for."""
    from motet.cli.console import message, print_json
    from motet.data.scenes import HELD_OUT, write_scenes

    made = write_scenes(output, count=count, seed=seed)
    if json:
        told = {"questions": str(made.questions), "captions": str(made.captions)}
        print_json(
            {**told, "pictures": made.pictures, "rows": made.rows, "held_out": list(map(list, HELD_OUT))}
        )
        return
    held = ", ".join(" ".join(each) for each in HELD_OUT)
    message(f"{made.pictures:,} scenes, {made.rows:,} questions: {made.questions}; captions: {made.captions}")
    message(f"in test rows alone, `unseen` in the column `combinations`: {held}")
    message(
        f"try: motet train {made.questions} --task answer --image image --question question --answer answer "
        "--split-column split --slice combinations -o model"
    )
