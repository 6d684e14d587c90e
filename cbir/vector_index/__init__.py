"""The index: vectors by id, in a CSV that is the truth, with a sidecar that is the speed."""

import os
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cbir import recipe
from cbir.distances.blocks import ColumnBlocks, from_vectors
from cbir.errors import BadIndex, BadSpec
from cbir.types import Vectors
from cbir.vector_index import keys as row_keys
from cbir.vector_index import reading
from cbir.vector_index.csv_file import Header
from cbir.vector_index.rows import Rows
from cbir.vector_index.sidecar import Sidecar
from cbir.vector_index.writing import relative_root, write_files

__all__ = ["Header", "VectorIndex"]


class VectorIndex:
    """An index in memory or, mapped into it, from a file. Rows are sorted by id.

    An augmented one has several rows a picture, sorted by id and transform, and `ids` repeats.

    >>> index = VectorIndex(ids=["b.jpg", "a.jpg"], vectors=np.eye(2), spec="mine")
    >>> list(index.ids), index.vectors(["b.jpg"]).tolist()
    (['a.jpg', 'b.jpg'], [[1.0, 0.0]])
    """

    def __init__(
        self,
        *,
        ids: Sequence[str],
        vectors: Vectors,
        spec: str,
        distance: str | None = None,
        root: str | os.PathLike[str] | None = None,
        transforms: Sequence[str] | None = None,
    ):
        """`distance` is the descriptor's own unless given; `root`: where the ids are found.

        `transforms`, one a row, make it an augmented index.
        """
        vectors = np.asarray(vectors, np.float32)
        if vectors.ndim != 2 or len(vectors) != len(ids):
            raise BadIndex(f"{len(ids)} ids and vectors of shape {vectors.shape} don't fit")
        if not np.isfinite(vectors).all():
            raise BadIndex("the vectors hold values that are not finite")
        keys = ids if transforms is None else row_keys.joined(ids, transforms)
        order = sorted(range(len(keys)), key=keys.__getitem__)
        self.keys: Sequence[str] = [keys[i] for i in order]
        row_keys.check_order(self.keys)
        row_keys.check_text(self.keys)
        self.augmented = transforms is not None
        self.blocks: ColumnBlocks = from_vectors(vectors[order])
        self.spec, self.distance = _made_by(spec, distance)
        self.root = Path(root) if root is not None else None
        self.beside: Sidecar | None = None

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "VectorIndex":
        """The index in a file; BadIndex, with the reason, for what is not one."""
        path = reading.followed(Path(path))
        if not path.name:
            raise BadIndex(f"{str(path)!r} is no file's name")
        found = reading.load(path)
        index = cls.__new__(cls)
        index.beside = found
        index.keys, index.blocks = found.keys, found.blocks
        index.spec, index.distance = found.header.spec, found.header.distance
        index.augmented = found.header.augmented
        root = found.header.root
        index.root = None if root is None else Path(os.path.normpath(path.parent / root))
        return index

    def write(self, path: str | os.PathLike[str]) -> None:
        """The index as a CSV with its sidecar, whole or not at all; it replaces only an index."""
        path = reading.followed(Path(path))
        reading.previous(path)
        header = Header(self.spec, self.dim, self.distance, self.root_from(path), self.augmented)
        write_files(path, header, lambda: self._pieces(self.keys))

    def root_from(self, path: str | os.PathLike[str]) -> str | None:
        """Where the pictures are, as seen from the folder of an index file."""
        return relative_root(self.root, reading.followed(Path(path)))

    def __repr__(self) -> str:
        return f"<VectorIndex of {len(self.pictures)} pictures by {self.spec}, {self.distance}>"

    @property
    def dim(self) -> int:
        return self.blocks.dim

    @property
    def ids(self) -> Sequence[str]:
        """Each row's picture."""
        return row_keys.Part(self.keys, 0) if self.augmented else self.keys

    @property
    def transforms(self) -> Sequence[str] | None:
        """Each row's transform; None if the index is not augmented."""
        return row_keys.Part(self.keys, 1) if self.augmented else None

    @property
    def pictures(self) -> list[str]:
        """Each picture once."""
        return row_keys.pictures(self.ids)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.keys)

    def vectors(self, ids: Sequence[str]) -> Vectors:
        """The rows of these pictures as they are, in their order; BadIndex for one without."""
        return self.blocks.rows(np.array([self._number(i) for i in ids], np.intp))

    def rows(self) -> Iterator[Rows]:
        """All ids and vectors, a block at a time; `transforms` go with them row by row."""
        return self._pieces(self.ids)

    def __contains__(self, id: str) -> bool:
        return self._found(id) is not None

    def _pieces(self, names: Sequence[str]) -> Iterator[Rows]:
        start = 0
        for piece in self.blocks.pieces():
            yield names[start : start + len(piece)], piece
            start += len(piece)

    def _number(self, id: str) -> int:
        number = self._found(id)
        if number is None:
            raise BadIndex(f"the index holds no {id!r}")
        return number

    def _found(self, id: str) -> int | None:
        """The number of a picture's own row."""
        key = row_keys.original(id) if self.augmented else id
        at = bisect_left(self.keys, key)
        return at if at < len(self.keys) and self.keys[at] == key else None


def _made_by(spec: str, distance: str | None) -> tuple[str, str]:
    """The canonical spec and its distance; both as given where no descriptor knows the spec."""
    try:
        known = recipe.parse(spec)
    except BadSpec:
        return spec, distance or "cosine"
    return known.spec, distance or known.distance
