"""Writes the demo catalogue as a user would have it: a table and its pictures, some of them broken."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from motet.data.catalogue.latents import (
    BOTH_SHARED,
    BROKEN_STATES,
    CATEGORIES,
    PAIRS,
    PICTURE_SHARED,
    TEXT_SHARED,
    Latent,
    draw_latents,
    expected_ceilings,
    population_ceilings,
    stream,
)
from motet.data.catalogue.scene import product_picture
from motet.data.catalogue.words import title_and_description
from motet.data.drawn_tables import refuse_other_table
from motet.errors import UsageError
from motet.progress import progress

COLUMNS = ("id", "image", "title", "description", "price", "category", "split")
LEAST_ROWS = 20
NOT_A_PICTURE = b"<!DOCTYPE html>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n"


@dataclass(frozen=True)
class Catalogue:
    """A written demo catalogue, and what is known about it by construction.

    ceilings: best possible accuracy of the patterns `image+text`, `image`, `text` and `none` and of `overall`
    (each row with what it has) in the population. test_ceilings: the same, expected for the drawn test rows;
    None for a pattern that no test row has. shares: the part of rows whose picture, text, or both are
    ambiguous. broken: cells of `image` by reason. absent: empty cells of each column. truth: the file that
    lists what is behind each row; nothing of it is in the table.
    """

    table: Path
    truth: Path
    rows: int
    seed: int
    label: str
    split: str
    classes: tuple[str, ...]
    ceilings: dict[str, float]
    test_ceilings: dict[str, float | None]
    shares: dict[str, float]
    broken: dict[str, int]
    absent: dict[str, int]


def write_catalogue(
    directory: Path,
    *,
    rows: int = 800,
    seed: int = 0,
) -> Catalogue:
    """Write catalogue.csv, images/ and truth.json into `directory`, which is made where it is missing.

    The same seed writes the same bytes, and row i is the same whatever the number of rows. Raises
    UsageError below 20 rows, the least that a split needs, for a negative seed, and where a catalogue.csv stands there
    that was not drawn here.
    """
    if rows < LEAST_ROWS:
        raise UsageError(f"the demo catalogue needs at least {LEAST_ROWS} rows, not {rows}: ask for more")
    if seed < 0:
        raise UsageError(f"the seed must not be negative, and is {seed}")
    table = directory / "catalogue.csv"
    refuse_other_table(table, COLUMNS)
    images = directory / "images"
    images.mkdir(parents=True, exist_ok=True)
    latents = draw_latents(rows, seed)
    with table.open("w", encoding="utf-8", newline="") as file, progress("drawing", rows) as advance:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for latent in latents:
            writer.writerow(_cells(latent, seed))
            _write_picture(latent, seed, directory / _image_path(latent))
            advance(1)
    ceilings = population_ceilings()
    truth = directory / "truth.json"
    lines = ",\n".join(json.dumps(asdict(latent), ensure_ascii=False) for latent in latents)
    truth.write_text(f'{{"ceilings": {json.dumps(ceilings)},\n"rows": [\n{lines}\n]}}\n', encoding="utf-8")
    return Catalogue(
        table=table,
        truth=truth,
        rows=rows,
        seed=seed,
        label="category",
        split="split",
        classes=tuple(sorted(CATEGORIES)),
        ceilings=ceilings,
        test_ceilings=expected_ceilings([latent for latent in latents if latent.split == "test"]),
        shares={
            "picture": BOTH_SHARED + PICTURE_SHARED,
            "text": BOTH_SHARED + TEXT_SHARED,
            "both": BOTH_SHARED,
        },
        broken={state: Counter(latent.picture_state for latent in latents)[state] for state in BROKEN_STATES},
        absent={
            "image": sum(latent.picture_state == "empty" for latent in latents),
            "title": sum(not latent.text_present for latent in latents),
            "description": sum(not latent.description_present for latent in latents),
        },
    )


def picture_of(latent: Latent, seed: int) -> bytes:
    """The JPEG file of a row, whole, also where the row's picture is then left out or broken."""
    return product_picture(latent.shown, latent.colour, stream(seed, latent.row, 4))


def words_of(latent: Latent, seed: int) -> tuple[str, str]:
    """Title and description of a row, also where they are then left out."""
    qualities = PAIRS[latent.category] if latent.text_shared else latent.category
    random = stream(seed, latent.row, 5)
    return title_and_description(
        latent.named, qualities, latent.colour, chinese=latent.chinese, random=random
    )


def _cells(latent: Latent, seed: int) -> dict[str, str]:
    title, description = words_of(latent, seed)
    # The same prices in every category: a price says nothing, so the ceilings hold with it too.
    price = round(float(10 ** stream(seed, latent.row, 6).uniform(0.9, 2.4))) - 0.01
    return {
        "id": f"P{latent.row:05d}",
        "image": "" if latent.picture_state == "empty" else _image_path(latent),
        "title": title if latent.text_present else "",
        "description": description if latent.description_present else "",
        "price": f"{price:.2f}",
        "category": latent.category,
        "split": latent.split,
    }


def _image_path(latent: Latent) -> str:
    return f"images/{latent.row + 1:04d}.jpg"


def _write_picture(latent: Latent, seed: int, path: Path) -> None:
    state = latent.picture_state
    if state in ("empty", "missing file"):
        path.unlink(missing_ok=True)  # of an earlier catalogue in the same place
    elif state == "not a picture":
        path.write_bytes(NOT_A_PICTURE)
    else:
        picture = picture_of(latent, seed)
        path.write_bytes(picture[: len(picture) // 2] if state == "truncated file" else picture)
