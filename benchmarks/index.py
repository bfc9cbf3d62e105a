"""A search index of clustered vectors against bare FAISS with the same inverted file: build, memory, recall, rate.

Vectors: centres drawn on the sphere, each row a centre plus noise as long as it times `noise`, scaled to unit length;
queries are drawn the same way. Recall is against exact search of the float32 vectors.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from _measuring import arguments, finish, peak_gigabytes_of_children

K = 10


def main() -> None:
    options = arguments(
        __doc__,
        rows=1_000_000,
        width=256,
        clusters=2000,
        noise=1.0,
        queries=1000,
        runs=5,
        storage="float16",
        step="",
    )
    if options.step:
        STEPS[options.step](options)
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["INDEX_BENCHMARK"] = folder
        result = {
            "benchmark": "index",
            "rows": options.rows,
            "width": options.width,
            "storage": options.storage,
        }
        result["build"] = step("build")
        result["build"]["peak_gigabytes"] = round(peak_gigabytes_of_children(), 2)
        result["open"] = step("open")
        result["search"] = step("search")
        result["change"] = step("change")
    finish(result)


def step(name: str) -> dict[str, object]:
    """A step in a process of its own, for its memory and a cold start; its last line is its result."""
    command = [sys.executable, __file__, *sys.argv[1:], "--step", name]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(done.stdout, flush=True)
    result: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return result


def place() -> Path:
    return Path(os.environ["INDEX_BENCHMARK"]) / "index"


def drawn(options, rows: int, seed: int):
    centres = np.random.default_rng(0).standard_normal((options.clusters, options.width), np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    generator = np.random.default_rng(seed)
    vectors = np.empty((rows, options.width), np.float32)
    for begin in range(0, rows, 50_000):
        part = vectors[begin : begin + 50_000]
        part[:] = centres[generator.integers(0, len(centres), len(part))]
        part += generator.standard_normal(part.shape, np.float32) * (options.noise / np.sqrt(options.width))
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return vectors


def build(options) -> None:
    from motet.retrieval import Index

    vectors = drawn(options, options.rows, 1)
    ids = pa.array([f"{number:07d}" for number in range(options.rows)])
    metadata = pa.table({"tenth": np.random.default_rng(3).integers(0, 10, options.rows)})
    begun = time.perf_counter()
    Index.create(place(), vectors, ids, metadata, model="benchmark", storage=options.storage, progress=print)
    taken = time.perf_counter() - begun
    size = sum(path.stat().st_size for path in place().rglob("*") if path.is_file())
    print(json.dumps({"seconds": round(taken, 1), "gigabytes_on_disk": round(size / 1e9, 2)}))


def change(options) -> None:
    from motet.retrieval import Index

    index = Index.open(place())
    begun = time.perf_counter()
    index.add(drawn(options, 1, 5), ["one more"], pa.table({"tenth": [10]}))
    added = time.perf_counter() - begun
    begun = time.perf_counter()
    index.remove(["one more"])
    removed = time.perf_counter() - begun
    print(json.dumps({"seconds_to_add_one": round(added, 2), "seconds_to_remove_one": round(removed, 2)}))


def open_(options) -> None:
    query = drawn(options, 1, 2)
    begun = time.perf_counter()
    from motet.retrieval import Index

    index = Index.open(place(), model="benchmark")
    opened = time.perf_counter() - begun
    index.search(query, K)
    answered = time.perf_counter() - begun
    index.search(query, K, "tenth = 3")
    filtered = time.perf_counter() - begun - answered
    print(
        json.dumps(
            {
                "seconds_to_open": round(opened, 3),
                "seconds_to_first_answer": round(answered, 3),
                "seconds_of_first_filtered_answer": round(filtered, 3),
                "resident_gigabytes": round(resident(), 3),
            }
        )
    )


def resident() -> float:
    """Gigabytes of this process that are in memory, mapped files included."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e9


def search(options) -> None:
    import faiss

    from motet.retrieval import Index

    queries = drawn(options, options.queries, 2)
    index = Index.open(place(), model="benchmark")
    segment = max(index.segments, key=len)
    probes = segment.entry.probes
    bare = faiss.read_index(str(place() / segment.entry.folder / "lists.faiss"))
    tenth = np.concatenate([one.metadata["tenth"].to_numpy() for one in index.segments])
    vectors = drawn(options, options.rows, 1)
    truth = exact(queries, vectors, np.arange(options.rows))
    passing = np.flatnonzero(tenth[: options.rows] == 3)
    filtered_truth = exact(queries, vectors[passing], passing)
    del vectors
    settings = faiss.SearchParametersIVF(nprobe=probes)
    ways = {
        "motet": lambda asked: index.search(asked, K).rows,
        "faiss": lambda asked: bare.search(asked, K, params=settings)[1],
        "motet_filtered": lambda asked: index.search(asked, K, "tenth = 3").rows,
    }
    recall, rates = {}, {}
    for name, way in ways.items():
        found = way(queries)
        recall[name] = round(overlap(found, filtered_truth if "filtered" in name else truth), 4)
    for together in (len(queries), 1):
        seconds = {name: [] for name in ways}
        for _ in range(options.runs):
            for name, way in ways.items():  # side by side: what else the machine does strikes both
                some = queries if together > 1 else queries[: 20 if "filtered" in name else 200]
                begun = time.perf_counter()
                for begin in range(0, len(some), together):
                    way(some[begin : begin + together])
                seconds[name].append((time.perf_counter() - begun) / len(some))
        rates[f"{together}_together"] = {
            **{name: round(1 / statistics.median(taken)) for name, taken in seconds.items()},
            "motet_to_faiss": round(
                statistics.median(b / a for a, b in zip(seconds["motet"], seconds["faiss"], strict=True)), 3
            ),
        }
    print(json.dumps({"probes": probes, "recall@10": recall, "queries_a_second": rates}))


def exact(queries, vectors, rows):
    best_scores = np.full((len(queries), K), -2, np.float32)
    best_rows = np.full((len(queries), K), -1)
    for begin in range(0, len(vectors), 20_000):
        scores = np.concatenate([best_scores, queries @ vectors[begin : begin + 20_000].T], 1)
        numbers = np.broadcast_to(rows[begin : begin + 20_000], (len(queries), scores.shape[1] - K))
        numbers = np.concatenate([best_rows, numbers], 1)
        top = np.argpartition(-scores, K - 1, axis=1)[:, :K]
        best_scores, best_rows = np.take_along_axis(scores, top, 1), np.take_along_axis(numbers, top, 1)
    return best_rows


def overlap(found, truth) -> float:
    return float((truth[:, :, None] == found[:, None, :]).any(2).mean())


STEPS = {"build": build, "open": open_, "search": search, "change": change}

if __name__ == "__main__":
    main()
