"""The same picture several times in one source: same bytes, or nearly the same once described."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cbir import distances
from cbir.images.transforms import ORIGINAL, TRANSFORMS
from cbir.matching.by_distance import ByDistance
from cbir.matching.by_thumbnails import THUMBNAIL, ByThumbnails
from cbir.matching.closely import DIFFERENT, Closely
from cbir.matching.details import Detailed
from cbir.matching.grouping import Group, grouped, having_copies
from cbir.matching.likeness import Likeness
from cbir.matching.photos import Photo, files_of, look_closer
from cbir.matching.spool import Spool
from cbir.matching.turns import TURNS
from cbir.pipeline import Described, Progress, Settings, Told, describe, unwatched
from cbir.recipe import AnyRecipe
from cbir.store import Store
from cbir.types import Failure, Picture, Source

ALIGNED = "aligned"
"""What the distance of thumbnails that are laid over each other is called."""

WITHIN = 0.0035
"""By that distance. Measured on 875 photos of clothes, food and the sample set: of copies at a
quarter, half and one and a half times the size, as JPEG of quality 30, as WebP, and cut by 5% on
one, two or all edges, 99.4% are found (of the last kind 97.9%), and as many of those that are
blurred or sharpened; as JPEG of quality 10, 81%, and so much brighter that light parts turn white,
80% (benchmarks/figures.py). Of pictures that are no copies, no two are that near: the nearest are
0.0049 apart, and 0.0036 if they may be mirrored or turned; a cut copy can come nearer to a picture
of a like thing, as one of the sample set's did (0.0034)."""

UNDONE = {"rotate-90": "rotate-270", "rotate-270": "rotate-90"}
"""The transforms that undo others; the rest undo themselves."""


@dataclass(frozen=True)
class Copy:
    """A picture of a group, and what makes it a copy of the group's first, the largest."""

    photo: Photo
    distance: float = 0.0
    transform: str = ORIGINAL
    same_bytes: bool = False
    first: bool = False


@dataclass(frozen=True)
class Wanted:
    """By what pictures are compared: by thumbnails if there is no recipe, in these transforms."""

    recipe: AnyRecipe | None
    distance: str
    within: float
    transforms: Sequence[str]

    @property
    def made_by(self) -> AnyRecipe:
        return self.recipe or THUMBNAIL


@dataclass(frozen=True)
class Duplicates:
    """Groups of copies, the largest picture of each first, and what was left out."""

    groups: list[list[Copy]]
    pictures: list[Picture]
    described: int
    failures: list[Failure]
    links: int = 0
    """How many names of files there are that have another name in the data set, and so no copy."""


def wanted(
    recipe: AnyRecipe | None = None,
    within: float = WITHIN,
    distance: str | None = None,
    augment: bool = False,
) -> Wanted:
    """By thumbnails, or by the distance of a recipe."""
    every = sorted(TRANSFORMS if recipe else TURNS)
    transforms = every if augment else [ORIGINAL]
    name = (distance or recipe.distance) if recipe else ALIGNED
    return Wanted(recipe, name, distances.check_far(within), transforms)


