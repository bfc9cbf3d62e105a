"""Pictures and their sentences, against a slow way with dictionaries."""

from __future__ import annotations

import io
from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from motet.data import Table, infer_schema, read_pairs, split_pairs
from motet.errors import TableError


def png(shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (2, 2), (shade, 0, 64)).save(out, "PNG")
    return out.getvalue()


FILES = [None, png(1), png(2), png(3)]
WORDS = [None, " ", "a dog", "A dog.", "a cat", "一只狗", "狗"]


def table(rows: list[tuple[bytes | None, str | None, str | None]], **more: list[str]) -> Table:
    photo, one, two = zip(*rows, strict=True)
    columns = {"photo": pa.array(photo, pa.binary()), "en": pa.array(one), "zh": pa.array(two, pa.string())}
    return Table(pa.table({**columns, **more}))


def schema_of(read: Table, **more: str) -> object:
    return infer_schema(read, image=["photo"], text=["en", "zh"], **more)


row = st.tuples(st.sampled_from(FILES), st.sampled_from(WORDS), st.sampled_from(WORDS))


@settings(max_examples=100, deadline=None)
@given(st.lists(row, min_size=1, max_size=12))
def test_pairs_equal_the_slow_way(rows: list[tuple[bytes | None, str | None, str | None]]) -> None:
    rows = [(png(9), "always here", None), *rows]
    read = table(rows)
    pairs = read_pairs(read, schema_of(read))
    slow: dict[bytes, list[str]] = defaultdict(list)
    for photo, *sentences in rows:
        if photo is not None:
            slow[photo] += [text for text in sentences if text and text.strip()]
    wanted = {photo: said for photo, said in slow.items() if said}
    texts = pairs.sentences.take(np.arange(len(pairs.picture)))
    found: dict[bytes, list[str]] = defaultdict(list)
    for text, picture in zip(texts, pairs.picture, strict=True):
        found[rows[pairs.rows[picture]][0]].append(text)
    assert found == wanted
    assert len(pairs.rows) == len(wanted)
    bare = [text.casefold().strip(".") for text in texts]
    assert [[a == b for b in bare] for a in bare] == [[bool(a == b) for b in pairs.same] for a in pairs.same]
    for number, text in enumerate(texts):  # where each sentence stands
        assert rows[pairs.row[number]][1 + pairs.column_of[number]] == text


def test_what_lacks_its_other_half_is_counted() -> None:
    read = table([(png(1), "a", None), (png(2), None, " "), (None, "b", None), (None, "c", "d")])
    pairs = read_pairs(read, schema_of(read))
    assert pairs.notes == (
        "2 rows have words and no picture: left out",
        "1 row has a picture and no words: left out",
    )
    assert pairs.rows.tolist() == [0]


def test_a_picture_without_words_in_one_row_has_those_of_another() -> None:
    read = table([(png(1), None, None), (png(1), "a dog", "狗")])
    pairs = read_pairs(read, schema_of(read))
    assert pairs.rows.tolist() == [0] and pairs.row.tolist() == [1, 1] and pairs.notes == ()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([(None, "a", None), (None, "b", None)], "no row has picture"),
        ([(png(1), None, None), (png(2), " ", None)], "no row has words"),
        ([(png(1), None, None), (None, "a", None)], "no row has both"),
    ],
)
def test_no_pairs_at_all(rows: list[tuple[bytes | None, str | None, str | None]], said: str) -> None:
    read = table(rows)
    with pytest.raises(TableError, match=said):
        read_pairs(read, schema_of(read))


def test_a_column_must_be_named_or_found() -> None:
    read = table([(png(1), "a", None)])
    with pytest.raises(TableError, match="--image COLUMN"):
        read_pairs(read, infer_schema(read, text=["en"]))


def test_a_picture_on_two_sides_tests_and_does_not_train() -> None:
    rows = [(png(1), "a", None), (png(1), "b", None), (png(2), "c", None), (png(3), "d", None)]
    read = table(rows, split=["train", "test", "train", "val"])
    schema = schema_of(read, split="split")
    pairs = read_pairs(read, schema)
    sides, notes = split_pairs(pairs, read, schema)
    assert dict(zip(pairs.rows.tolist(), sides.tolist(), strict=True)) == {0: 2, 2: 0, 3: 1}
    assert notes == ("1 picture stands on several sides of split column 'split': on the last of them here",)


