"""The other items that are most like an item."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from cbir.catalogue import aggregates
from cbir.catalogue.catalogue import Catalogue
from cbir.catalogue.grouping import Distances, check_number, nearest_first
from cbir.errors import BadSource


class Similar(NamedTuple):
    """An item that is like another. Smaller distances are nearer; points count below zero."""

    item: str
    distance: float


def fit(
    catalogue: Catalogue, aggregate: str = aggregates.DEFAULT, number: int = 10
) -> Iterator[tuple[str, list[Similar]]]:
    """For every item, by name, the `number` other items most like it, nearest first."""
    _check(catalogue, number)
    return (
        (catalogue.items[item], _most_like(catalogue, pieces, aggregate, number))
        for item, pieces in catalogue.by_item()
    )


def similar(
    catalogue: Catalogue, item: str, aggregate: str = aggregates.DEFAULT, number: int = 10
) -> list[Similar]:
    """The `number` other items most like this one, nearest first, ties by name."""
    _check(catalogue, number)
    pieces = catalogue.of_item(catalogue.number(item))
    return _most_like(catalogue, pieces, aggregate, number)


def nearest_pictures(catalogue: Catalogue, item: str, others: Iterable[str]) -> list[str]:
    """Of each of the other items the picture that is nearest to any of this item's."""
    wanted = [catalogue.grouping.pictures(catalogue.number(other)) for other in others]
    least = np.full(len(catalogue.pictures), np.inf)
    for piece in catalogue.of_item(catalogue.number(item)):
        np.minimum(least, piece.min(axis=0), out=least)
    return [catalogue.pictures[some[least[some].argmin()]] for some in wanted]


def _check(catalogue: Catalogue, number: int) -> None:
    check_number(number)
    if len(catalogue.items) < 2:
        what = f"only one item, {catalogue.items[0]!r}" if catalogue.items else "no item"
        raise BadSource(
            f"there is {what}, and nothing to compare it with; another item rule may tell "
            "the pictures apart"
        )


def _most_like(
    catalogue: Catalogue, pieces: Iterable[Distances], aggregate: str, number: int
) -> list[Similar]:
    distances = aggregates.get(aggregate)(pieces, catalogue.grouping)
    near = nearest_first(distances, number)
    return [Similar(catalogue.items[i], float(distances[i])) for i in near]
