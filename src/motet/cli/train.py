"""`motet train`: from a table to a model directory with its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from motet.cli.columns import NONE_NAMED, Columns, takes_columns
from motet.cli.options import (
    AcceptLicenceOption,
    AnswerOption,
    AudioEncoderOption,
    BalanceOption,
    DebugOption,
    ImageEncoderOption,
    ImageRootOption,
    JsonOption,
    NoLexicalOption,
    PoolingOption,
    QuestionOption,
    SliceOption,
    TableArgument,
    TargetOption,
    TextEncoderOption,
    TokensOption,
    WeightOption,
    target_kind,
)

if TYPE_CHECKING:
    from motet.data import Schema, Table

TASKS = ("classify", "match", "caption", "answer")
SHARE = 0.15  # of the rows, where nobody says how many measure, and how many choose


@takes_columns
def train(
    table: TableArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="The model directory to write.")],
    label: Annotated[
        str | None, typer.Option("--label", help="The column that holds what is learned.")
    ] = None,
    task: Annotated[
        str,
        typer.Option(
            help="classify (learns --label); match: one space for pictures and words, for search and zero-shot; "
            "caption: a sentence for each picture; answer: questions about pictures (--question, --answer). "
            "Several, as answer,caption,match: they teach one picture encoder together."
        ),
    ] = "classify",
    target: TargetOption = "class",
    columns: Columns = NONE_NAMED,
    question: QuestionOption = None,
    answer: AnswerOption = None,
    test_size: Annotated[
        float | None, typer.Option(help=f"Share of rows to measure on (default {SHARE:g}).")
    ] = None,
    val_size: Annotated[
        float | None, typer.Option(help=f"Share of rows to choose on (default {SHARE:g}).")
    ] = None,
    weight: WeightOption = None,
    id_column: Annotated[str | None, typer.Option("--id", help="A column that names the rows.")] = None,
    image_encoder: ImageEncoderOption = None,
    text_encoder: TextEncoderOption = None,
    audio_encoder: AudioEncoderOption = None,
    no_lexical: NoLexicalOption = False,
    fusion: Annotated[
        str, typer.Option(help="auto (chosen for each pattern), a strategy (see compare), or late.")
    ] = "auto",
    tokens: TokensOption = False,
    pooling: PoolingOption = None,
    class_weights: Annotated[
        str | None, typer.Option(help="balanced: weigh the rows of rare classes more.")
    ] = None,
    imbalance: Annotated[
        str,
        typer.Option(
            help="none, weights (as --class-weights balanced) or logit-adjustment: for rare classes."
        ),
    ] = "none",
    time_limit: Annotated[
        float | None,
        typer.Option(
            "--time-limit",
            metavar="SECONDS",
            help="Drop candidates that are not done by then; linear heads are always fitted.",
        ),
    ] = None,
    balance: BalanceOption = None,
    slices: SliceOption = None,
    curves: Annotated[
        bool,
        typer.Option("--curves", help="Measure each modality alone after each epoch of a fusion: slower."),
    ] = False,
    augment: Annotated[
        int,
        typer.Option(help="Further views of each training row, changed a little (docs/augmentation.md)."),
    ] = 0,
    augment_image: Annotated[
        str | None,
        typer.Option(
            help="Changes of pictures, all applied: crop,flip,jitter (default), rotate, grey, blur, erase, "
            "randaugment[:N:M], or none."
        ),
    ] = None,
    augment_text: Annotated[
        str | None,
        typer.Option(
            help="Changes of texts, one drawn for each: drop,swap (default), char-drop, char-swap, char-double, "
            "synonym, translate, or none."
        ),
    ] = None,
    synonyms: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Words that mean the same, a line each (default: WordNet of nltk)."
        ),
    ] = None,
    back_translate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="DIR", help="A translation model that texts go through (repeat: there, and back)."
        ),
    ] = None,
    semi_supervised: Annotated[
        bool,
        typer.Option(
            "--semi-supervised",
            help="Rows with an empty label teach too, each as the class that the labelled rows are sure of "
            "(docs/few-labels.md); the same model without them is shown beside it.",
        ),
    ] = False,
    no_refit: Annotated[
        bool,
        typer.Option(
            "--no-refit",
            help="Ship the heads that were measured: fitted on the train rows alone, and not on those that choose.",
        ),
    ] = False,
    objective: Annotated[str, typer.Option(help="Of --task match: infonce, sigmoid or triplet.")] = "infonce",
    term: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=WEIGHT]",
            help="Of --task match, added to the objective: distance, adversarial, cycle, masked, triplet; or local: "
            "words find regions, which puts the first answers in a better order (repeat).",
        ),
    ] = None,
    vocabulary: Annotated[
        int | None,
        typer.Option(
            help="Of --task answer: answers that can be given, the most common ones (default 3000)."
        ),
    ] = None,
    decoder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Of --task caption: a language model (GPT-2, Llama, ...) that writes; default: a small one learns to.",
        ),
    ] = None,
    lora: Annotated[
        int | None,
        typer.Option(
            metavar="RANK",
            help="With --decoder: learn low-rank updates of its attention (8 is usual); default: it stays as it is.",
        ),
    ] = None,
    weighting: Annotated[
        str | None,
        typer.Option(help="Of several tasks: fixed (default), uncertainty (learned), or round-robin."),
    ] = None,
    task_weight: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TASK=WEIGHT",
            help="Of several tasks with fixed weights: what the loss of one counts (default 1; repeat).",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Of --task match, answer and caption: an interrupted training to the same place goes on where it was.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(help="Everything random follows from it.")] = 0,
    image_root: ImageRootOption = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse to start where any cell is broken.")
    ] = False,
    accept_licence: AcceptLicenceOption = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Train a model on a table, measure it on the test rows, and write it with its report.

    Columns that are not named are inferred. Rows may lack a picture, words, or both.

    Examples:

      motet train products.csv --label category -o model

      motet train products.csv --label category --image photo --text title --text body -o model

      motet train products.csv --label price --target number -o model

      motet train films.parquet --label genres --target labels -o model

      motet train notes.parquet --label diagnosis --group patient --text-encoder ./minilm -o model --seed 1

      motet train products.csv --label category --slice brand --curves -o model

      motet train photos.csv --task match --image photo --text caption --text caption_zh -o space

      motet train asked.csv --task answer --image photo --question question --answer answer -o model

      motet train photos.csv --task caption --image photo --text caption1 --text caption2 -o captioner

      motet train photos.csv --task caption --image photo --text caption --decoder ./smollm --lora 8 -o captioner

      motet train asked.csv --task answer,caption,match --image photo --text caption --question question
        --answer answer --weighting uncertainty -o models
    """
    from motet.cli.augmentation import read_augmentation
    from motet.cli.balance import read_balance
    from motet.cli.console import listed, message, print_json
    from motet.cli.learning import require_learning_wing, resumable
    from motet.cli.paths import check_table
    from motet.cli.results import print_evaluation
    from motet.cli.task_options import refuse_options
    from motet.cli.train_answer import check_columns, train_answer
    from motet.cli.train_caption import train_caption
    from motet.cli.train_match import read_terms, train_match
    from motet.cli.train_several import read_together, task_schemas, train_several
    from motet.data import infer_schema, read_table
    from motet.errors import UsageError
    from motet.model import check_place

    _check_task(task, label)
    tasks = task.split(",")
    answers = "answer" in tasks
    check_columns("answer" if answers else task, columns.image, question, answer, vocabulary)
    together = read_together(tasks, weighting, task_weight or (), image_encoder, columns, seed)
    # What can be wrong without a look into the table is told first: reading may take minutes, and PyTorch seconds.
    check_table(table)
    check_place(output)
    if columns.split_column is not None and test_size is not None:
        raise UsageError(
            f"--test-size and --split-column {columns.split_column}: the column says which rows test; "
            "leave one of them out"
        )
    test_share, val_share = (SHARE if size is None else size for size in (test_size, val_size))
    if test_share + val_share >= 1:
        raise UsageError(f"--test-size {test_share:g} and --val-size {val_share:g} leave no rows to train on")
    augmentation = read_augmentation(augment, augment_image, augment_text, synonyms, back_translate)
    refuse_options(
        task,
        {
            "--label": label,
            "--target": target != "class",
            "--audio": columns.audio,
            "--vector": columns.vector,
            "--numeric": columns.numeric,
            "--categorical": columns.categorical,
            "--weight": weight,
            "--text-encoder": text_encoder,
            "--audio-encoder": audio_encoder,
            "--no-lexical": no_lexical,
            "--fusion": fusion != "auto",
            "--tokens": tokens,
            "--class-weights": class_weights,
            "--imbalance": imbalance != "none",
            "--time-limit": time_limit,
            "--balance": balance,
            "--slice": slices,
            "--curves": curves,
            "--augment": augment,
            "--semi-supervised": semi_supervised,
            "--no-refit": no_refit,
        },
    )
    if "match" not in tasks and (objective != "infonce" or term):
        raise UsageError("--objective and --term are of --task match")
    if "caption" not in tasks and (decoder is not None or lora is not None):
        raise UsageError("--decoder and --lora are of --task caption")
    if task == "classify" and resume:
        raise UsageError(
            "--task classify has no --resume: features stay in the cache, and heads are learned from them in seconds"
        )
    terms = read_terms(term or ())
    require_learning_wing()
    from motet.deployment import AnswerOptions, CaptionOptions, MatchOptions, Options, build_model
    from motet.training import Balance, Settings
    from motet.training.caption_settings import CaptionSettings

    match_options = MatchOptions(
        image_encoders=tuple(image_encoder or ("auto",)),
        text_encoders=tuple(text_encoder or ("auto",)),
        lexical=not no_lexical,
        pooling=tuple(pooling or ()),
        objective=objective,
        terms=terms,
        accept_licence=accept_licence,
        test_size=test_share,
        validation_size=val_share,
        seed=seed,
        resume=resume,
    )
    if answers:
        answer_options = AnswerOptions(
            image_encoders=tuple(image_encoder or ("auto",)),
            text_encoders=tuple(text_encoder or ("auto",)),
            fusion=fusion,
            pooling=tuple(pooling or ()),
            vocabulary=AnswerOptions.vocabulary if vocabulary is None else vocabulary,
            time_limit=time_limit,
            accept_licence=accept_licence,
            test_size=test_share,
            validation_size=val_share,
            slices=tuple(slices or ()),
            seed=seed,
            resume=resume,
        )
    caption_options = CaptionOptions(
        image_encoders=tuple(image_encoder or ("auto",)) if tasks == ["caption"] else ("auto",),
        pooling=tuple(pooling or ()),
        decoder=None if decoder is None else str(decoder),
        training=CaptionSettings(rank=lora or 0),
        accept_licence=accept_licence,
        test_size=test_share,
        validation_size=val_share,
        seed=seed,
        resume=resume,
    )
    options = Options(
        image_encoders=tuple(image_encoder or ("auto",)),
        text_encoders=tuple(text_encoder or ("auto",)),
        audio_encoders=tuple(audio_encoder or ("auto",)),
        lexical=not no_lexical,
        tokens=tokens,
        pooling=tuple(pooling or ()),
        fusion=fusion,
        target=target_kind(target),
        class_weights=class_weights,
        imbalance=imbalance,
        time_limit=time_limit,
        accept_licence=accept_licence,
        test_size=test_share,
        validation_size=val_share,
        training=Settings(curves=curves, balance=Balance.of(read_balance(balance or ()))),
        slices=tuple(slices or ()),
        augment=augmentation,
        semi_supervised=semi_supervised,
        refit=not no_refit,
        seed=seed,
    )
    if output.is_dir() and any(output.iterdir()):
        message(f"{output}: the model there will be replaced when this one is written")
    read = read_table(table, image_root=image_root)
    if together is not None:
        by_task: dict[str, Any] = {"match": match_options, "caption": caption_options}
        if answers:
            by_task["answer"] = answer_options
        schemas = task_schemas(read, tasks, columns, question or (), answer or (), id_column)
        if strict:
            for one in schemas.values():
                _refuse_broken(read, one)
        train_several(read, schemas, output, {name: by_task[name] for name in tasks}, together, json=json)
        return
    schema = infer_schema(
        read,
        label=label,
        **columns.said(),
        question=question or (),
        answer=answer or (),
        id=id_column,
        weight=weight,
        target=options.target,
    )
    for column in schema.columns:
        if column.role != "ignored":
            message(f"{column.name}: {column.role}, {column.kind} ({column.why})")
    unread = [column.name for column in schema.columns if column.role == "ignored"]
    if unread:
        message(f"not read: {listed(unread)} (motet inspect says why)")
    _say_sizes_unused(read, schema, columns.split_column, test_size, val_size)
    if strict:
        _refuse_broken(read, schema)
    if task != "classify":
        with resumable(output):
            if task == "match":
                train_match(read, schema, output, match_options, json=json)
            elif answers:
                train_answer(read, schema, output, answer_options, json=json)
            else:
                train_caption(read, schema, output, caption_options, json=json)
        return
    evaluation = build_model(read, schema, output, options)
    if json:
        print_json(evaluation)
        return
    print_evaluation(evaluation)
    if "overall" in evaluation:
        message(f"report: {output / 'report.html'}")
    message(f"model: {output}")


