"""What a server sends: read within limits, unpacked within them too, and looked at."""

import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping

from cbir.downloads.trouble import Again
from cbir.errors import BadPicture

Room = Callable[[int], None]
"""Asked before so many bytes more are kept; it may wait until there is room."""

GRANTED = 4 << 20
"""Bytes that nobody is asked for: nearly all pictures have fewer."""

PIECE = 1 << 20
MAYBE_GZIP = 32 + zlib.MAX_WBITS
TYPE = re.compile(r"[\w.+-]{1,40}/[\w.+-]{1,60}", re.ASCII)
TEXTUAL = re.compile(r"^text/|html|xml|json|javascript")
CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
PLAIN_PIXELS = re.compile(rb"P[1-7]\s")  # the formats that begin with text


def read_body(
    parts: Iterable[bytes], headers: Mapping[str, str], largest: int, room: Room
) -> bytes:
    """The whole body; BadPicture if it is larger than `largest`, on the way or unpacked."""
    data, granted = bytearray(), GRANTED
    length = headers.get("content-length", "")
    if length.isascii() and length.isdigit() and len(length) < 20:
        if int(length) > largest:
            raise _too_large(largest)
        if int(length) > granted:
            room(int(length) - granted)
            granted = int(length)
    for piece in _unpacked(_limited(parts, largest), headers.get("content-encoding", "")):
        if len(data) + len(piece) > largest:
            raise _too_large(largest)
        if len(data) + len(piece) > granted:
            more = max(granted, len(data) + len(piece) - granted)
            room(more)
            granted += more
        data += piece
    return bytes(data)


def no_picture(data: bytes, said: str) -> str | None:
    """Why these bytes are no picture, as far as that shows at once; None if they may be one.

    Judged by the bytes: what servers say of the type may be wrong either way.
    """
    if not data:
        return "the server sent nothing"
    start = data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not _is_text(start):
        return None
    found = TYPE.match(said.strip().lower())
    kind = found[0] if found and TEXTUAL.search(found[0]) else ""
    low = start.lower()
    if b"<svg" in low:
        return "the server sent a drawing (image/svg+xml), which can't be read as a picture"
    if low.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) or "html" in kind:
        return f"the server sent a web page ({kind or 'text/html'}), not a picture"
    return f"the server sent text ({kind or 'text/plain'}), not a picture"


def _is_text(start: bytes) -> bool:
    if CONTROLS.search(start) or PLAIN_PIXELS.match(start):
        return False
    if start.startswith(b"<"):
        return True
    try:
        start.decode()
    except UnicodeDecodeError as error:  # the last letter may be cut in two
        return error.start > 0 and error.start >= len(start) - 3
    return True


def _limited(parts: Iterable[bytes], largest: int) -> Iterator[bytes]:
    size = 0
    for part in parts:
        size += len(part)
        if size > largest:
            raise _too_large(largest)
        yield part


def _unpacked(parts: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Nothing packed was asked for; what comes packed nevertheless is unpacked piece by piece."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        yield from parts
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise BadPicture("the server sent it packed in a way that was not asked for")
    packer = zlib.decompressobj(MAYBE_GZIP)
    for part in parts:
        while part:
            if packer.eof:  # packed files may follow one another
                packer = zlib.decompressobj(MAYBE_GZIP)
            try:
                yield packer.decompress(part, PIECE)
            except zlib.error as error:
                raise BadPicture("what the server sent can't be unpacked") from error
            part = packer.unused_data if packer.eof else packer.unconsumed_tail
    while not packer.eof:
        if not (rest := packer.decompress(b"", PIECE)):
            raise Again("it came only in part")
        yield rest


def _too_large(largest: int) -> BadPicture:
    return BadPicture(f"it is larger than {largest >> 20} MB, the most that is downloaded")
