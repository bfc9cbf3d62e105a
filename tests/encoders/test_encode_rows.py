"""Rows become features: each distinct cell is encoded once, whatever the order, duplicates and gaps."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from motet.data import ImageCells, Table, TextCells
from motet.data.media import decode_image
from motet.encoders import encode_rows
from motet.encoders.cache import Shelf
from motet.encoders.encode_rows import encode_images, encode_texts
from motet.encoders.features import FeatureTable
from motet.encoders.kept import PooledKept
from motet.encoders.side_by_side import side_by_side
from motet.errors import EncoderError, MediaError

WIDTH = 3
Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]


def texts(*values: str | None) -> TextCells:
    return TextCells(Table(pa.table({"words": pa.array(values, pa.string())})), ["words"])


def vector(text: str) -> Floats:
    """A stand-in for an encoder, of numbers that float16 holds exactly."""
    return np.array([len(text), sum(map(ord, text)) % 1024, 1], np.float32)


class TextEncoder:
    """Yields in pieces and out of order, as an encoder that sorts by length does; counts what it is given."""

    def __init__(self, *, fail_at: str | None = None) -> None:
        self.calls: Counter[str] = Counter()
        self.fail_at = fail_at

    def __call__(self, given: Sequence[str]) -> Iterator[tuple[Rows, Floats]]:
        order = np.argsort([-len(text) for text in given], kind="stable")
        for begin in range(0, len(order), 4):
            positions = order[begin : begin + 4]
            if self.fail_at is not None and self.fail_at in [given[i] for i in positions]:
                raise KeyboardInterrupt
            self.calls.update(given[i] for i in positions)
            yield positions, np.stack([vector(given[i]) for i in positions])


def dense(table: FeatureTable) -> Floats:
    return table.rows.dense(np.arange(len(table)))


def slowly(cells: TextCells, rows: Sequence[int]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """The reference: one row after another, no cache, no windows."""
    made = np.zeros((len(rows), WIDTH), np.float32)
    present = np.zeros(len(rows), bool)
    for i, row in enumerate(rows):
        (text,) = cells.take(np.array([row]))
        present[i] = bool(text.strip())
        if present[i]:
            made[i] = vector(text)
    return made, present


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.sampled_from([None, "", " ", "a", "b", "bb", "ccc", "红", "红色的鞋", "dd"]),
        min_size=1,
        max_size=30,
    ),
    st.data(),
)
def test_texts_equal_the_slow_way_whatever_is_asked_for(
    values: list[str | None], data: st.DataObject
) -> None:
    cells = texts(*values)
    wanted = data.draw(st.lists(st.integers(0, len(values) - 1), max_size=40))
    windows = data.draw(st.sampled_from([1, 2, 7, 100]))
    kept, encode = PooledKept(Shelf(None, WIDTH)), TextEncoder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode_rows, "TEXT_WINDOW", windows)
        for _ in range(2):  # the second time from the shelf alone
            table = encode_texts(cells, np.array(wanted, np.int64), encode, kept, "words")
            reference, present = slowly(cells, wanted)
            np.testing.assert_array_equal(table.present, present)
            np.testing.assert_array_equal(dense(table), reference)
            some = np.arange(len(wanted))[::-2]
            np.testing.assert_array_equal(table.rows.dense(some), reference[some])
    assert set(encode.calls) == {text for row in wanted if (text := (values[row] or "")).strip()}
    assert set(encode.calls.values()) <= {1}


def test_a_kill_between_windows_leaves_what_was_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode_rows, "TEXT_WINDOW", 4)
    names = [f"text {i}" for i in range(10)]
    cells, rows = texts(*names), np.arange(10)
    with pytest.raises(KeyboardInterrupt):
        encode_texts(
            cells, rows, TextEncoder(fail_at="text 9"), PooledKept(Shelf(tmp_path / "s", WIDTH)), "words"
        )
    again = TextEncoder()
    table = encode_texts(cells, rows, again, PooledKept(Shelf(tmp_path / "s", WIDTH)), "words")
    assert set(again.calls) == {"text 8", "text 9"}  # eight were done in two whole windows
    np.testing.assert_array_equal(dense(table), slowly(cells, range(10))[0])


def test_an_encoder_that_leaves_a_sentence_out_is_never_believed(tmp_path: Path) -> None:
    """Zeros kept in the cache as though they were features would be wrong for ever after."""
    kept = PooledKept(Shelf(tmp_path / "s", WIDTH))

    def lazy(given: Sequence[str]) -> Iterator[tuple[Rows, Floats]]:
        yield np.arange(len(given) - 1), np.ones((len(given) - 1, WIDTH), np.float32)

    with pytest.raises(EncoderError, match="1 of 3"):
        encode_texts(texts("a", "b", "c"), np.arange(3), lazy, kept, "words")
    assert len(Shelf(tmp_path / "s", WIDTH)) == 2


# Pictures: colour tells them apart, so that the mean of a row's pictures can be worked out by hand.


def png(red: int, green: int = 0) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (2, 2), (red, green, 64)).save(out, "PNG")
    return out.getvalue()


def prepare(image: Image.Image) -> npt.NDArray[np.float32]:
    return np.asarray(image, np.float32)[0, 0]


class ImageEncoder:
    """Gives each batch back, as its features."""

    def __init__(self, *, fail_after: int | None = None) -> None:
        self.calls: Counter[tuple[float, ...]] = Counter()
        self.batches: list[int] = []
        self.fail_after = fail_after

    def __call__(self, batches: Iterator[npt.NDArray[np.float32]]) -> Iterator[Floats]:
        for batch in batches:
            if self.fail_after is not None and len(self.batches) >= self.fail_after:
                raise KeyboardInterrupt
            self.batches.append(len(batch))
            self.calls.update(tuple(row) for row in batch.tolist())
            yield batch


def pictures(*columns: Sequence[bytes | None]) -> ImageCells:
    data = pa.table({f"picture{i}": pa.array(values, pa.binary()) for i, values in enumerate(columns)})
    return ImageCells(Table(data), data.column_names)


BROKEN = b"\x89PNG\r\n\x1a\nand then nothing"


def slow_pictures(cells: ImageCells, rows: Sequence[int]) -> tuple[Floats, list[tuple[int, str]]]:
    """The reference: NaN where no picture of the row decodes, and the (row, column) of each that does not."""
    made, broken = np.full((len(rows), WIDTH), np.nan, np.float32), []
    for i, row in enumerate(rows):
        good = []
        for cell in cells.take(np.array([row]))[0]:
            try:
                good.append(prepare(decode_image(cell.read())))
            except MediaError:
                broken.append((row, cell.column))
        if good:
            made[i] = np.mean(good, axis=0)
    return made, broken


cell = st.sampled_from([None, b"", png(1), png(2), png(3), png(250, 7), BROKEN, b"no picture", png(1)[:40]])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(cell, cell), min_size=1, max_size=20), st.data())
def test_pictures_equal_the_slow_way(
    values: list[tuple[bytes | None, bytes | None]], data: st.DataObject
) -> None:
    cells = pictures(*zip(*values, strict=True))
    wanted = data.draw(st.lists(st.integers(0, len(values) - 1), max_size=25))
    window, batch, segment = (data.draw(st.sampled_from([1, 2, 5, 100])) for _ in range(3))
    kept, encode = PooledKept(Shelf(None, WIDTH), segment), ImageEncoder()
    ahead = data.draw(st.integers(1, 4))  # an engine may take batches before it gives any features back
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode_rows, "MEDIA_WINDOW", window)
        for _ in range(2):
            table = encode_images(
                cells,
                np.array(wanted, np.int64),
                prepare,
                lambda batches: side_by_side(np.copy, encode(batches), ahead),
                kept,
                "pictures",
                batch_size=batch,
            )
            reference, broken = slow_pictures(cells, wanted)
            np.testing.assert_array_equal(table.present, ~np.isnan(reference[:, 0]))
            np.testing.assert_allclose(dense(table), np.nan_to_num(reference), rtol=1e-6)
            assert [(issue.row, issue.column) for issue in table.issues] == broken
    assert set(encode.calls.values()) <= {1}
    assert all(size <= batch for size in encode.batches)


@pytest.mark.parametrize("limit", [0, 200, 10_000])
def test_no_more_than_the_limit_is_held_while_pictures_wait(
    limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures that do not fit are read again, and give the same numbers."""
    sizes: list[int] = []

    class Watched(encode_rows._Held):
        def take(self, data: bytes) -> bool:
            taken = super().take(data)
            sizes.append(self._bytes)
            return taken

    held: list[encode_rows._Held] = []
    monkeypatch.setattr(encode_rows, "_Held", lambda limit: held.append(Watched(limit)) or held[-1])
    monkeypatch.setattr(encode_rows, "HELD_BYTES", limit)
    monkeypatch.setattr(encode_rows, "MEDIA_WINDOW", 4)
    for i in range(20):
        (tmp_path / f"{i}.png").write_bytes(png(i % 15) if i != 7 else BROKEN)
    table = Table(pa.table({"photo": [f"{i}.png" for i in range(20)]}), root=tmp_path)
    cells, rows = ImageCells(table, ["photo"]), np.arange(20)
    kept = PooledKept(Shelf(None, WIDTH))
    for _ in range(2):  # new pictures are decoded, then known ones are not
        made = encode_images(cells, rows, prepare, ImageEncoder(), kept, "p")
        assert [issue.row for issue in made.issues] == [7]
        np.testing.assert_array_equal(dense(made)[:, 0], [i % 15 if i != 7 else 0 for i in range(20)])
    assert len(held) == 2 and [each._bytes for each in held] == [0, 0]
    assert len(sizes) == 40 and max(sizes) <= limit
    assert (max(sizes) > 0) == (limit > 0)


