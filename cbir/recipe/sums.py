"""Several descriptors as one: a weighted sum of their similarities."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cbir import distances
from cbir.recipe.single import Recipe
from cbir.types import Vectors

DIGITS = 12  # of a weight; enough for anybody, and the same however it was computed


@dataclass(frozen=True)
class Sum:
    """Parts, each made unit length and scaled by the root of its weight, end to end.

    So the cosine of two such vectors is the weighted sum of the parts' cosines. A histogram goes
    through its square root first: the cosine of roots is what hellinger measures. Parts are in
    the order of their specs; weights add up to 1.
    """

    parts: tuple[Recipe, ...]
    weights: tuple[float, ...]

    distance = "cosine"

    @cached_property
    def spec(self) -> str:
        pairs = zip(self.parts, self.weights, strict=True)
        return "+".join(f"{part.spec}*{weight!r}" for part, weight in pairs)

    @property
    def name(self) -> str:
        return "+".join(part.name for part in self.parts)

    @cached_property
    def slug(self) -> str:
        """A name for files: the parts' names, and six digits of the spec's digest."""
        digest = hashlib.sha256(self.spec.encode()).hexdigest()[:6]
        return "-".join([*(part.name for part in self.parts), digest])

    @property
    def dim(self) -> int | None:
        dims = [part.dim for part in self.parts]
        return None if None in dims else sum(dim or 0 for dim in dims)

    def combine(self, made: Sequence[Vectors]) -> Vectors:
        """The vectors (n, d) of pictures from those that each part made of them."""
        scaled = [
            _unit_rows(part, vectors) * math.sqrt(weight)
            for part, weight, vectors in zip(self.parts, self.weights, made, strict=True)
        ]
        return np.concatenate(scaled, axis=1).astype(np.float32)


def unit_rows(part: Recipe, vectors: Vectors) -> Vectors:
    """A part's vectors (n, d) as a sum has them: the cosine of a sum is a sum of theirs."""
    return _unit_rows(part, vectors).astype(np.float32)


def normalised(weights: Sequence[float]) -> tuple[float, ...]:
    """The same proportions, adding up to 1. Those that do already stay as they are."""
    largest = max(weights)
    whole = math.fsum(weight / largest for weight in weights)  # which can't overflow
    if abs(whole * largest - 1) > 1e-9:
        weights = [weight / largest / whole for weight in weights]
    return tuple(float(f"{weight:.{DIGITS}g}") for weight in weights)


def _unit_rows(part: Recipe, vectors: Vectors) -> np.ndarray:
    rows = [_unit(part, row) for row in vectors]
    return np.stack(rows) if rows else np.zeros(vectors.shape)


def _unit(part: Recipe, vector: Vectors) -> np.ndarray:
    """A part's vector (d,) at length 1: one at a time, to depend on no neighbours."""
    values = vector.astype(np.float64)
    if distances.get(part.distance).nonnegative:
        values = np.sqrt(np.maximum(values, 0))
    largest = float(np.abs(values).max(initial=0))
    if not largest:
        return values  # nothing is like it, and nothing unlike it
    values = values / largest  # whose squares can't overflow
    return values / math.sqrt(float(np.dot(values, values)))
