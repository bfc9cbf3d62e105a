"""`motet train`: from a table to a model directory with its report."""

from __future__ import annotations

from typing import Any

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
from motet.cli.train_options import (
    SHARE,
    AugmentImageOption,
    AugmentOption,
    AugmentTextOption,
    BackTranslateOption,
    ClassWeightsOption,
    CurvesOption,
    DecoderOption,
    FusionOption,
    IdOption,
    ImbalanceOption,
    LabelOption,
    LoraOption,
    NoRefitOption,
    ObjectiveOption,
    OutputOption,
    ResumeOption,
    SeedOption,
    SemiSupervisedOption,
    StrictOption,
    SynonymsOption,
    TaskOption,
    TaskWeightOption,
    TermOption,
    TestSizeOption,
    TimeLimitOption,
    ValSizeOption,
    VocabularyOption,
    WeightingOption,
)


@takes_columns
def train(
    table: TableArgument,
    output: OutputOption,
    label: LabelOption = None,
    task: TaskOption = "classify",
    target: TargetOption = "class",
    columns: Columns = NONE_NAMED,
    question: QuestionOption = None,
    answer: AnswerOption = None,
    test_size: TestSizeOption = None,
    val_size: ValSizeOption = None,
    weight: WeightOption = None,
    id_column: IdOption = None,
    image_encoder: ImageEncoderOption = None,
    text_encoder: TextEncoderOption = None,
    audio_encoder: AudioEncoderOption = None,
    no_lexical: NoLexicalOption = False,
    fusion: FusionOption = "auto",
    tokens: TokensOption = False,
    pooling: PoolingOption = None,
    class_weights: ClassWeightsOption = None,
    imbalance: ImbalanceOption = "none",
    time_limit: TimeLimitOption = None,
    balance: BalanceOption = None,
    slices: SliceOption = None,
    curves: CurvesOption = False,
    augment: AugmentOption = 0,
    augment_image: AugmentImageOption = None,
    augment_text: AugmentTextOption = None,
    synonyms: SynonymsOption = None,
    back_translate: BackTranslateOption = None,
    semi_supervised: SemiSupervisedOption = False,
    no_refit: NoRefitOption = False,
    objective: ObjectiveOption = "infonce",
    term: TermOption = None,
    vocabulary: VocabularyOption = None,
    decoder: DecoderOption = None,
    lora: LoraOption = None,
    weighting: WeightingOption = None,
    task_weight: TaskWeightOption = None,
    resume: ResumeOption = False,
    seed: SeedOption = 0,
    image_root: ImageRootOption = None,
    strict: StrictOption = False,
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
    from motet.cli.console import message
    from motet.cli.learning import require_learning_wing
    from motet.cli.paths import check_decoder, check_table
    from motet.cli.task_options import check_columns, check_task, read_terms, refuse_options
    from motet.cli.train_one import train_one
    from motet.cli.train_several import read_together, several_options, task_schemas, train_several
    from motet.cli.train_table import refuse_broken, say_schemas, say_sizes_unused
    from motet.data import infer_schema, read_table
    from motet.errors import UsageError
    from motet.model import check_new_place, check_place

    task = ",".join(one.strip() for one in task.split(","))
    check_task(task, label)
    tasks = task.split(",")
    answers = "answer" in tasks
    check_columns("answer" if answers else task, columns.image, question, answer, vocabulary)
    together = read_together(tasks, weighting, task_weight or (), image_encoder, columns, seed)
    # What can be wrong without a look into the table is told first: reading may take minutes, and PyTorch seconds.
    check_table(table)
    (check_place if together is None else check_new_place)(output)
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
            "--time-limit": time_limit is not None,
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
    check_decoder(decoder, lora)
    if task == "classify" and resume:
        raise UsageError(
            "--task classify has no --resume: features stay in the cache, and heads are learned from them in seconds"
        )
    terms = read_terms(term or ())
    require_learning_wing()
    from motet.deployment import AnswerOptions, CaptionOptions, MatchOptions, Options
    from motet.training import Balance, Settings
    from motet.training.caption_settings import CaptionSettings

    shared: dict[str, Any] = {
        "pooling": tuple(pooling or ()),
        "accept_licence": accept_licence,
        "test_size": test_share,
        "validation_size": val_share,
        "seed": seed,
    }
    learned = target_kind(target)
    images, texts = tuple(image_encoder or ("auto",)), tuple(text_encoder or ("auto",))
    by_task: dict[str, Any] = {}  # of the tasks that are learned: what is wrong with others is no matter
    for name in tasks:
        if name == "match":
            by_task[name] = MatchOptions(
                **shared,
                image_encoders=images,
                text_encoders=texts,
                lexical=not no_lexical,
                objective=objective,
                terms=terms,
                resume=resume,
            )
        elif name == "caption":
            by_task[name] = CaptionOptions(
                **shared,
                image_encoders=images if tasks == ["caption"] else ("auto",),
                decoder=None if decoder is None else str(decoder),
                training=CaptionSettings(rank=lora or 0),
                resume=resume,
            )
        elif name == "answer":
            by_task[name] = AnswerOptions(
                **shared,
                image_encoders=images,
                text_encoders=texts,
                fusion=fusion,
                vocabulary=AnswerOptions.vocabulary if vocabulary is None else vocabulary,
                time_limit=time_limit,
                slices=tuple(slices or ()),
                resume=resume,
            )
        else:
            by_task[name] = Options(
                **shared,
                image_encoders=images,
                text_encoders=texts,
                audio_encoders=tuple(audio_encoder or ("auto",)),
                lexical=not no_lexical,
                tokens=tokens,
                fusion=fusion,
                target=learned,
                class_weights=class_weights,
                imbalance=imbalance,
                time_limit=time_limit,
                training=Settings(curves=curves, balance=Balance.of(read_balance(balance or ()))),
                slices=tuple(slices or ()),
                augment=augmentation,
                semi_supervised=semi_supervised,
                refit=not no_refit,
            )
    several = None if together is None else several_options(by_task, together)
    if output.is_dir() and any(output.iterdir()):
        message(f"{output}: the model there will be replaced when this one is written")
    read = read_table(table, image_root=image_root)
    if several is not None:
        schemas = task_schemas(read, tasks, columns, question or (), answer or (), id_column)
        say_schemas(schemas)
        # all tasks follow the same split column, where there is one
        say_sizes_unused(read, schemas[tasks[0]], columns.split_column, test_size, val_size)
        if strict:
            for one in schemas.values():
                refuse_broken(read, one)
        train_several(read, schemas, output, several, json=json)
        return
    schema = infer_schema(
        read,
        label=label,
        **columns.said(),
        question=question or (),
        answer=answer or (),
        id=id_column,
        weight=weight,
        target=learned,
    )
    say_schemas({task: schema})
    say_sizes_unused(read, schema, columns.split_column, test_size, val_size)
    if strict:
        refuse_broken(read, schema)
    train_one(task, read, schema, output, by_task[task], json=json)
