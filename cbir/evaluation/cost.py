"""What a descriptor costs, measured beside what it finds: its time, its searches, its size."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from cbir.distances import ColumnBlocks, nearest
from cbir.errors import BadPicture
from cbir.images import MAX_PIXELS, decode
from cbir.recipe import AnyRecipe, Recipe
from cbir.types import Picture, Source, Vectors

PICTURES = 32
ROUNDS = 3
ENOUGH_SECONDS = 3.0  # of rounds; a large network has only one
QUERIES = 50
HITS = 10

Pixels = int | None


class Cost(NamedTuple):
    """Pictures a second, to decode and to describe, each by itself; one thread reads."""

    decode_per_s: float
    describe_per_s: float


class Latency(NamedTuple):
    """Milliseconds of one search, from a vector to its nearest ten: the median, and 95 of 100."""

    query_ms: float
    query_ms_p95: float


def describing(
    source: Source, ids: Sequence[str], recipes: Iterable[AnyRecipe], max_pixels: int = MAX_PIXELS
) -> list[Cost]:
    """Decodes and describes some of the pictures for that, evenly chosen.

    All recipes take turns, after one that does not count, and the medians are told: the first
    one does not pay for what is cold. What several share is measured once, for all alike.
    """
    recipes = list(recipes)
    parts = {part.spec: part for recipe in recipes for part in recipe.parts}
    chosen = np.unique(np.linspace(0, len(ids) - 1, PICTURES).astype(int))
    data = _read(source, [ids[i] for i in chosen])
    scales = {part.pixels: list[float]() for part in parts.values()}
    spent = {spec: list[float]() for spec in parts}
    started, rounds = time.perf_counter(), 0
    _round(data[:1], parts, scales, spent, max_pixels)
    while rounds < ROUNDS and (not rounds or time.perf_counter() - started < ENOUGH_SECONDS):
        rounds += 1
        _round(data, parts, scales, spent, max_pixels)
    costs = []
    for recipe in recipes:
        # A sum's parts that want the same scale share one decoding, as they do in a run.
        decoding = sum(median(scales[pixels][1:]) for pixels in {p.pixels for p in recipe.parts})
        working = sum(median(spent[part.spec][1:]) for part in recipe.parts)
        costs.append(Cost(len(data) / max(decoding, 1e-9), len(data) / max(working, 1e-9)))
    return costs


def searching(queries: Vectors, blocks: ColumnBlocks, distance: str) -> Latency:
    """Searches for some queries, one by one, after one that does not count."""
    few = queries[:QUERIES]
    times = [
        _timed(partial(nearest, query[None], blocks, HITS, distance))[1] for query in (few[0], *few)
    ][1:]
    return Latency(float(np.median(times) * 1e3), float(np.percentile(times, 95) * 1e3))


def _round(
    data: Sequence[bytes],
    parts: Mapping[str, Recipe],
    scales: Mapping[Pixels, list[float]],
    spent: Mapping[str, list[float]],
    max_pixels: int,
) -> None:
    """One turn of all: adds the seconds that each decoding and each description took.

    A picture at a time is held decoded, for there may be large ones.
    """
    for pixels, times in scales.items():
        own = {spec: part for spec, part in parts.items() if part.pixels == pixels}
        items: dict[str, list[Any]] = {spec: [] for spec in own}
        seconds = dict.fromkeys(own, 0.0)
        decoding = 0.0
        for one in data:
            image, took = _timed(partial(decode, one, pixels, max_pixels=max_pixels))
            decoding += took
            for spec, part in own.items():
                item, took = _timed(partial(part.prepare, image, False))
                items[spec].append(item)
                seconds[spec] += took
        times.append(decoding)
        for spec, part in own.items():
            spent[spec].append(seconds[spec] + _timed(partial(part.describe, items[spec]))[1])


def _read(source: Source, ids: Sequence[str]) -> list[bytes]:
    data = []
    for id in ids:
        try:
            data.append(source.read(Picture(id, "")))
        except BadPicture:  # it was there when it was described
            continue
    if not data:
        raise BadPicture("the pictures are gone")
    return data


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    made = work()
    return made, time.perf_counter() - started