def _check_task(task: str, label: str | None) -> None:
    from motet.errors import UsageError

    tasks = task.split(",")
    unknown = [one for one in tasks if one not in TASKS]
    if unknown:
        raise UsageError(f"no task {unknown[0]!r}: one of {', '.join(TASKS)}")
    if len(tasks) > 1 and ("classify" in tasks or len(set(tasks)) < len(tasks)):
        raise UsageError(f"--task {task}: several tasks at once are answer, caption and match, each once")
    if task == "classify" and label is None:
        raise UsageError(
            "name the column to learn with --label, or learn from pairs without labels with --task match"
        )


def _say_sizes_unused(
    read: Table, schema: Schema, named: str | None, test_size: float | None, val_size: float | None
) -> None:
    """A split column is followed: say which sizes it leaves unused; UsageError where both were asked for by name."""
    from motet.cli.console import message
    from motet.data.splits import VALIDATION, split_sides
    from motet.errors import UsageError

    if schema.split is None or (test_size is None and val_size is None):
        return
    chooses = val_size is not None and bool((split_sides(read, schema.split) == VALIDATION).any())
    unused = ["--test-size"] * (test_size is not None) + ["--val-size"] * chooses
    if unused and named is not None:
        raise UsageError(
            f"{' and '.join(unused)} and --split-column {named}: the column says which rows choose; "
            "leave one of them out"
        )
    if unused:
        message(
            f"column {schema.split!r} says which rows train, choose and test, and is followed: "
            f"{' and '.join(unused)} {'is' if len(unused) == 1 else 'are'} not used"
        )


def _refuse_broken(read: object, schema: object) -> None:
    from motet.cli.console import counted
    from motet.data import Schema, Table, audit
    from motet.errors import TableError

    assert isinstance(read, Table) and isinstance(schema, Schema)
    broken = audit(read, schema).broken
    if broken:
        shown = "; ".join(f"row {i.row}, {i.column}: {i.reason}" for i in broken[:5])
        raise TableError(
            f"{read.name}: {counted(len(broken), 'broken cell')} ({shown}{'; ...' if len(broken) > 5 else ''}): "
            "mend them, or leave --strict out"
        )
