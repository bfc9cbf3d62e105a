"""`motet index search`: words, pictures and ids of an index find what is nearest to them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from motet.cli.options import DebugOption, ImageRootOption, JsonOption
from motet.cli.space import open_space

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from motet.cli.index_found import Answer
    from motet.retrieval import Hits, Index
    from motet.runtime import MatchModel

IndexArgument = Annotated[Path, typer.Argument(metavar="INDEX", help="A folder that index build wrote.")]
SHOWN_COLUMNS = 4  # of the metadata, in a terminal, or all that the filter names; --json and --sheet show all


def search(
    index: IndexArgument,
    model: Annotated[
        Path | None, typer.Option("-m", "--model", help="The model of the index; --like alone needs none.")
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option("--text", help="Words to find (repeat for several).")
    ] = None,
    image: Annotated[
        list[Path] | None, typer.Option("--image", help="A picture to find the like of (repeat for several).")
    ] = None,
    like: Annotated[
        list[str] | None, typer.Option("--like", help="An id in the index to find the like of (repeat).")
    ] = None,
    text_weight: Annotated[
        float, typer.Option("--text-weight", help="Share of the words where they are asked with pictures.")
    ] = 0.5,
    where: Annotated[
        str | None, typer.Option("--where", help="A filter: \"price < 500 and brand in ('X', 'Y')\".")
    ] = None,
    k: Annotated[int, typer.Option("-k", help="How many to find.")] = 20,
    rerank: Annotated[
        bool,
        typer.Option(
            "--rerank", help="Put the first 100 in order by words and regions (models of --term local)."
        ),
    ] = False,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", help="Write what is found, with pictures, as a page.")
    ] = None,
    image_root: ImageRootOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Find the pictures that are nearest to words, to pictures, or to both together.

    Examples:

      motet index search products.index -m model --text "红色台灯" --sheet found.html

      motet index search products.index -m model --image chair.jpg --text "in oak" --text-weight 0.3

      motet index search products.index --like sku-17 --where "price < 500 and brand = 'X'" --json
    """
    from motet.cli.console import print_json, print_table, shortened
    from motet.cli.index_found import Answer, pictures_of, reranked, write_sheet
    from motet.cli.paths import check_picture
    from motet.errors import UsageError
    from motet.retrieval import Index
    from motet.runtime.match_parts import DEPTH
    from motet.runtime.writing import PAGES, check_output

    texts, images, likes = text or [], image or [], like or []
    if not (texts or images or likes):
        raise UsageError("say what to find: --text, --image or --like")
    if k < 1:
        raise UsageError(f"-k {k}: at least 1 is wanted")
    if not 0 <= text_weight <= 1:
        raise UsageError(f"--text-weight is a share from 0 to 1, not {text_weight:g}")
    if rerank and (not texts or images or likes):
        raise UsageError(
            "--rerank compares the words of --text with regions of pictures: ask with words alone"
        )
    if (texts or images) and model is None:
        raise UsageError("--text and --image need the model of the index: -m MODEL")
    for picture in images:
        check_picture(picture)
    if sheet is not None:
        check_output(sheet, *images, suffixes=PAGES)
    opened = open_space(model) if model is not None else None
    if opened is None:
        there = Index.open(index)
    else:
        there = Index.open(index, model=opened.fingerprint, called=model_name(opened))
    query = _query(there, opened, texts, images, likes, text_weight)
    depth = max(k, DEPTH) if rerank else k
    hits = _without(there.search(query[None], depth + len(likes), where), likes, depth)
    facts = there.metadata(hits.rows[0]).to_pylist()
    answers = [Answer(*one) for one in zip(hits.ids[0], hits.scores[0].tolist(), facts, strict=True)]
    if rerank and opened is not None:
        first = answers[:DEPTH]
        answers = reranked(opened, first, texts, pictures_of(there, first, image_root)) + answers[DEPTH:]
        answers = answers[:k]
    if sheet is not None:
        asked = " + ".join([*texts, *(path.name for path in images), *likes])
        write_sheet(sheet, there, answers, asked, images, where, image_root)
    if json:
        print_json({"n": len(there), "found": [one.to_json() for one in answers]})
    else:
        columns = _shown_columns(there.schema.names, answers, where)
        rows = [
            (one.id, f"{one.score:.3f}", *(shortened(str(one.facts[name]), 40) for name in columns))
            for one in answers
        ]
        print_table("", ("id", "score", *columns), rows, left=columns)


def _shown_columns(names: list[str], answers: list[Answer], where: str | None) -> list[str]:
    """What the filter names comes first; a column that says the ids again is left out."""
    from motet.retrieval.filters import columns_of

    named = columns_of(where) if where is not None else []
    others = [name for name in names if name not in named]
    columns = [
        name
        for name in [*named, *others]
        if not answers or any(str(one.facts[name]) != one.id for one in answers)
    ]
    return columns[: max(SHOWN_COLUMNS, len(named))]


def model_name(model: MatchModel) -> str:
    """What people call a model: its directory, and the encoders of its space."""
    heads = (model.manifest.heads[name] for name in (model.space.image, model.space.text))
    sources = dict.fromkeys(source for head in heads for source in head.sources)
    return f"{model.directory.path.absolute().name} ({', '.join(sources)})"


def _query(
    index: Index,
    model: MatchModel | None,
    texts: list[str],
    images: list[Path],
    likes: list[str],
    text_weight: float,
) -> npt.NDArray[np.float32]:
    """All that is asked with, as one vector: words together weigh `text_weight` where there are pictures too."""
    from motet.retrieval import compose

    pictures = [index.vector(name) for name in likes]
    words: list[npt.NDArray[np.float32]] = []
    if model is not None:
        words = _words(model, texts)
        pictures += [_picture(model, path) for path in images]
    share = text_weight if words and pictures else float(bool(words))
    weights = [share / max(len(words), 1)] * len(words) + [(1 - share) / max(len(pictures), 1)] * len(
        pictures
    )
    return compose(words + pictures, weights)


def _words(model: MatchModel, texts: list[str]) -> list[npt.NDArray[np.float32]]:
    from motet.errors import UsageError

    embedded = model.embed_texts(texts)
    if not embedded.present.all():
        raise UsageError("--text: there is nothing to find in empty words")
    return [*embedded.vectors]


def _picture(model: MatchModel, path: Path) -> npt.NDArray[np.float32]:
    import pyarrow as pa

    from motet.data import ImageCells, Table
    from motet.errors import UsageError

    embedded = model.embed_images(ImageCells(Table(pa.table({"image": [path.read_bytes()]})), ["image"]))
    if not embedded.present[0]:
        reason = embedded.issues[0].reason if embedded.issues else "it cannot be read"
        raise UsageError(f"--image {path}: {reason}")
    vector: npt.NDArray[np.float32] = embedded.vectors[0]
    return vector


def _without(hits: Hits, ids: list[str], k: int) -> Hits:
    """The first k answers but those that were asked with."""
    from motet.retrieval import Hits

    keep = [place for place, name in enumerate(hits.ids[0]) if name not in ids][:k]
    return Hits([[hits.ids[0][place] for place in keep]], hits.scores[:, keep], hits.rows[:, keep])
