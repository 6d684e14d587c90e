"""Size and rotation of an AVIF or HEIC still, from the boxes of its container.

OpenCV never turns an AVIF. Its orientation is not in EXIF but in two properties of the primary
item, `irot` (quarter turns, counter-clockwise) and `imir` (a mirror), applied in that order.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from cbir.errors import BadPicture

Box = tuple[bytes, int, int]  # kind, start and end of its content

# (quarter turns counter-clockwise, mirror axis or None) -> the EXIF orientation that undoes it.
# Axis 0 exchanges top and bottom, axis 1 left and right.
ORIENTATIONS = {
    (0, None): 1,
    (0, 1): 2,
    (2, None): 3,
    (0, 0): 4,
    (1, 0): 5,
    (3, None): 6,
    (3, 0): 7,
    (1, None): 8,
    (2, 0): 2,
    (2, 1): 4,
    (1, 1): 7,
    (3, 1): 5,
}


class Still(NamedTuple):
    format: str
    width: int
    height: int
    alpha: bool
    turn: int | None
    bits: int


def read_still(data: bytes) -> Still:
    """The primary picture of a container; the size is the largest that any item declares."""
    kind = _format(data)
    properties: list[Box] = []
    links: dict[int, list[int]] = {}
    primary = 0
    for name, start, end in _descend(data):
        if name == b"pitm":
            wide = data[start] > 0
            primary = struct.unpack_from(">I" if wide else ">H", data, start + 4)[0]
        elif name == b"ipco":
            properties = list(_boxes(data, start, end))
        elif name == b"ipma":
            links.update(_associations(data[start:end]))
    # A grid's tiles are smaller than the whole, a thumbnail smaller than the picture: the
    # largest declared size is what a decoder may be asked for.
    sizes = [
        struct.unpack_from(">II", data, start + 4)
        for name, start, _ in properties
        if name == b"ispe"
    ]
    if not sizes:
        raise BadPicture(f"its {kind} header holds no size")
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    own = [properties[i - 1] for i in links.get(primary, []) if 0 < i <= len(properties)]
    turns = {name: data[start] for name, start, _ in own if name in (b"irot", b"imir")}
    turn = None
    if turns:
        mirror = turns[b"imir"] & 1 if b"imir" in turns else None
        turn = ORIENTATIONS[turns.get(b"irot", 0) & 3, mirror]
    alpha = any(name == b"auxC" and b"alpha" in data[at:end] for name, at, end in properties)
    return Still(kind, width, height, alpha, turn, _bits(data, properties))


def _bits(data: bytes, properties: list[Box]) -> int:
    """8, 10 or 12: the depth of an AVIF's pixels."""
    for name, start, _ in properties:
        if name == b"av1C":
            high, twelve = data[start + 2] & 0x40, data[start + 2] & 0x20
            return (12 if twelve else 10) if high else 8
    return 8


def _format(data: bytes) -> str:
    size = struct.unpack_from(">I", data)[0]
    brands = {data[8:12]} | {data[i : i + 4] for i in range(16, min(size, 256), 4)}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    if brands & {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}:
        return "HEIC"
    raise BadPicture("not a picture that can be read: a video or an unknown container")


def _boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, start + 8)[0], 16
        stop = end if size == 0 else start + size
        if (size != 0 and size < head) or stop > end:
            return  # damaged: what was read so far must do
        yield kind, start + head, stop
        start = stop


def _descend(data: bytes) -> Iterator[Box]:
    """The boxes inside `meta`, and inside `iprp` within it."""
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind != b"meta":
            continue
        for inner in _boxes(data, start + 4, end):
            yield inner
            if inner[0] == b"iprp":
                yield from _boxes(data, inner[1], inner[2])


def _associations(box: bytes) -> Iterator[tuple[int, list[int]]]:
    """Item -> numbers of its properties (from 1), out of an `ipma` box."""
    version, flags = box[0], box[3]
    count = struct.unpack_from(">I", box, 4)[0]
    at = 8
    for _ in range(min(count, 4096)):
        item = struct.unpack_from(">H" if version < 1 else ">I", box, at)[0]
        at += 2 if version < 1 else 4
        number, at = box[at], at + 1
        if flags & 1:
            found = [v & 0x7FFF for v in struct.unpack_from(f">{number}H", box, at)]
            at += 2 * number
        else:
            found = [v & 0x7F for v in box[at : at + number]]
            at += number
        yield item, found
