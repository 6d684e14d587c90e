"""From files to an index: against the decoder's own speed, and in bounded memory."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.measure import ROOT, SHARED, Row, copied, in_turns, linked, peak_megabytes
from cbir.__main__ import main
from cbir.descriptors import hsv_counts
from cbir.opencv import cv2

CLOTHING = SHARED / "data/clothing"
SHOP = ROOT / "data/dataset/shop"


def decode_only(files: Sequence[str], threads: int) -> None:
    """cv2.imread and nothing else."""
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(cv2.imread, files):
            pass


def indexing(dataset: Path, folder: Path, store: bool = False) -> Callable[[], None]:
    """A whole `index` command in this process, each time to a new file, and to a new store."""
    numbers = itertools.count()

    def run() -> None:
        index = folder / f"{dataset.name}-{store}-{next(numbers)}.csv"
        kept = ["--store", str(index.with_suffix(".db"))] if store else ["--no-store"]
        if main(["index", "--dataset", str(dataset), "--index", str(index), "--quiet", *kept]):
            raise RuntimeError("indexing failed")

    return run


def small_jpegs(folder: Path, count: int = 5000) -> Iterator[Row]:
    files = sorted(CLOTHING.rglob("*.jpg"))
    if not files:
        print(f"  skipped: {CLOTHING} is not there")
        return
    dataset = copied(files, count, folder / "clothing")
    names = [str(file) for file in sorted(dataset.iterdir())]
    cv2.setNumThreads(1)
    against = "cv2.imread in 2 threads, nothing else"
    contestants = lambda: decode_only(names, 2), indexing(dataset, folder)
    theirs, ours = in_turns(3, *contestants)
    what = f"indexing clothing ({count:,} JPEGs) with hsv"
    yield Row(f"{what}, counting by OpenCV, as short runs do", against, theirs / ours, 0.7)
    theirs, ours = in_turns(3, contestants[0], indexing(dataset, folder, store=True))
    yield Row(f"{what} into a new feature store", against, theirs / ours, 0.6)
    hsv_counts.COMPILED.ready("compiled")  # its start is left out
    theirs, ours = in_turns(5, *contestants)
    yield Row(f"{what}, counting compiled, start-up left out", against, theirs / ours, 1.0)


def large_jpegs(folder: Path, count: int = 24) -> Iterator[Row]:
    dataset = folder / "large"
    dataset.mkdir()
    random = np.random.default_rng(3)
    for number, photo in enumerate(sorted(SHOP.glob("*.jpg"))[:count]):
        large = cv2.resize(cv2.imread(str(photo)), (4000, 3000), interpolation=cv2.INTER_CUBIC)
        noise = random.integers(-12, 13, (3000, 4000, 1), np.int16)
        grainy = np.clip(large.astype(np.int16) + noise, 0, 255).astype(np.uint8)
        cv2.imwrite(str(dataset / f"{number:02}.jpg"), grainy, [cv2.IMWRITE_JPEG_QUALITY, 90])
    files = sorted(dataset.iterdir())

    def full_size() -> None:
        for file in files:
            hsv = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2HSV)
            cv2.calcHist([hsv], [0, 1, 2], None, [8, 12, 3], [0, 180, 0, 256, 0, 256])

    cv2.setNumThreads(1)
    theirs, ours = in_turns(3, full_size, indexing(dataset, folder))
    what = f"indexing {count} JPEGs of 12 megapixels with hsv"
    yield Row(what, "one thread, full decode and histogram", theirs / ours, 5)


def memory(folder: Path, few: int = 1000, many: int = 20_000) -> Iterator[Row]:
    files = sorted(SHOP.glob("*.jpg"))
    peaks = []
    for count in (few, many):
        dataset = linked(files, count, folder / f"repeated-{count}")
        index = folder / f"repeated-{count}.csv"
        command = ["index.py", "--dataset", dataset, "--index", index, "--quiet"]
        peaks.append(peak_megabytes(command))
    what = f"peak memory, indexing {many:,} pictures"
    more = peaks[1] - peaks[0]
    yield Row(what, f"indexing {few:,} ({peaks[0]:.0f} MB)", more, 100, at_least=False, unit=" MB")
