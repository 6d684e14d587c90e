"""What pictures are that have copies: their sizes and details, read once more."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import isqrt

from cbir.downloads import is_url
from cbir.errors import BadPicture
from cbir.images import decode, read_header
from cbir.images.frames import has_more_frames
from cbir.matching.details import DETAIL, LARGE, Detailed
from cbir.matching.spool import Spool
from cbir.pipeline import Described, Progress, Settings, describe
from cbir.types import Failure, Fetched, Image, Picture, Source


@dataclass(frozen=True)
class Photo:
    """What is known of a picture that has copies, by its very bytes."""

    id: str
    width: int
    height: int
    bytes: int
    sha256: str
    links: tuple[str, ...] = ()
    """Other names of this very file in the data set."""

    @property
    def order(self) -> tuple[int, int, str]:
        """The largest comes first: by pixels, then by bytes, then by id."""
        return -self.width * self.height, -self.bytes, self.id


@dataclass
class Looked:
    """Pictures, by number, each with those that have its very bytes; and which of them are gone."""

    photos: dict[int, list[Photo]] = field(default_factory=dict)
    places: dict[int, int] = field(default_factory=dict)
    """Where in the spool their details are."""

    several: set[int] = field(default_factory=set)
    """Those of which only the first of several frames or pages was looked at."""

    failures: list[Failure] = field(default_factory=list)

    def details(self, spool: Spool, source: Source, settings: Settings) -> Detailed:
        firsts = {number: some[0] for number, some in self.photos.items()}

        def read(number: int) -> Image:
            data = source.read(Picture(firsts[number].id, ""))
            return decode(data, LARGE, max_pixels=settings.max_pixels)

        places = {number: self.places[number] for number in firsts}
        pixels = {number: isqrt(one.width * one.height) for number, one in firsts.items()}
        return Detailed(spool, places, pixels, read)


def look_closer(
    source: Source,
    chosen: Mapping[int, Mapping[str, tuple[str, ...]]],
    contents: Mapping[str, bytes],
    settings: Settings,
    spool: Spool,
    progress: Progress,
) -> Looked:
    """Reads the first of each that still is what it was; its details go into the spool.

    `chosen` has those with the same bytes, as `files_of` tells them.
    """
    looked = Looked()
    left = {number: dict(files) for number, files in chosen.items()}
    while left:
        numbers = {next(iter(files)): number for number, files in left.items()}
        reading, found = _Reading(source), dict[str, bytes]()
        pictures = [Picture(id, "") for id in sorted(numbers)]
        for made in describe(reading, pictures, [DETAIL], settings, contents=found):
            if isinstance(made, Described):
                first = len(spool)
                spool.add(made.vectors)
                looked.places |= {numbers[id]: first + i for i, id in enumerate(made.ids)}
                looked.photos |= {
                    numbers[id]: _photos(left[numbers[id]], reading.sizes[id], contents[id])
                    for id in made.ids
                    if found[id] == contents[id]
                }
            else:
                looked.failures += made.failures
            progress(len(looked.photos), len(chosen))
        looked.several |= {numbers[id] for id in reading.several}
        changed = [id for id, content in found.items() if content != contents[id]]
        looked.failures += [Failure(id, "it changed while it was compared") for id in changed]
        left = {number: files for number, files in left.items() if number not in looked.photos}
        for id, number in numbers.items():
            if number in left:
                del left[number][id]
        left = {number: files for number, files in left.items() if files}
    return looked


def files_of(source: Source, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Those of pictures with the same bytes that are files of their own, each with its other names.

    Of the names of one file, the first stays that is no symbolic link.
    """
    if len(ids) < 2:
        return dict.fromkeys(ids, ())
    root = getattr(source, "root", None)
    paths = {id: os.path.join(root, id) for id in ids if root is not None and not is_url(id)}
    names: dict[object, list[str]] = {}
    for id in sorted(ids, key=lambda id: (id in paths and os.path.islink(paths[id]), id)):
        file: object = id
        with suppress(KeyError, OSError):
            status = os.stat(paths[id])
            if status.st_ino:  # else the disk does not tell
                file = status.st_dev, status.st_ino
        names.setdefault(file, []).append(id)
    return {first: tuple(others) for first, *others in sorted(names.values())}


def _photos(
    files: Mapping[str, tuple[str, ...]], size: tuple[int, int, int], content: bytes
) -> list[Photo]:
    return [Photo(id, *size, content.hex(), links) for id, links in files.items()]


class _Reading:
    """A source some of whose pictures are read again, and their sizes taken down."""

    fetch: Callable[..., Fetched]

    def __init__(self, source: Source):
        self._source = source
        self.connections: int = getattr(source, "connections", 0)
        self.failures = list[Failure]()
        self.sizes: dict[str, tuple[int, int, int]] = {}
        self.several: set[str] = set()
        if hasattr(source, "fetch"):
            self.fetch = self._fetch

    def pictures(self) -> Iterator[Picture]:
        return iter(())

    def read(self, picture: Picture) -> bytes:
        return self._noted(picture, self._source.read(picture))

    def close(self) -> None:
        close = getattr(self._source, "close", None)
        if close is not None:
            close()

    def _fetch(self, picture: Picture, stamp: str, room: Callable[[int], None]) -> Fetched:
        fetched = self._source.fetch(picture, "", room)  # type: ignore[attr-defined]
        if fetched is None:
            raise BadPicture("its server says that it has not changed, and was not asked that")
        self._noted(picture, fetched.data)
        return fetched

    def _noted(self, picture: Picture, data: bytes) -> bytes:
        header = read_header(data)
        self.sizes[picture.id] = header.width, header.height, len(data)
        if has_more_frames(data, header):
            self.several.add(picture.id)
        return data
