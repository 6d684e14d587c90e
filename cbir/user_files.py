"""Files that a spec names, such as a network's weights: known by their content, not by their place.

It takes a second to digest a gigabyte, so digests are remembered: in this process, and in the
cache, where each file and content has an entry of its own, written whole. So processes need not
wait for each other, and what is lost or damaged is only digested again.
"""

import hashlib
import json
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cbir import files, places
from cbir.errors import BadOutput, BadPicture, BadSpec

DIGEST = re.compile(r"sha256-[0-9a-f]{32}")
MOST_ENTRIES = 1000
LARGEST_ENTRY = 1 << 16
SETTLED_NS = 50_000_000
"""A file that changes twice in one tick of its disk's clock shows it once; ticks are shorter."""


@dataclass(frozen=True)
class UserFile:
    """A file by the digest of its content; `path` is where it was found, if it was."""

    digest: str
    path: Path | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.digest

    @classmethod
    def of(cls, path: str | Path) -> "UserFile":
        """The file at `path`; BadSpec unless it is a regular file that can be read."""
        place = os.path.abspath(os.path.expanduser(path))
        try:
            return cls(_digest(place), Path(place))
        except BadPicture as error:
            raise BadSpec(f"can't read {path}: {error}") from error

    @classmethod
    def known(cls, digest: str) -> "UserFile":
        """The file with this digest; without a path unless one used before still has it."""
        if not DIGEST.fullmatch(digest):
            raise BadSpec(f"{digest} is not the digest of a file; give the file's name instead")
        there = (entry.place for entry in _entries(digest=digest) if _still(entry.place, digest))
        place = next(there, None)
        return cls(digest, None if place is None else Path(place))

    def need(self) -> Path:
        """The path, now that the content is wanted; BadSpec if none is known or it has changed."""
        if self.path is None:
            raise BadSpec(
                f"the file with the digest {self.digest} is needed, and where it is is not known "
                "here; name it, for example: search.py -d 'onnx:model=FILE'"
            )
        if not _still(str(self.path), self.digest):
            raise BadSpec(
                f"{self.path} has changed or gone, and {self.digest} is needed, which it was; "
                "bring it back, or name its new place, for example: search.py -d 'onnx:model=FILE'"
            )
        return self.path


class _Entry(NamedTuple):
    """What a file had when it was last digested. The time of its change (`ctime`) is in it because
    a copy or an archive may give a new file the old one's time and size."""

    place: str
    digest: str
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def now(cls, place: str, digest: str, status: os.stat_result) -> "_Entry":
        return cls(place, digest, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


_here: dict[tuple[str, str], _Entry] = {}  # should the cache not be writable


def _still(place: str, digest: str) -> bool:
    with suppress(BadPicture):
        return _digest(place) == digest
    return False


def _digest(place: str) -> str:
    """The digest of a regular file, remembered or made."""
    status = files.regular(place)
    for entry in _entries(place=place):
        if entry == _Entry.now(place, entry.digest, status):
            return entry.digest
    try:
        with open(os.open(place, files.OPEN_FLAGS), "rb") as file:
            before = os.fstat(file.fileno())
            if not stat.S_ISREG(before.st_mode):
                raise BadPicture("not a file any more")
            digest = f"sha256-{hashlib.file_digest(file, 'sha256').hexdigest()[:32]}"
            after = os.fstat(file.fileno())
    except OSError as error:
        raise BadPicture(files.why_not(error)) from error
    entry = _Entry.now(place, digest, before)
    if entry != _Entry.now(place, digest, after) or _is_fresh(before):
        entry = entry._replace(size=-1)  # the place is worth knowing, the digest is not settled
    _remember(entry)
    return digest


def _is_fresh(status: os.stat_result) -> bool:
    return abs(time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns)) < SETTLED_NS


def _folder() -> Path:
    return places.cache() / "user-files"


def _key(place: str) -> str:
    return hashlib.sha256(os.fsencode(place)).hexdigest()[:16]


def _entries(place: str | None = None, digest: str | None = None) -> Iterator[_Entry]:
    """What is remembered of a place, or of a digest."""
    pattern = f"{digest or '*'}.{_key(place) if place else '*'}.json"
    kept = [_read(file) for file in sorted(_folder().glob(pattern))]
    for entry in (*_here.values(), *kept):
        if entry and (place is None or entry.place == place) and digest in (None, entry.digest):
            yield entry


def _read(file: Path) -> _Entry | None:
    """An entry, if that is what is in the file."""
    with suppress(BadPicture, ValueError, TypeError, RecursionError):
        if files.regular(str(file)).st_size <= LARGEST_ENTRY:
            entry = _Entry(**json.loads(files.read_regular(str(file))))
            if os.path.isabs(entry.place) and DIGEST.fullmatch(entry.digest):
                return entry
    return None


def _remember(entry: _Entry) -> None:
    _here[entry.place, entry.digest] = entry
    folder = _folder()
    with suppress(OSError, BadOutput):  # a cache that can't be written costs time, no more
        folder.mkdir(parents=True, exist_ok=True)
        with files.replacing(folder / f"{entry.digest}.{_key(entry.place)}.json") as file:
            file.write(json.dumps(entry._asdict()).encode())
        by_age = sorted(folder.glob("*.json"), key=lambda kept: kept.stat().st_mtime_ns)
        for old in by_age[:-MOST_ENTRIES]:
            old.unlink(missing_ok=True)
