"""What is to be made of each picture, and what becomes of it on its way."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from cbir.recipe import AnyRecipe, Recipe
from cbir.types import Failure, Picture, Vectors


class Job(NamedTuple):
    """One descriptor on one transform of a picture. `number` is its place in the list of jobs."""

    number: int
    recipe: Recipe
    transform: str


def jobs_of(recipes: Sequence[AnyRecipe], transforms: Sequence[str]) -> list[Job]:
    """Each descriptor once, on every transform, however many recipes have it as a part."""
    parts = {part.spec: part for recipe in recipes for part in recipe.parts}
    pairs = [(part, transform) for part in parts.values() for transform in transforms]
    return [Job(number, part, transform) for number, (part, transform) in enumerate(pairs)]


class Wanted(NamedTuple):
    """A picture to read: the content that the store knows it by, and the vectors it has, by job."""

    picture: Picture
    content: bytes | None
    vectors: Sequence[Vectors | None]
    too_large: bool = False
    """For this run's limit, as the store remembers it: to be looked at, and refused."""

    stamp: str = ""
    """What the content was known by, where only the source can tell whether it still is."""

    def has_all(self) -> bool:
        """Whether there is nothing left to make, if the picture still has this content."""
        made = self.content is not None and all(vector is not None for vector in self.vectors)
        return made and not self.too_large

    def is_complete(self) -> bool:
        """Whether it need not even be asked for."""
        return self.has_all() and not self.stamp


class Seen(NamedTuple):
    """What reading a picture told: its content's digest, its pixels, if its border is white."""

    picture: Picture
    content: bytes
    pixels: int
    white: bool | None


class Entry:
    """One picture in one job's queue: `item` until it is described, then `vector` (d,)."""

    __slots__ = ("content", "id", "item", "reason", "vector")

    def __init__(self, id: str, content: bytes | None, item: Any, vector: Vectors | None = None):
        self.id, self.content, self.item, self.vector = id, content, item, vector
        self.reason: str | None = None

    @property
    def is_open(self) -> bool:
        return self.vector is None and self.reason is None


class Task:
    """Some pictures: an entry for each job, in the pictures' order, or why there is none."""

    def __init__(self, jobs: int):
        self.entries: list[list[Entry]] = [[] for _ in range(jobs)]
        self.failed: list[Failure] = []
        self.seen: list[Seen] = []
        self.held = 0

    def add_ready(self, id: str, content: bytes | None, vectors: Sequence[Vectors | None]) -> None:
        """A picture that has all its vectors."""
        for entries, vector in zip(self.entries, vectors, strict=True):
            entries.append(Entry(id, content, None, vector))
