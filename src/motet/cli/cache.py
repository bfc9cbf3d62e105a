"""`motet cache`: what is kept on disk so that nothing is encoded twice."""

from __future__ import annotations

from typing import Annotated

import typer

from motet.cli.options import DebugOption, JsonOption


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove cached features.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="With --clear: prepared encoders and measured engines too.")
    ] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show or clear the cache of features and prepared encoders ($MOTET_CACHE, else ~/.cache/motet).

    It is bounded ($MOTET_CACHE_BYTES, default 20 GiB); what was used longest ago goes first.

    Examples:

      motet cache

      motet cache --clear --all
    """
    import shutil

    from motet.cli.console import message, print_json, print_table
    from motet.encoders import FeatureCache, cache_directory

    features = FeatureCache()
    if clear:
        freed = features.clear()
        if everything:
            shutil.rmtree(cache_directory() / "encoders", ignore_errors=True)
            (cache_directory() / "engines.json").unlink(missing_ok=True)
        if json:
            print_json({"freed_bytes": freed})
        else:
            message(f"{freed / 1e6:.1f} MB of features removed")
        return
    sizes, known = features.sizes(), features.names()
    if json:
        total = sum(sizes.values())
        print_json(
            {
                "path": str(cache_directory()),
                "bytes": total,
                "limit": features.limit,
                "shelves": sizes,
                "encoders": {
                    one: dict(zip(("name", "modality"), known[one], strict=True))
                    for one in sizes
                    if one in known
                },
            }
        )
        return
    print_table(
        f"{cache_directory()}: features, at most {features.limit / 1e9:.1f} GB",
        ["encoder", "of", "fingerprint", "MB"],
        [[*known.get(one, ("?", "?")), one, f"{size / 1e6:.1f}"] for one, size in sizes.items()],
        left=("of", "fingerprint"),
    )
