"""Headers: whatever the bytes, a Header or BadPicture, soon; and the limit on pixels."""

import json
import struct
import subprocess
import sys
import time
import zlib
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from cbir.errors import BadPicture
from cbir.images import MAX_PIXELS, Header, decode, read_header
from tests.conftest import ROOT, encoded, picture
from tests.test_images import chunk, opencv_has_avif, saved

SOON = 2.0  # seconds; a header takes microseconds, and this machine may be busy

KINDS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "JPEG2000", "PPM", "PAM"]
MAGICS = [
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"RIFF\0\0\0\0WEBPVP8X",
    b"RIFF\0\0\0\0WEBPVP8L",
    b"RIFF\0\0\0\0WEBPVP8 ",
    b"GIF89a",
    b"BM",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",
    b"\0\0\0\x18ftypavif",
    b"\0\0\0\x18ftypheic",
    b"\0\0\0\x0cjP  ",
    b"\xff\x4f\xff\x51",
    *(b"P%d\n" % number for number in range(1, 8)),
]


@cache
def sample(kind: str) -> bytes:
    """A small real file of a format."""
    if kind == "PAM":
        return b"P7\nWIDTH 4\nHEIGHT 3\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" + bytes(36)
    image = Pillow.fromarray(picture(0, 24, 18))
    exif = Pillow.Exif()
    exif[0x0112] = 6
    return saved(image, kind, **({} if kind in ("GIF", "BMP", "PPM") else {"exif": exif}))


def header_or_reason(data: bytes) -> Header | str:
    """What read_header makes of the bytes; any other exception, or a wait, fails the test."""
    started = time.monotonic()
    try:
        header: Header | str = read_header(data)
    except BadPicture as error:
        header = str(error)
    assert time.monotonic() - started < SOON
    if isinstance(header, Header):
        assert min(header.width, header.height) > 0
    else:
        assert header
        assert "\n" not in header
    return header


# --- any bytes


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    header_or_reason(data)


@settings(deadline=None, max_examples=400)
@given(st.sampled_from(MAGICS), st.binary(max_size=300))
def test_any_bytes_behind_the_first_ones_of_a_format(magic: bytes, data: bytes) -> None:
    header_or_reason(magic + data)


@pytest.mark.parametrize("kind", KINDS)
def test_every_cut(kind: str) -> None:
    data = sample(kind)
    for end in range(min(len(data), 1200)):
        header_or_reason(data[:end])


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_changed_files(kind: str, data: st.DataObject) -> None:
    """Some bytes exchanged, removed or put in, near the beginning, where headers are."""
    changed = bytearray(sample(kind))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, min(len(changed), 400)))
        length = data.draw(st.sampled_from([0, 1, 2, 4, 8]))
        extreme = data.draw(st.sampled_from([b"\0", b"\xff", b"\x7f", b"\x80"])) * length
        changed[at : at + length] = data.draw(st.just(extreme) | st.binary(max_size=8))
    header_or_reason(bytes(changed))


@settings(deadline=None)
@given(st.lists(st.sampled_from(["WIDTH 4", "HEIGHT 3", "DEPTH 3", "DEPTH", "WIDTH x", "# 1"])))
def test_any_lines_in_a_pam_header(lines: list[str]) -> None:
    header_or_reason("\n".join(["P7", *lines, "ENDHDR", ""]).encode())


NUMBERS = st.sampled_from([0, 1, 8, 16, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1])


@settings(deadline=None)
@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.sampled_from("<>"))
def test_any_numbers_in_a_large_tiff(
    start: int, count: int, values: int, where: int, order: str
) -> None:
    """BigTIFF has 64-bit offsets, which Python's own offsets can't hold."""
    magic = b"II+\0\x08\0\0\0" if order == "<" else b"MM\0+\0\x08\0\0"
    tag = struct.pack(order + "HHQQ", 256, 16, values, where)
    header_or_reason(magic + struct.pack(order + "QQ", start, count) + tag + bytes(40))


