from __future__ import annotations

import csv
import json
import math
import time
from collections import Counter, defaultdict
from dataclasses import replace
from io import BytesIO
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from motet.data.catalogue import Catalogue, population_ceilings, write_catalogue
from motet.data.catalogue.latents import (
    CATEGORIES,
    COLOURS,
    OBJECTS,
    PAIRS,
    SHARED_OBJECTS,
    Latent,
    draw_latents,
    expected_ceilings,
    stream,
)
from motet.data.catalogue.scene import DRAWINGS, PAINTS, product_picture
from motet.data.catalogue.vocabulary import COLOUR_WORDS, NOUNS, QUALITIES
from motet.data.catalogue.writing import picture_of, words_of
from motet.errors import UsageError

PARTNER = {"electronics": "home", "home": "electronics", "clothing": "books", "books": "clothing"}


@pytest.fixture(scope="module")
def latents() -> list[Latent]:
    return draw_latents(6000, seed=3)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return write_catalogue(tmp_path_factory.mktemp("demo"), rows=120, seed=5)


def read(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_ceilings_equal_an_enumeration_of_the_joint_distribution() -> None:
    """The joint of category, picture and text, written out anew: the sum of the largest joints."""
    joint: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for y, (picture, text, share) in product(
        PARTNER, ((1, 1, 0.04), (1, 0, 0.26), (0, 1, 0.20), (0, 0, 0.50))
    ):
        pair = "+".join(sorted((y, PARTNER[y])))
        for sees, reads, chance in (
            (1, 1, 0.94 * 0.94),
            (1, 0, 0.94 * 0.06),
            (0, 1, 0.06 * 0.94),
            (0, 0, 0.06 * 0.06),
        ):
            seen = ("?" if not sees else pair if picture else y, "?" if not reads else pair if text else y)
            joint[seen][y] += 0.25 * share * chance

    def best(sees: int | None, reads: int | None) -> float:
        """Of all rows with at least these modalities (None: any row as it is), the others hidden."""
        seen: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for (picture, text), masses in joint.items():
            if (sees and picture == "?") or (reads and text == "?"):
                continue
            key = (picture if sees != 0 else "?", text if reads != 0 else "?")
            for y, mass in masses.items():
                seen[key][y] += mass
        whole = sum(sum(masses.values()) for masses in seen.values())
        return sum(max(masses.values()) for masses in seen.values()) / whole

    assert population_ceilings() == pytest.approx(
        {
            "image+text": best(1, 1),
            "image": best(1, 0),
            "text": best(0, 1),
            "none": best(0, 0),
            "overall": best(None, None),
        }
    )
    assert population_ceilings() == pytest.approx(
        {"image+text": 0.98, "image": 0.85, "text": 0.88, "none": 0.25, "overall": 0.9644}
    )


def test_a_counting_classifier_on_drawn_rows_reaches_the_ceilings(latents: list[Latent]) -> None:
    """Learn p(category | what is seen) by counting on one half, answer on the other: no formula."""
    ceilings = population_ceilings()
    for pattern in ("image+text", "image", "text"):
        rows = [
            one
            for one in latents
            if (one.picture_present or "image" not in pattern) and (one.text_present or "text" not in pattern)
        ]

        def seen(one: Latent, pattern: str = pattern) -> tuple[str, str]:
            shown = PAIRS[one.category] if one.picture_shared else one.shown
            return shown * ("image" in pattern), one.named * ("text" in pattern)

        counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for one in rows[::2]:
            counts[seen(one)][one.category] += 1
        right = [
            bool(counts[seen(one)]) and counts[seen(one)].most_common(1)[0][0] == one.category
            for one in rows[1::2]
        ]
        ceiling = ceilings[pattern]
        error = math.sqrt(ceiling * (1 - ceiling) / len(right))
        assert abs(np.mean(right) - ceiling) < 4 * error + 0.002
        expected = expected_ceilings(rows)[pattern]
        assert expected is not None and abs(expected - ceiling) < 4 * error


def test_expected_ceilings_of_five_known_rows() -> None:
    row = draw_latents(1, seed=0)[0]
    row = replace(row, picture_shared=False, text_shared=False, picture_state="present", text_present=True)
    rows = [
        row,
        replace(row, picture_shared=True),
        replace(row, picture_shared=True, text_shared=True),
        replace(row, text_shared=True, picture_state="empty"),
        replace(row, text_present=False, picture_state="truncated file"),
    ]
    # both: rows 0-2; image: rows 0-2; text: rows 0-3; overall: 1, 1, .5, .5, .25.
    assert expected_ceilings(rows) == pytest.approx(
        {"image+text": 2.5 / 3, "image": 2 / 3, "text": 3 / 4, "none": 0.25, "overall": 3.25 / 5}
    )
    assert expected_ceilings(rows[3:])["image+text"] is None


def test_what_is_shared_is_the_same_for_both_categories(latents: list[Latent]) -> None:
    """Given the random numbers, the very bytes: so the distributions are equal too."""
    pictures = [one for one in latents if one.picture_shared][:12]
    for one in pictures:
        other = replace(one, category=PARTNER[one.category])
        assert picture_of(one, 3) == picture_of(other, 3)
        assert one.shown in SHARED_OBJECTS[PAIRS[other.category]]
    texts = [one for one in latents if one.text_shared][:200]
    for one in texts:
        assert words_of(one, 3) == words_of(replace(one, category=PARTNER[one.category]), 3)
        assert one.named == PAIRS[one.category]


def test_what_is_clear_belongs_to_one_category(latents: list[Latent]) -> None:
    for one in latents:
        if not one.picture_shared:
            assert one.shown in OBJECTS[one.category]
        if not one.text_shared:
            assert one.named in OBJECTS[one.category]
            title, _ = words_of(one, 3) if one.row < 300 else ("", "")
            nouns = NOUNS[one.named][one.chinese]
            assert not title or any(noun.lower() in title.lower() for noun in nouns)
    named = [noun.lower() for pair in NOUNS.values() for language in pair for noun in language]
    assert len(named) == len(set(named))
    sentences = [s for pair in QUALITIES.values() for language in pair for s in language]
    assert len(sentences) == len(set(sentences))


def test_nothing_else_depends_on_the_category(latents: list[Latent]) -> None:
    for value in ("colour", "picture_shared", "text_shared", "chinese", "picture_present", "text_present"):
        whole = Counter(getattr(one, value) for one in latents)
        for category in CATEGORIES:
            part = Counter(getattr(one, value) for one in latents if one.category == category)
            n = sum(part.values())
            for level, count in whole.items():
                p = count / len(latents)
                assert abs(part[level] / n - p) < 4.5 * math.sqrt(p * (1 - p) / n), (value, category, level)


def test_splits_are_stratified_and_rows_do_not_depend_on_their_number(latents: list[Latent]) -> None:
    assert draw_latents(37, seed=3) == latents[:37]
    for start in range(0, 400, 20):
        block = latents[start : start + 20]
        assert Counter(one.category for one in block) == dict.fromkeys(CATEGORIES, 5)
        assert Counter(one.split for one in block) == {"train": 14, "validation": 3, "test": 3}
    for split, count in (("test", 3), ("validation", 3), ("train", 14)):
        categories = Counter(one.category for one in latents[:80] if one.split == split)
        assert categories == dict.fromkeys(CATEGORIES, count)


def test_the_table_is_as_a_user_would_have_it(catalogue: Catalogue) -> None:
    rows = read(catalogue.table)
    assert list(rows[0]) == ["id", "image", "title", "description", "price", "category", "split"]
    assert len(rows) == catalogue.rows == 120
    assert {row["category"] for row in rows} == set(catalogue.classes)
    assert all(float(row["price"]) > 0 for row in rows)
    assert {c: sum(not row[c] for row in rows) for c in catalogue.absent} == catalogue.absent
    text = catalogue.table.read_text(encoding="utf-8")
    assert any("\u4e00" <= letter <= "\u9fff" for letter in text)
    assert "shared" not in text and "electronics/home" not in text
    truth = json.loads(catalogue.truth.read_text(encoding="utf-8"))
    assert [one["category"] for one in truth["rows"]] == [row["category"] for row in rows]
    test = [one for one in draw_latents(120, seed=5) if one.split == "test"]
    assert catalogue.test_ceilings == expected_ceilings(test)


def test_broken_pictures_are_as_counted_and_all_others_decode(tmp_path: Path) -> None:
    reasons = {"missing file", "truncated file", "not a picture"}
    seed = next(
        seed for seed in range(99) if reasons <= {one.picture_state for one in draw_latents(150, seed)}
    )
    catalogue = write_catalogue(tmp_path, rows=150, seed=seed)
    assert set(catalogue.broken) == reasons and all(catalogue.broken.values())
    found: Counter[str] = Counter()
    for row in read(catalogue.table):
        path = tmp_path / row["image"]
        if not row["image"]:
            continue
        if not path.exists():
            found["missing file"] += 1
            continue
        try:
            with Image.open(path) as picture:
                assert picture.format == "JPEG" and min(picture.size) >= 100
                picture.load()
        except Image.UnidentifiedImageError:
            found["not a picture"] += 1
        except OSError:
            found["truncated file"] += 1
    assert dict(found) == catalogue.broken


def test_the_same_seed_writes_the_same_bytes_and_more_rows_only_add(tmp_path: Path) -> None:
    first = write_catalogue(tmp_path / "a", rows=20, seed=9)
    again = write_catalogue(tmp_path / "b", rows=40, seed=9)
    other = write_catalogue(tmp_path / "c", rows=20, seed=10)
    lines = first.table.read_bytes().splitlines()
    assert again.table.read_bytes().splitlines()[: len(lines)] == lines
    assert other.table.read_bytes().splitlines() != lines
    for path in (tmp_path / "a" / "images").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / "images" / path.name).read_bytes()
    training = {row["category"] for row in read(first.table) if row["split"] == "train"}
    assert training == set(first.classes)


