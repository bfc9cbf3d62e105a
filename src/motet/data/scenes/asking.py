"""Questions about a scene: how many there are, whether of one more than of another, and which stands where.

A form, and the answer that it shall have, are drawn before the scene, with equal chances; then all names that give this
answer have equal chances. So the words of a question say nothing of its answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

from numpy.random import Generator

from motet.data.scenes.names import CHINESE_NUMBERS, Name
from motet.data.scenes.things import COLOURS, HELD_OUT, SEEN, SHAPES, Thing

Kind = Literal["count", "compare", "relation"]
KINDS: tuple[Kind, ...] = ("count", "compare", "relation")
COUNTED = 4  # answers of `how many`: 0 to 3
LEVELS = ("both", "both", "colour", "shape")  # by which things are named
MORE, FEWER, AS_MANY = "more", "fewer", "as many"
SIDES = {"left of": "左边", "right of": "右边", "above": "上面", "below": "下面"}


@dataclass(frozen=True)
class Wanted:
    """What is to be asked: a form of a kind, at what level things are named, and the answer.

    form : of `compare`, or the side of `relation`. answer : a number, or 1 for yes and 0 for no.
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
    level = LEVELS[int(random.integers(len(LEVELS)))]
    forms = {"count": ("",), "compare": (MORE, FEWER, AS_MANY), "relation": tuple(SIDES)}[kind]
    form = forms[int(random.integers(len(forms)))]
    answer = int(random.integers(COUNTED if kind == "count" else 2))
    return Wanted(kind, form, "both" if unseen else level, answer)


def ask(things: Sequence[Thing], wanted: Wanted, random: Generator, *, unseen: bool) -> Question | None:
    """A question about these things that has the wanted answer; None where there is none.

    Where `unseen`, one of the combinations that are named, at least, is a held-out one.
    """
    names = _names(things, wanted, unseen=unseen)
    if unseen:
        held = {Name.of(one) for one in HELD_OUT}
        names = [one for one in names if held & set(one)]
    return _worded(wanted, names[int(random.integers(len(names)))]) if names else None


def _names(things: Sequence[Thing], wanted: Wanted, *, unseen: bool) -> list[tuple[Name, ...]]:
    """Names, one or an ordered pair, about which the wanted question has the wanted answer."""
    present = _present(things, wanted.level)
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


def _stands(side: str, a: Thing, b: Thing) -> bool | None:
    """Whether a stands on that side of b; None where both are in one column, or one row."""
    gap = b.column - a.column if side in ("left of", "right of") else b.row - a.row
    if side in ("right of", "below"):
        gap = -gap
    return gap > 0 if gap else None


def _worded(wanted: Wanted, names: tuple[Name, ...]) -> Question:
    if wanted.kind == "count":
        number = wanted.answer
        english, chinese = f"how many {names[0].plural} are there?", f"有几个{names[0].chinese}？"
        return Question(wanted.kind, english, chinese, str(number), CHINESE_NUMBERS[number], names)
    a, b = names
    if wanted.kind == "relation":
        english = f"is the {a.singular} {wanted.form} the {b.singular}?"
        chinese = f"{a.chinese}在{b.chinese}的{SIDES[wanted.form]}吗？"
    elif wanted.form == AS_MANY:
        english = f"are there as many {a.plural} as {b.plural}?"
        chinese = f"{a.chinese}和{b.chinese}一样多吗？"
    else:
        english = f"are there {wanted.form} {a.plural} than {b.plural}?"
        chinese = f"{a.chinese}比{b.chinese}{'多' if wanted.form == MORE else '少'}吗？"
    answer, chinese_answer = ("yes", "是") if wanted.answer else ("no", "否")
    return Question(wanted.kind, english, chinese, answer, chinese_answer, names)
