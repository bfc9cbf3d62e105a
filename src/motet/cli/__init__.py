"""The `motet` command: one file a command; a running command imports no torch."""

from __future__ import annotations

import io
import os
import signal
import sys

import typer

from motet import __version__
from motet.cli import ask, cache, compare, demo, describe, evaluate, index, inspect, predict, pretrain, train

STOPPED, TERMINATED = 130, 143  # what shells call a command that SIGINT or SIGTERM ended

app = typer.Typer(
    name="motet",
    help="Train, trust and ship a model that reads pictures and words together, and answers when one is missing.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="Exit codes: 0 done, 1 the job failed, 2 wrong usage, 130 stopped with Ctrl-C, 143 by SIGTERM.",
)
app.command("inspect")(inspect.inspect)
app.command("train")(train.train)
app.command("pretrain")(pretrain.pretrain)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("ask")(ask.ask)
app.command("describe")(describe.describe)
app.command("compare")(compare.compare)
app.command("demo")(demo.demo)
app.add_typer(index.app, name="index")
app.command("cache")(cache.cache)


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="Print the version and stop.", is_eager=True),
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def _say_stopped() -> None:
    typer.echo("stopped: it is not finished; models and predictions are only written whole", err=True)


def main() -> None:
    """Run the command line: exit code 0 done, 1 the job failed, 2 wrong usage, 130 stopped with Ctrl-C.

    No traceback without --debug. SIGTERM stops as Ctrl-C does, so that no half of a model is left behind.
    """
    from motet.errors import MotetError, UsageError

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a terminal without these letters gets their codes, not an error after an hour of training
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    arguments = sys.argv[1:]
    debug = "--debug" in arguments or os.environ.get("MOTET_DEBUG") == "1"
    try:
        if len(arguments) > 1 and "--help" not in arguments:
            from motet.data.startup import leave_pandas_out

            leave_pandas_out()
        app()
    except KeyboardInterrupt:
        _say_stopped()
        raise SystemExit(STOPPED) from None
    except SystemExit as stop:
        # typer itself turns Ctrl-C into this code, and says nothing
        if stop.code in (STOPPED, TERMINATED):
            _say_stopped()
        raise
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