def test_every_object_is_drawn_in_every_colour_and_moves_pixels() -> None:
    assert set(PAINTS) == set(COLOURS) == set(COLOUR_WORDS)
    assert set(DRAWINGS) == {o for group in (OBJECTS | SHARED_OBJECTS).values() for o in group}
    for number, shown in enumerate(DRAWINGS):
        colour = COLOURS[number % len(COLOURS)]
        drawn = Image.open(BytesIO(product_picture(shown, colour, stream(0, number, 4))))
        assert np.asarray(drawn.convert("L")).std() > 8


@pytest.mark.parametrize("wrong", [{"rows": 19}, {"rows": 0}, {"rows": 20, "seed": -1}])
def test_wrong_calls_say_so(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        write_catalogue(tmp_path, **wrong)  # type: ignore[arg-type]


@pytest.mark.slow
def test_simple_models_come_near_the_ceilings_in_time(tmp_path: Path) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    words = pytest.importorskip("sklearn.feature_extraction.text")
    from motet.encoders.descriptor import DescriptorEncoder

    start = time.process_time()
    catalogue = write_catalogue(tmp_path, rows=800, seed=0)
    assert time.process_time() - start < 12
    latents, rows = draw_latents(800, seed=0), read(catalogue.table)
    train = np.asarray([one.split == "train" for one in latents])
    label = np.asarray([one.category for one in latents])

    seen = np.asarray([one.picture_present for one in latents])
    encoder = DescriptorEncoder()
    features = np.zeros((800, encoder.width), np.float32)
    pictures = [Image.open(tmp_path / row["image"]).convert("RGB") for row in np.asarray(rows)[seen]]
    features[seen] = encoder.describe(pictures)
    known = features[seen & train]
    features = (features - known.mean(0)) / (known.std(0) + 1e-3) / math.sqrt(encoder.width)
    model = linear.LogisticRegression(C=10, max_iter=300).fit(features[seen & train], label[seen & train])
    new = seen & ~train
    ceiling = expected_ceilings([one for one, is_new in zip(latents, new, strict=True) if is_new])["image"]
    # The coin flips on shared pictures alone have a standard deviation of .018 here (70 of 226 rows).
    assert ceiling is not None
    assert ceiling - 0.09 < model.score(features[new], label[new]) < ceiling + 0.06

    read_ = np.asarray([one.text_present for one in latents])
    texts = np.asarray([row["title"] + "\n" + row["description"] for row in rows])
    tfidf = words.TfidfVectorizer(analyzer="char", ngram_range=(1, 4), sublinear_tf=True)
    known = tfidf.fit_transform(texts[read_ & train])
    model = linear.LogisticRegression(C=10, max_iter=300).fit(known, label[read_ & train])
    new = read_ & ~train
    ceiling = expected_ceilings([one for one, is_new in zip(latents, new, strict=True) if is_new])["text"]
    assert ceiling is not None
    assert ceiling - 0.07 < model.score(tfidf.transform(texts[new]), label[new]) < ceiling + 0.06