def test_broken_pictures_are_listed_with_row_column_and_reason(tmp_path: Path) -> None:
    (tmp_path / "good.png").write_bytes(png(9))
    (tmp_path / "cut.png").write_bytes(png(9)[:45])
    paths = ["good.png", "cut.png", None, "nowhere.png", "../outside.png", "good.png"]
    cells = ImageCells(Table(pa.table({"photo": paths}), root=tmp_path), ["photo"])
    table = encode_images(
        cells, np.arange(6), prepare, ImageEncoder(), PooledKept(Shelf(None, WIDTH)), "pictures"
    )
    assert table.present.tolist() == [True, False, False, False, False, True]
    assert [(issue.row, issue.column, issue.value) for issue in table.issues] == [
        (1, "photo", "cut.png"),
        (3, "photo", "nowhere.png"),
        (4, "photo", "../outside.png"),
    ]
    reasons = [issue.reason for issue in table.issues]
    assert "damaged" in reasons[0]
    assert "no such file" in reasons[1]
    assert "leaves" in reasons[2]
    np.testing.assert_array_equal(dense(table)[[0, 5]], [[9, 0, 64]] * 2)


def test_the_row_of_an_issue_is_the_tables_own_when_only_some_rows_are_read() -> None:
    cells = pictures([png(1), BROKEN, png(2), BROKEN])
    table = encode_images(
        cells, np.array([3, 2]), prepare, ImageEncoder(), PooledKept(Shelf(None, WIDTH)), "pictures"
    )
    assert [issue.row for issue in table.issues] == [3]
    assert table.present.tolist() == [False, True]


