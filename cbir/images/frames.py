"""Whether a file has more than the one frame, or page, that is decoded of it."""

import struct

from cbir.images.header import Header


def has_more_frames(data: bytes, header: Header) -> bool:
    """Animations, and documents of several pages. As far as the file itself can be believed."""
    try:
        match header.format:
            case "GIF":
                return _gif(data)
            case "PNG":
                return _png(data)
            case "TIFF":
                return _tiff(data)
            case "WebP":
                return data[12:16] == b"VP8X" and bool(data[20] & 0x02)
            case "AVIF" | "HEIC":
                brands = data[8 : struct.unpack_from(">I", data)[0]]
                return b"avis" in brands or b"hevc" in brands or b"msf1" in brands
        return False
    except (struct.error, IndexError):
        return False


def _gif(data: bytes) -> bool:
    """Whether a second image descriptor comes."""
    at, images = 13 + _colours(data[10]), 0
    while data[at] != 0x3B:
        if data[at] == 0x2C:
            images += 1
            if images > 1:
                return True
            at += 10 + _colours(data[at + 9]) + 1
        else:
            at += 2
        while data[at]:  # blocks of so many bytes
            at += 1 + data[at]
        at += 1
    return False


def _colours(flags: int) -> int:
    """Bytes of a table of colours."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _png(data: bytes) -> bool:
    at = 8
    while (kind := data[at + 4 : at + 8]) not in (b"IDAT", b""):
        if kind == b"acTL":
            return bool(struct.unpack_from(">I", data, at + 8)[0] > 1)
        at += 12 + struct.unpack_from(">I", data, at)[0]
    return False


def _tiff(data: bytes) -> bool:
    """Whether the first page says where a second one is."""
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    word, count_code, entry = ("Q", "Q", 20) if big else ("I", "H", 12)
    at = struct.unpack_from(order + word, data, 8 if big else 4)[0]
    count = struct.unpack_from(order + count_code, data, at)[0]
    at += struct.calcsize(order + count_code) + count * entry
    return bool(struct.unpack_from(order + word, data, at)[0])
