"""Drawings of our own, which a walk passes over: they are no pictures of a data set.

Each JPEG that this package draws says so in a comment, and a folder of results has a mark. Only
in such folders is anything looked into, so that walks elsewhere take no longer; and whatever else
lies there is a picture like others.
"""

import os
from contextlib import suppress
from pathlib import Path

from cbir.errors import BadPicture
from cbir.files import OPEN_FLAGS, regular

MARK = ".cbir-results"
ABOUT = b"Drawings that cbir has left here are passed over when it walks through a data set.\n"
WORDS = b"drawn by cbir"
COMMENT = b"\xff\xfe" + (2 + len(WORDS)).to_bytes(2) + WORDS
JFIF = b"\xff\xe0"
BEGIN = 64


def signed(jpeg: bytes) -> bytes:
    """An encoded JPEG with the comment, which stands behind the JFIF segment if there is one."""
    place = 4 + int.from_bytes(jpeg[4:6]) if jpeg[2:4] == JFIF else 2
    return jpeg[:place] + COMMENT + jpeg[place:]


def is_drawing(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a JPEG that this package has drawn."""
    try:
        regular(os.fspath(path))
        with open(os.open(path, OPEN_FLAGS), "rb") as file:
            return COMMENT in file.read(BEGIN)
    except (BadPicture, OSError):
        return False


def mark(folder: Path) -> None:
    """Says that there are drawings in a folder."""
    with suppress(OSError), open(folder / MARK, "xb") as file:  # where it is there already, too
        file.write(ABOUT)


def is_marked(folder: str | os.PathLike[str]) -> bool:
    return os.path.lexists(os.path.join(folder, MARK))
