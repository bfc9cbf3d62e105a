"""Writes scenes as a user would have them: pictures, a table of questions and a table of captions."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motet.data.catalogue.latents import stream
from motet.data.drawn_tables import refuse_other_table
from motet.data.scenes.asking import KINDS, RAREST_FIRST, Kind, Question, ask, draw_wanted
from motet.data.scenes.drawing import draw_scene
from motet.data.scenes.names import caption
from motet.data.scenes.things import Thing, draw_things
from motet.errors import UsageError
from motet.progress import progress

BLOCK = 10  # scenes of which seven train, one validates and two test, one of these with held-out combinations
SPLITS = ("train",) * 7 + ("validation", "test", "test")
UNSEEN_PLACE = 9
QUESTION_COLUMNS = (
    "image",
    "question",
    "answer",
    "question_zh",
    "answer_zh",
    "kind",
    "combinations",
    "split",
)
CAPTION_COLUMNS = ("image", "caption", "caption_zh", "combinations", "split")


@dataclass(frozen=True)
class Scene:
    """The truth behind one picture: what stands in it, and a question of each kind.

    unseen : combinations that no training picture has are in it, and are what is asked about.
    """

    number: int
    split: str
    unseen: bool
    things: tuple[Thing, ...]
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Scenes:
    """Written scenes: the table of questions, five a picture, and the table of captions, one a picture."""

    questions: Path
    captions: Path
    pictures: int
    rows: int
    seed: int


def make_scenes(count: int, seed: int) -> Iterator[Scene]:
    """Scenes 0 to `count` - 1; scene i is the same whatever the number of scenes."""
    return (_scene(number, seed) for number in range(count))


def write_scenes(directory: Path, *, count: int = 2000, seed: int = 0) -> Scenes:
    """Write questions.csv, captions.csv and images/ into `directory`, which is made where it is missing.

    The same seed writes the same rows. In both tables `combinations` is `unseen` for test pictures with held-out
    combinations, and else `seen`. Raises UsageError below 10 scenes, the least that has every side, for a negative
    seed, and where a table that was not drawn here has one of the names.
    """
    if count < BLOCK:
        raise UsageError(f"at least {BLOCK} scenes have every side of a split, not {count}: ask for more")
    if seed < 0:
        raise UsageError(f"the seed must not be negative, and is {seed}")
    asked, told = directory / "questions.csv", directory / "captions.csv"
    refuse_other_table(asked, QUESTION_COLUMNS)
    refuse_other_table(told, CAPTION_COLUMNS)
    (directory / "images").mkdir(parents=True, exist_ok=True)
    rows = 0
    with (
        asked.open("w", encoding="utf-8", newline="") as questions,
        told.open("w", encoding="utf-8", newline="") as captions,
        progress("drawing", count) as advance,
    ):
        ask_writer = csv.DictWriter(questions, QUESTION_COLUMNS, lineterminator="\n")
        tell_writer = csv.DictWriter(captions, CAPTION_COLUMNS, lineterminator="\n")
        ask_writer.writeheader()
        tell_writer.writeheader()
        for scene in make_scenes(count, seed):
            made = question_rows(scene)
            ask_writer.writerows(made)
            tell_writer.writerow(caption_row(scene))
            picture = draw_scene(scene.things, stream(seed, scene.number, 13))
            picture.save(directory / _image_path(scene))
            rows += len(made)
            advance(1)
    return Scenes(asked, told, count, rows, seed)


def question_rows(scene: Scene) -> list[dict[str, Any]]:
    """The rows of the table of questions that are about one scene."""
    return [
        {
            "image": _image_path(scene),
            "question": one.english,
            "answer": one.answer,
            "question_zh": one.chinese,
            "answer_zh": one.chinese_answer,
            "kind": one.kind,
            **_side(scene),
        }
        for one in scene.questions
    ]


def caption_row(scene: Scene) -> dict[str, Any]:
    """The row of a scene in the table of captions."""
    english, chinese = caption(scene.things)
    return {"image": _image_path(scene), "caption": english, "caption_zh": chinese, **_side(scene)}


def _side(scene: Scene) -> dict[str, str]:
    return {"combinations": "unseen" if scene.unseen else "seen", "split": scene.split}


def _image_path(scene: Scene) -> str:
    return f"images/{scene.number + 1:05d}.png"


def _scene(number: int, seed: int) -> Scene:
    block, place = divmod(number, BLOCK)
    rank = int(stream(seed, block, 11).permutation(BLOCK)[place])
    unseen = rank == UNSEEN_PLACE
    random = stream(seed, number, 12)
    wanted = [draw_wanted(kind, random, unseen=unseen) for kind in RAREST_FIRST]
    while True:  # until there is a scene of which all of them can be asked
        things = draw_things(random, unseen=unseen)
        asked: dict[Kind, Question] = {}
        for one in wanted:
            question = ask(things, one, random, unseen=unseen)
            if question is None:
                break
            asked[one.kind] = question
        else:
            return Scene(number, SPLITS[rank], unseen, things, tuple(asked[kind] for kind in KINDS))
