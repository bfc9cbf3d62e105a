"""`motet.json`: what a model directory says about itself, in words a person can read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, cast, get_args

from motet.data import Schema, all_patterns
from motet.data.classes import LabelType, TargetKind
from motet.errors import ModelError, TableError
from motet.model.fields import Fields

FORMAT_VERSION = 1


@dataclass(frozen=True)
class SourceEntry:
    """One encoder of the model: `directory` lies under the model's own."""

    modality: str
    encoder: str
    directory: str
    width: int
    licence: str
    fingerprint: str
    engine: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TargetEntry:
    """What is learned (`data.TargetKind`). Heads of a number answer in deviations `scale` from the mean `mean`."""

    kind: TargetKind = "class"
    mean: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class HeadEntry:
    """One head: an ONNX graph over some sources -> logits [B, C]; of those in `tokens` it reads tokens."""

    file: str
    sources: tuple[str, ...]
    kind: str  # "unimodal", or the name of the fusion strategy
    tokens: tuple[str, ...] = ()


@dataclass(frozen=True)
class Member:
    """A head's part in a pattern's answer: its logits are divided by its temperature, then combined by its weight."""

    head: str
    weight: float = 1.0
    temperature: float = 1.0


@dataclass(frozen=True)
class PatternEntry:
    """How rows of one pattern are answered: heads, the rule that combines them, the temperature, and why.

    Without members the answer is the prior: the share of each class, or the mean number, of the training rows.
    thresholds : of prediction sets or intervals (`runtime.prediction_sets`), one for each level, null where too few
    rows were held out; empty where none are known.
    """

    rule: str
    members: tuple[Member, ...]
    temperature: float
    chosen: str
    why: str
    thresholds: tuple[float | None, ...] = ()
    cuts: tuple[float, ...] = ()


@dataclass(frozen=True)
class PartsEntry:
    """Regions of pictures and words of sentences in a space of their own: heads -> unit vectors [B, T, width].

    weight : what their late interaction counts beside the cosine of whole vectors.
    """

    image: str
    text: str
    width: int
    weight: float


@dataclass(frozen=True)
class SpaceEntry:
    """One space for pictures and words: the heads that lead into it, and what is known of its similarities.

    scale, bias : the logit that a picture and a sentence belong together is `scale * cosine + bias`.
    made_by : the objective that it was trained with, or what else made it, in words.
    parts : what first answers are put in a better order by, where that was learned.
    """

    image: str
    text: str
    width: int
    scale: float
    bias: float
    made_by: str
    parts: PartsEntry | None = None


@dataclass(frozen=True)
class LanguageEntry:
    """The language model that writes captions, inside of `prefix` and `step`; the tokenizer is its own.

    size : numbers that it gives logits of; a sentence begins with the number after them, and ends with `end`.
    rank : of the update of its attention that was learned, 0 where it stayed as it was.
    """

    name: str
    licence: str
    size: int
    end: int
    rank: int


@dataclass(frozen=True)
class CaptionEntry:
    """How a picture becomes a sentence: `prefix`, a head that reads it once, then the graph `step` word by word.

    tokenizer, neighbours, sentences : files: how numbers become words; features of training pictures, each with a
    caption (the baseline); and digests of all training sentences.
    longest : numbers of a sentence at most. beams, length_penalty, no_repeat : how it decodes unless told otherwise.
    language : the pretrained language model that writes, where there is one.
    """

    prefix: str
    step: str
    tokenizer: str
    neighbours: str
    sentences: str
    longest: int
    beams: int
    length_penalty: float
    no_repeat: int
    language: LanguageEntry | None = None