def test_a_kill_while_pictures_are_encoded_leaves_what_was_done(tmp_path: Path) -> None:
    cells, rows = pictures([png(i) for i in range(20)]), np.arange(20)
    with pytest.raises(KeyboardInterrupt):
        encode_images(
            cells,
            rows,
            prepare,
            ImageEncoder(fail_after=3),
            PooledKept(Shelf(tmp_path / "s", WIDTH)),
            "p",
            batch_size=4,
        )
    again = ImageEncoder()
    table = encode_images(
        cells, rows, prepare, again, PooledKept(Shelf(tmp_path / "s", WIDTH)), "p", batch_size=4
    )
    assert sum(again.calls.values()) == 8  # twelve of the twenty were done in three batches of four
    np.testing.assert_array_equal(dense(table)[:, 0], np.arange(20))


def test_a_second_call_encodes_nothing_and_gives_the_same_numbers(tmp_path: Path) -> None:
    cells, rows = pictures([png(i % 7) for i in range(30)]), np.arange(30)[::-1].copy()
    first, second = ImageEncoder(), ImageEncoder()
    one = encode_images(cells, rows, prepare, first, PooledKept(Shelf(tmp_path / "s", WIDTH)), "p")
    two = encode_images(cells, rows, prepare, second, PooledKept(Shelf(tmp_path / "s", WIDTH)), "p")
    assert sum(first.calls.values()) == 7
    assert not second.calls
    np.testing.assert_array_equal(dense(one), dense(two))
    np.testing.assert_array_equal(dense(two)[:, 0], [i % 7 for i in rows])


def test_no_rows_and_no_pictures() -> None:
    cells = pictures([None, b"", BROKEN])
    encode = ImageEncoder()
    table = encode_images(cells, np.arange(3), prepare, encode, PooledKept(Shelf(None, WIDTH)), "p")
    assert not table.present.any()
    assert [issue.row for issue in table.issues] == [1, 2]
    assert "the picture is empty (0 bytes)" in table.issues[0].reason
    assert dense(table).shape == (3, WIDTH)
    nothing = encode_images(
        cells, np.zeros(0, np.int64), prepare, encode, PooledKept(Shelf(None, WIDTH)), "p"
    )
    assert len(nothing) == 0
    assert dense(nothing).shape == (0, WIDTH)
    assert not encode.calls
    words = encode_texts(
        texts(None, "", " "), np.arange(3), TextEncoder(), PooledKept(Shelf(None, WIDTH)), "w"
    )
    assert not words.present.any()
    assert dense(words).shape == (3, WIDTH)


def test_a_full_cache_still_answers(tmp_path: Path) -> None:
    cells = texts(*[f"text {i}" for i in range(50)])
    kept = PooledKept(Shelf(tmp_path / "s", WIDTH, limit=10))
    table = encode_texts(cells, np.arange(50), TextEncoder(), kept, "words")
    np.testing.assert_array_equal(dense(table), slowly(cells, range(50))[0])
    assert not list((tmp_path / "s").iterdir())


def test_a_part_of_a_table_reads_the_rows_it_names() -> None:
    from motet.encoders import ArrayRows, FeatureTable

    values = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    whole = FeatureTable(ArrayRows(values), np.arange(9) % 2 > 0)
    at = np.array([7, 0, 7, 3])
    part = whole.part(at)
    assert (len(part), part.width) == (4, 4)
    np.testing.assert_array_equal(part.rows.dense(np.array([3, 1, 0])), values[[3, 0, 7]])
    np.testing.assert_array_equal(part.present, [True, False, True, True])
