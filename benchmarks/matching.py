"""Two tables of vectors matched, and the duplicates among many pictures."""

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np

from benchmarks.measure import Row, in_turns, peak_megabytes
from cbir.distances import from_vectors
from cbir.matching import features, saving
from cbir.matching.by_thumbnails import THUMBNAIL, ByThumbnails
from cbir.matching.duplicates import WITHIN
from cbir.matching.grouping import grouped, having_copies
from cbir.matching.matches import match
from cbir.matching.nearness import nearness
from cbir.matching.sides import Side
from cbir.matching.spool import Spool
from cbir.recipe import parse
from cbir.types import Vectors

LEFT, RIGHT, DIM = 13_501, 21_221, 1024


def embeddings(count: int, seed: int) -> Vectors:
    """Vectors as a network with rectified outputs makes them."""
    rows = np.random.default_rng(seed).random((count, DIM), np.float32)
    rows *= rows
    return rows


def side(name: str, rows: Vectors) -> Side:
    import pyarrow as pa

    fields = pa.table({"id": [str(number) for number in range(len(rows))]})
    return Side(name, fields, np.arange(len(rows)), from_vectors(rows))


def two_tables(folder: Path) -> Iterator[Row]:
    a, b = embeddings(LEFT, 1), embeddings(RIGHT, 2)
    b[:LEFT:7] = a[::7]  # every seventh has its match
    left, right = side("left", a), side("right", b)
    wanted = nearness("cosine")
    found = match(left, right, wanted.distance, wanted.within)
    if not np.isin(np.arange(0, LEFT, 7), found.left[found.left == found.right]).all():
        raise RuntimeError("a match is missing")
    ours, nearest, product = in_turns(
        5,
        lambda: match(left, right, wanted.distance, wanted.within),
        lambda: match(left, right, wanted.distance, None, 3),
        lambda: a @ b.T,
    )
    what, base = f"{LEFT:,} × {RIGHT:,} vectors of {DIM:,}", "one bare float32 product of them"
    yield Row(f"match {what}", base, ours / product, 1.2, False)
    yield Row("the same, the three nearest of each", base, nearest / product, 1.2, False)
    for name, one in (("left", left), ("right", right)):
        saving.save(folder, name, one, parse("mobilenet").spec)
    kept = [features.places(folder, name)[0] for name in ("left", "right")]
    out = ["--out", folder / "out.tsv", "--quiet", "--no-store"]
    peak = peak_megabytes(["-m", "cbir", "match", *kept, *out])
    yield Row(f"cbir match, {what}, peak memory", "what it may take", peak, 1000, False, " MB")


def many_pictures(folder: Path, count: int = 30_000) -> Iterator[Row]:
    """Of the 100,000 that it is made for, a long test tells."""
    command = ["-m", "benchmarks.matching", folder, str(count)]
    peak = peak_megabytes(command)
    what = f"duplicates among {count:,} described pictures, peak memory"
    yield Row(what, "what it may take", peak, 700, False, " MB")


def thumbnails(count: int, seed: int) -> Vectors:
    """As photos make them; every tenth is the one before it with 5% cut off all edges."""
    random = np.random.default_rng(seed)
    made = []
    while len(made) < count:
        coarse = random.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        image = cv2.resize(coarse, (80, 80), interpolation=cv2.INTER_CUBIC)
        made.append(THUMBNAIL.prepare(image))
        if len(made) % 10 == 9:
            made.append(THUMBNAIL.prepare(np.ascontiguousarray(image[4:76, 4:76])))
    return np.stack(made[:count])


def group(folder: Path, count: int) -> None:
    """What `duplicates` does once pictures are described; says how many groups there are."""
    with closing(Spool(folder, kind="f2")) as spool:
        for start in range(0, count, 1000):
            spool.add(thumbnails(min(1000, count - start), start))
        likeness = ByThumbnails(spool, ["original"], WITHIN)
        marked = having_copies(likeness, np.arange(count))
        print(len(grouped(likeness, marked)))


if __name__ == "__main__":
    group(Path(sys.argv[1]), int(sys.argv[2]))
