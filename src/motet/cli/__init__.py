"""The `motet` command: one file a command; a running command imports no torch."""

from __future__ import annotations

import os
import sys

import typer

from motet import __version__
from motet.cli import cache, demo, evaluate, inspect, predict, train

app = typer.Typer(
    name="motet",
    help="Train, trust and ship a model that reads pictures and words together, and answers when one is missing.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("inspect")(inspect.inspect)
app.command("train")(train.train)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("demo")(demo.demo)
app.command("cache")(cache.cache)


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="Print the version and stop.", is_eager=True),
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line: exit code 0 done, 1 the job failed, 2 wrong usage; no traceback without --debug."""
    from motet.errors import MotetError, UsageError

    arguments = sys.argv[1:]
    debug = "--debug" in arguments or os.environ.get("MOTET_DEBUG") == "1"
    try:
        if len(arguments) > 1 and "--help" not in arguments:
            from motet.data.startup import leave_pandas_out

            leave_pandas_out()
        app()
    except KeyboardInterrupt:
        typer.echo("interrupted: nothing half-written was left", err=True)
        raise SystemExit(130) from None
    except MotetError as error:
        if debug:
            raise
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(2 if isinstance(error, UsageError) else 1) from None
    except Exception as error:
        if debug:
            raise
        typer.echo(f"error: {type(error).__name__}: {error} (add --debug for the traceback)", err=True)
        raise SystemExit(1) from None
