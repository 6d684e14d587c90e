"""From prepared pictures to vectors: batches, and a check of what a descriptor returns."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from cbir.errors import BadPicture, BadSpec, MissingPackage
from cbir.recipe import Recipe
from cbir.types import Failure, Vectors

BATCH_BYTES = 64 << 20


class Described(NamedTuple):
    """Vectors of some pictures by one recipe (its number in the list), in the pictures' order."""

    recipe: int
    ids: list[str]
    vectors: Vectors


class Failed(NamedTuple):
    """Pictures that were left out: by one recipe, or by all when that is None."""

    recipe: int | None
    failures: list[Failure]


def reason(recipe: Recipe, error: Exception) -> str:
    if isinstance(error, BadPicture):
        return str(error)
    return f"the descriptor {recipe.name} failed: {type(error).__name__}: {error}"


class Batch:
    """Collects what a recipe prepared, until there is enough to describe at once."""

    def __init__(self, number: int, recipe: Recipe, size: int):
        self.number, self.recipe, self.size = number, recipe, size
        self.ids: list[str] = []
        self.items: list[Any] = []
        self.dim = recipe.dim

    def add(self, ids: list[str], items: list[Any]) -> Iterator[Described | Failed]:
        self.ids += ids
        self.items += items
        while len(self.items) >= self.size:
            yield from self._describe(self.ids[: self.size], self.items[: self.size])
            del self.ids[: self.size], self.items[: self.size]
        if sum(getattr(item, "nbytes", 0) for item in self.items) >= BATCH_BYTES:
            yield from self.flush()

    def flush(self) -> Iterator[Described | Failed]:
        if self.items:
            yield from self._describe(self.ids, self.items)
        self.ids, self.items = [], []

    def _describe(self, ids: list[str], items: list[Any]) -> Iterator[Described | Failed]:
        try:
            vectors = checked(self.recipe, self.recipe.describe(items), len(items), self.dim)
        except (BadSpec, MissingPackage):
            raise
        except Exception as error:
            if len(items) == 1:
                yield Failed(self.number, [Failure(ids[0], reason(self.recipe, error))])
                return
            for id, item in zip(ids, items, strict=True):  # the others are not to blame
                yield from self._describe([id], [item])
            return
        self.dim = vectors.shape[1]
        yield Described(self.number, ids, vectors)


def checked(recipe: Recipe, vectors: Vectors, count: int, dim: int | None = None) -> Vectors:
    """What a descriptor returned, if it is what one must return. Plug-ins are not trusted."""
    vectors = np.asarray(vectors)
    wanted = (count, dim or (vectors.shape[-1] if vectors.ndim == 2 else "d"))
    if vectors.shape != wanted or vectors.dtype.kind not in "fiu" or 0 in vectors.shape:
        raise BadSpec(
            f"the descriptor {recipe.name} returned {vectors.dtype} of shape {vectors.shape} "
            f"for {count} pictures; it must be float32 of shape {wanted}"
        )
    with np.errstate(over="ignore"):  # what float32 can't hold becomes infinite, and is refused
        vectors = vectors.astype(np.float32, copy=False)
    if not np.isfinite(vectors).all():
        raise BadPicture(f"the descriptor {recipe.name} gave values that are not finite")
    return vectors
