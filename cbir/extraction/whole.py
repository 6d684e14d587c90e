"""Whether a picture is all there: formats that say where they end must end so."""

from cbir.errors import BadPicture
from cbir.files import read_regular, regular
from cbir.images import read_header

TAIL = 4096
"""Bytes in which an end marker is looked for: some programs write something behind it."""

ENDS = (
    (b"\xff\xd8\xff", b"\xff\xd9"),
    (b"\x89PNG\r\n\x1a\n", b"IEND"),
)


def check_whole(data: bytes) -> str:
    """A picture's format, as the decoder has it; BadPicture for what is none, or not all of one."""
    header = read_header(data)
    if not _ends(data[:16], data[-TAIL:], len(data)):
        raise BadPicture(f"a {header.format} that came only in part")
    return header.format


def is_whole_file(path: str) -> bool:
    """The same of a file. Only its two ends are read where that will do: there are many."""
    try:
        size = regular(path).st_size
        with open(path, "rb") as file:
            head = file.read(16)
            file.seek(max(0, size - TAIL))
            tail = file.read(TAIL)
        if not _says_where_it_ends(head):
            check_whole(read_regular(path))
        return _ends(head, tail, size)
    except (BadPicture, OSError):
        return False


def _says_where_it_ends(head: bytes) -> bool:
    return _is_webp(head) or any(head.startswith(begin) for begin, _ in ENDS)


def _ends(head: bytes, tail: bytes, size: int) -> bool:
    if _is_webp(head):
        return size >= 8 + int.from_bytes(head[4:8], "little")
    return all(end in tail for begin, end in ENDS if head.startswith(begin))


def _is_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"
