"""What rows are sorted by: a picture's id; in an augmented index, its id and its transform.

The key of an augmented row is one text, id, NUL, transform. It sorts as the pair does, because ids
in such an index hold no NUL, and so whatever handles rows handles augmented ones too.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import overload

from cbir.errors import BadIndex

SEPARATOR = "\0"


class Part(Sequence[str]):
    """The ids of keys (part 0), or their transforms (part 1), split off when asked for."""

    def __init__(self, keys: Sequence[str], part: int):
        self._keys, self._part = keys, part

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, number: int) -> str: ...
    @overload
    def __getitem__(self, number: slice) -> list[str]: ...
    def __getitem__(self, number: int | slice) -> str | list[str]:
        if isinstance(number, slice):
            return split(self._keys[number])[self._part]
        return split([self._keys[number]])[self._part][0]

    def __iter__(self) -> Iterator[str]:
        return (split([key])[self._part][0] for key in self._keys)


def joined(ids: Sequence[str], transforms: Sequence[str]) -> list[str]:
    """The keys of augmented rows; BadIndex for what can't be one."""
    from cbir.images.transforms import TRANSFORMS  # which loads OpenCV, else not needed here

    if len(ids) != len(transforms):
        raise BadIndex(f"{len(ids)} ids and {len(transforms)} transforms don't fit")
    unknown = set(transforms).difference(TRANSFORMS)
    if unknown:
        raise BadIndex(f"{min(unknown)!r} is no transform; there are {', '.join(TRANSFORMS)}")
    for id in ids:
        if SEPARATOR in id:
            raise BadIndex(f"{id!r} holds a NUL, which ids in an augmented index must not")
    return [f"{id}{SEPARATOR}{transform}" for id, transform in zip(ids, transforms, strict=True)]


def split(keys: Iterable[str]) -> tuple[list[str], list[str]]:
    """Ids and transforms of augmented keys."""
    parts = [key.partition(SEPARATOR) for key in keys]
    return [id for id, _, _ in parts], [transform for _, _, transform in parts]


def original(id: str) -> str:
    """The key of a picture's own row in an augmented index."""
    from cbir.images.transforms import ORIGINAL

    return f"{id}{SEPARATOR}{ORIGINAL}"


def every(id: str) -> list[str]:
    """All keys that a picture can have in an augmented index."""
    from cbir.images.transforms import TRANSFORMS

    return joined([id] * len(TRANSFORMS), list(TRANSFORMS))


def pictures(ids: Iterable[str]) -> list[str]:
    """Each of the ids, which are sorted, once."""
    return [id for id, _ in groupby(ids)]


def check_order(keys: Iterable[str]) -> None:
    """BadIndex unless keys are sorted, each once."""
    for before, after in pairwise(keys):
        if before >= after:
            what = "stands twice" if before == after else "is out of order"
            raise BadIndex(f"{spoken(after)} {what}")


def check_text(keys: Iterable[str]) -> None:
    """BadIndex unless keys can be written as UTF-8."""
    for key in keys:
        try:
            key.encode()
        except UnicodeEncodeError as error:
            raise BadIndex(f"{spoken(key)} can't be written as UTF-8") from error


def spoken(key: str) -> str:
    """A key for a person."""
    id, nul, transform = key.partition(SEPARATOR)
    return f"{id!r} ({transform})" if nul else repr(id)
