"""What a search found: with its facts, in a better order, and as a page of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from motet.data import ImageCells
    from motet.retrieval import Index
    from motet.runtime import MatchModel


class Answer(NamedTuple):
    """One row that was found; `facts` is its metadata."""

    id: str
    score: float
    facts: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it: what JSON has no word for, such as dates, as text."""
        plain = (str, int, float, type(None))
        facts = {
            name: value if isinstance(value, plain) else str(value) for name, value in self.facts.items()
        }
        return {"id": self.id, "score": self.score, "metadata": facts}


def pictures_of(index: Index, answers: list[Answer], image_root: Path | None) -> ImageCells | None:
    """All pictures of each row that was found, where the index knows where they lie."""
    import pyarrow as pa

    from motet.cli.index_collection import picture_columns
    from motet.data import ImageCells, Table

    about = index.state.about
    columns = [name for name in picture_columns(about) if name in index.schema.names]
    if not answers or not columns:
        return None
    root = image_root or (Path(about["image_root"]) if "image_root" in about else None)
    paths = pa.table({name: [one.facts[name] for one in answers] for name in columns})
    return ImageCells(Table(paths, root=root), columns)


def reranked(
    model: MatchModel, answers: list[Answer], texts: list[str], cells: ImageCells | None
) -> list[Answer]:
    """Answers in the order of cosine and late interaction together; several sentences count as their mean."""
    import numpy as np

    from motet.cli.console import message
    from motet.errors import UsageError
    from motet.runtime.match_model import sentence_cells
    from motet.runtime.match_parts import embed_parts, local_similarity, parts_entry

    entry = parts_entry(model)
    if entry.weight == 0:
        message(
            "note: words and regions count for nothing in this model (their weight is 0): the order stays"
        )
        return answers
    if cells is None:
        raise UsageError("--rerank looks at the pictures again, and the index does not know where they lie")
    said = embed_parts(model, "text", sentence_cells(texts))
    regions = embed_parts(model, "image", cells)
    unread = int((np.diff(regions.start) == 0).sum())
    if unread:
        message(
            f"note: {unread} of {len(answers)} pictures cannot be read now: by the whole alone they come last"
        )
    local = np.mean(
        [local_similarity(said.of(row), regions, np.arange(len(answers))) for row in range(len(said))], axis=0
    )
    better = [
        one._replace(score=one.score + entry.weight * float(add))
        for one, add in zip(answers, local, strict=True)
    ]
    return sorted(better, key=lambda one: -one.score)


def write_sheet(
    path: Path,
    index: Index,
    answers: list[Answer],
    query: str,
    images: list[Path],
    where: str | None,
    image_root: Path | None,
) -> None:
    """Write what was found as a page with its pictures, which opens offline."""
    import numpy as np

    from motet.cli.console import message
    from motet.cli.index_collection import picture_columns
    from motet.data.media import decode_image
    from motet.errors import MediaError
    from motet.report.thumbnails import thumbnail
    from motet.retrieval.contact_sheet import Shown, contact_sheet

    paths = picture_columns(index.state.about)
    pictures: list[str | None] = [None] * len(answers)
    cells = pictures_of(index, answers, image_root)
    if cells is not None:
        for place, of_row in enumerate(cells.take(np.arange(len(answers)))):
            for cell in of_row:
                try:
                    pictures[place] = thumbnail(decode_image(cell.read()), 240)
                    break  # a row's first picture that can be read stands for it
                except MediaError:
                    continue
    shown = [
        Shown(one.id, one.score, picture, {name: v for name, v in one.facts.items() if name not in paths})
        for one, picture in zip(answers, pictures, strict=True)
    ]
    asked = thumbnail(decode_image(images[0].read_bytes())) if images else None
    path.write_text(contact_sheet(query, shown, asked=asked, where=where or ""), encoding="utf-8")
    message(f"sheet: {path}")
