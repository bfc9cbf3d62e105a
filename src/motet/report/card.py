"""The card of one sample: its picture beside the probability of each class."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise

from motet.report.occlusion import pieces, regions
from motet.report.page import environment
from motet.report.reading import Tree, listing, mapping, number
from motet.report.sections import excerpt
from motet.report.wording import pattern_words, picture_uri, words

CLASSES_SHOWN = 10
NOTHING_SHOWN = "nothing shown"
MARK = 0.6  # per cent of an axis


@dataclass(frozen=True)
class Bar:
    """One class with its probability: part of the answer (`predicted`), or the sum of the others (`rest`)."""

    name: str
    probability: float
    predicted: bool
    rest: bool

    @property
    def width(self) -> float:
        """The bar's length in per cent of the axis from 0 to 1."""
        return round(100 * min(max(self.probability, 0.0), 1.0), 2)


@dataclass(frozen=True)
class Step:
    """What one modality adds to what was answered, drawn from where the one before it ended."""

    name: str
    value: float
    start: float
    width: float


@dataclass(frozen=True)
class Explanation:
    """The steps to one thing that was answered; `name` where several were."""

    name: str
    steps: tuple[Step, ...]


def render_card(
    prediction: Tree,
    *,
    picture: str | None,
    text: str | None,
    title: str = "Prediction",
    coverage: float | None = None,
    occlusion: Tree | None = None,
    lit: str | None = None,
) -> str:
    """Return the card of one prediction as one HTML page that opens offline.

    `prediction` is a Prediction record (id, prediction, confidence, pattern, probabilities, issue, set or interval,
    abstain, contributions), `picture` a data URI (see `thumbnail`), `coverage` what the set or the interval was asked
    for, `occlusion` what an answer rests on (see `motet.runtime.occlusion`), and `lit` the picture drawn by it (see
    `spotlight`). Raises UsageError where a picture is anything else.
    """
    for name, uri in (("picture", picture), ("lit", lit)):
        if uri is not None:
            picture_uri(uri, name)
    pattern = prediction.get("pattern")
    issue = prediction.get("issue")
    answers = _answers(prediction.get("prediction"))
    return (
        environment()
        .get_template("card.html")
        .render(
            title=title,
            answers=answers,
            confidence=number(prediction.get("confidence")),
            covering=covering(prediction, coverage),
            abstains=prediction.get("abstain") is True,
            pattern=pattern_words(pattern) if isinstance(pattern, str) else None,
            issue=words(issue) if issue else None,
            picture=picture,
            text=excerpt(text),
            bars=bars(prediction),
            explanations=explanations(prediction),
            asked=pieces(occlusion or {}),
            lit=lit,
            hidden=regions(occlusion or {}) is not None,
        )
    )


def covering(prediction: Tree, coverage: float | None) -> str:
    """Say which classes, or which numbers, hold the right one as often as was asked; empty where nothing was."""
    classes, ends = prediction.get("set"), listing(prediction.get("interval"))
    if isinstance(classes, list):
        said = f"One of {words(classes)}" if len(classes) > 1 else f"Only {words(classes)}"
    elif len(ends) == 2:
        low, high = map(number, ends)
        if low is None or high is None:
            return "Any number: too few rows were held out for an interval"
        said = f"Between {words(low)} and {words(high)}"
    else:
        return ""
    return said if coverage is None else f"{said}: right in {100 * coverage:g} % of rows like those held out"


def bars(prediction: Tree) -> list[Bar]:
    """Return the ten most probable classes, and the sum of the rest as `other classes (n)`.

    A single class that remains is shown by its own name. Classes without a probability are left out.
    """
    read = [(str(name), number(value)) for name, value in mapping(prediction.get("probabilities")).items()]
    known = sorted(((name, value) for name, value in read if value is not None), key=lambda pair: -pair[1])
    shown = CLASSES_SHOWN if len(known) != CLASSES_SHOWN + 1 else len(known)
    answers = _answers(prediction.get("prediction"))
    drawn = [Bar(name, value, name in answers, rest=False) for name, value in known[:shown]]
    rest = known[shown:]
    if rest:
        others = sum(value for _, value in rest)
        drawn.append(Bar(f"other classes ({len(rest)})", others, predicted=False, rest=True))
    return drawn


def explanations(prediction: Tree) -> list[Explanation]:
    """Return for the class or the number, or for each label that is given, what each modality adds to it.

    The first step of each is what it is with nothing shown, which the contributions leave of the whole. Starts and
    widths are in per cent of an axis: from 0 to 1 of a probability, and of a number over all the steps' ends.
    """
    read = mapping(prediction.get("contributions"))
    answer = prediction.get("prediction")
    if isinstance(answer, list | tuple):
        chances = mapping(prediction.get("probabilities"))
        asked = [
            (words(name), chances.get(name), {m: mapping(shares).get(name) for m, shares in read.items()})
            for name in answer
        ]
    elif prediction.get("probabilities") is None and number(answer) is not None:
        return _explained("", answer, read, within=None)
    else:
        asked = [("", prediction.get("confidence"), dict(read))]
    return [made for name, whole, shares in asked for made in _explained(name, whole, shares, within=(0, 1))]


def _explained(
    name: str, whole: object, shares: Tree, *, within: tuple[float, float] | None
) -> list[Explanation]:
    known = [(str(m), value) for m, share in shares.items() if (value := number(share)) is not None]
    total = number(whole)
    if not known or total is None:
        return []
    begin = total - sum(value for _, value in known)
    ends = list(accumulate((value for _, value in known), initial=begin))
    low, high = within or (min(ends), max(ends))
    places = [100 * min(max((end - low) / ((high - low) or 1), 0.0), 1.0) for end in ends]
    # The length of a probability begins at 0; a number has no such beginning, and a mark says where it starts.
    first = Step(NOTHING_SHOWN, begin, 0.0, round(places[0], 2))
    if within is None:
        first = Step(NOTHING_SHOWN, begin, round(min(places[0], 100 - MARK), 2), MARK)
    steps = [
        Step(modality, value, round(min(pair), 2), round(abs(pair[1] - pair[0]), 2))
        for (modality, value), pair in zip(known, pairwise(places), strict=True)
    ]
    return [Explanation(name, (first, *steps))]


def _answers(value: object) -> list[str]:
    if value is None:
        return []
    return [words(element) for element in value] if isinstance(value, list | tuple) else [words(value)]
