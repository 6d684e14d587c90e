"""A file of named arrays, to be mapped into memory, and a JSON footer that says where they are.

Each section has a CRC-32, and so has the footer; behind it stand that and its length, and a mark.
"""

import json
import struct
import zlib
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

MARK = b"cbir-vectors-3\n\0"
TAIL = struct.Struct("<QQ")
ALIGNMENT = 64
TYPES = {"blocks": "<f4", "sums": "<f8", "squares": "<f8", "ends": "<u8", "keys": "|u1"}


class SectionWriter:
    """Writes sections one after the other, each in one or more parts, aligned."""

    def __init__(self, file: IO[bytes]):
        self.file = file
        self.at = 0
        self.sections: dict[str, list[int]] = {}

    def add(self, name: str, part: NDArray[Any]) -> None:
        raw = np.ascontiguousarray(part, TYPES[name]).data.cast("B") if part.size else b""
        if name not in self.sections:
            self._write(bytes(-self.at % ALIGNMENT))
            self.sections[name] = [self.at, 0, 0]
        section = self.sections[name]
        self._write(raw)
        section[1] += len(raw)
        section[2] = zlib.crc32(raw, section[2])

    def finish(self, fields: dict[str, Any]) -> None:
        for name in TYPES:
            self.add(name, np.zeros(0))
        footer = json.dumps(fields | {"sections": self.sections}, sort_keys=True).encode()
        self._write(footer + TAIL.pack(zlib.crc32(footer), len(footer)) + MARK)

    def _write(self, raw: bytes | memoryview) -> None:
        self.file.write(raw)
        self.at += len(raw)


def read_footer(data: NDArray[np.uint8]) -> dict[str, Any]:
    """The footer of a file's bytes; ValueError or RecursionError if there is no sound one."""
    tail = data[-(TAIL.size + len(MARK)) :].tobytes()
    if tail[TAIL.size :] != MARK:
        raise ValueError("no mark")
    crc, length = TAIL.unpack_from(tail)
    end = len(data) - len(tail)
    text = data[max(end - length, 0) : end].tobytes()
    if len(text) != length or zlib.crc32(text) != crc:
        raise ValueError("the footer is damaged")
    footer = json.loads(text)
    if not isinstance(footer, dict):
        raise ValueError("the footer is not an object")
    return footer


def section(data: NDArray[np.uint8], footer: dict[str, Any], name: str) -> NDArray[Any]:
    """The array of this name; ValueError, TypeError or LookupError if the footer lies."""
    start, length, _ = footer["sections"][name]
    if not 0 <= start <= start + length <= len(data):
        raise ValueError("a section does not fit")
    return data[start : start + length].view(TYPES[name])


def damaged(data: NDArray[np.uint8], footer: dict[str, Any]) -> list[str]:
    """The names of sections whose checksum is wrong."""
    return [
        name
        for name, (start, length, crc) in footer["sections"].items()
        if zlib.crc32(data[start : start + length].data) != crc
    ]