def box(kind: bytes, content: bytes) -> bytes:
    """A box of an AVIF's or HEIC's container."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


FTYP = box(b"ftyp", b"avif\0\0\0\0avifmif1")
LEAVES = st.builds(
    box, st.sampled_from([b"pitm", b"ispe", b"irot", b"imir", b"ipma"]), st.binary(max_size=24)
)
PARENTS = st.builds(
    lambda kind, boxes: box(kind, b"".join(boxes)),
    st.sampled_from([b"iprp", b"ipco", b"meta"]),
    st.lists(LEAVES, max_size=5),
)


@settings(deadline=None)
@given(st.lists(LEAVES | PARENTS, max_size=6))
def test_any_boxes(boxes: list[bytes]) -> None:
    properties = box(b"iprp", box(b"ipco", b"".join(boxes)) + b"".join(boxes))
    header_or_reason(FTYP + box(b"meta", bytes(4) + properties + b"".join(boxes)))


CROWDS = {
    "associations": FTYP + box(b"meta", bytes(4) + box(b"ipma", b"") * 1_500 + bytes(100_000)),
    "associations inside": FTYP
    + box(
        b"meta",
        bytes(4) + box(b"iprp", box(b"ipma", bytes(4) + b"\xff" * 4)) * 1_500 + bytes(100_000),
    ),
    "sizes": FTYP
    + box(
        b"meta",
        bytes(4) + box(b"iprp", box(b"ipco", box(b"ispe", bytes(4) + b"\0\0\0\1" * 2) * 20_000)),
    ),
    "png chunks": b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\2\0\0\0") * 9_000,
    "jpeg segments": b"\xff\xd8" + b"\xff\xe0\0\2" * 50_000,
    "jpeg fill bytes": b"\xff\xd8" + b"\xff" * 300_000,
    "tiff tags": b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 256, 4, 1, 1) * 20_000,
    "pnm comment": b"P6\n#" + b"#" * 300_000,
}


@pytest.mark.parametrize("data", CROWDS.values(), ids=CROWDS.keys())
def test_a_crowded_header_takes_no_time(data: bytes) -> None:
    """A hundred kilobytes from a stranger must not keep a run busy."""
    header_or_reason(data)


# --- the right size

SIDES = st.integers(1, 90)


@pytest.mark.parametrize(
    "suffix",
    [".jpg", ".png", ".webp", ".gif", ".bmp", ".tiff", ".jp2", ".ppm", ".pam", ".avif"],
)
@settings(max_examples=15, deadline=None)
@given(width=SIDES, height=SIDES)
def test_the_size_is_the_encoder_s(suffix: str, width: int, height: int) -> None:
    if suffix == ".jp2":  # OpenCV writes no smaller ones
        width, height = width + 32, height + 32
    if suffix == ".avif" and not opencv_has_avif():
        pytest.skip("this OpenCV writes no AVIF")
    data = encoded(np.full((height, width, 3), 99, np.uint8), suffix)
    header = read_header(data)
    assert (header.width, header.height) == (width, height)
    assert header.pixels == width * height
    assert header.short_side == min(width, height)
    assert decode(data).shape == (height, width, 3)


@settings(max_examples=8, deadline=None)
@given(width=SIDES, height=SIDES)
def test_the_size_of_a_heic_covers_the_encoder_s(width: int, height: int) -> None:
    """HEVC is coded in blocks; the header's size may include what is cropped at the edges."""
    data = saved(Pillow.fromarray(np.full((height, width, 3), 99, np.uint8)), "HEIF")
    header = read_header(data)
    assert header.format == "HEIC"
    assert width <= header.width < width + 64
    assert height <= header.height < height + 64
    assert decode(data).shape == (height, width, 3)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("lossless", [True, False])
@settings(max_examples=10, deadline=None)
@given(width=SIDES, height=SIDES)
def test_the_size_of_every_webp(mode: str, lossless: bool, width: int, height: int) -> None:
    image = Pillow.new(mode, (width, height), (9, 99, 199, 99)[: len(mode)])
    header = read_header(saved(image, "WEBP", lossless=lossless))
    assert header == Header("WebP", width, height, alpha=mode == "RGBA")


