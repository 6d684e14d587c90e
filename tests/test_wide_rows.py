"""Rows of any length go through in portions: the memory they take does not grow with them."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from cbir.distances.blocks import MOST_ROWS, rows_per_block
from cbir.vector_index import VectorIndex, sidecar
from cbir.vector_index.csv_text import format_rows
from cbir.vector_index.rows import Rows, portions, rows_at_once
from tests.conftest import ROOT
from tests.test_vector_index import names


@pytest.mark.parametrize(
    ("dim", "count"),
    [(1, 1024), (288, 1024), (2048, 1024), (4096, 512), (100_352, 20), (1 << 22, 16)],
)
def test_long_rows_go_in_smaller_portions(dim: int, count: int) -> None:
    assert rows_at_once(dim) == count


@pytest.mark.parametrize("lengths", [[], [0], [1], [20, 21], [3, 0, 45]])
def test_portions_are_the_same_rows(lengths: Sequence[int]) -> None:
    dim, pieces = 100_352, list[Rows]()
    for number, count in enumerate(lengths):
        keys = [f"{number}-{i:02}" for i in range(count)]
        pieces.append((keys, np.broadcast_to(np.arange(count, dtype=np.float32), (dim, count)).T))
    found = list(portions(pieces))
    assert [k for keys, _ in found for k in keys] == [k for keys, _ in pieces for k in keys]
    assert [x for _, v in found for x in v[:, -1]] == [x for _, v in pieces for x in v[:, -1]]
    assert all(0 < len(keys) == len(vectors) <= rows_at_once(dim) for keys, vectors in found)


def test_text_is_the_same_in_portions_or_at_once() -> None:
    vectors = np.random.default_rng(0).standard_normal((50, 100_352), np.float32)
    rows = names(50), vectors
    parts = [format_rows(some, augmented=False) for some in portions([rows])]
    assert len(parts) == 3
    assert b"".join(parts) == format_rows(rows, augmented=False)


@pytest.mark.parametrize("dim", [3, 5000, 2_000_000])
@pytest.mark.parametrize("count", [1, 16, 17, 4095, 4096, 9999])
def test_the_sidecar_knows_its_block_size_before_it_has_seen_all_rows(dim: int, count: int) -> None:
    enough = rows_per_block(dim, MOST_ROWS)
    assert rows_per_block(dim, min(count, enough)) == rows_per_block(dim, count)


MEASURE = """
import sys
from pathlib import Path
import numpy as np
import pyarrow.compute
from cbir import recipe
from cbir.vector_index.writer import VectorIndexWriter

def peak():  # not ru_maxrss, in which a child inherits what its parent took
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

def index(numbers, seed):
    random = np.random.default_rng(seed)
    with VectorIndexWriter(Path(sys.argv[1]), recipe.parse("hsv"), Path("photos")) as writer:
        for number in numbers:
            vectors = np.maximum(random.standard_normal((1, 50_000), np.float32), 0)
            writer.upsert([f"{number:03}"], vectors)
        writer.finish()

before = peak()
index(range(300), 0)
print(peak() - before)
index(reversed(range(300)), 1)
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to measure")
def test_memory_for_wide_rows_is_bounded(tmp_path: Path) -> None:
    """All of the rows' text and columns together were 600 MB, for 60 MB of numbers.

    In the order of the file, which is formatted ahead; then in another, over an older index.
    """
    path = tmp_path / "index.csv"
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, path], cwd=ROOT, capture_output=True, check=True
    )
    ahead, merged = (int(kilobytes) >> 10 for kilobytes in done.stdout.split())
    assert ahead < 300
    assert merged < 450
    assert len(VectorIndex.read(path)) == 300
    assert sidecar.place(path).stat().st_size < 61 << 20
