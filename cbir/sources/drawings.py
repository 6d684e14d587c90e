"""Drawings of our own, which a walk passes over: they are no pictures of a data set.

Each picture that this package draws says so in a comment, and a folder of results has a mark. Only
in such folders is anything looked into, so that walks elsewhere take no longer; and whatever else
lies there is a picture like others.
"""

import os
import zlib
from contextlib import suppress
from pathlib import Path

from cbir.errors import BadPicture
from cbir.files import OPEN_FLAGS, regular

MARK = ".cbir-results"
ABOUT = b"Drawings that cbir has left here are passed over when it walks through a data set.\n"
WORDS = b"drawn by cbir"
COMMENT = b"\xff\xfe" + (2 + len(WORDS)).to_bytes(2) + WORDS
JFIF = b"\xff\xe0"

PNG, HEADER = b"\x89PNG\r\n\x1a\n", 33
NAMED = b"tEXtComment\0" + WORDS
CHUNK = (len(NAMED) - 4).to_bytes(4) + NAMED + zlib.crc32(NAMED).to_bytes(4)

WEBP = b"RIFF"
PIECE = b"cbir" + len(WORDS).to_bytes(4, "little") + WORDS + b"\0" * (len(WORDS) % 2)

NEAR = 96
"""From either end, where the comment is to be found."""


def signed(data: bytes) -> bytes:
    """An encoded JPEG, PNG or WebP with the comment where its format has room for one."""
    if data.startswith(PNG):
        return data[:HEADER] + CHUNK + data[HEADER:]
    if data.startswith(WEBP):
        size = len(data) + len(PIECE) - 8
        return WEBP + size.to_bytes(4, "little") + data[8:] + PIECE
    place = 4 + int.from_bytes(data[4:6]) if data[2:4] == JFIF else 2
    return data[:place] + COMMENT + data[place:]


def is_drawing(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a picture that this package has drawn."""
    try:
        status = regular(os.fspath(path))
        with open(os.open(path, OPEN_FLAGS), "rb") as file:
            begin = file.read(NEAR)
            file.seek(max(0, status.st_size - NEAR))
            return COMMENT in begin or CHUNK in begin or file.read().endswith(PIECE)
    except (BadPicture, OSError):
        return False


def mark(folder: Path) -> None:
    """Says that there are drawings in a folder."""
    with suppress(OSError), open(folder / MARK, "xb") as file:  # where it is there already, too
        file.write(ABOUT)


def is_marked(folder: str | os.PathLike[str]) -> bool:
    return os.path.lexists(os.path.join(folder, MARK))