@pytest.mark.parametrize("size", [(300, 200), (70_000, 3), (3, 65_000)])
def test_large_sizes(size: tuple[int, int]) -> None:
    """More than a byte holds, and more than two."""
    image = Pillow.new("L", size)
    for kind in ("PNG", "TIFF", "BMP", "PPM") if max(size) > 65_500 else ("PNG", "JPEG", "GIF"):
        header = read_header(saved(image, kind))
        assert (header.width, header.height) == size


@pytest.mark.parametrize("kind", KINDS)
def test_formats_are_named(kind: str) -> None:
    names = {"WEBP": "WebP", "HEIF": "HEIC", "JPEG2000": "JPEG 2000", "PPM": "PNM"}
    assert read_header(sample(kind)).format == names.get(kind, kind)


@pytest.mark.parametrize(
    ("mode", "kind", "alpha"),
    [
        ("RGB", "PNG", False),
        ("RGBA", "PNG", True),
        ("LA", "PNG", True),
        ("RGB", "TIFF", False),
        ("RGBA", "TIFF", True),
        ("RGB", "JPEG2000", False),
        ("RGBA", "JPEG2000", True),
    ],
)
def test_alpha_is_known_before_decoding(mode: str, kind: str, alpha: bool) -> None:
    assert read_header(saved(Pillow.new(mode, (9, 9)), kind)).alpha is alpha


def test_a_jpeg_with_fill_bytes_between_its_segments() -> None:
    data = encoded(picture(0))
    header = read_header(data[:2] + b"\xff\xff\xff" + data[2:])
    assert (header.width, header.height) == (160, 120)


def test_a_bmp_stored_from_the_top_and_one_of_the_oldest_kind() -> None:
    down = bytearray(encoded(picture(0, 24, 18), ".bmp"))
    struct.pack_into("<i", down, 22, -18)
    assert read_header(bytes(down)).height == 18
    old = b"BM" + bytes(12) + struct.pack("<IHHHH", 12, 24, 18, 1, 24)
    assert (read_header(old).width, read_header(old).height) == (24, 18)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"hello, world\n", "text"),
        ("žluťoučký kůň\n".encode(), "text"),
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b"\xef\xbb\xbf\n <html>", "HTML"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04\x14", "ZIP"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\0\0\1\0\1\0", "icon"),
        (b"\xff\x0a\xfa\x7f", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video"),
        (bytes(100), "unknown format"),
        (b"\x89PNG\r\n\x1a\n", "header is truncated or damaged"),
        (b"\xff\xd8\xff\xe0", "header is truncated or damaged"),
        (b"P6\n0 5\n255\n", "0×5"),
    ],
)
def test_the_reason_says_what_it_is_instead(data: bytes, words: str) -> None:
    with pytest.raises(BadPicture, match=words):
        decode(data)


# --- the limit on pixels