@dataclass(frozen=True)
class Manifest:
    """All of `motet.json` but the hashes of the files, which the directory keeps.

    A model of the task `match` has `spaces`, the one that it answers with first and its baselines after it, one of the
    task `caption` has `caption`; neither has classes or patterns.
    """

    task: str
    classes: tuple[str, ...]
    class_type: str
    prior: tuple[float, ...]
    schema: Schema
    sources: dict[str, SourceEntry]
    heads: dict[str, HeadEntry]
    patterns: dict[str, PatternEntry]
    baselines: dict[str, str]
    training: dict[str, Any]
    seed: int
    versions: dict[str, str]
    target: TargetEntry = field(default_factory=TargetEntry)
    spaces: dict[str, SpaceEntry] = field(default_factory=dict)
    caption: CaptionEntry | None = None

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modalities that the model reads, in canonical order."""
        return self.schema.modalities

    def to_json(self) -> dict[str, Any]:
        """As it stands in `motet.json`."""
        return {
            "format": "motet",
            "format_version": FORMAT_VERSION,
            **asdict(self),
            "schema": self.schema.to_json(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], where: str) -> Manifest:
        """Read what `to_json` made; ModelError names `where`, the file, and the key that is wrong.

        Also wrong are names that lead nowhere (a head of a source that is not there), a pattern without an entry,
        and numbers that are not finite.
        """
        if data.get("format") != "motet":
            raise ModelError(f"{where}: this is not a model that motet wrote")
        if data.get("format_version") != FORMAT_VERSION:
            raise ModelError(
                f"{where}: format version {data.get('format_version')}, this motet reads {FORMAT_VERSION}: "
                "install the version of motet that is named in it"
            )
        fields = Fields(data, where)
        made = cls(
            task=fields.text("task"),
            classes=fields.texts("classes"),
            class_type=fields.text("class_type", get_args(LabelType)),
            prior=fields.numbers("prior"),
            schema=_schema(fields["schema"]),
            sources={name: _source(entry) for name, entry in fields.objects("sources").items()},
            heads={name: _head(entry) for name, entry in fields.objects("heads").items()},
            patterns={name: _pattern(entry) for name, entry in fields.objects("patterns").items()},
            baselines=fields.mapping("baselines"),
            training=fields["training"].data,
            seed=fields.whole("seed"),
            versions=fields.mapping("versions"),
            target=_target(fields["target"]) if "target" in fields.data else TargetEntry(),
            spaces={name: _space(entry) for name, entry in fields.objects("spaces").items()}
            if "spaces" in fields.data
            else {},
            caption=_caption(fields["caption"]) if fields.data.get("caption") is not None else None,
        )
        _refuse_loose_ends(made, fields)
        return made


def _schema(fields: Fields) -> Schema:
    for column in fields.listed("columns"):
        column.text("name")
        if column.data.get("role") == "input" or column.data.get("modality") is not None:
            column.text("modality")
    try:
        return Schema.from_json(fields.data)
    except TableError as error:
        raise ModelError(f"{fields.file}: {fields.key}: {error}") from error


def _source(fields: Fields) -> SourceEntry:
    fields.only("modality", "encoder", "directory", "width", "licence", "fingerprint", "engine")
    return SourceEntry(
        modality=fields.text("modality"),
        encoder=fields.text("encoder"),
        directory=fields.text("directory"),
        width=fields.whole("width"),
        licence=fields.text("licence"),
        fingerprint=fields.text("fingerprint"),
        engine=fields["engine"].data if "engine" in fields.data else {},
    )


def _target(fields: Fields) -> TargetEntry:
    fields.only("kind", "mean", "scale")
    kind = cast(TargetKind, fields.text("kind", get_args(TargetKind)))
    scale = fields.number("scale")
    if scale <= 0:
        raise fields.wrong("scale", "a number above 0")
    return TargetEntry(kind, fields.number("mean"), scale)


def _head(fields: Fields) -> HeadEntry:
    tokens = fields.texts("tokens") if "tokens" in fields.data else ()
    return HeadEntry(fields.text("file"), fields.texts("sources"), fields.text("kind"), tokens)


def _space(fields: Fields) -> SpaceEntry:
    fields.only("image", "text", "width", "scale", "bias", "made_by", "parts")
    return SpaceEntry(
        fields.text("image"),
        fields.text("text"),
        fields.whole("width"),
        fields.number("scale"),
        fields.number("bias"),
        fields.text("made_by"),
        _parts(fields["parts"]) if fields.data.get("parts") is not None else None,
    )


def _caption(fields: Fields) -> CaptionEntry:
    fields.only(*CaptionEntry.__dataclass_fields__)
    for name, least in (("longest", 3), ("beams", 1)):
        if fields.whole(name) < least:
            raise fields.wrong(name, f"a whole number from {least}")
    if fields.number("length_penalty") < 0:
        raise fields.wrong("length_penalty", "a number from 0")
    return CaptionEntry(
        prefix=fields.text("prefix"),
        step=fields.text("step"),
        tokenizer=fields.text("tokenizer"),
        neighbours=fields.text("neighbours"),
        sentences=fields.text("sentences"),
        longest=fields.whole("longest"),
        beams=fields.whole("beams"),
        length_penalty=fields.number("length_penalty"),
        no_repeat=fields.whole("no_repeat"),
        language=_language(fields["language"]) if fields.data.get("language") is not None else None,
    )


def _language(fields: Fields) -> LanguageEntry:
    fields.only(*LanguageEntry.__dataclass_fields__)
    size, end = fields.whole("size"), fields.whole("end")
    if size < 1:
        raise fields.wrong("size", "a whole number from 1")
    if not 0 <= end < size:
        raise fields.wrong("end", "a number below size")
    return LanguageEntry(fields.text("name"), fields.text("licence"), size, end, fields.whole("rank"))


def _parts(fields: Fields) -> PartsEntry:
    fields.only("image", "text", "width", "weight")
    return PartsEntry(
        fields.text("image"), fields.text("text"), fields.whole("width"), fields.number("weight")
    )


def _pattern(fields: Fields) -> PatternEntry:
    fields.only("rule", "members", "temperature", "chosen", "why", "thresholds", "cuts")
    members = tuple(_member(member) for member in fields.listed("members"))
    temperature = _temperature(fields)
    thresholds = fields.numbers_or_null("thresholds") if "thresholds" in fields.data else ()
    cuts = fields.numbers("cuts") if "cuts" in fields.data else ()
    return PatternEntry(
        fields.text("rule"), members, temperature, fields.text("chosen"), fields.text("why"), thresholds, cuts
    )


def _member(fields: Fields) -> Member:
    fields.only("head", "weight", "temperature")
    weight = fields.number("weight") if "weight" in fields.data else 1.0
    return Member(fields.text("head"), weight, _temperature(fields) if "temperature" in fields.data else 1.0)


def _temperature(fields: Fields) -> float:
    found = fields.number("temperature")
    if found <= 0:
        raise fields.wrong("temperature", "a number above 0")
    return found


def _refuse_loose_ends(made: Manifest, fields: Fields) -> None:
    """Raise ModelError for a name that leads nowhere: later it would be a KeyError amid an answer."""
    _refuse_loose_heads(made, fields)
    if made.task == "match":
        if not made.spaces:
            raise fields.wrong("spaces", "at least one space")
        for name, space in made.spaces.items():
            entry = fields["spaces"][name]
            for place in [entry, entry["parts"]] if space.parts else [entry]:
                for side in ("image", "text"):
                    head = place.text(side, made.heads)
                    if any(made.sources[source].modality != side for source in made.heads[head].sources):
                        raise place.wrong(side, f"a head of {side} sources")
        return
    if made.task == "caption":
        if made.caption is None:
            raise fields.wrong("caption", "an object")
        fields["caption"].text("prefix", made.heads)
        return
    wanted = 1 if made.target.kind == "number" else len(made.classes)
    if len(made.prior) != wanted:
        raise fields.wrong(
            "prior", "one number" if wanted == 1 else f"one number for each of {wanted} classes"
        )
    for pattern in all_patterns(made.modalities):
        for member in fields["patterns"][pattern].listed("members"):
            member.text("head", made.heads)
        if made.patterns[pattern].cuts and len(made.patterns[pattern].cuts) != len(made.classes):
            raise fields["patterns"][pattern].wrong("cuts", "one number for each label")
    for name in made.baselines:
        fields["baselines"].text(name, made.heads)


def _refuse_loose_heads(made: Manifest, fields: Fields) -> None:
    for name, source in made.sources.items():
        if source.modality not in made.modalities:
            raise fields["sources"][name].wrong("modality", "a modality of the schema")
    for name, head in made.heads.items():
        if not head.sources or not set(head.sources) <= set(made.sources):
            raise fields["heads"][name].wrong("sources", "among the sources")
        if not set(head.tokens) <= set(head.sources):
            raise fields["heads"][name].wrong("tokens", "among its sources")
