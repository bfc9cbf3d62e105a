"""Generated scenes described and asked about by models that learned other ones; also the picture of the README.

An answering model learns the questions of the training scenes with the settings of `compositional.py`; then a captioner
learns their captions over the tokens of the picture encoder that came of it, which stays as it is. Test scenes are
described once each: CIDEr-D and BLEU-4, and the share of captions that say exactly what is there, where all
combinations of colour and shape were learned (`seen`) and where some never were (`unseen`).
`--model DIR` takes an answering model that is there, or keeps it there. `--picture FILE` draws the first test scenes
with their captions and an answer each, as they come.
"""

from __future__ import annotations

import tempfile
import textwrap
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image, ImageDraw, ImageFont

from _measuring import arguments, finish
from compositional import SETTINGS
from motet.data import Table, infer_schema, read_table
from motet.data.scenes import write_scenes
from motet.deployment import AnswerOptions, CaptionOptions, build_answer_model, build_caption_model
from motet.runtime import AnswerModel, CaptionModel

Row = dict[str, Any]
SHOWN = 4
WIDTH, PICTURE, LINE, CHARACTERS = (
    230,
    140,
    16,
    31,
)  # of what is drawn of a scene, in pixels, and of its lines


def main() -> None:
    options = arguments(__doc__, scenes=20_000, model="", picture="", seed=0)
    with tempfile.TemporaryDirectory() as folder:
        written = write_scenes(Path(folder) / "scenes", count=options.scenes)
        questions, captions = read_table(written.questions), read_table(written.captions)
        place = Path(options.model or Path(folder) / "answers")
        begun = time.perf_counter()
        if not place.exists():
            learned = part(questions, questions.data.to_pylist(), lambda row: row["split"] != "test")
            schema = infer_schema(
                learned, image=["image"], question=["question"], answer=["answer"], split="split"
            )
            asked = AnswerOptions(fusion="transformer", seed=options.seed, training=SETTINGS)
            build_answer_model(learned, schema, place, asked)
            print("answering", round(time.perf_counter() - begun, 1), flush=True)
        begun = time.perf_counter()
        encoder = next((place / "encoders").glob("*image*"))
        schema = infer_schema(captions, image=["image"], text=["caption"], split="split")
        told = Path(folder) / "captions"
        rows = captions.data.to_pylist()
        learned = part(captions, rows, lambda row: row["split"] != "test")
        build_caption_model(
            learned, schema, told, CaptionOptions(image_encoders=(str(encoder),), seed=options.seed)
        )
        seconds = round(time.perf_counter() - begun, 1)
        model = CaptionModel(told)
        sides = {
            name: part(
                captions, rows, lambda row, name=name: (row["split"], row["combinations"]) == ("test", name)
            )
            for name in ("seen", "unseen")
        }
        result = {name: measured(model, side) for name, side in sides.items()}
        if options.picture:
            tested = [row for row in questions.data.to_pylist() if row["split"] == "test"]
            draw(Path(options.picture), tested, questions.root, AnswerModel(place), model)
    finish({"benchmark": "scenes", "seconds": {"captions": seconds}, "captions": result})


def part(read: Table, rows: list[Row], wanted: Any) -> Table:
    """The rows of a table that are wanted."""
    return Table(pa.Table.from_pylist([row for row in rows if wanted(row)]), read.root, read.name)


def measured(model: CaptionModel, side: Table) -> dict[str, Any]:
    """How captions of some scenes fare."""
    found = model.evaluate(side, all_rows=True)
    captions = [one.caption for one in model.describe(side)]
    exact = [
        ours == theirs for ours, theirs in zip(captions, side.column("caption").to_pylist(), strict=True)
    ]
    return {
        "n": len(exact),
        "exact": round(sum(exact) / len(exact), 4),
        **{
            name: [round(one[end], 4) for end in ("value", "low", "high")]
            for name, one in found["metrics"].items()
        },
    }


def draw(
    place: Path, tested: list[Row], root: Path | None, asked: AnswerModel, described: CaptionModel
) -> None:
    """The first test scenes with what both models say of them."""
    by_picture: dict[str, list[Row]] = {}
    for row in tested:
        by_picture.setdefault(row["image"], []).append(row)
    shown = list(by_picture.items())[:SHOWN]
    assert root is not None
    lines = []
    for number, (name, rows) in enumerate(shown):
        caption = described.describe([root / name])[0].caption or ""
        row = rows[number % len(rows)]
        answer = asked.ask(row["question"], image=root / name).prediction
        lines.append(
            [
                *textwrap.wrap(caption, CHARACTERS),
                "",
                *textwrap.wrap(f"{row['question']} {answer}", CHARACTERS),
                *(["", "(combinations never seen)"] if row["combinations"] == "unseen" else []),
            ]
        )
    canvas = Image.new("RGB", (WIDTH * SHOWN, PICTURE + 22 + LINE * max(map(len, lines))), "white")
    pen = ImageDraw.Draw(canvas)
    for number, (name, _) in enumerate(shown):
        with Image.open(root / name) as scene:
            canvas.paste(scene.resize((PICTURE, PICTURE), Image.Resampling.LANCZOS), (number * WIDTH + 8, 6))
        for at, line in enumerate(lines[number]):
            pen.text(
                (number * WIDTH + 8, PICTURE + 14 + at * LINE), line, "black", ImageFont.load_default(13)
            )
    canvas.save(place, optimize=True)


if __name__ == "__main__":
    main()
