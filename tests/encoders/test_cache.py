"""Features on disk: what is put there comes back, after a kill, beside other writers, within the limit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motet.encoders import segments
from motet.encoders.cache import FLOAT16_MAX, FeatureCache, Shelf, cache_directory
from motet.encoders.segments import KEY_BYTES

WIDTH = 4


def keys_of(*numbers: int) -> npt.NDArray[np.uint8]:
    """Keys that differ in their first eight bytes."""
    whole = b"".join(int(n).to_bytes(8, "little") * 2 for n in numbers)
    return np.frombuffer(whole, np.uint8).reshape(-1, KEY_BYTES)


def pooled_of(*numbers: int, width: int = WIDTH) -> npt.NDArray[np.float32]:
    """Numbers that float16 holds exactly, other for each cell."""
    return np.array([[n + k / 4 for k in range(width)] for n in numbers], np.float32).reshape(-1, width)


def read(shelf: Shelf, *numbers: int) -> npt.NDArray[np.float16]:
    places = shelf.find(keys_of(*numbers))
    assert places.found.all()
    return shelf.take(places)


def test_found_and_absent_keys_and_what_they_hold(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "one", WIDTH)
    shelf.add(keys_of(5, 3, 9), pooled_of(5, 3, 9))
    shelf.add(keys_of(7), pooled_of(7))
    for opened in (shelf, Shelf(tmp_path / "one", WIDTH)):
        places = opened.find(keys_of(9, 4, 7, 5, 2**63))
        assert places.found.tolist() == [True, False, True, True, False]
        got = opened.take(places)
        assert got.dtype == np.float16
        np.testing.assert_array_equal(got[[0, 2, 3]], pooled_of(9, 7, 5))
        assert not got[[1, 4]].any()
        assert len(opened) == 4


def test_no_rows(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "one", WIDTH)
    none = np.zeros((0, KEY_BYTES), np.uint8)
    assert shelf.take(shelf.find(none)).shape == (0, WIDTH)
    shelf.add(none, np.zeros((0, WIDTH), np.float32))
    assert len(shelf) == 0
    assert list((tmp_path / "one").iterdir()) == []
    assert not shelf.find(keys_of(1)).found.any()
    shelf.add(keys_of(1), pooled_of(1))
    assert shelf.find(none).found.shape == (0,)


def test_in_memory_only() -> None:
    shelf = Shelf(None, WIDTH)
    shelf.add(keys_of(1, 2), pooled_of(1, 2))
    np.testing.assert_array_equal(read(shelf, 2, 1, 2), pooled_of(2, 1, 2))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), unique=True), st.randoms())
def test_keys_that_share_their_first_eight_bytes(pairs: list[tuple[int, int]], random: object) -> None:
    """The first half of a key is only where the search begins; against a dictionary of whole keys."""
    shelf, known = Shelf(None, 1), {}
    for number, (first, second) in enumerate(pairs):
        if number % 2:
            continue  # asked for, never added
        key = first.to_bytes(8, "little") + second.to_bytes(8, "little")
        shelf.add(np.frombuffer(key, np.uint8).reshape(1, -1), np.array([[number]], np.float32))
        known[key] = number
    asked = [first.to_bytes(8, "little") + second.to_bytes(8, "little") for first, second in pairs]
    places = shelf.find(np.frombuffer(b"".join(asked), np.uint8).reshape(-1, KEY_BYTES))
    assert places.found.tolist() == [key in known for key in asked]
    values = shelf.take(places)[:, 0].tolist()
    assert values == [known.get(key, 0) for key in asked]


def test_values_beyond_float16_are_clipped_and_never_infinite(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "one", WIDTH)
    shelf.add(keys_of(1), np.array([[1e6, -1e6, np.inf, 1.0]], np.float32))
    for opened in (shelf, Shelf(tmp_path / "one", WIDTH)):
        assert read(opened, 1).tolist() == [[FLOAT16_MAX, -FLOAT16_MAX, FLOAT16_MAX, 1.0]]


def test_what_was_just_added_equals_what_is_read_back_later(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(50, WIDTH)).astype(np.float32)
    shelf, memory = Shelf(tmp_path / "one", WIDTH), Shelf(None, WIDTH)
    for each in (shelf, memory):
        each.add(keys_of(*range(50)), values)
    want = values.astype(np.float16)
    for each in (shelf, memory, Shelf(tmp_path / "one", WIDTH)):
        np.testing.assert_array_equal(read(each, *range(50)), want)


def test_segments_are_mapped_not_copied(tmp_path: Path) -> None:
    n, width = 4096, 256  # 2 MiB
    values = np.ones((n, width), np.float32)
    Shelf(tmp_path / "one", width).add(keys_of(*range(n)), values)
    before = pa.total_allocated_bytes()
    shelf = Shelf(tmp_path / "one", width)
    (segment,) = shelf.segments
    assert pa.total_allocated_bytes() - before < 64 * 1024
    for array in (segment.keys, segment.values):
        assert not array.flags.owndata
        assert not array.flags.writeable
    (file,) = (tmp_path / "one").glob("*.arrow")
    maps = Path("/proc/self/maps")
    if maps.exists():
        assert str(file) in maps.read_text()


def test_a_kill_leaves_an_unfinished_file_that_is_ignored_and_swept_when_old(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    Shelf(folder, WIDTH).add(keys_of(1, 2), pooled_of(1, 2))
    (whole,) = folder.glob("*.arrow")
    for name, age in (("new", 0), ("old", 2 * 86400)):
        left = folder / f"{name}.unfinished"
        left.write_bytes(whole.read_bytes()[:300])
        stamp = left.stat().st_mtime - age
        os.utime(left, (stamp, stamp))
    shelf = Shelf(folder, WIDTH)
    assert len(shelf) == 2
    np.testing.assert_array_equal(read(shelf, 1, 2), pooled_of(1, 2))
    # Another process may still write the new one.
    assert sorted(path.name for path in folder.glob("*.unfinished")) == ["new.unfinished"]


def test_a_segment_cut_at_any_tenth_byte_is_ignored_and_written_again(tmp_path: Path) -> None:
    source = tmp_path / "source"
    Shelf(source, WIDTH).add(keys_of(1, 2, 3), pooled_of(1, 2, 3))
    (path,) = source.glob("*.arrow")
    whole = path.read_bytes()
    for length in range(0, len(whole), 10):
        folder = tmp_path / f"cut{length}"
        folder.mkdir()
        (folder / path.name).write_bytes(whole[:length])
        shelf = Shelf(folder, WIDTH)
        assert not shelf.find(keys_of(1, 2, 3)).found.any(), length
        shelf.add(keys_of(1, 2, 3), pooled_of(1, 2, 3))
        np.testing.assert_array_equal(read(Shelf(folder, WIDTH), 3, 1, 2), pooled_of(3, 1, 2))


def test_a_segment_that_is_something_else_is_ignored(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    tables = {
        "width": pa.table(
            {
                "key": pa.array([b"x" * 16], pa.binary(16)),
                "pooled": pa.array([[1.0]], pa.list_(pa.float16(), 1)),
            }
        ),
        "type": pa.table(
            {
                "key": pa.array([b"x" * 16], pa.binary(16)),
                "pooled": pa.array([[1.0] * 4], pa.list_(pa.float32(), 4)),
            }
        ),
        "names": pa.table({"something": [1]}),
        "empty": pa.table(
            {"key": pa.array([], pa.binary(16)), "pooled": pa.array([], pa.list_(pa.float16(), 4))}
        ),
    }
    for name, table in tables.items():
        with (
            pa.OSFile(str(folder / f"{name}.arrow"), "wb") as sink,
            pa.ipc.new_file(sink, table.schema) as writer,
        ):
            writer.write_table(table)
    (folder / "words.arrow").write_text("these are only words", encoding="utf-8")
    (folder / "folder.arrow").mkdir()
    shelf = Shelf(folder, WIDTH)
    assert len(shelf) == 0
    shelf.add(keys_of(1), pooled_of(1))
    np.testing.assert_array_equal(read(Shelf(folder, WIDTH), 1), pooled_of(1))


WRITER = """
import sys
import numpy as np
from motet.encoders.cache import Shelf
from pathlib import Path
folder, first = Path(sys.argv[1]), int(sys.argv[2])
shelf = Shelf(folder, 4)
for n in range(first, first + 20):
    key = np.frombuffer(int(n).to_bytes(8, "little") * 2, np.uint8).reshape(1, 16)
    shelf.add(key, np.array([[n, n + .25, n + .5, n + .75]], np.float32))
    assert Shelf(folder, 4).find(key).found.all()