def test_a_column_that_is_nearly_a_split_is_told() -> None:
    read = table([(png(shade), "a", None) for shade in range(4)], subset=["train", "dev", "holdout", "test"])
    schema = schema_of(read)
    _, notes = split_pairs(read_pairs(read, schema), read, schema)
    assert any(
        "'subset' looks like a split but is not followed: row 2 says 'holdout'" in one for one in notes
    )


def test_a_split_column_that_parts_a_group_is_refused() -> None:
    rows = [(png(1), "a", None), (png(2), "b", None), (png(3), "c", None)]
    read = table(rows, split=["train", "test", "train"], family=["x", "x", "y"])
    schema = schema_of(read, split="split", group="family")
    with pytest.raises(TableError, match="puts group 'x' of column 'family' on two sides"):
        split_pairs(read_pairs(read, schema), read, schema)


def test_the_group_of_a_picture_that_tests_trains_nothing() -> None:
    """No group is parted, but picture 1 stands in x and, testing, in y: all of x goes with it."""
    rows = [(png(1), "a", None), (png(2), "b", None), (png(1), "c", None), (png(3), "d", None)]
    read = table(rows, split=["train", "train", "test", "train"], family=["x", "x", "y", "z"])
    schema = schema_of(read, split="split", group="family")
    pairs = read_pairs(read, schema)
    sides, _ = split_pairs(pairs, read, schema, validation_size=0.0)
    assert dict(zip(pairs.rows.tolist(), sides.tolist(), strict=True)) == {0: 2, 1: 2, 3: 0}


def test_a_picture_with_rows_in_two_groups_keeps_both_together() -> None:
    rows = [(png(number), f"sentence {number}", None) for number in range(40)]
    rows += [(png(number), "once more", None) for number in range(0, 40, 2)]  # each joins two groups
    family = [str(number) for number in range(40)] + [str(number + 1) for number in range(0, 40, 2)]
    read = table(rows, family=family)
    schema = schema_of(read, group="family")
    pairs = read_pairs(read, schema)
    sides, _ = split_pairs(pairs, read, schema, test_size=0.3, validation_size=0.2)
    side = dict(zip(pairs.rows.tolist(), sides.tolist(), strict=True))
    assert {*side.values()} == {0, 1, 2}
    assert all(side[number] == side[number + 1] for number in range(0, 40, 2))


def test_drawn_sides_keep_groups_together_and_follow_the_seed() -> None:
    rows = [(png(number), f"sentence {number}", None) for number in range(60)]
    read = table(rows, family=[str(number // 3) for number in range(60)])
    schema = schema_of(read, group="family")
    pairs = read_pairs(read, schema)
    sides, _ = split_pairs(pairs, read, schema, test_size=0.2, validation_size=0.1, seed=3)
    again, _ = split_pairs(pairs, read, schema, test_size=0.2, validation_size=0.1, seed=3)
    np.testing.assert_array_equal(sides, again)
    assert all(len({*of}) == 1 for of in np.split(sides[np.argsort(pairs.rows)], 20))
    assert np.bincount(sides).tolist() == [42, 6, 12]


@pytest.mark.parametrize(
    ("sentences", "said"),
    [
        (["a shirt", "A shirt.", "a shirt"], "all 3 sentences are the same, 'a shirt': words tell no"),
        (
            ["a cat", "a shirt", "A shirt."],
            "2 of 3 sentences are those of other pictures too, such as 'a shirt' of 2",
        ),
        (["a cat", "a dog", "a shirt"], ""),
    ],
)
def test_sentences_that_pictures_share_are_noted(sentences: list[str], said: str) -> None:
    read = table([(png(shade), text, None) for shade, text in enumerate(sentences, 1)])
    notes = read_pairs(read, schema_of(read)).shared
    assert (said in notes[0] and "recall" in notes[0]) if said else notes == ()


@settings(max_examples=60, deadline=None)
@given(st.lists(row, min_size=1, max_size=12))
def test_they_are_noted_from_one_half_on(rows: list[tuple[bytes | None, str | None, str | None]]) -> None:
    """A sentence of one picture alone is not shared, however often its rows say it."""
    read = table([(png(9), "always here", None), *rows])
    pairs = read_pairs(read, schema_of(read))
    shared = sum(len(set(pairs.picture[pairs.same == number])) > 1 for number in pairs.same.tolist())
    noted = any("recall" in note for note in pairs.shared)
    assert noted == (shared * 2 >= len(pairs.same))
