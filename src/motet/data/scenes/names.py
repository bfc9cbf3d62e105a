"""What questions and captions call things, in English and in Chinese."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from motet.data.scenes.things import COLOURS, SHAPES, Combination, Thing

CHINESE = {
    **dict(zip(COLOURS, ("红色", "橙色", "黄色", "绿色", "青色", "蓝色", "紫色", "灰色"), strict=True)),
    **dict(zip(SHAPES, ("正方形", "圆形", "三角形", "十字形"), strict=True)),
}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six")
CHINESE_NUMBERS = ("零", "一", "两", "三", "四", "五", "六")


@dataclass(frozen=True)
class Name:
    """Names all things of a colour, of a shape, or of both."""

    colour: str = ""
    shape: str = ""

    @classmethod
    def of(cls, combination: Combination) -> Name:
        """The name of a combination."""
        return cls(*combination)

    def count(self, things: Sequence[Thing]) -> int:
        """How many of the things it names."""
        return len(self.among(things))

    def among(self, things: Sequence[Thing]) -> list[Thing]:
        """The things that it names."""
        return [
            one
            for one in things
            if self.colour in ("", one.combination.colour) and self.shape in ("", one.combination.shape)
        ]

    @property
    def singular(self) -> str:
        """`red square`."""
        return f"{self.colour} {self.shape or 'thing'}".strip()

    @property
    def plural(self) -> str:
        """`red squares`."""
        return self.singular + ("es" if self.singular.endswith("s") else "s")

    @property
    def chinese(self) -> str:
        """Without a number, which Chinese says beside it."""
        return CHINESE.get(self.colour, "") + CHINESE.get(self.shape, "物体")


def caption(things: Sequence[Thing]) -> tuple[str, str]:
    """What stands in a scene, combination by combination from the top left on, in English and in Chinese."""
    groups = dict.fromkeys(Name.of(one.combination) for one in things)
    english, chinese = [], []
    for name in groups:
        number = name.count(things)
        english.append(f"a {name.singular}" if number == 1 else f"{NUMBERS[number]} {name.plural}")
        chinese.append(f"{CHINESE_NUMBERS[number]}个{name.chinese}")
    english = [one.replace("a orange", "an orange") for one in english]
    return (
        f"{', '.join(english[:-1])} and {english[-1]}" if len(english) > 1 else english[0],
        f"{'、'.join(chinese[:-1])}和{chinese[-1]}" if len(chinese) > 1 else chinese[0],
    )
