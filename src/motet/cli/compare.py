"""`motet compare`: a leaderboard of baselines, fusion strategies and combiners on one table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from motet.cli.columns import NONE_NAMED, Columns, takes_columns
from motet.cli.options import (
    AcceptLicenceOption,
    AudioEncoderOption,
    BalanceOption,
    DebugOption,
    ImageEncoderOption,
    ImageRootOption,
    JsonOption,
    NoLexicalOption,
    PoolingOption,
    TableArgument,
    TargetOption,
    TextEncoderOption,
    TokensOption,
    target_kind,
)


@takes_columns
def compare(
    table: TableArgument,
    label: Annotated[str, typer.Option("--label", help="The column that holds what is to be told.")],
    target: TargetOption = "class",
    columns: Columns = NONE_NAMED,
    image_encoder: ImageEncoderOption = None,
    text_encoder: TextEncoderOption = None,
    audio_encoder: AudioEncoderOption = None,
    no_lexical: NoLexicalOption = False,
    accept_licence: AcceptLicenceOption = False,
    fusion: Annotated[
        list[str] | None, typer.Option(help="A strategy to compare (repeat; default all of them).")
    ] = None,
    tokens: TokensOption = False,
    pooling: PoolingOption = None,
    balance: BalanceOption = None,
    folds: Annotated[int, typer.Option(help="Parts that are held out in turn.")] = 5,
    fast: Annotated[bool, typer.Option("--fast", help="Leave out strategies that read tokens.")] = False,
    test_size: Annotated[float, typer.Option(help="Share of rows that is left alone.")] = 0.15,
    seed: Annotated[int, typer.Option(help="Everything random follows from it.")] = 0,
    image_root: ImageRootOption = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the result as FILE.json.")
    ] = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Compare every way to answer, for every pattern of present modalities, by k-fold on cached features.

    With --balance each strategy is trained twice, with it and without. Test rows are left alone: compare to choose,
    then train, and read the test rows once.

    Examples:

      motet compare products.csv --label category

      motet compare products.csv --label price --target number

      motet compare products.csv --label category --fusion concat --fusion transformer --folds 3 -o leaderboard.json
    """
    import json as json_module

    from motet.cli.balance import read_balance
    from motet.cli.console import message, print_json
    from motet.cli.learning import require_learning_wing
    from motet.cli.paths import check_table
    from motet.data import infer_schema, read_table
    from motet.errors import UsageError
    from motet.runtime.writing import check_output

    check_table(table)
    if folds < 2:
        raise UsageError(f"--folds is 2 or more, not {folds}")
    if output is not None:
        check_output(output, table, suffixes=(".json",))
    require_learning_wing()
    from motet.deployment import Options
    from motet.experiments import compare as compare_ways
    from motet.fusion import FUSIONS
    from motet.training import Balance, Settings

    for name in fusion or ():
        if name not in FUSIONS:
            raise UsageError(f"no fusion {name!r}: one of {', '.join(FUSIONS)}")
    if tokens and fusion and not any(FUSIONS[name].reads_tokens for name in fusion):
        raise UsageError(f"--tokens: {', '.join(fusion)} reads pooled features alone")
    options = Options(
        image_encoders=tuple(image_encoder or ("auto",)),
        text_encoders=tuple(text_encoder or ("auto",)),
        audio_encoders=tuple(audio_encoder or ("auto",)),
        lexical=not no_lexical,
        target=target_kind(target),
        tokens=tokens,
        pooling=tuple(pooling or ()),
        accept_licence=accept_licence,
        test_size=test_size,
        training=Settings(balance=Balance.of(read_balance(balance or ()))),
        seed=seed,
    )
    read = read_table(table, image_root=image_root)
    schema = infer_schema(
        read,
        label=label,
        **columns.said(),
        target=options.target,
    )
    result = compare_ways(read, schema, options, strategies=tuple(fusion or FUSIONS), folds=folds, fast=fast)
    if output is not None:
        text_of = json_module.dumps(result, ensure_ascii=False, indent=1)
        output.write_text(text_of + "\n", encoding="utf-8")
    if json:
        print_json(result)
        return
    _print(result)
    if output is not None:
        message(f"written: {output}")


# Of the fullest pattern, beside the score of each.
BESIDE = {"class": ("log_loss",), "number": ("rmse", "mae"), "labels": ("map", "log_loss")}


def _print(result: Mapping[str, Any]) -> None:
    from motet.cli.console import counted, message, print_table
    from motet.model import metric_name

    for note in result["notes"]:
        message(f"note: {note}")
    # rows without anything are all answered alike: a column of one figure
    patterns = [
        p for p in result["chosen"] if p != "none" and any(p in row["patterns"] for row in result["rows"])
    ]
    fullest, score, beside = patterns[0], result["score"], BESIDE[result["target"]]
    rows = []
    for row in result["rows"]:
        measured = row["patterns"].get(fullest, {}).get("metrics", {})
        told = [row["name"], row["kind"], *(_figure(measured.get(name)) for name in beside)]
        for pattern in patterns:
            told.append(_cell(row["patterns"].get(pattern), score, row["name"] == result["chosen"][pattern]))
        told.append(f"{row['parameters']:,}" if row["parameters"] else "")
        rows.append([*told, f"{row['seconds']:.1f}"])
    title = (
        f"{counted(result['n'], 'row')} in {result['folds']} folds; {metric_name(score)} [95 % interval]; = as good as "
        "the best of its column, > what train would choose"
    )
    titles = [f"{metric_name(name)}, {fullest}" for name in beside]
    print_table(title, ["", "kind", *titles, *patterns, "parameters", "seconds"], rows, left=("kind",))


def _cell(entry: Mapping[str, Any] | None, score: str, chosen: bool) -> str:
    if entry is None:
        return ""
    metric = entry["metrics"][score]
    interval = "" if metric["low"] is None else f" [{metric['low']:.3f}, {metric['high']:.3f}]"
    marks = (">" if chosen else "") + ("=" if entry["tied"] else "")
    return f"{marks} {_figure(metric)}{interval}".strip()


def _figure(metric: Mapping[str, Any] | None) -> str:
    if metric is None:
        return ""
    return "-" if metric["value"] is None else f"{round(metric['value'], 3) + 0.0:.3f}"  # never -0.000
