"""The lists and tables of the page: what was selected, classes, mistakes, broken cells, how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from motet.report.reading import MEASURES, Tree, count, listing, mapping, number, records
from motet.report.wording import NOTHING, figure, pattern_words, whole, words

BROKEN_SHOWN = 2_000
TEXT_SHOWN = 240
TEXT_KEPT = 5_000
CLASSES_NAMED = 30


@dataclass(frozen=True)
class Candidate:
    """One model that could have been chosen, with what it reached on rows kept for choosing: loss first."""

    name: str
    chosen: bool
    figures: tuple[float | None, ...]


@dataclass(frozen=True)
class Choice:
    """What was chosen for one pattern, and why."""

    pattern: str
    chosen: str
    why: str
    temperature: float | None
    candidates: tuple[Candidate, ...]
    measures: tuple[str, ...]  # names of the candidates' figures


@dataclass(frozen=True)
class ClassScore:
    """Precision, recall and F1 of one class, and how many rows have it."""

    name: str
    support: int | None
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Excerpt:
    """A text that may be long: its beginning, all of it (up to a limit), and its length in characters."""

    start: str
    whole: str | None
    length: int


@dataclass(frozen=True)
class Mistake:
    """One row that was answered wrongly."""

    row: int | None
    name: str
    label: str
    prediction: str
    confidence: float | None
    pattern: str
    text: Excerpt | None
    image: str
    thumbnail: str | None


@dataclass(frozen=True)
class BrokenCell:
    """One cell that could not be read."""

    row: int | None
    column: str
    reason: str
    value: Excerpt | None


@dataclass(frozen=True)
class Broken:
    """How many cells are broken, and those that are shown."""

    cells: tuple[BrokenCell, ...]
    total: int

    @property
    def more(self) -> int:
        """How many are counted and not shown."""
        return max(self.total - len(self.cells), 0)


@dataclass(frozen=True)
class Source:
    """One encoder of one modality."""

    name: str
    modality: str
    encoder: str
    width: int | None
    licence: str


@dataclass(frozen=True)
class Suspect:
    """One row whose label looks wrong."""

    row: int | None
    name: str
    label: str
    suggested: str
    probability: float | None
    text: Excerpt | None
    file: str


@dataclass(frozen=True)
class Suspects:
    """Rows whose label looks wrong: those shown, how many there are, and of how many that were looked at."""

    shown: tuple[Suspect, ...]
    total: int
    looked_at: int | None


def suspects(evaluation: Tree) -> Suspects:
    """Return the likely label errors among the rows that heads were fitted on."""
    read = mapping(evaluation.get("label_errors"))
    shown = tuple(
        Suspect(
            count(one.get("row")),
            words(one.get("id")),
            words(one.get("label")),
            words(one.get("suggested")),
            number(one.get("probability")),
            excerpt(one.get("text")),
            words(one.get("image")) or words(one.get("audio")),
        )
        for one in records(read.get("rows"))
    )
    return Suspects(shown, max(count(read.get("n")) or 0, len(shown)), count(read.get("looked_at")))


def choices(evaluation: Tree) -> list[Choice]:
    """Return what was chosen for each pattern."""
    return [
        _choice(str(pattern), mapping(read))
        for pattern, read in mapping(evaluation.get("selection")).items()
        if mapping(read)
    ]


def class_scores(evaluation: Tree) -> list[ClassScore]:
    """Return the scores of each class, the weakest F1 first and unmeasured ones last."""
    read = {str(name): mapping(score) for name, score in mapping(evaluation.get("per_class")).items()}
    found = [
        ClassScore(
            name,
            count(score.get("support")),
            *(number(score.get(key)) for key in ("precision", "recall", "f1")),
        )
        for name, score in read.items()
    ]
    return sorted(found, key=lambda score: (score.f1 is None, score.f1))


def mistakes(evaluation: Tree, thumbnails: Mapping[int, str]) -> list[Mistake]:
    """Return the mistakes in the order given, each with its thumbnail where there is one."""
    return [_mistake(read, thumbnails) for read in records(evaluation.get("mistakes"))]


def broken(evaluation: Tree) -> Broken:
    """Return the first broken cells and how many there are in all."""
    cells = records(evaluation.get("broken"))
    counted = count(mapping(evaluation.get("issues")).get("broken")) or 0
    shown = tuple(
        BrokenCell(
            count(cell.get("row")),
            words(cell.get("column")),
            words(cell.get("reason")),
            excerpt(cell.get("value")),
        )
        for cell in cells[:BROKEN_SHOWN]
    )
    return Broken(shown, max(counted, len(cells)))


def absent(evaluation: Tree) -> list[tuple[str, str]]:
    """Return how many cells are empty, by modality or column."""
    read = mapping(evaluation.get("issues")).get("absent")
    if isinstance(read, Mapping):
        return [(str(name), whole(value)) for name, value in read.items() if number(value)]
    return [("cells", whole(read))] if number(read) else []


def remarks(evaluation: Tree, key: str) -> list[str]:
    """Return the sentences under a key (`warnings`, `notes`): strings, or records with their parts joined."""
    said = filter(None, listing(evaluation.get(key)))
    return [
        " · ".join(map(words, filter(None, remark.values())))
        if isinstance(remark, Mapping)
        else words(remark)
        for remark in said
    ]


def making(evaluation: Tree) -> list[tuple[str, str]]:
    """Return how the model and its figures were made, as names and values in words."""
    data = mapping(evaluation.get("data"))
    facts: list[tuple[str, object]] = [
        ("table", data.get("name")),
        ("rows", _counts(data.get("rows"))),
        ("rows left out", data.get("left_out") or None),
        ("classes", _classes(data.get("classes"), evaluation.get("classes"))),
        ("figures from", evaluation.get("split") and f"{evaluation['split']} split"),
        ("seed", evaluation.get("seeds", evaluation.get("seed"))),
        ("seconds", _joined(evaluation.get("seconds"), lambda value: figure(value, 1))),
        ("versions", _joined(evaluation.get("versions"), words)),
    ]
    written = [(name, words(value)) for name, value in facts]
    return [(name, value) for name, value in written if value != NOTHING]


def sources(evaluation: Tree) -> list[Source]:
    """Return each source with its modality, encoder, width and licence."""
    read = {str(name): mapping(source) for name, source in mapping(evaluation.get("sources")).items()}
    return [
        Source(
            name,
            words(source.get("modality")),
            words(source.get("encoder")),
            count(source.get("width")),
            words(source.get("licence")),
        )
        for name, source in read.items()
    ]


def excerpt(value: object) -> Excerpt | None:
    """Shorten a text for the page; None where there is none."""
    if value is None or value == "":
        return None
    text = value if isinstance(value, str) else words(value)
    if len(text) <= TEXT_SHOWN * 1.25:
        return Excerpt(text, None, len(text))
    cut = text[:TEXT_SHOWN]
    # Break between words where the script has any; Chinese has none and is cut where it is.
    start = cut.rsplit(maxsplit=1)[0] if " " in cut[TEXT_SHOWN // 2 :] else cut
    kept = text if len(text) <= TEXT_KEPT else text[:TEXT_KEPT] + "…"
    return Excerpt(start.rstrip(" \t\n,;") + "…", kept, len(text))


def _choice(pattern: str, read: Tree) -> Choice:
    chosen = words(read.get("chosen"))
    told = records(read.get("candidates"))
    measures = next(
        (pair for pair in MEASURES if any(set(pair) <= set(candidate) for candidate in told)), MEASURES[0]
    )
    candidates = [
        Candidate(
            words(candidate.get("name")),
            candidate.get("name") == read.get("chosen"),
            tuple(number(candidate.get(name)) for name in measures),
        )
        for candidate in told
    ]
    ordered = sorted(candidates, key=lambda found: (found.figures[0] is None, found.figures[0]))
    why = words(read.get("why")) if read.get("why") else ""
    return Choice(
        pattern_words(pattern), chosen, why, number(read.get("temperature")), tuple(ordered), measures
    )


def _mistake(read: Tree, thumbnails: Mapping[int, str]) -> Mistake:
    row = count(read.get("row"))
    image = read.get("image")
    pattern = read.get("pattern")
    name = read.get("id")
    return Mistake(
        row,
        "" if name is None or str(name) == str(row) else words(name),
        words(read.get("label")),
        words(read.get("prediction")),
        number(read.get("confidence")),
        pattern_words(pattern) if isinstance(pattern, str) else "",
        excerpt(read.get("text")),
        # A picture that came as bytes or as a data URI has no name worth printing.
        image if isinstance(image, str) and not image.startswith("data:") else "",
        thumbnails.get(row) if row is not None else None,
    )


def _counts(read: object) -> str:
    if isinstance(read, Mapping):
        return _joined(read, whole)
    return whole(read) if number(read) is not None else ""


def _joined(read: object, write: Any) -> str:
    return " · ".join(f"{name} {write(value)}" for name, value in mapping(read).items())


def _classes(counted: object, named: object) -> str:
    counts = mapping(counted)
    if counts:
        sizes = [value for value in map(number, counts.values()) if value is not None]
        if len(counts) <= CLASSES_NAMED or not sizes:
            return _joined(counts, whole)
        return f"{whole(len(counts))}, of {whole(min(sizes))} to {whole(max(sizes))} rows"
    names = listing(named)
    return words(names) if len(names) <= CLASSES_NAMED else whole(len(names))
