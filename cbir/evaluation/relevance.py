"""What is right for each query, and what must not count because it is the query itself."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cbir.errors import BadSource
from cbir.items import ItemRule

FEWEST_GROUPS = 20
"""Of fewer items or folders, such as ten kinds of clothes, a sample tells nothing of others: then
they are taken for all there are, and each query for itself."""

Level = Literal["picture", "item"]
Numbers = NDArray[np.intp]
Grades = NDArray[np.int64]
Judge = Callable[[int], Grades]
"""From a query's number to a new array: for each name that is ranked its grade, 0 if not right."""


@dataclass(frozen=True)
class Sides:
    """The pictures that ask and the pictures that are searched: ids, in their vectors' order.

    `same`: the queries are pictures of the gallery. Contents are digests of the pictures' bytes,
    by id. `failed` are ids on either side that are there but could not be described.
    """

    queries: Sequence[str]
    gallery: Sequence[str]
    same: bool = False
    query_contents: Mapping[str, bytes] = field(default_factory=dict)
    gallery_contents: Mapping[str, bytes] = field(default_factory=dict)
    failed: Collection[str] = ()

    def __post_init__(self) -> None:
        if not self.gallery:
            raise BadSource("there are no pictures to search; give a data set that has some")
        if not self.queries:
            raise BadSource("there are no queries; give a folder or a list that has some")

    def own(self) -> Iterator[Numbers]:
        """For each query the gallery's pictures that are the query: by id, or by their bytes."""
        copies = self.copies()
        numbers = {id: number for number, id in enumerate(self.gallery)} if self.same else {}
        for id in self.queries:
            found = set(copies.get(self.query_contents.get(id, b""), ()))
            if id in numbers:
                found.add(numbers[id])
            yield np.array(sorted(found), np.intp)

    def copies(self) -> dict[bytes, list[int]]:
        """The numbers of the gallery's pictures by their content, as far as it is known."""
        by_content: dict[bytes, list[int]] = defaultdict(list)
        for number, id in enumerate(self.gallery):
            if content := self.gallery_contents.get(id):
                by_content[content].append(number)
        return dict(by_content)


@dataclass(frozen=True)
class Ranked:
    """The names that are ranked: the gallery's pictures, or their items.

    `item_of`: for each picture the number of its item; None where pictures are ranked.
    """

    names: Sequence[str]
    item_of: Numbers | None = None

    @classmethod
    def of(cls, sides: Sides, level: Level, rule: ItemRule) -> "Ranked":
        if level == "picture":
            return cls(sides.gallery)
        items = [rule(id) for id in sides.gallery]
        names = sorted(set(items))
        numbers = {name: number for number, name in enumerate(names)}
        return cls(names, np.array([numbers[item] for item in items], np.intp))

    def places(self, pictures: Numbers) -> Numbers:
        """Where these pictures are among the names."""
        return pictures if self.item_of is None else np.unique(self.item_of[pictures])

    def without(self, pictures: Numbers) -> Numbers:
        """The names that have no picture left when these are taken away."""
        if self.item_of is None:
            return pictures
        items, lost = np.unique(self.item_of[pictures], return_counts=True)
        had = np.array([np.count_nonzero(self.item_of == item) for item in items], np.intp)
        return items[lost == had]


@dataclass(frozen=True)
class Relevance:
    """What is right for each query that has something right; the others are `left_out`.

    `classes`: for each query its item, folder or kind of edit, where it has one; `groups`: its
    item, folder, or the picture that it was made from.
    """

    queries: Sequence[str]
    ranked: Ranked
    classes: Sequence[str] | None
    left_out: Sequence[str]
    _grades: Judge
    _own: Sequence[Numbers]
    groups: Sequence[str] | None = None

    @property
    def together(self) -> Numbers | None:
        """For each query the number of what it is drawn with; None if each is by itself."""
        names, numbers = np.unique(self.groups or [], return_inverse=True)
        return numbers if FEWEST_GROUPS <= len(names) < len(self.queries) else None

    @property
    def gallery(self) -> Sequence[str]:
        """The names that are ranked: ids of pictures, or items."""
        return self.ranked.names

    @property
    def item_of(self) -> Numbers | None:
        """For each picture of the gallery its item's number; None where pictures are ranked."""
        return self.ranked.item_of

    def shown_as(self, pictures: Sequence[str]) -> dict[str, str]:
        """For each item, where items are ranked, the first of these pictures of the gallery."""
        if self.item_of is None:
            return {}
        first = np.unique(self.item_of, return_index=True)[1]
        return {name: pictures[at] for name, at in zip(self.gallery, first, strict=True)}

    def grades(self, query: int) -> Grades:
        """(gallery,), 0 for what is not right, and for what is not ranked for this query."""
        return self._grades(query)

    def excluded(self, query: int) -> Numbers:
        """The numbers of the pictures (not items) that are the query itself."""
        return self._own[query]

    def unranked(self, query: int) -> Numbers:
        """The numbers of the names of which these pictures are all there is."""
        return self.ranked.without(self._own[query])

    def with_classes(self, classes: Sequence[str], groups: Sequence[str]) -> "Relevance":
        """The same, with a class and a group for each query."""
        return replace(self, classes=classes, groups=groups)

    def only(self, queries: Numbers) -> "Relevance":
        """The same for some of the queries."""
        kept = queries.tolist()
        return replace(
            self,
            queries=[self.queries[query] for query in kept],
            classes=None if self.classes is None else [self.classes[query] for query in kept],
            _grades=lambda query: self._grades(kept[query]),
            _own=[self._own[query] for query in kept],
            groups=None if self.groups is None else [self.groups[query] for query in kept],
        )


def assemble(
    sides: Sides,
    ranked: Ranked,
    judge: Judge,
    classes: Sequence[str] | None,
    groups: Sequence[str] | None,
    hint: str,
) -> Relevance:
    """Leaves out what can't count: queries themselves, and those that nothing is right for.

    BadSource, with the hint, if none stays, or if everything is right for every query.
    """
    own = list(sides.own())

    def grades(query: int) -> Grades:
        graded = judge(query)
        graded[ranked.without(own[query])] = 0
        return graded

    right = [np.count_nonzero(grades(query)) for query in range(len(own))]
    kept = [query for query, count in enumerate(right) if count]
    left_out = [id for id, count in zip(sides.queries, right, strict=True) if not count]
    if not kept:
        raise BadSource(f"no query has a right answer among the pictures searched: {hint}")
    if all(right[q] + len(ranked.without(own[q])) == len(ranked.names) for q in kept):
        raise BadSource(f"all pictures are right for every query (one class only): {hint}")
    return Relevance(
        [sides.queries[query] for query in kept],
        ranked,
        None if classes is None else [classes[query] for query in kept],
        left_out,
        lambda query: grades(kept[query]),
        [own[query] for query in kept],
        None if groups is None else [groups[query] for query in kept],
    )
