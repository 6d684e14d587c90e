"""The bytes of a table: of a regular file, unpacked if it is gzip, and never too many."""

import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from cbir.errors import BadPicture
from cbir.files import OPEN_FLAGS, regular, why_not
from cbir.tables.wrong import Wrong

LARGEST = 1 << 30
SMALL, HIGHEST_RATIO = 16 << 20, 100
"""A gzip file may unpack to this much anyway, and further to this many times its own size."""

GZIP_MAGIC = b"\x1f\x8b"


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A regular file to read; Wrong for all else, without waiting for a pipe."""
    try:
        regular(str(path))  # which has the words for what is none
        handle = os.open(path, OPEN_FLAGS)
    except BadPicture as error:
        raise Wrong(str(error)) from error
    except OSError as error:
        raise Wrong(why_not(error)) from error
    with open(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise Wrong("not a file")
        if status.st_size > LARGEST:
            raise Wrong(
                f"{status.st_size >> 20} MB is more than a table may have ({LARGEST >> 20})"
            )
        yield file


def unpacked(file: IO[bytes]) -> IO[bytes]:
    """The file itself, or what it holds if it is gzip: known by its first bytes, not its name."""
    magic = file.read(2)
    file.seek(0)
    if magic != GZIP_MAGIC:
        return file
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    most = min(LARGEST, SMALL + size * HIGHEST_RATIO)
    return io.BufferedReader(_Unpacked(gzip.GzipFile(fileobj=file), most), 1 << 16)


class _Unpacked(io.RawIOBase):
    """What a gzip file holds; Wrong if that is more than `most` bytes."""

    def __init__(self, file: gzip.GzipFile, most: int):
        self.file, self.most = file, most

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        return self.file.seek(place, whence)

    def tell(self) -> int:
        return self.file.tell()

    def readinto(self, buffer: Any) -> int:
        try:
            count = self.file.readinto(buffer)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise Wrong(f"damaged gzip: {str(error).lower()}") from error
        if self.file.tell() > self.most:
            raise Wrong(
                f"unpacked, it has more than {self.most >> 20} MB, far too much for its size"
            )
        return count
