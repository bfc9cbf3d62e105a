"""The card of one sample: its picture beside the probability of each class."""

from __future__ import annotations

from dataclasses import dataclass

from motet.report.page import environment
from motet.report.reading import Tree, mapping, number
from motet.report.sections import excerpt
from motet.report.wording import pattern_words, picture_uri, words

CLASSES_SHOWN = 10


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


def render_card(prediction: Tree, *, picture: str | None, text: str | None, title: str = "Prediction") -> str:
    """Return the card of one prediction as one HTML page that opens offline.

    `prediction` is a Prediction record (id, prediction, confidence, pattern, probabilities, issue), `picture`
    a data URI (see `thumbnail`). Raises UsageError where the picture is anything else.
    """
    if picture is not None:
        picture_uri(picture, "picture")
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
            pattern=pattern_words(pattern) if isinstance(pattern, str) else None,
            issue=words(issue) if issue else None,
            picture=picture,
            text=excerpt(text),
            bars=bars(prediction),
        )
    )


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


def _answers(value: object) -> list[str]:
    if value is None:
        return []
    return [words(element) for element in value] if isinstance(value, list | tuple) else [words(value)]
