"""What a descriptor costs, measured beside what it finds: its time, its searches, its size."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from cbir.distances import ColumnBlocks, nearest
from cbir.errors import BadPicture
from cbir.images import decode
from cbir.recipe import AnyRecipe, Recipe
from cbir.types import Image, Picture, Source, Vectors

PICTURES = 32
QUERIES = 50
HITS = 10


class Cost(NamedTuple):
    """Pictures a second, to decode and to describe, each by itself; one thread reads."""

    decode_per_s: float
    describe_per_s: float


class Latency(NamedTuple):
    """Milliseconds of one search, from a vector to its nearest ten: the median, and 95 of 100."""

    query_ms: float
    query_ms_p95: float


def describing(source: Source, pictures: Sequence[Picture], recipe: AnyRecipe) -> Cost:
    """Decodes and describes some pictures for that, evenly chosen."""
    chosen = np.unique(np.linspace(0, len(pictures) - 1, PICTURES).astype(int))
    data = _read(source, [pictures[i] for i in chosen])
    decoding = describing = 1e-9
    for part in recipe.parts:
        images, seconds = _timed(partial(_decoded, data, part))
        decoding += seconds
        part.describe([part.prepare(images[0], False)])  # loading a network is no part of it
        describing += _timed(partial(_described, images, part))[1]
    return Cost(len(data) / decoding, len(data) / describing)


def searching(queries: Vectors, blocks: ColumnBlocks, distance: str) -> Latency:
    """Searches for some queries, one by one."""
    times = [
        _timed(partial(nearest, query[None], blocks, HITS, distance))[1]
        for query in queries[:QUERIES]
    ]
    return Latency(float(np.median(times) * 1e3), float(np.percentile(times, 95) * 1e3))


def _decoded(data: Sequence[bytes], part: Recipe) -> list[Image]:
    return [decode(one, part.pixels) for one in data]


def _described(images: Sequence[Image], part: Recipe) -> Vectors:
    return part.describe([part.prepare(image, False) for image in images])


def _read(source: Source, pictures: Sequence[Picture]) -> list[bytes]:
    data = []
    for picture in pictures:
        try:
            data.append(source.read(picture))
        except BadPicture:  # it was there when it was described
            continue
    if not data:
        raise BadPicture("the pictures are gone")
    return data


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    made = work()
    return made, time.perf_counter() - started