"""


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    both = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(folder), str(first)]) for first in (0, 10)
    ]  # ten cells are written by both
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    shelf = Shelf(folder, WIDTH)
    numbers = list(range(30))
    np.testing.assert_array_equal(read(shelf, *numbers), pooled_of(*numbers))
    assert not list(folder.glob("*.unfinished"))


KILLED = """
import os, signal, sys
import numpy as np
from motet.encoders import cache, segments
from pathlib import Path
shelf = cache.Shelf(Path(sys.argv[1]), 4)
shelf.add(np.zeros((1, 16), np.uint8), np.ones((1, 4), np.float32))
real = segments.pa.ipc.new_file
def then_die(sink, schema):
    os.kill(os.getpid(), signal.SIGKILL)
segments.pa.ipc.new_file = then_die
shelf.add(np.ones((1, 16), np.uint8), np.ones((1, 4), np.float32))
"""


def test_a_process_that_is_killed_while_writing_loses_only_that_segment(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    code = subprocess.run([sys.executable, "-c", KILLED, str(folder)], timeout=60, check=False).returncode
    assert code != 0
    assert len(list(folder.glob("*.unfinished"))) == 1
    shelf = Shelf(folder, WIDTH)
    assert shelf.find(np.stack([np.zeros(16, np.uint8), np.ones(16, np.uint8)])).found.tolist() == [
        True,
        False,
    ]


# Many small segments.


def segments_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.arrow"))


def small_ones(folder: Path, number: int) -> None:
    """A shelf as earlier runs left it: one segment a cell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "SMALL_SEGMENTS", number)
        shelf = Shelf(folder, WIDTH)
        for n in range(number):
            shelf.add(keys_of(n), pooled_of(n))
    assert len(segments_of(folder)) == number


