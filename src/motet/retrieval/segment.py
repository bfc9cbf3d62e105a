"""Rows that were added together: written once, then only read, memory-mapped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from motet.errors import SearchError
from motet.retrieval import approximate
from motet.retrieval.exact import PIECE, Rows, nearest
from motet.retrieval.filtered import lists_of_rows, search_passing
from motet.retrieval.state import FileEntry, SegmentEntry, entry, segment_folder, sync_folder, write_array
from motet.retrieval.storage import Floats, Records, Storage, decode, record_type

Mask = npt.NDArray[np.bool_]

# Numbers (rows x width) that exact search looks through in some ten milliseconds: 100,000 rows of width 256.
EXACT_NUMBERS = 25_600_000
SAMPLED_QUERIES = 1000
NEIGHBOURS = 10
LEAST_DEPTH = 4  # lists, under a filter: of one alone a first doubling often changes nothing


def searched_exactly(rows: int, width: int) -> bool:
    """Whether so many rows are few enough to be searched without an inverted file."""
    return rows * width <= EXACT_NUMBERS


class Content(NamedTuple):
    """Rows as a segment holds them: `records` [n], `ids` [n] and `metadata` (n rows)."""

    records: Records
    ids: pa.ChunkedArray
    metadata: pa.Table


def joined(parts: Iterable[Content]) -> Content:
    """All rows, in order."""
    records, ids, metadata = zip(*parts, strict=True)
    names = pa.chunked_array([chunk for one in ids for chunk in one.chunks], pa.large_string())
    return Content(np.concatenate(records), names, pa.concat_tables(metadata))


@dataclass(frozen=True)
class Allowed:
    """The rows of a segment that may be found: `mask` [rows]."""

    mask: Mask

    @cached_property
    def count(self) -> int:
        """How many there are."""
        return int(self.mask.sum())

    @cached_property
    def bits(self) -> npt.NDArray[np.uint8]:
        """One bit a row, the lowest of a byte first."""
        return np.packbits(self.mask, bitorder="little")


class Segment:
    """A segment, opened: `records` [n], `ids` [n] and `metadata` (n rows), none of them read before it is used."""

    def __init__(self, place: Path, described: SegmentEntry, width: int, storage: Storage) -> None:
        self.entry = described
        folder = place / described.folder
        kind = record_type(storage, width)
        self.records: Records = (
            np.memmap(folder / "vectors.bin", kind, "r") if described.rows else np.empty(0, kind)
        )
        self.ids: pa.ChunkedArray = _read_arrow(folder / "ids.arrow").column(0)
        self.metadata = _read_arrow(folder / "metadata.arrow")
        self._rescored = storage == "int8"
        self._lists: Any = approximate.read(folder / "lists.faiss") if described.probes else None

    def __len__(self) -> int:
        return self.entry.rows

    @cached_property
    def _vectors(self) -> Floats:
        """All vectors of a segment that is small enough for exact search, decoded once."""
        return decode(self.records)

    @cached_property
    def _list_of_row(self) -> npt.NDArray[np.int32]:
        """The list of the inverted file that each row is in."""
        return lists_of_rows(self._lists)

    def content(self, keep: Mask | None = None) -> Content:
        """Its rows, or those to keep, to be written again."""
        if keep is None:
            return Content(self.records, self.ids, self.metadata)
        return Content(self.records[keep], self.ids.filter(keep), self.metadata.filter(keep))

    def search(self, queries: Floats, k: int, allowed: Allowed | None = None) -> tuple[Floats, Rows]:
        """Scores and rows [Q, k'] of the best rows that are allowed; k' the smaller of k and their number."""
        passing = len(self) if allowed is None else allowed.count
        k = min(k, passing)
        if k == 0:
            return np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), np.int64)
        if passing == k:  # all of them, however many queries ask
            every = np.arange(len(self)) if allowed is None else np.flatnonzero(allowed.mask)
            rows = np.broadcast_to(every, (len(queries), k))
            return ordered(self._scores(queries, rows), rows)
        if self._lists is None:
            return nearest(queries, k, lambda: self._pieces(allowed))
        return self._approximate(queries, k, allowed, passing)

    def _pieces(self, allowed: Allowed | None) -> Iterator[tuple[Rows, Floats]]:
        small = searched_exactly(len(self), self.records.dtype["codes"].shape[0])
        if small and allowed is None:
            yield np.arange(len(self)), self._vectors
            return
        rows = np.arange(len(self)) if allowed is None else np.flatnonzero(allowed.mask)
        for begin in range(0, len(rows), PIECE):
            piece = rows[begin : begin + PIECE]
            yield piece, self._vectors[piece] if small else decode(self.records[piece])

    def _approximate(
        self, queries: Floats, k: int, allowed: Allowed | None, passing: int
    ) -> tuple[Floats, Rows]:
        if allowed is None:
            scores, rows = approximate.search(self._lists, queries, k, self.entry.probes)
            if rows[:, -1].min(initial=0) < 0:  # places without a row are the last
                short = rows[:, -1] < 0
                every = self._lists.nlist
                scores[short], rows[short] = approximate.search(self._lists, queries[short], k, every)
        else:
            # As many rows that pass as the lists hold that are visited without a filter; where few pass, all of them.
            lists: int = self._lists.nlist
            few = passing * queries.shape[1] <= EXACT_NUMBERS // 10
            enough = passing if few else int(np.ceil(max(self.entry.probes, LEAST_DEPTH) * len(self) / lists))
            of_list = np.bincount(self._list_of_row[allowed.mask], minlength=lists)
            scores, rows = search_passing(self._lists, queries, k, of_list, allowed.bits, enough)
        if self._rescored:
            scores = self._scores(queries, rows)  # FAISS has INT8 codes of its own, with other scales
        return ordered(scores, rows)

    def _scores(self, queries: Floats, rows: Rows) -> Floats:
        """Dot products [Q, k] with the stored vectors of rows [Q, k]."""
        scores = np.empty(rows.shape, np.float32)
        for begin in range(0, len(rows), 64):
            part = slice(begin, begin + 64)
            vectors = decode(self.records[rows[part].ravel()]).reshape(*rows[part].shape, -1)
            scores[part] = (vectors * queries[part, None]).sum(2)
        return scores


def write_segment(
    place: Path,
    number: int,
    content: Content,
    *,
    storage: Storage,
    recall: float,
    queries: Floats | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> SegmentEntry:
    """Write a segment's files, with an inverted file where exact search would be slow; nothing names them yet."""
    records, ids, metadata = content
    folder = place / segment_folder(number)
    folder.mkdir()
    write_array(folder / "vectors.bin", records)
    _write_arrow(folder / "ids.arrow", pa.table({"id": ids}))
    _write_arrow(folder / "metadata.arrow", metadata)
    tuned = None
    width = records.dtype["codes"].shape[0]
    if recall < 1 and not searched_exactly(len(records), width):
        lists = approximate.build(lambda rows: decode(records[rows]), len(records), width, storage)
        tuned = _tuned(lists, records, recall, queries)
        asked_by = ["by sampled rows"] + ([f"by {len(queries):,} queries"] if queries is not None else [])
        recalls = [f"{share:.3f} {kind}" for share, kind in zip(tuned.recalls, asked_by, strict=True)]
        progress(
            f"{len(records):,} rows in {lists.nlist:,} lists, {tuned.probes:,} of them visited: "
            f"recall@{NEIGHBOURS}, asked {' and '.join(recalls)}"
        )
        approximate.write(lists, folder / "lists.faiss")
    files: tuple[FileEntry, ...] = tuple(entry(place, path) for path in sorted(folder.iterdir()))
    sync_folder(folder)
    return SegmentEntry(
        number, len(records), tuned.probes if tuned else 0, min(tuned.recalls) if tuned else None, files
    )


def _tuned(lists: Any, records: Records, target: float, queries: Floats | None) -> approximate.Tuned:
    """Lists to visit for a recall target, against exact search: rows of the segment ask for others, and the queries."""

    def pieces() -> Iterator[tuple[Rows, Floats]]:
        for begin in range(0, len(records), PIECE):
            piece = records[begin : begin + PIECE]
            yield np.arange(begin, begin + len(piece)), decode(piece)

    own = np.random.default_rng(1).choice(len(records), min(len(records), SAMPLED_QUERIES), replace=False)
    rows = decode(records[own])
    truth = nearest(rows, NEIGHBOURS + 1, pieces)[1]
    order = np.argsort(truth == own[:, None], axis=1, kind="stable")
    samples = [approximate.Sample(rows, np.take_along_axis(truth, order, 1)[:, :NEIGHBOURS], own)]
    if queries is not None:
        samples.append(approximate.Sample(queries, nearest(queries, NEIGHBOURS, pieces)[1]))
    return approximate.tune(lists, samples, target)


def ordered(scores: Floats, rows: Rows) -> tuple[Floats, Rows]:
    """Best first, then by row."""
    if (scores[:, 1:] < scores[:, :-1]).all():  # as FAISS gives them, but for equal scores
        return scores, rows
    order = np.lexsort((rows, -scores), axis=1)
    return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)


def _write_arrow(path: Path, table: pa.Table) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)


def _read_arrow(path: Path) -> pa.Table:
    try:
        # a map of the file: no row is read before it is asked for
        with pa.memory_map(str(path)) as file:
            return pa.ipc.open_file(file).read_all()
    except pa.ArrowInvalid as error:
        raise SearchError(f"{path}: damaged ({error}): build the index again, or copy it again") from error
