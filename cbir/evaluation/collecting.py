"""The vectors of one side, by every descriptor, for the pictures that all of them can do."""

import tempfile
from collections.abc import Callable, Sequence

import numpy as np

from cbir.pipeline import Described, Settings, describe
from cbir.recipe import AnyRecipe
from cbir.store import Store
from cbir.types import Failure, Picture, Source, Vectors

Progress = Callable[[int, int | None], None]


class Collected:
    """One side of a comparison. Vectors wait in files without a name, of which nothing is left."""

    def __init__(self, pictures: Sequence[Picture], recipes: Sequence[AnyRecipe]):
        self.pictures, self.failures = pictures, list[Failure]()
        self._files = [tempfile.TemporaryFile() for _ in recipes]  # noqa: SIM115 - closed with it
        self._rows: list[dict[str, int]] = [{} for _ in recipes]
        self._dims = [0 for _ in recipes]

    @property
    def ids(self) -> list[str]:
        """The pictures that every descriptor could do, sorted."""
        return sorted(set.intersection(*(set(rows) for rows in self._rows)))

    def add(self, made: Described) -> None:
        rows = self._rows[made.recipe]
        rows |= {id: len(rows) + place for place, id in enumerate(made.ids)}
        self._dims[made.recipe] = made.vectors.shape[1]
        self._files[made.recipe].write(np.ascontiguousarray(made.vectors).data)

    def vectors(self, recipe: int, ids: Sequence[str]) -> Vectors:
        """The vectors (n, d) of these pictures by one recipe."""
        rows = self._rows[recipe]
        self._files[recipe].flush()
        shape = len(rows), self._dims[recipe]
        stored = np.memmap(self._files[recipe], np.float32, "r", shape=shape)
        return np.asarray(stored[[rows[id] for id in ids]])

    def close(self) -> None:
        for file in self._files:
            file.close()


def collect(
    source: Source,
    pictures: Sequence[Picture],
    recipes: Sequence[AnyRecipe],
    settings: Settings,
    store: Store | None,
    progress: Progress,
) -> Collected:
    """Describes all pictures by all recipes, each picture read once."""
    side = Collected(pictures, recipes)
    done = 0
    for result in describe(source, pictures, recipes, settings, store):
        if isinstance(result, Described):
            side.add(result)
            done += len(result.ids) if result.recipe == 0 else 0
        else:
            side.failures += result.failures
            done += len(result.failures) if result.recipe in (None, 0) else 0
        progress(done, len(pictures))
    return side