def huge_png(side: int = 30_000) -> bytes:
    """A valid PNG of many pixels in few bytes: 1 bit each, all zero, compressed twice as it were.

    The rows are compressed in pieces, each a full flush, so that one piece can be repeated.
    """
    compressor = zlib.compressobj(9)
    row = bytes(1 + -(-side // 8))
    rows = compressor.compress(row * 100) + compressor.flush(zlib.Z_FULL_FLUSH)
    more = compressor.compress(row * 100) + compressor.flush(zlib.Z_FULL_FLUSH)
    pixels = rows + more * (side // 100 - 1)  # no checksum at the end: nobody gets there
    ihdr = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", ihdr) + chunk(b"IDAT", pixels)


def test_a_crafted_picture_is_refused_by_its_header() -> None:
    data = huge_png()
    assert len(data) < 500_000
    with pytest.raises(BadPicture) as caught:
        decode(data)
    assert str(caught.value) == (
        "30000×30000 is 900.0 megapixels, over the limit of 200 (--max-megapixels raises it)"
    )


MEASURE = """
import json, resource, sys, time
from cbir.errors import BadPicture
from cbir.images import decode
data = sys.stdin.buffer.read()
before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
try:
    decode(data, 64)
except BadPicture as error:
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps([grown, time.monotonic() - started, str(error)]))
"""


def test_refusing_a_crafted_picture_takes_no_memory_and_no_time() -> None:
    """Measured in a process of its own: what other tests took would hide it."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], input=huge_png(), capture_output=True, cwd=ROOT, check=True
    )
    kilobytes, seconds, reason = json.loads(done.stdout)
    assert "megapixels" in reason
    assert kilobytes < 20_000, "the pixels alone would be 2.7 million"
    assert seconds < 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_the_limit_holds_for_every_format(kind: str) -> None:
    data = sample(kind)
    pixels = read_header(data).pixels
    assert decode(data, max_pixels=pixels).size
    with pytest.raises(BadPicture, match="megapixels, over the limit"):
        decode(data, max_pixels=pixels - 1)
    with pytest.raises(BadPicture, match="megapixels, over the limit"):
        decode(data, 1, max_pixels=pixels - 1)  # reduction does not talk its way past it


def test_the_default_limit_is_200_megapixels() -> None:
    assert MAX_PIXELS == 200_000_000


def test_opencv_s_own_limit_is_named() -> None:
    ihdr = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", ihdr) + chunk(b"IDAT", zlib.compress(bytes(99)))
    with pytest.raises(BadPicture, match=r"40000×40000 is over OpenCV's own limit of 2\^30"):
        decode(data, max_pixels=1 << 40)


LIMIT = 1000
TINY = (8, 8)


def lying_jp2(data: bytes) -> bytes:
    at = data.index(b"ihdr") + 4
    return data[:at] + struct.pack(">II", *TINY) + data[at + 8 :]


def lying_gif(data: bytes) -> bytes:
    return data[:6] + struct.pack("<HH", *TINY) + data[10:]


def lying_webp(data: bytes) -> bytes:
    """An extended header in front that claims another canvas than the bitstream has."""
    canvas = b"".join((side - 1).to_bytes(3, "little") for side in TINY)
    rest = b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + canvas + data[12:]
    return b"RIFF" + struct.pack("<I", len(rest)) + rest


def lying_avif(data: bytes) -> bytes:
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", *TINY) + data[at + 8 :]


def lying_tiff(data: bytes) -> bytes:
    """Width and height twice in the first page."""
    start = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, start)[0]
    tags = data[start + 2 : start + 2 + 12 * count]
    tags += struct.pack("<HHIIHHII", 256, 4, 1, TINY[0], 257, 4, 1, TINY[1])
    page = struct.pack("<H", count + 2) + tags + bytes(4)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + page


def lying_jpeg(data: bytes) -> bytes:
    """What is no marker to libjpeg hides the true frame header; a false one is at the end."""
    body = data[2:]
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, *TINY, 1) + bytes(10)
    return data[:2] + b"\xff\x00" + struct.pack(">H", 2 + len(body)) + body + frame


LIES = {
    "jpeg": (".jpg", lying_jpeg),
    "gif": (".gif", lying_gif),
    "webp": (".webp", lying_webp),
    "avif": (".avif", lying_avif),
    "tiff": (".tiff", lying_tiff),
    "jpeg 2000": (".jp2", lying_jp2),
}


@pytest.mark.parametrize("kind", LIES)
def test_a_header_that_lies_does_not_get_past_the_limit(kind: str) -> None:
    """The size that was read here and the size that the decoder goes by must be one and the same.

    Otherwise a stranger's file asks for gigabytes after all.
    """
    if kind == "avif" and not opencv_has_avif():
        pytest.skip("this OpenCV reads no AVIF")
    suffix, lie = LIES[kind]
    data = encoded(picture(1, 640, 480), suffix, cv2.IMWRITE_JPEG_QUALITY, 60)
    crafted = lie(data)
    assert crafted != data
    try:
        image = decode(crafted, max_pixels=LIMIT)
    except BadPicture:
        return
    assert image.shape[0] * image.shape[1] <= LIMIT, image.shape
