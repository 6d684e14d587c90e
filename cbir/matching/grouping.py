"""Groups of copies that are not chained: every member is a copy of the group's first picture.

Largest pictures come first. A picture begins a group unless it is a copy of one that begins one; if
it is, it joins the nearest such. So a picture that is like two others does not bring them together,
and a group's first picture is its largest. Memory does not grow with the number of pairs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from cbir.matching.likeness import Likeness, Pairs
from cbir.matching.searched import Searched
from cbir.matching.spool import Numbers

MOST = 64
"""How many candidates a picture has at most, the nearest: of other pictures, hardly any are nearer
than a copy is."""

ASKED_AT_ONCE = 512

SETTLED_AT_ONCE = 8
"""Whether candidates are copies is dear to tell; so it is told only of those that have begun a
group by then, or that are among these few."""


@dataclass
class Member:
    """A picture, how far it is from its group's first, and which transform makes it that one."""

    number: int
    distance: float
    transform: int


@dataclass
class Group:
    """The first picture, and its copies."""

    first: int
    copies: list[Member] = field(default_factory=list)


def having_copies(
    likeness: Likeness, numbers: Numbers, progress: Callable[[int], None] = lambda done: None
) -> Numbers:
    """Those of these pictures that are a copy of any other, or have one.

    By groups in any order: what begins one is no copy of what begins another, so whoever is left
    alone in its group has copies among those that joined others, or none.
    """
    groups = all_grouped(likeness, numbers, progress)
    joined = [member.number for group in groups for member in group.copies]
    alone = np.array([group.first for group in groups if not group.copies], np.intp)
    others, marked = Searched(likeness), {*joined}
    marked.update(group.first for group in groups if group.copies)
    others.add(joined)
    for start in range(0, len(alone), ASKED_AT_ONCE):
        marked.update(others.near(alone[start : start + ASKED_AT_ONCE], MOST).asked.tolist())
    return np.array(sorted(marked), np.intp)


def grouped(
    likeness: Likeness, ordered: Numbers, progress: Callable[[int], None] = lambda done: None
) -> list[Group]:
    """Groups of at least two of these pictures, which come in the order of their importance."""
    return [group for group in all_grouped(likeness, ordered, progress) if group.copies]


def all_grouped(
    likeness: Likeness, ordered: Numbers, progress: Callable[[int], None] = lambda done: None
) -> list[Group]:
    """The same, with groups of one."""
    groups: dict[int, Group] = {}
    begun = np.zeros(ordered.max(initial=-1) + 1, np.bool_)
    heads = Searched(likeness)
    for start in range(0, len(ordered), ASKED_AT_ONCE):
        block = ordered[start : start + ASKED_AT_ONCE]
        among = Searched(likeness)
        among.add(block)
        inside = _earlier(among.candidates(block, len(block)), block)
        may = Pairs.joined([heads.candidates(block, MOST), inside])
        for few in range(0, len(block), SETTLED_AT_ONCE):
            some = block[few : few + SETTLED_AT_ONCE]
            asking = may.chosen(np.isin(may.asked, some))
            heading = begun[asking.found] | np.isin(asking.found, some)
            near = likeness.settled(asking.chosen(heading).nearest(MOST)).once()
            new = _joined(some, near, groups)
            begun[new] = True
            progress(start + few + len(some))
        heads.add(block[begun[block]])
    return list(groups.values())


def _earlier(pairs: Pairs, block: Numbers) -> Pairs:
    """Those whose found one comes before the one that asks: only such can have begun a group."""
    order = np.argsort(block)
    found, asked = (order[np.searchsorted(block, some, sorter=order)] for some in pairs[1::-1])
    return pairs.chosen(found < asked)


def _joined(block: Numbers, pairs: Pairs, groups: dict[int, Group]) -> list[int]:
    """Puts each picture of a block into the nearest group, or begins one; returns what began."""
    order = np.lexsort((pairs.found, pairs.distances, pairs.asked))
    near: dict[int, list[Member]] = {}
    for place in order:
        found = Member(
            int(pairs.found[place]), float(pairs.distances[place]), int(pairs.transforms[place])
        )
        near.setdefault(int(pairs.asked[place]), []).append(found)
    new = []
    for number in block.tolist():
        # Only what comes before can have begun a group by now.
        first = next((one for one in near.get(number, ()) if one.number in groups), None)
        if first is None:
            groups[number] = Group(number)
            new.append(number)
        else:
            groups[first.number].copies.append(Member(number, first.distance, first.transform))
    return new
