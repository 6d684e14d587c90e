"""Items that ask with all of their pictures, and rank other items by an aggregate of distances."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from cbir.catalogue import aggregates
from cbir.catalogue.grouping import Grouping
from cbir.errors import BadSource
from cbir.evaluation.ranking import NOTHING, Ranking, rank
from cbir.evaluation.relevance import Grades, Numbers, Relevance, Sides
from cbir.items import ItemRule


@dataclass(frozen=True)
class Askers:
    """`members`: of each asking item the numbers of its pictures among the queries of `pictures`.

    `relevance` is that of items asking for items.
    """

    pictures: Relevance
    members: list[Numbers]
    relevance: Relevance

    @classmethod
    def of(cls, pictures: Relevance, rule: ItemRule) -> "Askers":
        """The items of the pictures that ask, by name."""
        found: dict[str, list[int]] = defaultdict(list)
        for number, id in enumerate(pictures.queries):
            found[rule(id)].append(number)
        names = sorted(found)
        members = [np.array(found[name], np.intp) for name in names]

        def grades(query: int) -> Grades:
            return np.stack([pictures.grades(number) for number in members[query]]).max(axis=0)

        own = [NOTHING] * len(names)
        of_items = Relevance(names, pictures.ranked, None, pictures.left_out, grades, own)
        return cls(pictures, members, of_items)

    @property
    def shown_as(self) -> dict[str, str]:
        """For each item the first of its pictures."""
        asking = self.pictures.queries
        pairs = zip(self.relevance.queries, self.members, strict=True)
        return {name: asking[numbers[0]] for name, numbers in pairs}

    @property
    def asked(self) -> list[str]:
        """The pictures that ask, item by item."""
        return [self.pictures.queries[number] for some in self.members for number in some]

    def rankings(self, every: Iterator[NDArray[np.float32]], aggregate: str) -> Iterator[Ranking]:
        """Each item's ranking, from the distances (n,) of all that are `asked`, in their order."""
        item_of = self.relevance.item_of
        if item_of is None:
            raise BadSource("only items are ranked for items; compare with --level item")
        grouping = Grouping(item_of, len(self.relevance.gallery))
        join = aggregates.get(aggregate)
        for numbers in self.members:
            rows = np.stack(list(islice(every, len(numbers))))
            for row, number in zip(rows, numbers, strict=True):
                row[self.pictures.excluded(number)] = np.inf
            far = join([rows], grouping)
            yield rank(far, np.flatnonzero(np.isinf(far)))


def dealt(sides: Sides, rule: ItemRule, seed: int) -> Sides:
    """Where all pictures would ask all: half of each item's ask, and the others are searched.

    An item with one picture is only searched.
    """
    random = np.random.default_rng(seed)
    items: dict[str, list[str]] = defaultdict(list)
    for id in sides.gallery:
        items[rule(id)].append(id)
    asking: set[str] = set()
    for name in sorted(items):
        ids = items[name]
        asking.update(ids[place] for place in random.permutation(len(ids))[: len(ids) // 2])
    if not asking:
        raise BadSource("no item has two pictures, so that one could ask for the other")
    return Sides(
        sorted(asking),
        [id for id in sides.gallery if id not in asking],
        query_contents=sides.query_contents,
        gallery_contents=sides.gallery_contents,
        failed=sides.failed,
    )
