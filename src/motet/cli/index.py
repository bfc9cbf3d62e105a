"""`motet index`: the pictures of a table become an index that grows, shrinks and can be taken elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from motet.cli.index_collection import read_collection
from motet.cli.index_search import IndexArgument, model_name, search
from motet.cli.options import DebugOption, ImageRootOption, TableArgument
from motet.cli.space import open_space

app = typer.Typer(
    help="Search a collection of pictures with words, pictures, or both.",
    no_args_is_help=True,
    add_completion=False,
)

ModelOption = Annotated[
    Path, typer.Option("-m", "--model", help="A model that was trained with --task match.")
]
IdColumnOption = Annotated[
    str | None, typer.Option("--id", help="The column of ids (default: the model's, else the picture paths).")
]


@app.command()
def build(
    table: TableArgument,
    model: ModelOption,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write.")],
    id: IdColumnOption = None,
    recall: Annotated[
        float,
        typer.Option("--recall", help="Share of true neighbours that search in a large index must find."),
    ] = 0.95,
    storage: Annotated[
        str, typer.Option("--storage", help="How vectors are kept: float32, float16 or int8.")
    ] = "float16",
    image_root: ImageRootOption = None,
    debug: DebugOption = False,
) -> None:
    """Encode the pictures of a table and write an index of them; the other columns are kept to filter by.

    Where the table has a hundred sentences for the model, a sample of them tunes search among many pictures too.

    Example:

      motet index build products.csv -m model -o products.index
    """
    from motet.cli.console import counted, message
    from motet.errors import SearchError
    from motet.retrieval import Index

    opened = open_space(model)
    if output.exists():
        raise SearchError(f"{output}: something stands there already: give the index another name")
    read = read_collection(opened, table, id, image_root)
    made = Index.create(
        output,
        read.vectors,
        read.ids,
        read.metadata,
        model=opened.fingerprint,
        recall=recall,
        storage=storage,
        queries=read.sentences,
        about={**read.about, "model": model_name(opened)},
        progress=message,
    )
    message(f"{output}: {counted(len(made), 'picture')}")


@app.command()
def add(
    index: IndexArgument,
    table: TableArgument,
    model: ModelOption,
    id: IdColumnOption = None,
    image_root: ImageRootOption = None,
    debug: DebugOption = False,
) -> None:
    """Add the pictures of another table with the same columns, without building anew.

    Numbers are read as when the index was built: where a comma marked decimals, it does.
    """
    from motet.cli.console import counted, message
    from motet.retrieval import Index

    opened = open_space(model)
    there = Index.open(index, model=opened.fingerprint, called=model_name(opened))
    read = read_collection(opened, table, id, image_root, there)
    there.add(read.vectors, read.ids, read.metadata, about=read.about, progress=message)
    message(f"{index}: {counted(len(there), 'picture')}")


@app.command()
def remove(
    index: IndexArgument,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of the rows to remove.")],
    debug: DebugOption = False,
) -> None:
    """Remove rows by id; `index compact` frees their room."""
    from motet.cli.console import counted, message
    from motet.retrieval import Index

    there = Index.open(index)
    there.remove(ids)
    message(f"{index}: {counted(len(there), 'picture')}")


@app.command()
def compact(index: IndexArgument, debug: DebugOption = False) -> None:
    """Write all that was added and not removed into one piece: room is freed, and search is faster."""
    from motet.cli.console import counted, message
    from motet.retrieval import Index

    there = Index.open(index)
    there.compact(progress=message)
    message(f"{index}: {counted(len(there), 'picture')}")


app.command()(search)


@app.command()
def export(
    index: IndexArgument,
    name: Annotated[str, typer.Option("--name", help="The collection or table to make.")],
    qdrant: Annotated[
        str | None, typer.Option("--qdrant", help="URL of a Qdrant server, or a folder for its local mode.")
    ] = None,
    lancedb: Annotated[str | None, typer.Option("--lancedb", help="A folder of LanceDB.")] = None,
    debug: DebugOption = False,
) -> None:
    """Copy an index into a collection of Qdrant or a table of LanceDB."""
    from motet.cli.console import counted, message
    from motet.errors import SearchError, UsageError
    from motet.retrieval import Index

    if (qdrant is None) == (lancedb is None):
        raise UsageError("say where to: --qdrant URL or --lancedb FOLDER")
    there = Index.open(index)
    try:
        if qdrant is not None:
            from qdrant_client import QdrantClient

            from motet.retrieval.export_qdrant import export_qdrant

            client = QdrantClient(url=qdrant) if "://" in qdrant else QdrantClient(path=qdrant)
            rows = export_qdrant(there, client, name)
            client.close()
        else:
            import lancedb as lance

            from motet.retrieval.export_lancedb import export_lancedb

            rows = export_lancedb(there, lance.connect(lancedb), name)
    except ImportError as error:
        raise SearchError(f"{error.name} is not installed: install motet[search-export]") from error
    message(f"{name}: {counted(rows, 'row')}")
