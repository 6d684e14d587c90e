"""From a photo to the items that look most like it, each once."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

from cbir.catalogue.catalogue import Catalogue
from cbir.catalogue.grouping import check_number
from cbir.searcher import Searcher
from cbir.types import Hit, Vectors
from cbir.vector_index import VectorIndex


class ItemHit(NamedTuple):
    """An item that was found, by its picture that is nearest."""

    item: str
    hit: Hit


def visual_search(catalogue: Catalogue, vectors: Vectors, number: int = 10) -> list[list[ItemHit]]:
    """For each photo (q, d) its `number` nearest items, nearest first, ties by picture."""
    check_number(number)
    searcher = Searcher(catalogue.index, catalogue.distance)
    # However near the other pictures of the items before it are, so many hold the last item's.
    most = np.sort(catalogue.grouping.counts)[::-1][: number - 1].sum() + 1
    item_of = dict(zip(catalogue.pictures, catalogue.grouping.item_of, strict=True))
    found = []
    for hits in searcher.search(vectors, int(most)):
        nearest: dict[int, Hit] = {}
        for hit in hits:
            nearest.setdefault(item_of[hit.id], hit)
        items = [ItemHit(catalogue.items[item], hit) for item, hit in nearest.items()]
        found.append(items[:number])
    return found


def restricted(index: VectorIndex, pictures: Collection[str]) -> VectorIndex:
    """The index with these pictures only."""
    kept = [row for row, id in enumerate(index.ids) if id in pictures]
    transforms = index.transforms
    return VectorIndex(
        ids=[index.ids[row] for row in kept],
        vectors=index.blocks.rows(np.array(kept, np.intp)),
        spec=index.spec,
        distance=index.distance,
        root=index.root,
        transforms=None if transforms is None else [transforms[row] for row in kept],
    )
