"""The few tags of a TIFF's first page that matter before decoding."""

import struct
from typing import NamedTuple

from cbir.errors import BadPicture

WIDTH, HEIGHT, BITS, SAMPLES, EXTRA_SAMPLES, SAMPLE_FORMAT = 256, 257, 258, 277, 338, 339
FLOATING_POINT = 3
MULTIPLIED, APART = 1, 2
SIZES = {1: "B", 3: "H", 4: "I", 16: "Q"}  # TIFF field type -> struct code


class Page(NamedTuple):
    width: int
    height: int
    alpha: bool
    multiplied: bool


def read(data: bytes) -> Page:
    """Size and alpha of the first page, of classic TIFF and BigTIFF in both byte orders."""
    tags = _tags(data)
    if tags.get(SAMPLE_FORMAT) == FLOATING_POINT:
        raise BadPicture("a floating-point TIFF; save it with 8 or 16 bits a channel")
    extra = tags.get(EXTRA_SAMPLES, 0)
    alpha = extra in (MULTIPLIED, APART)
    if alpha and tags.get(SAMPLES) == 2:
        raise BadPicture("grey with alpha, which can't be decoded in a TIFF; save it as PNG")
    # OpenCV multiplies alpha into 8-bit colours itself, and leaves 16-bit ones as they are.
    multiplied = alpha and not (extra == APART and tags.get(BITS) == 16)
    return Page(tags[WIDTH], tags[HEIGHT], alpha, multiplied)


def _tags(data: bytes) -> dict[int, int]:
    """The first value of each whole-number tag."""
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    word, count_code, entry, inline = ("Q", "Q", 20, 8) if big else ("I", "H", 12, 4)
    at = struct.unpack_from(order + word, data, 8 if big else 4)[0]
    count = struct.unpack_from(order + count_code, data, at)[0]
    at += struct.calcsize(order + count_code)
    tags = {}
    for start in range(at, at + min(count, 4096) * entry, entry):
        tag, kind, values = struct.unpack_from(order + "HH" + word, data, start)
        if kind not in SIZES or not values or tag in tags:  # of two, libtiff takes the first
            continue
        code = order + SIZES[kind]
        where = start + entry - inline
        if values * struct.calcsize(code) > inline:
            where = struct.unpack_from(order + word, data, where)[0]
        tags[tag] = struct.unpack_from(code, data, where)[0]
    if WIDTH not in tags or HEIGHT not in tags:
        raise ValueError("a TIFF without a size")
    return tags