@pytest.mark.parametrize(("number", "merged"), [(64, 64), (65, 2), (200, 4)])
def test_opening_merges_small_segments_where_they_are_many(number: int, merged: int, tmp_path: Path) -> None:
    small_ones(tmp_path / "one", number)
    for _ in range(2):
        shelf = Shelf(tmp_path / "one", WIDTH)
        assert len(segments_of(tmp_path / "one")) == merged and len(shelf) == number
        np.testing.assert_array_equal(read(shelf, *range(number)), pooled_of(*range(number)))
    assert not list((tmp_path / "one").glob("*.unfinished"))


def test_adding_merges_and_what_is_open_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    shelf, other = Shelf(folder, WIDTH), Shelf(folder, WIDTH)
    shelf.add(keys_of(0), pooled_of(0))
    early = shelf.find(keys_of(0))
    for n in range(1, 200):
        shelf.add(keys_of(n), pooled_of(n))
        assert len(segments_of(folder)) <= 65
    np.testing.assert_array_equal(shelf.take(early), pooled_of(0))
    np.testing.assert_array_equal(read(shelf, *range(200)), pooled_of(*range(200)))
    assert len(other) == 0
    np.testing.assert_array_equal(read(Shelf(folder, WIDTH), *range(200)), pooled_of(*range(200)))


def test_large_and_damaged_segments_are_not_merged(tmp_path: Path) -> None:
    folder, width = tmp_path / "one", 512
    shelf = Shelf(folder, width)
    many = range(1000, 3000)  # 2 MB
    shelf.add(keys_of(*many), np.ones((len(many), width), np.float32))
    (large,) = segments_of(folder)
    for n in range(64):
        shelf.add(keys_of(n), pooled_of(n, width=width))
    (folder / "damaged.arrow").write_bytes(b"these are only words")
    opened = Shelf(folder, width)
    assert large.exists() and (folder / "damaged.arrow").exists()
    assert len(segments_of(folder)) < 10 and len(opened) == 2064
    np.testing.assert_array_equal(read(opened, *range(64)), pooled_of(*range(64), width=width))


