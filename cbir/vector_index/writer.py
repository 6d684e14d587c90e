"""Changes to an index file that become visible together, in bounded memory."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cbir.errors import BadIndex, BadOutput
from cbir.files import sweep, why_no_output
from cbir.recipe import AnyRecipe
from cbir.types import Vectors
from cbir.vector_index import VectorIndex, sidecar
from cbir.vector_index import keys as row_keys
from cbir.vector_index.ahead import TextAhead
from cbir.vector_index.csv_file import Header
from cbir.vector_index.merging import Merging
from cbir.vector_index.reading import followed, previous
from cbir.vector_index.retracing import Retracing
from cbir.vector_index.writing import relative_root, write_files


class Changes(NamedTuple):
    """What a commit did. `unchanged` pictures have the very vectors that they had before."""

    pictures: int
    new: int
    unchanged: int
    removed: int


class VectorIndexWriter:
    """Starts from the index that `path` holds, if it is of the same recipe, else from nothing.

    As long as rows arrive just as they were, nothing is done with them; and if that is all of
    them, nothing is written. Other vectors wait in a nameless file beside the index.
    """

    def __init__(
        self,
        path: Path,
        made_by: AnyRecipe,
        root: Path,
        plain: bool = False,
        augmented: bool = False,
    ):
        if plain and augmented:
            raise BadOutput(
                "--plain files can't say how a picture was turned; leave --plain or --augment away"
            )
        path = followed(path)
        self.path, self.recipe, self.root = path, made_by, root
        self.plain, self.augmented = plain, augmented
        self.before = _previous(path)
        self._keep_old = True
        self._dim: int | None = None
        self._retracing = self._retrace()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._rows = Merging(self._same(), path.parent)
            self._text = TextAhead(path.parent, augmented)
        except OSError as error:
            raise BadOutput(f"can't write {path}: {why_no_output(error)}") from error

    def __enter__(self) -> "VectorIndexWriter":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives up what was not committed."""
        self._text.close()
        self._rows.close()

    def upsert(
        self, ids: Sequence[str], vectors: Vectors, transforms: Sequence[str] | None = None
    ) -> None:
        """Adds or replaces rows; any order, the last one of an id (and transform) stays."""
        if (transforms is not None) != self.augmented:
            raise BadIndex("an augmented index needs a transform for each row, and others none")
        if self._dim not in (None, vectors.shape[1]):
            raise BadIndex(f"vectors of {vectors.shape[1]} values among some of {self._dim}")
        keys = ids if transforms is None else row_keys.joined(ids, transforms)
        row_keys.check_text(keys)
        self._dim = vectors.shape[1]
        vectors = np.ascontiguousarray(vectors, np.float32)
        if not self._retracing.takes(keys, vectors):
            self._stop_retracing()
            self._add(keys, vectors)

    def delete(self, ids: Iterable[str]) -> None:
        """Takes pictures out."""
        self._stop_retracing()
        for id in ids:
            self._rows.delete(row_keys.every(id) if self.augmented else [id])

    def finish(self) -> Changes | None:
        """Commits what was upserted and nothing else; if that is none, changes nothing (None)."""
        if not self._retracing.count and not self._rows.added:
            return None
        if not self._retracing.complete:
            self._stop_retracing()
        self._keep_old = False
        return self.commit()

    def commit(self) -> Changes:
        """Writes CSV and sidecar; until it returns, readers see the old ones."""
        if self.before is not None and self._retracing.is_still(self.path):
            for file in (self.path, sidecar.place(self.path)):
                sweep(file)  # as writing would, of what a killed run left
            self.close()
            pictures = len(self.before.pictures)
            return Changes(pictures, new=0, unchanged=pictures, removed=0)
        self._stop_retracing()
        keys = self._rows.keys(self._keep_old)
        same = self._same()
        dim = self._dim or (same.dim if same else self.recipe.dim)
        if dim is None:
            raise BadIndex("there is nothing to write")
        changes = self._changes(keys)
        # With every row that was added still there, and no other, the text is the file's.
        text = self._text if self._text.sorted and self._rows.are_as_added(keys) else None
        header = None if self.plain else self._header(dim)
        write_files(self.path, header, lambda: self._rows.rows(keys), text)
        self.close()
        return changes

    def _header(self, dim: int) -> Header:
        root = relative_root(self.root, self.path)
        return Header(self.recipe.spec, dim, self.recipe.distance, root, self.augmented)

    def _same(self) -> VectorIndex | None:
        """The old index, if its rows are of the kind that these are."""
        old = self.before
        if old is None or (old.spec, old.augmented) != (self.recipe.spec, self.augmented):
            return None
        return old

    def _retrace(self) -> Retracing:
        beside = None if self.before is None else self.before.beside
        if self.plain or beside is None or not beside.as_written:
            return Retracing(None)
        return Retracing(beside if beside.header == self._header(beside.header.dim) else None)

    def _stop_retracing(self) -> None:
        for keys, vectors in self._retracing.end():
            self._add(keys, vectors)

    def _add(self, keys: Sequence[str], vectors: Vectors) -> None:
        try:
            self._rows.add(keys, vectors)
            self._text.add(keys, vectors)
        except OSError as error:
            raise BadOutput(f"can't write {self.path}: {why_no_output(error)}") from error

    def _changes(self, keys: list[str]) -> Changes:
        pictures = set(self._pictures(keys))
        new = len(pictures.intersection(self._pictures(self._rows.differing(keys))))
        had = set(self.before.ids) if self.before else set[str]()
        return Changes(len(pictures), new, len(pictures) - new, len(had - pictures))

    def _pictures(self, keys: Iterable[str]) -> Iterable[str]:
        return row_keys.split(keys)[0] if self.augmented else keys


def _previous(path: Path) -> VectorIndex | None:
    """The index that is there; BadOutput if something else is, which must not be lost."""
    return None if previous(path) is None else VectorIndex.read(path)
