"""Format and size of a picture from its first bytes, before anything is decoded.

A crafted 48-kB file can ask a decoder for gigabytes, so the size must be known first. Reading it
here costs under a microsecond a file; a general library's open costs twenty times that.
"""

import struct
from dataclasses import dataclass

from cbir.errors import BadPicture
from cbir.images import boxes, pam, tiff

NO_GREY_ALPHA = "grey with alpha, which can't be decoded in this format; save it as PNG"

U16, U32 = struct.Struct(">H"), struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class Header:
    """What a picture says of itself. `exif` is False only where there is none for sure.

    `turn` is the orientation that an AVIF's or HEIC's container asks for, in EXIF's numbers;
    None where the container asks for none, so that EXIF itself has the word. `bits`: what a
    channel has of the 16 that it is decoded to; `multiplied`: alpha is in the colours already.
    """

    format: str
    width: int
    height: int
    alpha: bool = False
    progressive: bool = False
    exif: bool = True
    turn: int | None = None
    bits: int = 16
    multiplied: bool = False

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def short_side(self) -> int:
        return min(self.width, self.height)


def read_header(data: bytes) -> Header:
    """The header of one encoded picture; BadPicture with the reason if it is none."""
    if not data:
        raise BadPicture("the file is empty")
    try:
        header = _dispatch(data)
    except (struct.error, LookupError, ValueError, OverflowError) as error:
        raise BadPicture("its header is truncated or damaged") from error
    if header.width < 1 or header.height < 1:
        raise BadPicture(f"its header says {header.width}×{header.height} pixels")
    return header


def _dispatch(data: bytes) -> Header:
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data[:6] in (b"GIF87a", b"GIF89a"):
        width, height = struct.unpack_from("<HH", data, 6)
        return Header("GIF", width, height, alpha=True)
    if data[:2] == b"BM":
        return _bmp(data)
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        found = tiff.read(data)
        return Header("TIFF", *found[:3], multiplied=found.multiplied)
    if data[4:8] == b"ftyp":
        still = boxes.read_still(data)
        return Header(*still[:4], turn=still.turn, bits=still.bits)
    if data.startswith(b"\0\0\0\x0cjP  ") or data.startswith(b"\xff\x4f\xff\x51"):
        return _jpeg2000(data)
    if data[:1] == b"P" and data[1:2] in b"1234567" and data[2:3].isspace():
        return _netpbm(data)
    raise BadPicture(f"not a picture that can be read: {_guess(data)}")


def _jpeg(data: bytes) -> Header:
    at = 2
    exif = progressive = False
    width = height = 0
    while True:
        while data[at] == 0xFF and data[at + 1] == 0xFF:
            at += 1  # fill bytes may precede a marker
        if data[at] != 0xFF:
            raise ValueError("no marker where one must be")
        marker = data[at + 1]
        if marker == 0xDA and width:  # pixels follow; EXIF may stand anywhere before them
            return Header("JPEG", width, height, progressive=progressive, exif=exif)
        # SOF0-15 hold the size; C4, C8 and CC in that range are other things.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            progressive = marker in (0xC2, 0xC6, 0xCA, 0xCE)
        elif marker < 0xC0 and marker != 0x01:
            # libjpeg would skip this as rubbish, and find another size than we would.
            raise ValueError("no marker where one must be")
        exif = exif or marker == 0xE1
        alone = marker == 0x01 or 0xD0 <= marker <= 0xD8
        at += 2 if alone else 2 + U16.unpack_from(data, at + 2)[0]


def _png(data: bytes) -> Header:
    width, height = struct.unpack_from(">II", data, 16)
    alpha = data[25] in (4, 6)
    at = 33
    while not alpha and at + 8 <= len(data):
        kind = data[at + 4 : at + 8]
        if kind == b"IDAT":
            break
        alpha = kind == b"tRNS"
        at += 12 + U32.unpack_from(data, at)[0]
    return Header("PNG", width, height, alpha=alpha)


def _webp(data: bytes) -> Header:
    kind = data[12:16]
    if kind == b"VP8X":
        width = 1 + int.from_bytes(data[24:27], "little")
        height = 1 + int.from_bytes(data[27:30], "little")
        return Header("WebP", width, height, alpha=bool(data[20] & 0x10))
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        alpha = bool(bits >> 28 & 1)
        return Header("WebP", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), alpha=alpha)
    width, height = struct.unpack_from("<HH", data, 26)
    return Header("WebP", width & 0x3FFF, height & 0x3FFF)


def _bmp(data: bytes) -> Header:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return Header("BMP", abs(width), abs(height))


def _jpeg2000(data: bytes) -> Header:
    if data[:2] == b"\xff\x4f":
        right, bottom, left, top = struct.unpack_from(">IIII", data, 8)
        return Header("JPEG 2000", right - left, bottom - top)
    at = data.find(b"ihdr", 0, 4096)
    if at < 0:
        raise ValueError("no ihdr box")
    height, width, channels = struct.unpack_from(">IIH", data, at + 4)
    if channels == 2:
        raise BadPicture(NO_GREY_ALPHA)
    return Header("JPEG 2000", width, height, alpha=channels in (2, 4))


def _netpbm(data: bytes) -> Header:
    if data[1:2] == b"7":
        plan = pam.read_plan(data)
        return Header("PAM", plan.width, plan.height, alpha=plan.alpha)
    wanted = 2 if data[1:2] in b"14" else 3  # bitmaps have no largest value
    words: list[bytes] = []
    for line in data[2:4096].splitlines():
        words += line.split(b"#")[0].split()
        if len(words) >= wanted:
            break
    if wanted == 3 and int(words[2]) not in (255, 65535):
        # OpenCV would take the values as they are, and the picture would be nearly black.
        raise BadPicture(f"a PNM whose values end at {int(words[2])}; save it with 8 or 16 bits")
    return Header("PNM", int(words[0]), int(words[1]))


def _guess(data: bytes) -> str:
    """A word for what the bytes look like instead."""
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    known = {
        b"<!doctype html": "HTML",
        b"<html": "HTML",
        b"<svg": "SVG",
        b"<?xml": "XML",
        b"%pdf": "PDF",
        b"pk\x03\x04": "a ZIP archive",
        b"\x1f\x8b": "a gzip archive",
        b"\0\0\x01\0": "an icon (ICO)",
        b"\xff\x0a": "JPEG XL",
        b"\0\0\0\x0cjxl ": "JPEG XL",
        b"8bps": "a Photoshop file",
        b"version https://git-lfs": "a Git LFS pointer; run 'git lfs pull'",
    }
    for magic, name in known.items():
        if start.startswith(magic):
            return name
    if b"\0" not in data[:512]:
        try:
            data[:512].decode("utf-8", "strict" if len(data) < 512 else "ignore")
        except UnicodeDecodeError:
            return "an unknown format"
        if all(byte >= 32 or byte in b"\t\r\n\f\x1b" for byte in data[:512]):
            return "text"
    return "an unknown format"
