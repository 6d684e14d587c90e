"""Changes to an index file that become visible together, in bounded memory."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cbir.errors import BadIndex, BadOutput
from cbir.files import check_output, why_no_output
from cbir.recipe import Recipe
from cbir.types import Vectors
from cbir.vector_index import (
    Header,
    VectorIndex,
    check_ids,
    followed,
    is_ours,
    relative_root,
    write_files,
)
from cbir.vector_index.ahead import TextAhead
from cbir.vector_index.csv_file import Rows

ROWS_AT_ONCE = 1024


class Changes(NamedTuple):
    """What a commit did. `unchanged` pictures have the very vector that they had before."""

    pictures: int
    new: int
    unchanged: int
    removed: int


class VectorIndexWriter:
    """Starts from the index that `path` holds, if it is of the same recipe, else from nothing.

    Vectors wait in a nameless file beside the index, of which a kill leaves nothing.
    """

    def __init__(self, path: Path, made_by: Recipe, root: Path, plain: bool = False):
        path = followed(path)
        self.path, self.recipe, self.root, self.plain = path, made_by, root, plain
        self.before = _previous(path)
        same = self.before if self.before and self.before.spec == made_by.spec else None
        self._old_rows = {id: i for i, id in enumerate(same.ids)} if same else {}
        self._kept = set(self._old_rows)
        self._new_rows: dict[str, int] = {}
        self._dim: int | None = None
        self._count = 0
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._spool = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115
            self._text = TextAhead(path.parent)
        except OSError as error:
            raise BadOutput(f"can't write {path}: {why_no_output(error)}") from error

    def __enter__(self) -> "VectorIndexWriter":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives up what was not committed."""
        self._text.close()
        self._spool.close()

    def upsert(self, ids: Sequence[str], vectors: Vectors) -> None:
        """Adds or replaces rows; any order, the last one of an id stays."""
        if self._dim not in (None, vectors.shape[1]):
            raise BadIndex(f"vectors of {vectors.shape[1]} values among some of {self._dim}")
        self._dim = vectors.shape[1]
        try:
            self._spool.write(np.ascontiguousarray(vectors, "<f4").data)
            self._text.add(ids, vectors)
        except OSError as error:
            raise BadOutput(f"can't write {self.path}: {why_no_output(error)}") from error
        for id in ids:
            self._new_rows[id] = self._count
            self._count += 1

    def delete(self, ids: Iterable[str]) -> None:
        for id in ids:
            self._kept.discard(id)
            self._new_rows.pop(id, None)

    def finish(self) -> Changes | None:
        """Commits what was upserted and nothing else; if that is none, changes nothing (None)."""
        if not self._new_rows:
            return None
        self._kept.clear()
        return self.commit()

    def commit(self) -> Changes:
        """Writes CSV and sidecar; until it returns, readers see the old ones."""
        ids = sorted(self._kept | self._new_rows.keys())
        check_ids(ids)
        dim = self._dim or (self.before.dim if self.before and self._old_rows else None)
        dim = dim or self.recipe.dim
        if dim is None:
            raise BadIndex("there is nothing to write")
        root = relative_root(self.root, self.path)
        header = Header(self.recipe.spec, dim, self.recipe.distance, root)
        changes = self._changes(ids)
        # With every row that was added still there, and no other, the text is the file's.
        as_added = self._text.sorted and len(ids) == self._count == len(self._new_rows)
        text = self._text if as_added else None
        write_files(self.path, None if self.plain else header, lambda: self._rows(ids), text)
        self.close()
        return changes

    def _changes(self, ids: list[str]) -> Changes:
        had = set(self.before.ids) if self.before else set()
        unchanged = 0
        for names, vectors in self._rows([id for id in ids if id in self._old_rows]):
            unchanged += int((self._old(names) == vectors).all(axis=1).sum())
        return Changes(len(ids), len(ids) - unchanged, unchanged, len(had.difference(ids)))

    def _rows(self, ids: list[str]) -> Iterator[Rows]:
        """The rows that these ids will have."""
        for start in range(0, len(ids), ROWS_AT_ONCE):
            names = ids[start : start + ROWS_AT_ONCE]
            spool = self._mapped()  # anew, so that what was read need not stay in memory
            new = np.array([self._new_rows.get(id, -1) for id in names], np.intp)
            if (new >= 0).all():
                yield names, spool[new]
                continue
            vectors = self._old([id for id, n in zip(names, new, strict=True) if n < 0])
            merged = np.empty((len(names), vectors.shape[1]), np.float32)
            merged[new < 0], merged[new >= 0] = vectors, spool[new[new >= 0]]
            yield names, merged

    def _old(self, ids: Sequence[str]) -> Vectors:
        if self.before is None:
            return np.zeros((0, self._dim or 0), np.float32)
        return self.before.blocks.rows(np.array([self._old_rows[id] for id in ids], np.intp))

    def _mapped(self) -> Vectors:
        self._spool.flush()
        if not self._count:
            return np.zeros((0, self._dim or 1), np.float32)
        shape = (self._count, self._dim or 0)
        return np.asarray(np.memmap(self._spool, "<f4", "r", shape=shape))


def _previous(path: Path) -> VectorIndex | None:
    """The index that is there; BadOutput if something else is, which must not be lost."""
    check_output(path)
    if not path.exists():
        return None
    if not os.access(path, os.R_OK):
        raise BadOutput(f"{path} exists and can't be read; give another --index, or remove it")
    if not path.stat().st_size:
        return None
    try:
        return VectorIndex.read(path)
    except BadIndex as error:
        if is_ours(path):
            return None  # damaged, or of another version: what is written now replaces it
        raise BadOutput(
            f"{path} exists and is not an index; give another --index, or remove it"
        ) from error
