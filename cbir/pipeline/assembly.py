"""From jobs back to recipes: sums take several of them, augmented indexes one a transform."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from cbir.images.transforms import ORIGINAL
from cbir.pipeline.batching import Made
from cbir.pipeline.jobs import Job
from cbir.recipe import AnyRecipe
from cbir.types import Failure, Vectors


class Described(NamedTuple):
    """Vectors of some pictures by one recipe (its number in the list), in the pictures' order.

    With several transforms, all rows of a picture follow one another and `transforms` names them.
    """

    recipe: int
    ids: list[str]
    vectors: Vectors
    transforms: list[str] | None = None


class Failed(NamedTuple):
    """Pictures that were left out: by one recipe, or by all when that is None."""

    recipe: int | None
    failures: list[Failure]


class Assembly:
    """Waits until all jobs of a recipe are done for a picture."""

    def __init__(
        self, number: int, recipe: AnyRecipe, transforms: Sequence[str], jobs: Sequence[Job]
    ):
        self.number, self.recipe = number, recipe
        # By text, as the rows of an index are.
        self.transforms = sorted(transforms)
        by_key = {(job.recipe.spec, job.transform): job.number for job in jobs}
        self.jobs = [
            [by_key[part.spec, transform] for part in recipe.parts] for transform in self.transforms
        ]
        self.needed = {number for row in self.jobs for number in row}
        self.waiting: dict[str, dict[int, Vectors]] = {}
        self.lost: dict[str, set[int]] = {}

    def take(self, made: Made) -> Iterator[Described | Failed]:
        """What becomes complete by this; a picture that fails in one job fails as a whole."""
        if made.job not in self.needed:
            return
        lost = [failure for failure in made.failures if self._lose(failure.id, made.job)]
        if lost:
            yield Failed(self.number, lost)
        if self.needed == {made.job} and self.transforms == [ORIGINAL]:
            if made.ids:
                yield Described(self.number, made.ids, self.recipe.combine([made.vectors]))
            return
        complete = [
            id
            for id, vector in zip(made.ids, made.vectors, strict=True)
            if self._has_all(id, made.job, vector)
        ]
        if complete:
            yield self._described(complete)

    def _lose(self, id: str, job: int) -> bool:
        """Takes down that a picture can't be had; False if that was known."""
        self.waiting.pop(id, None)
        known = id in self.lost
        self._outstanding(id, job)
        return not known

    def _outstanding(self, id: str, job: int) -> None:
        """Forgets a lost picture when the last of its jobs has come by."""
        left = self.lost.setdefault(id, set(self.needed))
        left.discard(job)
        if not left:
            del self.lost[id]

    def _has_all(self, id: str, job: int, vector: Vectors) -> bool:
        if id in self.lost:
            self._outstanding(id, job)
            return False
        vectors = self.waiting.setdefault(id, {})
        vectors[job] = vector
        return len(vectors) == len(self.needed)

    def _described(self, ids: list[str]) -> Described:
        made = [self.waiting.pop(id) for id in ids]
        rows = []
        for jobs in self.jobs:
            parts = [np.stack([vectors[job] for vectors in made]) for job in jobs]
            rows.append(self.recipe.combine(parts))
        if self.transforms == [ORIGINAL]:
            return Described(self.number, ids, rows[0])
        # (transforms, pictures, d) to a row a picture and transform
        vectors = np.stack(rows, axis=1).reshape(len(ids) * len(self.jobs), -1)
        repeated = [id for id in ids for _ in self.transforms]
        return Described(self.number, repeated, vectors, self.transforms * len(ids))
