"""Questions about a scene: what colour or shape things have, where one is, how many there are, whether of one more than
of another, and which stands on which side of which.

What things are and where they are is easy, and teaches the words that the three other kinds put together (as the
`query` questions of CLEVR, Johnson et al., arXiv 1612.06890, sec. 3, do): without them a small network learns the
others only after many times as many rows.

A form, and the answer that it shall have, are drawn before the scene, with equal chances; then all names that give this
answer have equal chances. So the words of a question say nothing of its answer; but for `attribute`, where the name and
the answer are a combination: of the colours of squares, say, two are held out, and are no answer but in unseen scenes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Literal

from numpy.random import Generator

from motet.data.scenes.names import CHINESE, CHINESE_NUMBERS, Name
from motet.data.scenes.things import COLOURS, GRID, HELD_OUT, SEEN, SHAPES, Thing

Kind = Literal["attribute", "place", "count", "compare", "relation"]
KINDS: tuple[Kind, ...] = ("attribute", "place", "count", "compare", "relation")
RAREST_FIRST: tuple[Kind, ...] = (
    "count",
    "place",
    "attribute",
    "relation",
    "compare",
)  # of what a scene allows
COUNTED = 4  # answers of `how many`: 0 to 3
LEVELS = ("both", "both", "colour", "shape")  # by which things are named
MORE, FEWER, AS_MANY = "more", "fewer", "as many"
ATTRIBUTES: dict[str, tuple[str, ...]] = {"colour": COLOURS, "shape": SHAPES}
PLACES = {"top left": "左上", "top right": "右上", "bottom left": "左下", "bottom right": "右下"}
SIDES = {"left of": "左边", "right of": "右边", "above": "上面", "below": "下面"}
FORMS: dict[Kind, tuple[str, ...]] = {
    "attribute": tuple(ATTRIBUTES),
    "place": ("",),
    "count": ("",),
    "compare": (MORE, FEWER, AS_MANY),
    "relation": tuple(SIDES),
}


@dataclass(frozen=True)
class Wanted:
    """What is to be asked: a form of a kind, at what level things are named, and the answer.

    form : which of ATTRIBUTES, of three comparisons, or of SIDES. answer : a number; 1 for yes and 0 for no; or which
    of the colours, shapes or PLACES, counted from 0.
    """

    kind: Kind
    form: str
    level: str
    answer: int


@dataclass(frozen=True)
class Question:
    """A question with its answer, in English and in Chinese, and the names in it."""

    kind: Kind
    english: str
    chinese: str
    answer: str
    chinese_answer: str
    names: tuple[Name, ...]


def draw_wanted(kind: Kind, random: Generator, *, unseen: bool) -> Wanted:
    """Draw what to ask; where `unseen`, combinations are named, never a colour or a shape alone."""
    forms: tuple[str, ...] = FORMS[kind]
    form = forms[int(random.integers(len(forms)))]
    answer = int(random.integers(_answers(kind, form)))
    if kind == "attribute":
        return Wanted(kind, form, "shape" if form == "colour" else "colour", answer)
    level = LEVELS[int(random.integers(len(LEVELS)))]
    return Wanted(kind, form, "both" if unseen else level, answer)


def _answers(kind: Kind, form: str) -> int:
    """How many answers a form has."""
    if kind == "attribute":
        return len(ATTRIBUTES[form])
    return {"place": len(PLACES), "count": COUNTED}.get(kind, 2)


def ask(things: Sequence[Thing], wanted: Wanted, random: Generator, *, unseen: bool) -> Question | None:
    """A question about these things that has the wanted answer; None where there is none.

    Where `unseen`, one of the combinations that are named, or whose colour or shape is asked for, is a held-out one.
    """
    names = _names(things, wanted, unseen=unseen)
    if unseen:
        held = {Name.of(one) for one in HELD_OUT}
        names = [one for one in names if held & {_whole(name, wanted) for name in one}]
    return _worded(wanted, names[int(random.integers(len(names)))]) if names else None


def _whole(name: Name, wanted: Wanted) -> Name:
    """The name with the attribute that the answer gives it."""
    if wanted.kind != "attribute":
        return name
    value = ATTRIBUTES[wanted.form][wanted.answer]
    return replace(name, colour=value) if wanted.form == "colour" else replace(name, shape=value)


def _names(things: Sequence[Thing], wanted: Wanted, *, unseen: bool) -> list[tuple[Name, ...]]:
    """Names, one or an ordered pair, about which the wanted question has the wanted answer."""
    present = _present(things, wanted.level)
    if wanted.kind == "attribute":
        return [(one,) for one in present if one.count(things) == _whole(one, wanted).count(things)]
    if wanted.kind == "place":
        single = [(one, one.among(things)[0]) for one in present if one.count(things) == 1]
        return [(one,) for one, thing in single if _place(thing) == wanted.answer]
    if wanted.kind == "count":
        if wanted.answer:
            return [(one,) for one in present if one.count(things) == wanted.answer]
        return [(one,) for one in _absent(things, wanted.level, unseen=unseen)]
    pairs = permutations(present, 2)
    if wanted.kind == "compare":
        return [(a, b) for a, b in pairs if _compared(things, wanted.form, a, b) == bool(wanted.answer)]
    alone = [(a, b) for a, b in pairs if a.count(things) == b.count(things) == 1]
    stands = [(a, b, _stands(wanted.form, a.among(things)[0], b.among(things)[0])) for a, b in alone]
    return [(a, b) for a, b, found in stands if found is not None and found == bool(wanted.answer)]


def _present(things: Sequence[Thing], level: str) -> list[Name]:
    """Names of what is there, in an order that is not of where it stands."""
    combinations = {one.combination for one in things}
    if level == "both":
        return [Name.of(one) for one in (*SEEN, *HELD_OUT) if one in combinations]
    if level == "colour":
        return [Name(colour=one) for one in COLOURS if one in {each.colour for each in combinations}]
    return [Name(shape=one) for one in SHAPES if one in {each.shape for each in combinations}]


def _absent(things: Sequence[Thing], level: str, *, unseen: bool) -> list[Name]:
    """Names of what is not there. Of a combination colour and shape both are there, so that neither alone tells."""
    combinations = {one.combination for one in things}
    colours, shapes = {one.colour for one in combinations}, {one.shape for one in combinations}
    if level == "both":
        asked = HELD_OUT if unseen else SEEN
        return [
            Name.of(one)
            for one in asked
            if one not in combinations and one.colour in colours and one.shape in shapes
        ]
    if level == "colour":
        return [Name(colour=one) for one in COLOURS if one not in colours]
    return [Name(shape=one) for one in SHAPES if one not in shapes]


def _compared(things: Sequence[Thing], form: str, a: Name, b: Name) -> bool:
    more = a.count(things) - b.count(things)
    return more > 0 if form == MORE else more < 0 if form == FEWER else more == 0


def _place(thing: Thing) -> int:
    """Which of PLACES, the quarters of the picture, it is in."""
    return 2 * (thing.row >= GRID // 2) + (thing.column >= GRID // 2)


def _stands(side: str, a: Thing, b: Thing) -> bool | None:
    """Whether a stands on that side of b; None where both are in one column, or one row."""
    gap = b.column - a.column if side in ("left of", "right of") else b.row - a.row
    if side in ("right of", "below"):
        gap = -gap
    return gap > 0 if gap else None


def _worded(wanted: Wanted, names: tuple[Name, ...]) -> Question:
    english, chinese = _words(wanted, names)
    answer, chinese_answer = _answer(wanted)
    return Question(wanted.kind, english, chinese, answer, chinese_answer, names)


def _words(wanted: Wanted, names: tuple[Name, ...]) -> tuple[str, str]:
    """A question in English and in Chinese."""
    a, b = names[0], names[-1]
    if wanted.kind == "attribute":
        form = wanted.form
        return (
            f"what {form} are the {a.plural}?",
            f"{a.chinese}是什么{'颜色' if form == 'colour' else '形状'}？",
        )
    if wanted.kind == "place":
        return f"where is the {a.singular}?", f"{a.chinese}在哪里？"
    if wanted.kind == "count":
        return f"how many {a.plural} are there?", f"有几个{a.chinese}？"
    if wanted.kind == "relation":
        english = f"is the {a.singular} {wanted.form} the {b.singular}?"
        return english, f"{a.chinese}在{b.chinese}的{SIDES[wanted.form]}吗？"
    if wanted.form == AS_MANY:
        return f"are there as many {a.plural} as {b.plural}?", f"{a.chinese}和{b.chinese}一样多吗？"
    more = "多" if wanted.form == MORE else "少"
    return f"are there {wanted.form} {a.plural} than {b.plural}?", f"{a.chinese}比{b.chinese}{more}吗？"


def _answer(wanted: Wanted) -> tuple[str, str]:
    """An answer in English and in Chinese."""
    if wanted.kind == "attribute":
        value = ATTRIBUTES[wanted.form][wanted.answer]
        return value, CHINESE[value]
    if wanted.kind == "place":
        return list(PLACES.items())[wanted.answer]
    if wanted.kind == "count":
        return str(wanted.answer), CHINESE_NUMBERS[wanted.answer]
    return ("yes", "是") if wanted.answer else ("no", "否")
