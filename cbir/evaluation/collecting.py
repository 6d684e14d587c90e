"""The vectors of one side, by every descriptor, for the pictures that all of them can do."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256

import numpy as np

from cbir.errors import BadPicture
from cbir.evaluation.relevance import Sides
from cbir.evaluation.report import thumbnail
from cbir.images import decode
from cbir.pipeline import Described, Settings, describe
from cbir.recipe import AnyRecipe
from cbir.store import Store
from cbir.types import Failure, Picture, Source, Vectors

SHOWN = 144  # pixels, of a picture in the report

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


def sides_of(
    gallery: Source, asking: Source, searched: Collected, asks: Collected, store: Store | None
) -> Sides:
    """Both sides by id, with what is known of their bytes."""
    failed = {id for some in (searched, asks) for id, _ in some.failures}
    theirs, ours = _contents(asking, asks, store), _contents(gallery, searched, store)
    return Sides(asks.ids, searched.ids, asking is gallery, theirs, ours, failed)


def _contents(source: Source, side: Collected, store: Store | None) -> dict[str, bytes]:
    """Digests of the pictures' bytes: those that the store knows, and the others read again."""
    origin = getattr(source, "origin", None)
    if origin is None:  # edits, whose bytes are nobody else's
        return {}
    known = {} if store is None else store.known(origin, side.pictures)
    for picture in side.pictures:
        if picture.id not in known:
            with suppress(BadPicture):  # gone by now
                known[picture.id] = sha256(source.read(picture)).digest()
    return known


def thumbnails(source: Source) -> Callable[[str], bytes | None]:
    """Small JPEGs of a source's pictures, by id."""

    def show(id: str) -> bytes | None:
        try:
            return thumbnail(decode(source.read(Picture(id, "")), SHOWN))
        except (BadPicture, LookupError):  # an item, or gone by now
            return None

    return show
