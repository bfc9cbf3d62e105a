"""`motet inspect`: what is in a table, before anything is trained on it."""

from __future__ import annotations

from motet.cli.options import DebugOption, ImageRootOption, JsonOption, TableArgument


def inspect(
    table: TableArgument,
    image_root: ImageRootOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show the schema of a table, its class balance, its broken cells and its duplicates."""
    from motet.data import read_table

    read_table(table, image_root=image_root)
