"""What each row of the demo catalogue is behind its picture and its words, and how well anybody can do on it.

A row is drawn in this order, each step independently of the others unless said:

- its category y, uniform over four: each block of four rows holds every category once, in random order;
- whether its picture is *shared* and whether its text is: both .04, picture only .26, text only .20,
  neither .50. A clear picture or text shows an object of category y. A shared one is drawn from a
  distribution of the *pair* that y belongs to (electronics and home, or clothing and books), from the same
  random numbers for both;
- whether the picture is empty (.04) or broken (.02), the text empty (.06), or, where it is not, its
  description alone (.05);
- colour, brand, price, language, background, light, size and JPEG quality, all alike in every category.

Best possible (Bayes) accuracy. A clear picture or text determines y: accuracy 1. If all that is present is
shared, both categories of the pair are equally probable, because the prior is uniform and the likelihood is
the same: accuracy 1/2. With nothing present all four are: 1/4. Being present is independent of being shared.

    image       1 - .30 / 2 = .85          (shared pictures: .04 + .26)
    text        1 - .24 / 2 = .88          (shared texts: .04 + .20)
    image+text  1 - .04 / 2 = .98          (both shared, of one pair: neither resolves the other)
    none        .25
    overall     .94 * .94 * .98 + .94 * .06 * .85 + .06 * .94 * .88 + .06 * .06 * .25 = .9644
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

CATEGORIES = ("electronics", "clothing", "books", "home")
PAIRS = {"electronics": "electronics/home", "home": "electronics/home"} | {
    "clothing": "clothing/books",
    "books": "clothing/books",
}
OBJECTS = {
    "electronics": ("phone", "laptop", "headphones", "camera", "speaker"),
    "clothing": ("shirt", "trousers", "dress", "shoe", "cap"),
    "books": ("novel", "stack", "open book", "shelf", "notebook"),
    "home": ("lamp", "chair", "mug", "vase", "clock"),
}
SHARED_OBJECTS = {"electronics/home": ("carton", "crate"), "clothing/books": ("gift", "bag")}
COLOURS = (
    "red",
    "orange",
    "yellow",
    "green",
    "teal",
    "blue",
    "purple",
    "pink",
    "brown",
    "grey",
    "black",
    "white",
)

BOTH_SHARED, PICTURE_SHARED, TEXT_SHARED = 0.04, 0.26, 0.20
EMPTY_PICTURE, BROKEN_PICTURE, EMPTY_TEXT, EMPTY_DESCRIPTION = 0.04, 0.02, 0.06, 0.05
CHINESE = 0.4

PictureState = Literal["present", "empty", "missing file", "truncated file", "not a picture"]
BROKEN_STATES: tuple[PictureState, ...] = ("missing file", "truncated file", "not a picture")


@dataclass(frozen=True)
class Latent:
    """The truth behind one row: nothing of it but `category` and `split` is in the table.

    `shown` and `named` are the object in the picture and in the text; where shared, they belong to the pair.
    """

    row: int
    category: str
    split: str
    colour: str
    shown: str
    named: str
    picture_shared: bool
    text_shared: bool
    picture_state: PictureState
    text_present: bool
    description_present: bool
    chinese: bool

    @property
    def picture_present(self) -> bool:
        """Whether the row has a picture that can be decoded."""
        return self.picture_state == "present"


def draw_latents(rows: int, seed: int) -> list[Latent]:
    """Draw the truth behind rows 0 to `rows` - 1; row i is the same whatever the number of rows."""
    return [_draw(row, seed) for row in range(rows)]


def stream(seed: int, row: int, use: int) -> np.random.Generator:
    """Random numbers for one use in one row, independent of every other use and row."""
    return np.random.default_rng([seed, use, row])


def population_ceilings() -> dict[str, float]:
    """Best possible accuracy of each pattern, and of all rows with what each has, in the whole population."""
    image = 1 - (BOTH_SHARED + PICTURE_SHARED) / 2
    text = 1 - (BOTH_SHARED + TEXT_SHARED) / 2
    both = 1 - BOTH_SHARED / 2
    none = 1 / len(CATEGORIES)
    has_image = 1 - EMPTY_PICTURE - BROKEN_PICTURE
    has_text = 1 - EMPTY_TEXT
    overall = has_image * (has_text * both + (1 - has_text) * image)
    overall += (1 - has_image) * (has_text * text + (1 - has_text) * none)
    return {"image+text": both, "image": image, "text": text, "none": none, "overall": overall}


def expected_ceilings(latents: Sequence[Latent]) -> dict[str, float | None]:
    """Expected accuracy of the best possible answers on these very rows; None for a pattern that no row has.

    Each pattern is counted on all rows that have at least its modalities, the others hidden.
    """
    expected: dict[str, float | None] = {}
    for pattern, image, text in (("image+text", 1, 1), ("image", 1, 0), ("text", 0, 1), ("none", 0, 0)):
        best = [
            best_accuracy(one, image=bool(image), text=bool(text))
            for one in latents
            if one.picture_present >= image and one.text_present >= text
        ]
        expected[pattern] = float(np.mean(best)) if best else None
    best = [best_accuracy(one, image=one.picture_present, text=one.text_present) for one in latents]
    expected["overall"] = float(np.mean(best)) if best else None
    return expected


def best_accuracy(latent: Latent, *, image: bool, text: bool) -> float:
    """Probability that the best possible answer is right for one row, seeing the named modalities."""
    if (image and not latent.picture_shared) or (text and not latent.text_shared):
        return 1.0
    return 0.5 if image or text else 1 / len(CATEGORIES)


def _draw(row: int, seed: int) -> Latent:
    random = stream(seed, row, 1)
    category = _category(row, seed)
    u = random.random()
    picture_shared = u < BOTH_SHARED + PICTURE_SHARED
    text_shared = u < BOTH_SHARED or 0 <= u - (BOTH_SHARED + PICTURE_SHARED) < TEXT_SHARED
    # One place for both, so that a clear picture and a clear text of a row speak of the same object.
    place, shared_place, colour = (int(n) for n in random.integers(0, (5, 2, len(COLOURS))))
    clear = OBJECTS[category][place]
    state: PictureState = "present"
    v = random.random()
    if v < EMPTY_PICTURE:
        state = "empty"
    elif v < EMPTY_PICTURE + BROKEN_PICTURE:
        state = BROKEN_STATES[int((v - EMPTY_PICTURE) / BROKEN_PICTURE * len(BROKEN_STATES))]
    title, description, english = random.random(3) >= (EMPTY_TEXT, EMPTY_DESCRIPTION, CHINESE)
    return Latent(
        row=row,
        category=category,
        split=_split(row, seed),
        colour=COLOURS[colour],
        shown=SHARED_OBJECTS[PAIRS[category]][shared_place] if picture_shared else clear,
        named=PAIRS[category] if text_shared else clear,
        picture_shared=picture_shared,
        text_shared=text_shared,
        picture_state=state,
        text_present=bool(title),
        description_present=bool(title and description),
        chinese=not english,
    )


def _category(row: int, seed: int) -> str:
    block, place = divmod(row, len(CATEGORIES))
    return CATEGORIES[int(stream(seed, block, 2).permutation(len(CATEGORIES))[place])]


def _split(row: int, seed: int) -> str:
    """Of each 20 rows 14 train, 3 validate and 3 test; no two that validate, or test, share a category."""
    block, place = divmod(row, 20)
    # The five rows of each category are shuffled: the first may test, the second may validate.
    order = stream(seed, block, 3).permuted(np.tile(np.arange(5), (len(CATEGORIES), 1)), axis=1)
    category = CATEGORIES.index(_category(row, seed))
    rank = int(order[category, place // len(CATEGORIES)])
    if rank == 0 and category != block % 4:
        return "test"
    if rank == 1 and category != (block + 2) % 4:
        return "validation"
    return "train"