def test_a_cell_that_two_processes_encoded_is_kept_once(tmp_path: Path) -> None:
    small_ones(tmp_path / "one", 40)
    small_ones(tmp_path / "two", 40)
    for path in segments_of(tmp_path / "two"):
        path.rename(tmp_path / "one" / path.name)
    shelf = Shelf(tmp_path / "one", WIDTH)
    assert len(segments_of(tmp_path / "one")) == 2 and len(shelf) <= 64
    np.testing.assert_array_equal(read(shelf, *range(40)), pooled_of(*range(40)))


KILLED_WHILE_MERGING = """
import os, signal, sys
from motet.encoders import cache, segments
from pathlib import Path
folder, at = Path(sys.argv[1]), sys.argv[2]
def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
if at == "writing":
    segments.pa.ipc.new_file = die
elif at == "renaming":
    segments.Path.rename = die
else:
    real, left = Path.unlink, [int(at)]
    def unlink(self, missing_ok=False):
        left[0] -= 1
        die() if left[0] < 0 else real(self, missing_ok=missing_ok)
    segments.Path.unlink = unlink
cache.Shelf(folder, 4)
"""


@pytest.mark.parametrize("at", ["writing", "renaming", "0", "1", "30", "64", "65", "66"])
def test_a_kill_while_merging_loses_nothing(at: str, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    small_ones(folder, 100)
    script = [sys.executable, "-c", KILLED_WHILE_MERGING, str(folder), at]
    assert subprocess.run(script, timeout=60, check=False).returncode < 0
    opened = Shelf(folder, WIDTH)
    np.testing.assert_array_equal(read(opened, *range(100)), pooled_of(*range(100)))
    # what the killed one left is swept when it is old, and then merging goes on
    for left in folder.glob("*.unfinished"):
        os.utime(left, (0, 0))
    opened = Shelf(folder, WIDTH)
    assert len(segments_of(folder)) <= 64 and not list(folder.glob("*.unfinished"))
    np.testing.assert_array_equal(read(opened, *range(100)), pooled_of(*range(100)))


def test_two_processes_write_and_merge_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    often = WRITER.replace("folder, first =", "segments.SMALL_SEGMENTS = 3\nfolder, first =").replace(
        "import Shelf", "import Shelf\nfrom motet.encoders import segments"
    )
    both = [subprocess.Popen([sys.executable, "-c", often, str(folder), str(first)]) for first in (0, 10)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    np.testing.assert_array_equal(read(Shelf(folder, WIDTH), *range(30)), pooled_of(*range(30)))


def test_where_merging_fails_all_is_still_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_ones(tmp_path / "one", 80)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pa.ipc, "new_file", full)
    shelf = Shelf(tmp_path / "one", WIDTH)
    assert len(segments_of(tmp_path / "one")) == 80
    np.testing.assert_array_equal(read(shelf, *range(80)), pooled_of(*range(80)))


def test_nothing_more_is_written_above_the_limit_but_everything_is_still_found(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "one", WIDTH, limit=3000)
    for n in range(20):
        shelf.add(keys_of(n), pooled_of(n))
    files = list((tmp_path / "one").glob("*.arrow"))
    assert 0 < len(files) < 20
    assert sum(file.stat().st_size for file in files) <= 3000 + max(file.stat().st_size for file in files)
    np.testing.assert_array_equal(read(shelf, *range(20)), pooled_of(*range(20)))


def filled(root: Path, name: str, *, used: float, limit: int = 10**9) -> int:
    """A shelf with one segment, used last at this time; its size in bytes."""
    cache = FeatureCache(root, limit=10**9)
    cache.shelf(name, WIDTH).add(keys_of(1), pooled_of(1))
    os.utime(root / name, (used, used))
    return cache.sizes()[name]


def test_the_shelf_used_longest_ago_goes_first(tmp_path: Path) -> None:
    size = filled(tmp_path, "middle", used=2000)
    filled(tmp_path, "oldest", used=1000)
    filled(tmp_path, "newest", used=3000)
    cache = FeatureCache(tmp_path, limit=2 * size)
    assert list(cache.sizes()) == ["newest", "middle", "oldest"]
    cache.shrink()
    assert list(cache.sizes()) == ["newest", "middle"]
    FeatureCache(tmp_path, limit=0).shrink(keep="middle")
    assert list(cache.sizes()) == ["middle"]


def test_opening_a_shelf_makes_it_the_one_used_last(tmp_path: Path) -> None:
    size = filled(tmp_path, "first", used=1000)
    filled(tmp_path, "second", used=2000)
    cache = FeatureCache(tmp_path, limit=10**9)
    cache.shelf("first", WIDTH)
    assert list(cache.sizes()) == ["first", "second"]
    FeatureCache(tmp_path, limit=size).shrink()
    assert list(cache.sizes()) == ["first"]


def test_what_is_written_to_one_shelf_is_taken_from_the_older_ones(tmp_path: Path) -> None:
    """The limit holds for all shelves together, also while a new one grows."""
    size = filled(tmp_path, "old", used=1000)
    cache = FeatureCache(tmp_path, limit=3 * size)
    shelf = cache.shelf("new", WIDTH)
    for n in range(6):
        shelf.add(keys_of(n), pooled_of(n))
        assert sum(cache.sizes().values()) <= 3 * size
    assert list(cache.sizes()) == ["new"]
    np.testing.assert_array_equal(read(shelf, *range(6)), pooled_of(*range(6)))


def test_clear_says_what_it_freed_and_open_shelves_go_on(tmp_path: Path) -> None:
    root = tmp_path / "features"
    cache = FeatureCache(root)
    assert cache.clear() == 0
    shelf = cache.shelf("one", WIDTH)
    shelf.add(keys_of(1), pooled_of(1))
    size = sum(file.stat().st_size for file in root.rglob("*.arrow"))
    assert cache.sizes() == {"one": size}
    assert cache.clear() == size
    assert cache.sizes() == {}
    # Someone cleared the cache under a process that still encodes: that costs time, never an answer.
    shelf.add(keys_of(2), pooled_of(2))
    np.testing.assert_array_equal(read(shelf, 1, 2), pooled_of(1, 2))


def test_a_cache_that_cannot_be_written_costs_time_and_no_answer(tmp_path: Path) -> None:
    (tmp_path / "features").write_text("a file stands where the folder should be", encoding="utf-8")
    cache = FeatureCache(tmp_path / "features")
    shelf = cache.shelf("one", WIDTH)
    shelf.add(keys_of(1), pooled_of(1))
    np.testing.assert_array_equal(read(shelf, 1), pooled_of(1))


def test_a_full_disk_costs_time_and_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf(tmp_path / "one", WIDTH)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pa.ipc, "new_file", full)
    shelf.add(keys_of(1), pooled_of(1))
    np.testing.assert_array_equal(read(shelf, 1), pooled_of(1))
    assert list((tmp_path / "one").iterdir()) == []


def test_a_shelf_that_another_process_removes_while_it_is_read(tmp_path: Path) -> None:
    shelf = FeatureCache(tmp_path).shelf("one", WIDTH)
    shelf.add(keys_of(1, 2), pooled_of(1, 2))
    opened = FeatureCache(tmp_path).shelf("one", WIDTH)
    shutil.rmtree(tmp_path / "one")
    np.testing.assert_array_equal(read(opened, 2, 1), pooled_of(2, 1))


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MOTET_CACHE", str(tmp_path / "here"))
    assert cache_directory() == tmp_path / "here"
    assert FeatureCache().root == tmp_path / "here" / "features"
    monkeypatch.delenv("MOTET_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_directory() == tmp_path / "xdg" / "motet"
    monkeypatch.setenv("MOTET_CACHE_BYTES", "12345")
    assert FeatureCache(tmp_path).limit == 12345
