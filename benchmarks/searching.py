"""Exact search: in memory, all pairs, and as a whole process."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import ROOT, Row, in_turns, process
from cbir.distances import pairwise
from cbir.searcher import Searcher
from cbir.vector_index import VectorIndex

QUERY = ROOT / "queries/ball-beach_query.jpg"
BASELINE_IMPORTS = ["-c", "import cv2, numpy"]


def histograms(count: int, nonzero: float = 0.35) -> NDArray[np.float32]:
    """L1-normalised rows of 288 values, of which about `nonzero` are not zero."""
    random = np.random.default_rng(7)
    rows = random.gamma(0.3, size=(count, 288)).astype(np.float32)
    rows[random.random(rows.shape) > nonzero] = 0
    return rows / rows.sum(axis=1, keepdims=True)


def blocked_numpy(rows: NDArray[np.float32], query: NDArray[np.float32]) -> NDArray[np.intp]:
    found = []
    for start in range(0, len(rows), 4096):
        block = rows[start : start + 4096]
        found.append(0.5 * (np.square(block - query) / (block + query + 1e-10)).sum(axis=1))
    distances = np.concatenate(found)
    best = np.argpartition(distances, 10)[:10]
    return best[np.argsort(distances[best])]


def tutorial(rows: list[list[float]], query: NDArray[np.float32]) -> list[tuple[float, int]]:
    """A Python loop over rows of floats, and `zip` over their values and a NumPy histogram's."""
    distances = {
        number: 0.5 * sum([(a - b) ** 2 / (a + b + 1e-10) for a, b in zip(row, query, strict=True)])
        for number, row in enumerate(rows)
    }
    return sorted((d, number) for number, d in distances.items())[:10]


def in_memory(count: int = 200_000, slice_rows: int = 500) -> Iterator[Row]:
    rows = histograms(count + 1)
    query, rows = rows[-1], rows[:-1]
    ids = [f"{number:07}.jpg" for number in range(count)]
    searcher = Searcher(VectorIndex(ids=ids, vectors=rows, spec="hsv"), engine="compiled")
    found = [int(hit.id[:7]) for hit in searcher.search(query, 10)[0]]
    if found != blocked_numpy(rows, query).tolist():
        raise RuntimeError("the contestants disagree")
    few = rows[:slice_rows].tolist()
    ours, blocked, total, loop = in_turns(
        9,
        lambda: searcher.search(query, 10),
        lambda: blocked_numpy(rows, query),
        lambda: rows.sum(),
        lambda: tutorial(few, query),
    )
    what = f"exact chi2 top-10, one query, {count:,} × 288"
    yield Row(what, "the blocked NumPy expression", blocked / ours, 12)
    yield Row(what, "one X.sum() of the same matrix", ours / total, 1.3, at_least=False)
    loop *= count / slice_rows
    yield Row(what, f"the tutorial's loop, from {slice_rows} rows", loop / ours, 1000)


def all_pairs(count: int = 3050) -> Iterator[Row]:
    from sklearn.metrics.pairwise import additive_chi2_kernel

    rows = histograms(count)
    ours = in_turns(5, lambda: pairwise(rows, rows, "chi2", "compiled"))[0]
    theirs, again = in_turns(
        1, lambda: additive_chi2_kernel(rows, rows), lambda: pairwise(rows, rows)
    )
    ours = (ours + again) / 2
    yield Row(f"{count:,} × {count:,} chi2", "additive_chi2_kernel", theirs / ours, 15)


def whole_process(folder: Path, count: int = 100_000) -> Iterator[Row]:
    index = folder / "index.csv"
    ids = [f"{number:07}.jpg" for number in range(count)]
    VectorIndex(ids=ids, vectors=histograms(count), spec="hsv").write(index)
    search = ["search.py", "--query", QUERY, "--index", index, "--no-montage", "--quiet"]
    what = f"search.py, whole process, {count:,} rows, no montage"
    ours, imports = in_turns(7, process(*search), process(*BASELINE_IMPORTS))
    yield Row(what, "a process that imports cv2 and numpy", ours / imports, 5, at_least=False)
    theirs = in_turns(1, process("-m", "benchmarks.searching", index), process(*search))
    yield Row(what, "a process with csv and a loop", theirs[0] / theirs[1], 30)


def small_process(folder: Path) -> Iterator[Row]:
    index = folder / "small.csv"
    process("index.py", "--dataset", "shop", "--index", index, "--quiet")()
    search = ["search.py", "--query", QUERY, "--index", index, "--no-montage", "--quiet"]
    ours, imports = in_turns(9, process(*search), process(*BASELINE_IMPORTS))
    against = "a process that imports cv2 and numpy"
    yield Row("search.py on the sample set", against, ours / imports, 4, at_least=False)


def csv_and_loop(index: str) -> None:
    """The baseline process: what the tutorial's searcher does with every query."""
    import cv2

    hsv = cv2.cvtColor(cv2.imread(str(QUERY)), cv2.COLOR_BGR2HSV)
    counts = cv2.calcHist([hsv], [0, 1, 2], None, [8, 12, 3], [0, 180, 0, 256, 0, 256])
    query = (counts / counts.sum()).ravel()
    with open(index, newline="") as file:
        reader = csv.reader(line for line in file if not line.startswith("#"))
        next(reader)
        results = {}
        for row in reader:
            values = [float(x) for x in row[1:]]
            results[row[0]] = 0.5 * sum(
                [(a - b) ** 2 / (a + b + 1e-10) for a, b in zip(values, query, strict=True)]
            )
    print(sorted((d, id) for id, d in results.items())[:3])


if __name__ == "__main__":
    csv_and_loop(sys.argv[1])
