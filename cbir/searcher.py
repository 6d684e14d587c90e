"""Exact search: every vector is looked at, and the answer is the true one."""

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cbir import distances
from cbir.compiled import Engine
from cbir.distances import ColumnBlocks
from cbir.errors import BadIndex
from cbir.images.transforms import ORIGINAL, TRANSFORMS
from cbir.types import Hit, Index, Vectors
from cbir.vector_index import VectorIndex


class Searcher:
    """The nearest pictures of an index, by a named distance.

    `index` may be any Index, or the file of one. Its vectors are used where they lie if it keeps
    them in blocks, and copied into blocks once if not. `engine` chooses the plain or the compiled
    path; "auto" starts with one and changes to the other when that pays. Their answers are the
    same. Of an augmented index each picture is found once, at its nearest transform.
    """

    def __init__(
        self,
        index: Index | str | os.PathLike[str],
        distance: str = "chi2",
        engine: Engine = "auto",
    ):
        if isinstance(index, str | os.PathLike):
            index = VectorIndex.read(index)
        self.index = index
        self.ids, self.transforms, self.blocks = _sorted(index)
        self.distance = distances.check(distance, self.blocks.nonnegative).name
        self.engine: Engine = engine

    def search(self, vectors: Vectors, limit: int = 3) -> list[list[Hit]]:
        """For each query row (q, d) its `limit` nearest pictures, nearest first, ties by id."""
        vectors = np.atleast_2d(np.asarray(vectors, np.float32))
        if not len(self.blocks):
            return [[] for _ in vectors]
        if vectors.shape[1] != self.blocks.dim:
            raise BadIndex(
                f"the query has {vectors.shape[1]} values and the index {self.blocks.dim}; "
                "they were not made by the same descriptor"
            )
        # However near the other rows of a picture are, so many rows hold enough pictures.
        rows_each = 1 if self.transforms is None else len(TRANSFORMS)
        found = distances.nearest(
            vectors, self.blocks, limit * rows_each, self.distance, self.engine
        )
        return [self._hits(rows, near)[:limit] for rows, near in found]

    def _hits(self, rows: NDArray[np.intp], near: NDArray[np.float64]) -> list[Hit]:
        """Each picture of these rows once; the original, where it is no farther than others."""
        if self.transforms is None:
            return [Hit(self.ids[row], float(d)) for row, d in zip(rows, near, strict=True)]
        best: dict[str, Hit] = {}
        for row, distance in zip(rows, near, strict=True):
            hit = Hit(self.ids[row], float(distance), self.transforms[row])
            first = best.setdefault(hit.id, hit)
            if hit.transform == ORIGINAL and hit.distance == first.distance:
                best[hit.id] = hit
        return list(best.values())


def _sorted(index: Index) -> tuple[Sequence[str], Sequence[str] | None, ColumnBlocks]:
    """Ids, transforms and blocks, sorted as ties are to be. Only augmented ones have transforms."""
    transforms = getattr(index, "transforms", None)
    blocks = getattr(index, "blocks", None)
    if isinstance(blocks, ColumnBlocks):  # of a VectorIndex, which is sorted
        return index.ids, transforms, blocks
    pieces = list(index.rows())
    ids = [id for names, _ in pieces for id in names]
    vectors = np.concatenate([rows for _, rows in pieces]) if pieces else np.zeros((0, 1), "f4")
    order = sorted(range(len(ids)), key=ids.__getitem__)
    turned = None if transforms is None else [transforms[i] for i in order]
    return [ids[i] for i in order], turned, distances.from_vectors(vectors[order])
