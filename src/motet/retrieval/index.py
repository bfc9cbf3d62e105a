"""A search index: unit vectors, their ids and metadata in a folder that is never half written."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from motet.errors import SearchError, UsageError
from motet.retrieval.filters import passing
from motet.retrieval.hits import Hits
from motet.retrieval.incoming import check_ids, check_metadata
from motet.retrieval.locking import only_writer
from motet.retrieval.merging import segments_to_merge
from motet.retrieval.row_names import RowNames
from motet.retrieval.segment import Allowed, Content, Mask, Segment, joined, ordered, write_segment
from motet.retrieval.state import (
    FileEntry,
    State,
    commit,
    discard,
    entry,
    newest,
    next_number,
    queries_file,
    removed_file,
    verify,
    write_array,
)
from motet.retrieval.storage import Floats, Storage, check_storage, check_vectors, decode, encode, record_type

Say = Callable[[str], None]
ATTEMPTS = 3
LEAST_QUERIES = 100  # to measure recall by, half of which choose and half of which tell
QUERY_STORAGE: Storage = "float32"  # of the few that tune
CALLED = "model"  # in `about`: what people call the model, beside its fingerprint


def _quiet(_: str) -> None:
    pass


class Index:
    """An index, opened from its folder; it stays at the state that it was opened at until `refresh`.

    Rows are numbered from 0 in the order in which they were added; only `compact` numbers them anew. Search is by dot
    product of unit vectors. Readers need no lock and are never in the way of the one process that may write.
    """

    def __init__(self, place: Path, model: str | None = None, called: str = "") -> None:
        self.place = place
        self._load(model, called)

    def _load(self, model: str | None, called: str = "") -> None:
        for attempt in range(ATTEMPTS):
            state = newest(self.place)
            if model not in (None, state.model):
                raise SearchError(
                    f"{self.place}: made by the model {_named(state.about.get(CALLED, ''), state.model)}, not by "
                    f"{_named(called, model)}: vectors of two models cannot be compared; open the index with its own "
                    "model, or build one with this"
                )
            try:
                self._map(state)
                return
            except FileNotFoundError as error:  # a writer came two states further in between
                if attempt == ATTEMPTS - 1:
                    raise SearchError(
                        f"{self.place}: other processes write to it faster than it can be opened: try again"
                    ) from error

    def _map(self, state: State) -> None:
        """Open all files of a state, then go on to it: where one cannot be opened, the index stays as it was."""
        segments = [Segment(self.place, one, state.width, state.storage) for one in state.segments]
        starts = np.cumsum([0, *map(len, segments)])
        live = _live(self.place, state, int(starts[-1]))
        names = RowNames(one.ids for one in segments)
        allowed = [
            None if live is None else Allowed(live[start : start + len(segment)])
            for start, segment in zip(starts, segments, strict=False)
        ]
        self.state, self.segments, self._starts = state, segments, starts
        self._live, self._allowed, self._names = live, allowed, names

    @classmethod
    def create(
        cls,
        place: str | Path,
        vectors: npt.ArrayLike,
        ids: Sequence[str] | pa.Array,
        metadata: pa.Table | None = None,
        *,
        model: str,
        recall: float = 0.95,
        storage: str = "float16",
        queries: npt.ArrayLike | None = None,
        about: Mapping[str, str] | None = None,
        progress: Say = _quiet,
    ) -> Index:
        """Write a new index and open it.

        Parameters
        ----------
        place : a folder that is not there yet.
        vectors : [N, D] of unit length. ids : N different strings. metadata : N rows, to filter by and to show.
        model : fingerprint of the model that made the vectors; only its vectors may be added and searched for.
        recall : share of the true ten neighbours that approximate search must find; 1 means exact search throughout.
        storage : float32, float16, or int8.
        queries : [Q, D] like those that will be asked, kept in the index: search among many rows is tuned until both
            they and rows of the index, which ask for others, find their share. Words, say, lie elsewhere than pictures.
        about : what the maker wants to find again in `state.about`, such as where the pictures lie; `model` is
            what people call the model.
        progress : is told what was built and measured, in a sentence.

        SearchError where the vectors are not finite or not of unit length, or ids repeat; UsageError for settings.
        """
        place, kind = Path(place), check_storage(storage)
        if not 0 < recall <= 1:
            raise UsageError(f"recall {recall}: a share above 0, at most 1, is wanted")
        if place.exists() and (not place.is_dir() or any(place.iterdir())):
            raise SearchError(f"{place}: something stands there already: give the index another name")
        array = check_vectors(vectors)
        state = State(1, model, array.shape[1], kind, recall, (), about=dict(about or {}))
        asked = None if queries is None else check_vectors(queries, array.shape[1], what="queries")
        if asked is not None and len(asked) < LEAST_QUERIES:
            raise UsageError(
                f"queries: {len(asked)}, at least {LEAST_QUERIES} are wanted to measure recall by"
            )
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            making = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}.making-"))
        except OSError as error:
            raise SearchError(f"{place}: no folder can be made here: {error.strerror or error}") from error
        try:
            making.chmod(0o755)
            content = _content(array, check_ids(ids), metadata, None, kind)
            if asked is not None:
                path = making / queries_file(state.number)
                write_array(path, encode(asked, QUERY_STORAGE))
                state = replace(state, queries=entry(making, path))
            _append(making, state, content, progress)
            if place.exists():
                place.rmdir()
            making.rename(place)
        except OSError as error:
            raise _not_written(place, error) from error
        finally:
            shutil.rmtree(making, ignore_errors=True)
        return cls.open(place, model=model)

    @classmethod
    def open(cls, place: str | Path, *, model: str | None = None, called: str = "") -> Index:
        """Open the newest whole state; SearchError where there is none, or where another model made it.

        called : what people call that model, for the error; the index's own name for it is `about["model"]`. Where a
        newer state is damaged, a warning says what is gone.
        """
        return cls(Path(place), model, called)

    def __len__(self) -> int:
        return int(self._starts[-1]) if self._live is None else int(self._live.sum())

    @property
    def width(self) -> int:
        """D of the vectors."""
        return self.state.width

    @property
    def schema(self) -> pa.Schema:
        """Columns of the metadata."""
        return self.segments[0].metadata.schema

    def refresh(self) -> None:
        """Go on to the newest state."""
        self._load(self.state.model, self.state.about.get(CALLED, ""))

    def search(self, queries: npt.ArrayLike, k: int = 10, where: str | pc.Expression | None = None) -> Hits:
        """The k best rows for each query.

        queries : [Q, D] of unit length. where : a filter in words (`parse_filter`) or an expression of pyarrow.
        """
        if k < 1:
            raise UsageError(f"k {k}: at least 1 is wanted")
        asked = check_vectors(queries, self.width, what="queries")
        found = [
            segment.search(asked, k, live if where is None else _both(live, segment, where))
            for segment, live in zip(self.segments, self._allowed, strict=True)
        ]
        if len(found) == 1:
            scores, rows = found[0]
        else:
            scores = np.concatenate([one for one, _ in found], 1)
            rows = np.concatenate(
                [one + start for (_, one), start in zip(found, self._starts, strict=False)], 1
            )
            scores, rows = ordered(scores, rows)
            scores, rows = scores[:, :k], rows[:, :k]
        return Hits(partial(self._names.of, rows), scores, rows)

    def add(
        self,
        vectors: npt.ArrayLike,
        ids: Sequence[str] | pa.Array,
        metadata: pa.Table | None = None,
        *,
        about: Mapping[str, str] | None = None,
        progress: Say = _quiet,
    ) -> None:
        """Add rows and go on to that state; the last small segments are merged with them, and rows keep their numbers.

        about : replaces what `state.about` has under the same names. SearchError where an id is there already, or the
        columns of `metadata` are not those of the index.
        """
        with self._writing() as number:
            array, names = check_vectors(vectors, self.width), check_ids(ids)
            for start, segment in zip(self._starts, self.segments, strict=False):
                there = pc.is_in(segment.ids, value_set=names).to_numpy()
                taken = np.flatnonzero(there & self._living(int(start), len(segment)))
                if len(taken):
                    raise SearchError(
                        f"id {segment.ids[int(taken[0])].as_py()!r} is in the index already: remove it first"
                    )
            new = _content(array, names, metadata, self.schema, self.state.storage)
            kept = len(self.segments) - segments_to_merge(self.state.segments, len(array), self.width)
            state = replace(
                self.state,
                number=number,
                segments=self.state.segments[:kept],
                about={**self.state.about, **(about or {})},
            )
            content = joined([*(one.content() for one in self.segments[kept:]), new])
            _append(self.place, state, content, progress)

    def remove(self, ids: Iterable[str]) -> None:
        """Remove rows by id; their room is freed by `compact`. SearchError for an id that is not there."""
        with self._writing() as number:
            wanted = check_ids(list(dict.fromkeys(ids)))
            gone = np.concatenate([_found(segment, wanted) for segment in self.segments])
            live = np.ones(len(gone), bool) if self._live is None else self._live.copy()
            if int((gone & live).sum()) < len(wanted):
                raise SearchError(f"no id {self._missing(wanted)!r} in the index: nothing was removed")
            path = self.place / removed_file(number)
            write_array(path, np.packbits(~(live & ~gone)))
            commit(self.place, replace(self.state, number=number, removed=entry(self.place, path)))

    def compact(self, *, progress: Say = _quiet) -> None:
        """Write all rows that are left into one segment; rows are numbered anew."""
        with self._writing() as number:
            content = joined(
                segment.content(self._living(int(start), len(segment)))
                for start, segment in zip(self._starts, self.segments, strict=False)
            )
            state = replace(self.state, number=number, segments=(), removed=None)
            _append(self.place, state, content, progress)

    def vector(self, id: str) -> Floats:
        """The vector [D] of a row, as it is stored; SearchError for an id that is not there."""
        for start, segment in zip(self._starts, self.segments, strict=False):
            live = self._living(int(start), len(segment))
            row = np.flatnonzero(_found(segment, check_ids([id])) & live)
            if len(row):
                vector: Floats = decode(segment.records[row[:1]])[0]
                return vector
        raise SearchError(f"no id {id!r} in the index")

    def metadata(self, rows: npt.ArrayLike) -> pa.Table:
        """The metadata of rows, in their order."""
        wanted = np.asarray(rows, np.int64).ravel()
        return pa.concat_tables([one.metadata for one in self.segments]).take(wanted)

    def batches(self, rows: int = 1000) -> Iterator[tuple[list[str], Floats, pa.Table]]:
        """All rows that are left: ids, vectors and metadata of at most so many at a time."""
        for start, segment in zip(self._starts, self.segments, strict=False):
            live = np.flatnonzero(self._living(int(start), len(segment)))
            for begin in range(0, len(live), rows):
                piece = live[begin : begin + rows]
                yield (
                    segment.ids.take(piece).to_pylist(),
                    decode(segment.records[piece]),
                    segment.metadata.take(piece),
                )

    def verify(self) -> None:
        """Compare every file with its SHA-256; SearchError names the first that was changed."""
        verify(self.place, self.state)

    def _living(self, start: int, rows: int) -> Mask:
        return np.ones(rows, bool) if self._live is None else self._live[start : start + rows]

    def _missing(self, wanted: pa.Array) -> str:
        there = set()
        for start, segment in zip(self._starts, self.segments, strict=False):
            there |= set(
                segment.ids.filter(
                    _found(segment, wanted) & self._living(int(start), len(segment))
                ).to_pylist()
            )
        missing: str = next(name for name in wanted.to_pylist() if name not in there)
        return missing

    @contextmanager
    def _writing(self) -> Iterator[int]:
        """The lock held, and the newest state loaded: before, since another may have written; and after.

        Yields the number of the state to write. A disk that does not take it leaves the last state.
        """
        with only_writer(self.place):
            self.refresh()
            number = next_number(self.place)
            try:
                yield number
            except OSError as error:
                discard(self.place, number)
                raise _not_written(self.place, error) from error
        self.refresh()


def _content(
    vectors: Floats, ids: pa.Array, metadata: pa.Table | None, schema: pa.Schema | None, storage: Storage
) -> Content:
    if len(vectors) != len(ids):
        raise SearchError(f"{len(vectors)} vectors, but {len(ids)} ids")
    return Content(encode(vectors, storage), pa.chunked_array([ids]), check_metadata(metadata, ids, schema))


def _append(place: Path, state: State, content: Content, progress: Say) -> None:
    """Write a segment after those of the state, and make that the newest."""
    queries = None
    if state.queries is not None:
        kind = record_type(QUERY_STORAGE, state.width)
        queries = decode(np.fromfile(place / state.queries.path, kind))
    segment = write_segment(
        place,
        state.number,
        content,
        storage=state.storage,
        recall=state.recall,
        queries=queries,
        progress=progress,
    )
    commit(place, replace(state, segments=(*state.segments, segment)))


def _named(called: str, fingerprint: str | None) -> str:
    """A model as an error says it: its name and the first of its hash, or all of that where it has no name."""
    return f"{called} [{(fingerprint or '')[:8]}]" if called else str(fingerprint)


def _not_written(place: Path, error: OSError) -> SearchError:
    return SearchError(
        f"{place}: cannot be written: {error.strerror or error}: what was there is as it was; see that the disk has "
        "room and takes files, then try again"
    )


def _both(live: Allowed | None, segment: Segment, where: str | pc.Expression) -> Allowed:
    mask = passing(segment.metadata, where)
    return Allowed(mask if live is None else mask & live.mask)


def _found(segment: Segment, wanted: pa.Array) -> Mask:
    found: Mask = pc.is_in(segment.ids, value_set=wanted).to_numpy().astype(bool)
    return found


def _live(place: Path, state: State, rows: int) -> Mask | None:
    """Which rows are left, or None where none was removed; rows added since the last removal are."""
    if state.removed is None:
        return None
    file: FileEntry = state.removed
    removed = np.unpackbits(np.fromfile(place / file.path, np.uint8)).astype(bool)[:rows]
    return np.concatenate([~removed, np.ones(rows - len(removed), bool)])
