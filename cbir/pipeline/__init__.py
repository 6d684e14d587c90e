"""Pictures to bytes to images to vectors, streaming, with memory bounded in bytes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cbir.images import MAX_PIXELS, decode
from cbir.pipeline.batching import Batch, Described, Failed, checked
from cbir.pipeline.reading import Memory, Reader, in_order
from cbir.recipe import Recipe
from cbir.threads import cores
from cbir.types import Picture, Source, Vectors

__all__ = ["Described", "Failed", "Settings", "describe", "describe_one"]

MEMORY = 512 << 20
"""How many bytes of encoded and decoded pictures are in work at a time, about."""


@dataclass(frozen=True)
class Settings:
    """How to run: nothing here changes a vector."""

    workers: int = 0
    batch_size: int = 32
    max_pixels: int = MAX_PIXELS

    @property
    def threads(self) -> int:
        return self.workers or cores()


def describe(
    source: Source, pictures: Iterable[Picture], recipes: Sequence[Recipe], settings: Settings
) -> Iterator[Described | Failed]:
    """Describes pictures by every recipe, reading each once and decoding it once a scale.

    Threads read, decode and prepare some tasks ahead; batches are described here. Results come
    in the pictures' order, whichever thread was faster.
    """
    reader = Reader(source, recipes, settings.max_pixels, Memory(MEMORY))
    batches = [Batch(number, recipe, settings.batch_size) for number, recipe in enumerate(recipes)]
    for task in in_order(reader, pictures, settings.threads):
        yield from task.failed
        for batch, (ids, items) in zip(batches, task.prepared, strict=True):
            yield from batch.add(ids, items)
        reader.memory.release(task.held)
    for batch in batches:
        yield from batch.flush()


def describe_one(data: bytes, recipe: Recipe, max_pixels: int = MAX_PIXELS) -> Vectors:
    """The vector (1, d) of one encoded picture, made as an index's are; BadPicture if none."""
    item = recipe.prepare(decode(data, recipe.pixels, max_pixels=max_pixels))
    return checked(recipe, recipe.describe([item]), 1)