def find_duplicates(
    source: Source,
    how: Wanted,
    settings: Settings,
    folder: Path,
    store: Store | None = None,
    progress: Told = unwatched,
) -> Duplicates:
    """Groups the copies among all pictures of a source; `folder` is where vectors wait meanwhile.

    Memory is some kilobytes a picture at most. Pictures that may have copies are read twice.
    """
    pictures = list(source.pictures())
    each, kind = (len(how.transforms), "f4") if how.recipe else (1, "f2")
    with (
        closing(Spool(folder, each, kind)) as spool,
        closing(Spool(folder, kind="u1")) as detail_spool,
    ):
        with progress("describing") as told:
            ids, contents, failures = _described(
                source, pictures, how, settings, store, spool, told
            )
        names = _by_content(ids, contents)
        same = {number: files_of(source, some) for number, some in names.items()}
        firsts = np.array(list(same), np.intp)
        with progress("comparing") as told:
            likeness = _likeness(how, spool)
            marked = having_copies(likeness, firsts, lambda done: told(done, len(firsts)))
        several = {number for number, some in same.items() if len(some) > 1}
        alike = sorted(several | set(marked.tolist()))
        chosen = {number: same[number] for number in alike}
        with progress("looking closer") as told:
            looked = look_closer(source, chosen, contents, settings, detail_spool, told)
        # Of animations and documents of several pages only the first one was compared.
        single = looked.photos.keys() - looked.several
        ordered = [number for number in marked.tolist() if number in single]
        ordered.sort(key=lambda number: looked.photos[number][0].order)
        with progress("comparing closely") as told:
            likeness = _likeness(how, spool, looked.details(detail_spool, source, settings))
            numbers = np.array(ordered, np.intp)
            groups = grouped(likeness, numbers, lambda done: told(done, len(numbers)))
    found = _copies(groups, looked.photos, how.transforms)
    left_out = sorted({*source.failures, *failures, *looked.failures})
    links = len(ids) - sum(map(len, same.values()))
    return Duplicates(found, pictures, len(ids), left_out, links)


def _likeness(how: Wanted, spool: Spool, details: Detailed | None = None) -> Likeness:
    if how.recipe is not None:
        return ByDistance(spool, how.transforms, how.distance, how.within)
    if details is None:
        return ByThumbnails(spool, how.transforms, how.within)
    # Who takes more for a copy than thumbnails tell for sure takes more in detail, too.
    different = DIFFERENT * max(1, how.within / WITHIN)
    closely = Closely(details, how.transforms, different)
    return ByThumbnails(spool, how.transforms, how.within, closely)


def _described(
    source: Source,
    pictures: Sequence[Picture],
    how: Wanted,
    settings: Settings,
    store: Store | None,
    spool: Spool,
    progress: Progress,
) -> tuple[list[str], dict[str, bytes], list[Failure]]:
    """Puts all vectors into the spool; ids in that order, SHA-256 of the bytes, what failed."""
    ids, contents, failures = list[str](), dict[str, bytes](), list[Failure]()
    transforms = how.transforms if how.recipe else [ORIGINAL]
    for made in describe(source, pictures, [how.made_by], settings, store, transforms, contents):
        if isinstance(made, Described):
            spool.add(made.vectors)
            ids += made.ids[:: len(transforms)]
        else:
            failures += made.failures
        progress(len(ids) + len(failures), len(pictures))
    return ids, contents, failures


def _by_content(ids: Sequence[str], contents: Mapping[str, bytes]) -> dict[int, list[str]]:
    """Pictures with the same bytes, by the number of the first of them."""
    known: dict[bytes, int] = {}
    same: dict[int, list[str]] = {}
    for number, id in enumerate(ids):
        first = known.setdefault(contents[id], number)
        same.setdefault(first, []).append(id)
    return same


def _copies(
    groups: Sequence[Group], photos: Mapping[int, Sequence[Photo]], transforms: Sequence[str]
) -> list[list[Copy]]:
    """All groups, of near and of same pictures, the largest picture of each first."""
    left = dict(photos)
    found = []
    for group in groups:
        first = left.pop(group.first)
        copies = [Copy(photo, same_bytes=True) for photo in first]
        for member in group.copies:
            turned = UNDONE.get(transforms[member.transform], transforms[member.transform])
            copies += [Copy(one, member.distance, turned) for one in left.pop(member.number)]
        found.append(copies)
    found += [[Copy(one, same_bytes=True) for one in same] for same in left.values() if same[1:]]
    for copies in found:
        copies.sort(key=lambda copy: copy.photo.order)
        copies[0] = replace(copies[0], first=True, same_bytes=False)  # not of another
    return sorted(found, key=lambda copies: copies[0].photo.id)
