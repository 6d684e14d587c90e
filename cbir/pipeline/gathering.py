"""A whole data set at once: for each recipe an index in memory, for jobs that need all of it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import numpy as np

from cbir.images.transforms import ORIGINAL
from cbir.pipeline.assembly import Described
from cbir.pipeline.describing import describe
from cbir.pipeline.settings import Settings
from cbir.recipe import AnyRecipe
from cbir.store import Store
from cbir.types import Failure, Picture, Source, Vectors
from cbir.vector_index import VectorIndex

Progress = Callable[[int, int | None], None]
"""Told how many pictures are done, and of how many."""

Told = Callable[[str], AbstractContextManager[Progress]]
"""Told what is done next, and then how far that is."""


def unwatched(words: str) -> AbstractContextManager[Progress]:
    """Where nobody wants to know."""
    return nullcontext(lambda done, total: None)


class Gathered(NamedTuple):
    """An index a recipe, the pictures that were walked, and what was left out by any of them."""

    indexes: list[VectorIndex]
    pictures: list[Picture]
    failures: list[Failure]


def gather(
    source: Source,
    recipes: Sequence[AnyRecipe],
    settings: Settings,
    store: Store | None = None,
    transforms: Sequence[str] = (ORIGINAL,),
    progress: Progress = lambda done, total: None,
) -> Gathered:
    """Describes all pictures of a source by every recipe; a picture may fail in some of them."""
    pictures = list(source.pictures())
    made: list[list[Described]] = [[] for _ in recipes]
    failures, done = list(source.failures), 0
    for result in describe(source, pictures, recipes, settings, store, transforms):
        if isinstance(result, Described):
            made[result.recipe].append(result)
            done += len(result.ids) // len(transforms) if result.recipe == 0 else 0
        else:
            failures += result.failures
            done += len(result.failures) if result.recipe in (None, 0) else 0
        progress(done, len(pictures))
    root = getattr(source, "root", None)
    indexes = [_index(recipe, some, root) for recipe, some in zip(recipes, made, strict=True)]
    return Gathered(indexes, pictures, sorted(set(failures)))


def _index(recipe: AnyRecipe, made: Sequence[Described], root: str | None) -> VectorIndex:
    ids = [id for some in made for id in some.ids]
    rows: list[Vectors] = [some.vectors for some in made]
    vectors = np.concatenate(rows) if rows else np.zeros((0, recipe.dim or 1), np.float32)
    augmented = any(some.transforms is not None for some in made)
    transforms = [name for some in made for name in some.transforms or ()] if augmented else None
    return VectorIndex(ids=ids, vectors=vectors, spec=recipe.spec, root=root, transforms=transforms)
