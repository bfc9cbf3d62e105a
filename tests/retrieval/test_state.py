"""What is left of an index after a kill, a cut and other writers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from made_vectors import MODEL, described, names, unit

import motet
from motet.errors import SearchError
from motet.retrieval import Index, approximate, index, segment
from motet.retrieval.locking import only_writer


def answers(place):
    """What an index answers when it is opened now."""
    index = Index.open(place, model=MODEL)
    return index.search(unit(3, seed=1), 100).ids


class Killed(BaseException):
    """Not an Exception: nothing may catch it, as nothing catches a kill."""


CHANGES = {
    "add": lambda index: index.add(unit(5, seed=8), names(5, 100), described(5, 100)),
    "merge": lambda index: index.add(unit(30, seed=8), names(30, 100), described(30, 100)),
    "remove": lambda index: index.remove(["货1", "货2"]),
    "compact": lambda index: index.compact(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_kill_at_any_step_leaves_the_old_state_or_the_new(small, monkeypatch, change):
    small.remove(["货0"])
    old = answers(small.place)
    new = None
    steps = 0
    while True:
        place = small.place.with_name(f"killed-{steps}")
        shutil.copytree(small.place, place)
        index = Index.open(place)
        left = steps

        def counted(real):
            def step(*arguments, **options):
                nonlocal left
                if left == 0:
                    raise Killed
                left -= 1
                return real(*arguments, **options)

            return step

        with monkeypatch.context() as patched:
            # every call by which something reaches the disk for good, or leaves it
            for owner, name in ((os, "fsync"), (Path, "mkdir"), (Path, "replace"), (Path, "unlink")):
                patched.setattr(owner, name, counted(getattr(owner, name)))
            patched.setattr(shutil, "rmtree", counted(shutil.rmtree))
            try:
                CHANGES[change](index)
            except Killed:
                finished = False
            else:
                finished = True
        found = answers(place)
        if finished:
            new = found
            break
        assert found == old or found == after(small, change)
        # and what the killed writer left is in nobody's way
        index = Index.open(place)
        if found == old:
            CHANGES[change](index)
        assert answers(place) == after(small, change)
        steps += 1
    assert steps >= 3
    assert new == after(small, change)


def after(small, change):
    place = small.place.with_name(f"after-{change}")
    if not place.exists():
        shutil.copytree(small.place, place)
        CHANGES[change](Index.open(place))
    return answers(place)


def test_a_killed_creation_leaves_nothing_in_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(Killed()))
    with pytest.raises(Killed):
        Index.create(tmp_path / "index", unit(5), names(5), model=MODEL)
    assert not (tmp_path / "index").exists()


def test_a_file_cut_at_any_length_gives_the_last_state_or_says_what_is_gone(small):
    before = answers(small.place)
    small.add(unit(5, seed=8), names(5, 100), described(5, 100))
    small.remove(["货3"])
    first, added = sorted(small.place.glob("segment-*"))
    current = answers(small.place)
    with_added = before  # the state before the last: nothing removed yet
    files = [path for path in small.place.rglob("*") if path.is_file() and path.name != "writing.lock"]
    assert len(files) == 2 * 3 + 2 + 1
    generator = np.random.default_rng(0)
    for path in files:
        whole = path.read_bytes()
        for length in sorted({0, 1, len(whole) - 1, *generator.integers(0, len(whole), 8).tolist()}):
            path.write_bytes(whole[:length])
            older = path.name == "state-00000002.json"
            newer = path.name in ("state-00000003.json", "removed-00000003.bits")
            if older:
                assert answers(small.place) == current
            elif newer:
                with pytest.warns(UserWarning, match=path.name):
                    found = answers(small.place)
                assert all("货3" in ids and "货100" in ids for ids in found)
                assert found != current and found != with_added
            else:
                assert first in path.parents or added in path.parents
                with pytest.raises(SearchError, match=rf"{path.name}: has {length} bytes of {len(whole)}"):
                    answers(small.place)
        path.write_bytes(whole)
    assert answers(small.place) == current


def test_a_missing_file_is_named(small):
    (small.place / "segment-00000001" / "ids.arrow").unlink()
    with pytest.raises(SearchError, match=r"ids.arrow: is missing"):
        Index.open(small.place)


def test_a_changed_byte_is_found(small):
    path = small.place / "segment-00000001" / "vectors.bin"
    small.verify()
    content = bytearray(path.read_bytes())
    content[77] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(SearchError, match=r"vectors.bin: was changed"):
        Index.open(small.place).verify()


def test_a_changed_manifest_is_not_read(small):
    path = small.place / "state-00000001.json"
    content = json.loads(path.read_text())
    content["model"] = "another"
    path.write_text(json.dumps(content))
    with pytest.raises(SearchError, match="checksum does not fit"):
        Index.open(small.place)


def test_a_manifest_cannot_name_files_outside(small):
    from motet.retrieval.state import _checksum

    path = small.place / "state-00000001.json"
    content = json.loads(path.read_text())
    del content["checksum"]
    file = content["segments"][0]["files"][0]
    file["path"] = "segment-00000001/../segment-00000001/ids.arrow"
    content["checksum"] = _checksum(content)
    path.write_text(json.dumps(content))
    with pytest.raises(SearchError, match="no file of an index"):
        Index.open(small.place)


@pytest.mark.parametrize("kind", ["nothing", "file", "empty", "other"])
def test_what_is_no_index_is_said(tmp_path, kind):
    place = tmp_path / "index"
    if kind == "file":
        place.write_text("x")
    elif kind != "nothing":
        place.mkdir()
        if kind == "other":
            (place / "picture.jpg").write_bytes(b"")
    with pytest.raises(SearchError, match=r"no such index|no index here"):
        Index.open(place)


def test_a_second_writer_is_refused_and_readers_are_not(small):
    with only_writer(small.place):
        with pytest.raises(SearchError, match="another process writes"):
            small.remove(["货1"])
        assert len(Index.open(small.place)) == 40
    small.remove(["货1"])


def test_a_reader_stays_at_its_state_until_it_asks(small):
    reader = Index.open(small.place)
    for round in range(4):  # the first state's files are swept away meanwhile
        small.add(unit(2, seed=round), names(2, 100 + 2 * round), described(2))
        small.compact()
    assert len(reader) == 40
    assert reader.search(unit(3, seed=1), 100).rows.shape == (3, 40)
    reader.refresh()
    assert len(reader) == 48


def test_old_files_are_swept(small):
    (small.place / ".state-00000077.unfinished").write_text("{")  # a writer was killed
    for round in range(4):
        small.add(unit(2, seed=round), names(2, 100 + 2 * round), described(2))
        small.compact()
    assert len([*small.place.glob("state-*")]) == 2
    assert len([*small.place.glob("segment-*")]) == 3  # compacted, and the two that it was made of
    assert not [*small.place.glob("*.unfinished")]


def test_a_reader_that_a_writer_overtakes_opens_the_newest(small, monkeypatch):
    monkeypatch.setattr(segment, "EXACT_NUMBERS", 200)
    monkeypatch.setattr(segment, "SAMPLED_QUERIES", 20)
    small.compact()
    assert small.segments[0].entry.probes
    other, real, overtaken = Index.open(small.place), approximate.read, []

    def overtake(path):
        if not overtaken:
            overtaken.append(path)
            other.compact()
            other.compact()
            assert not path.exists()
        return real(path)

    monkeypatch.setattr(approximate, "read", overtake)
    reader = Index.open(small.place)
    assert overtaken and reader.state.number == other.state.number


def test_a_reader_that_is_overtaken_each_time_says_so(small, monkeypatch):
    def gone(*_):
        raise FileNotFoundError(2, "No such file or directory", "vectors.bin")

    monkeypatch.setattr(index, "Segment", gone)
    with pytest.raises(SearchError, match="faster than it can be opened: try again"):
        Index.open(small.place)


def test_a_refresh_that_fails_leaves_the_state_before(small):
    reader = Index.open(small.place)
    small.add(unit(5, seed=8), names(5, 100), described(5, 100))
    path = small.place / small.state.segments[-1].folder / "ids.arrow"
    path.write_bytes(bytes(path.stat().st_size))
    before = reader.search(unit(3, seed=1), 100).ids
    with pytest.raises(SearchError, match=r"ids.arrow: damaged"):
        reader.refresh()
    assert len(reader) == 40 and reader.state.number == 1
    assert reader.search(unit(3, seed=1), 100).ids == before


@contextmanager
def full_disk(size):
    """No file grows beyond so many bytes, as on a disk that is full."""
    resource = pytest.importorskip("resource", reason="no limit on the size of files here")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


# of vectors, ids and metadata, the inverted file, the list of removed rows, the manifest
@pytest.mark.parametrize("size", [0, 10, 400, 1500, 3000, 5000])
@pytest.mark.parametrize("change", [*CHANGES, "build"])
def test_a_full_disk_leaves_the_last_state(small, tmp_path, monkeypatch, change, size):
    monkeypatch.setattr(segment, "EXACT_NUMBERS", 200)
    monkeypatch.setattr(segment, "SAMPLED_QUERIES", 20)
    before, files = answers(small.place), sorted(path.name for path in small.place.iterdir())
    expected = None if change == "build" else after(small, change)
    failed = False
    try:
        with full_disk(size):
            if change == "build":
                Index.create(tmp_path / "new", unit(40), names(40), described(40), model=MODEL)
            else:
                CHANGES[change](small)
    except SearchError as error:
        failed = True
        assert "room" in str(error) and "try again" in str(error)
    assert failed or size > 0
    if failed and change == "build":
        assert not (tmp_path / "new").exists() and not [*tmp_path.glob(".*")]
    elif failed:
        assert answers(small.place) == before
        assert {path.name for path in small.place.iterdir()} == {*files, "writing.lock"}
        CHANGES[change](small)
        assert answers(small.place) == expected


WRITER = """
import sys
from motet.retrieval import Index
from made_vectors import described, names, unit
index = Index.open(sys.argv[1])
print("ready", flush=True)
number = 1000
while True:
    index.add(unit(3, seed=number), names(3, number), described(3))
    index.remove(names(3, number))
    if number % 5 == 0:
        index.compact()
    number += 3
"""


def test_readers_see_whole_states_while_another_process_writes_and_is_killed(small):
    """A state holds the first forty rows and, between an `add` and a `remove`, three more."""
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(motet.__file__).parents[1])])
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(small.place)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    try:
        assert writer.stdout.readline() == "ready\n"
        sizes, begun = [], time.monotonic()
        while (spent := time.monotonic() - begun) < 2 or ({*sizes} != {40, 43} and spent < 60):
            for reader in (Index.open(small.place, model=MODEL), Index.open(small.place, model=MODEL)):
                found = {*reader.search(unit(1), 1000).ids[0]}
                assert found >= {*names(40)}
                sizes.append(len(found))
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()
    assert {*sizes} == {40, 43}
    left = Index.open(small.place)
    left.verify()
    left.add(unit(1), ["after"], described(1))
    assert left.search(unit(1), 2).ids[0][0] in ("after", "货0")
