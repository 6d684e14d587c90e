"""Decoding: upright, alpha on white, first frame, every kind of pixel, reduced, cut files."""

import io
import struct
import zlib
from functools import cache
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import features

from cbir.errors import BadPicture
from cbir.images import decode, read_header, reduction
from tests.conftest import encoded, picture

WIDTH, HEIGHT = 120, 80  # both divide by 8, so that a reduction needs no rounding
COLOURS = [[(220, 30, 30), (30, 200, 40)], [(40, 50, 220), (230, 220, 40)]]
TURNS = {  # EXIF orientation -> what turns an upright picture into the one that is stored
    1: None,
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_90,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_270,
}


def saved(image: Pillow.Image, kind: str, **options: Any) -> bytes:
    """A Pillow image as a file's bytes; skips where this machine can't write or read the kind."""
    if kind == "HEIF":
        pytest.importorskip("pillow_heif").register_heif_opener()
    if kind == "AVIF" and not (features.check("avif") and opencv_has_avif()):
        pytest.skip("AVIF is missing from this OpenCV or Pillow")
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@cache
def opencv_has_avif() -> bool:
    """Whether OpenCV decodes AVIF; `haveImageReader` knows only about files with a name."""
    try:
        good, data = cv2.imencode(".avif", np.zeros((8, 8, 3), np.uint8))
        return good and cv2.imdecode(data, cv2.IMREAD_COLOR) is not None
    except cv2.error:
        return False


def quarters() -> NDArray[np.uint8]:
    """Four plain quarters, all different, so that each of the eight orientations shows."""
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    for row in (0, 1):
        for column in (0, 1):
            y, x = row * HEIGHT // 2, column * WIDTH // 2
            image[y : y + HEIGHT // 2, x : x + WIDTH // 2] = COLOURS[row][column]
    return image


def quarters_with_alpha() -> NDArray[np.uint8]:
    """The top left quarter is transparent and hides its colour; the bottom left is half so."""
    alpha = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
    alpha[: HEIGHT // 2, : WIDTH // 2] = 0
    alpha[HEIGHT // 2 :, : WIDTH // 2] = 128
    return np.concatenate([quarters(), alpha], axis=2)


def on_white(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The compositing formula in floating point, rounded to the nearest."""
    colours, alpha = rgba[..., :3].astype(float), rgba[..., 3:] / 255
    return np.floor(colours * alpha + 255 * (1 - alpha) + 0.5).astype(np.uint8)


def middles(image: NDArray[np.uint8]) -> NDArray[np.int_]:
    """The pixels amid the four quarters, which no codec's blur across an edge reaches."""
    height, width = image.shape[:2]
    return image[height // 4 :: height // 2, width // 4 :: width // 2].astype(int)


def assert_same_quarters(got: NDArray, wanted: NDArray, within: int = 0) -> None:
    assert got.dtype == np.uint8
    assert got.ndim == 3
    assert got.shape[2] == 3
    assert np.abs(middles(got) - middles(wanted)).max() <= within, middles(got)


# --- orientation


@pytest.mark.parametrize("pixels", [None, 40, 10], ids=["full", "half", "eighth"])
@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("JPEG", "RGB"),
        ("JPEG", "L"),
        ("PNG", "RGB"),
        ("PNG", "RGBA"),
        ("PNG", "LA"),
        ("WEBP", "RGB"),
        ("WEBP", "RGBA"),
        ("TIFF", "RGB"),
        ("TIFF", "RGBA"),
        ("AVIF", "RGB"),
        ("AVIF", "RGBA"),
        ("HEIF", "RGB"),
        ("HEIF", "RGBA"),
    ],
)
def test_orientation_is_undone(kind: str, mode: str, orientation: int, pixels: int | None) -> None:
    upright = Pillow.fromarray(quarters()).convert(mode)
    turn = TURNS[orientation]
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    data = saved(upright if turn is None else upright.transpose(turn), kind, exif=exif)
    got = decode(data, pixels)
    step = HEIGHT // (pixels or HEIGHT)
    assert got.shape == (HEIGHT // step, WIDTH // step, 3)
    assert_same_quarters(got, np.asarray(upright.convert("RGB")), within=12)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_orientation_that_does_not_exist_counts_as_none(kind: str) -> None:
    for mode in ["RGB"] if kind == "JPEG" else ["RGB", "RGBA"]:
        exif = Pillow.Exif()
        exif[0x0112] = 9
        data = saved(Pillow.fromarray(quarters()).convert(mode), kind, exif=exif)
        assert_same_quarters(decode(data), quarters(), within=12)


def test_orientation_counts_where_exif_comes_after_the_frame_header_of_a_jpeg() -> None:
    """Unusual and allowed; Pillow and OpenCV both turn such a picture."""
    exif = Pillow.Exif()
    exif[0x0112] = 6
    data = saved(Pillow.fromarray(quarters()).transpose(TURNS[6]), "JPEG", exif=exif)
    at = data.index(b"\xff\xe1")
    end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
    rest = data[:at] + data[end:]
    tables = rest.index(b"\xff\xc4")  # Huffman tables, which follow the frame header
    moved = rest[:tables] + data[at:end] + rest[tables:]
    assert_same_quarters(decode(moved), quarters(), within=12)


# --- alpha


@pytest.mark.parametrize(
    ("kind", "options", "within"),
    [
        ("PNG", {}, 0),
        ("WEBP", {"lossless": True, "exact": True}, 0),
        ("WEBP", {"quality": 90}, 6),
        ("TIFF", {}, 1),
        ("TIFF", {"compression": "tiff_lzw"}, 1),
        ("AVIF", {"quality": 100}, 3),
        ("HEIF", {"quality": 95}, 6),
        ("JPEG2000", {"irreversible": False}, 0),
    ],
    ids=str,
)
def test_alpha_is_laid_on_white(kind: str, options: dict[str, Any], within: int) -> None:
    rgba = quarters_with_alpha()
    got = decode(saved(Pillow.fromarray(rgba), kind, **options))
    assert_same_quarters(got, on_white(rgba), within)


@pytest.mark.parametrize(("kind", "within"), [("PNG", 0), ("WEBP", 4), ("AVIF", 2)])
def test_alpha_of_grey_is_laid_on_white(kind: str, within: int) -> None:
    grey = Pillow.fromarray(quarters_with_alpha()).convert("LA")
    got = decode(saved(grey, kind))
    assert_same_quarters(got, on_white(np.asarray(grey.convert("RGBA"))), within)


@pytest.mark.parametrize("kind", ["TIFF", "JPEG2000"])
def test_alpha_of_grey_is_refused_where_opencv_would_drop_it(kind: str) -> None:
    grey = Pillow.fromarray(quarters_with_alpha()).convert("LA")
    with pytest.raises(BadPicture, match="grey with alpha"):
        decode(saved(grey, kind))


def test_all_alphas_and_values_are_rounded_to_the_nearest() -> None:
    value, alpha = np.meshgrid(np.arange(256), np.arange(256))
    rgba = np.dstack([value, value, value, alpha]).astype(np.uint8)
    exact = rgba[..., :3].astype(int) * rgba[..., 3:] + 255 * (255 - rgba[..., 3:].astype(int))
    got = decode(saved(Pillow.fromarray(rgba), "PNG"))
    np.testing.assert_array_equal(got, (2 * exact + 255) // 510)


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_palette_colour_shows_white(kind: str) -> None:
    image = Pillow.fromarray(quarters()).quantize(8)
    data = saved(image, kind, transparency=image.getpixel((2, 2)))
    wanted = quarters()
    wanted[: HEIGHT // 2, : WIDTH // 2] = 255
    assert_same_quarters(decode(data), wanted)


def test_a_png_s_one_transparent_colour_shows_white() -> None:
    """tRNS of a picture without palette: not a channel, and alpha all the same."""
    data = saved(Pillow.fromarray(quarters()), "PNG", transparency=COLOURS[0][0])
    wanted = quarters()
    wanted[: HEIGHT // 2, : WIDTH // 2] = 255
    assert_same_quarters(decode(data), wanted)


@pytest.mark.parametrize("suffix", [".png", ".jp2"])
def test_sixteen_bits_with_alpha(suffix: str) -> None:
    rgba = quarters_with_alpha()
    deep = cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA).astype(np.uint16) * 257
    data = cv2.imencode(suffix, deep)[1].tobytes()
    assert_same_quarters(decode(data), on_white(rgba), within=1)


def tiff_with_alpha(pixel: list[int], bits: int, kind: int) -> bytes:
    """A TIFF of 4 × 4 equal pixels. Alpha of kind 1 has been multiplied into the colours, 2 not."""
    code = "B" if bits == 8 else "H"
    data = struct.pack(f"<{4 * 16}{code}", *(pixel * 16))
    start = 8 + 2 + 12 * 10 + 4
    tags = [(256, 4, 1, 4), (257, 4, 1, 4), (258, 3, 4, start), (259, 3, 1, 1), (262, 3, 1, 2)]
    tags += [(273, 4, 1, start + 8), (277, 3, 1, 4), (278, 4, 1, 4), (279, 4, 1, len(data))]
    tags += [(338, 3, 1, kind)]
    page = b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
    return (
        b"II*\0" + struct.pack("<IH", 8, len(tags)) + page + struct.pack("<4H", *[bits] * 4) + data
    )


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("kind", [1, 2], ids=["multiplied", "apart"])
def test_both_kinds_of_alpha_of_a_tiff(bits: int, kind: int) -> None:
    """OpenCV multiplies it into 8-bit colours itself, and leaves 16-bit ones as they are."""
    pixel = [40, 50, 220, 128] if kind == 2 else [20, 25, 110, 128]
    data = tiff_with_alpha([value * (257 if bits == 16 else 1) for value in pixel], bits, kind)
    got = decode(data).astype(int)
    assert np.abs(got - (147, 152, 237)).max() <= 1, got[0, 0]


def test_alpha_survives_reduction() -> None:
    rgba = quarters_with_alpha()
    got = decode(saved(Pillow.fromarray(rgba), "PNG"), 20)
    assert got.shape == (20, 30, 3)
    assert_same_quarters(got, on_white(rgba))


@pytest.mark.parametrize(
    ("depth", "type_", "pixel"),
    [(2, "GRAYSCALE_ALPHA", b"\x40\x80"), (4, "RGB_ALPHA", b"\xc8\x20\x21\x80")],
)
def test_pam_with_alpha(depth: int, type_: str, pixel: bytes) -> None:
    header = f"P7\nWIDTH 4\nHEIGHT 3\nDEPTH {depth}\nMAXVAL 255\nTUPLTYPE {type_}\nENDHDR\n"
    colour = pixel[:1] * 3 if depth == 2 else pixel[:3]
    rgba = np.frombuffer(colour + pixel[-1:], np.uint8).reshape(1, 1, 4)
    got = decode(header.encode() + pixel * 12)
    np.testing.assert_array_equal(got, np.broadcast_to(on_white(rgba), (3, 4, 3)))


# --- kinds of pixels


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "WEBP"])
def test_grey(kind: str) -> None:
    image = Pillow.fromarray(quarters()).convert("L")
    assert_same_quarters(decode(saved(image, kind)), np.asarray(image.convert("RGB")), within=2)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF", "PPM"])
def test_one_bit(kind: str) -> None:
    image = Pillow.fromarray(quarters()).convert("1")
    np.testing.assert_array_equal(decode(saved(image, kind)), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_palette(kind: str) -> None:
    image = Pillow.fromarray(quarters()).quantize(16)
    np.testing.assert_array_equal(decode(saved(image, kind)), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".jp2", ".ppm"])
def test_sixteen_bits(suffix: str) -> None:
    deep = cv2.cvtColor(quarters(), cv2.COLOR_RGB2BGR).astype(np.uint16) * 257
    assert_same_quarters(decode(cv2.imencode(suffix, deep)[1].tobytes()), quarters(), within=1)


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".jp2", ".pgm"])
def test_sixteen_bits_of_grey(suffix: str) -> None:
    grey = np.asarray(Pillow.fromarray(quarters()).convert("L"))
    data = cv2.imencode(suffix, grey.astype(np.uint16) * 257)[1].tobytes()
    assert_same_quarters(decode(data), np.dstack([grey] * 3), within=1)


@pytest.mark.parametrize("depth", [8, 10, 12])
def test_avif_of_every_depth_is_as_bright(depth: int) -> None:
    if not opencv_has_avif():
        pytest.skip("this OpenCV reads no AVIF")
    image = cv2.cvtColor(quarters(), cv2.COLOR_RGB2BGR)
    deep = image if depth == 8 else image.astype(np.uint16) << (depth - 8)
    parameters = [cv2.IMWRITE_AVIF_DEPTH, depth, cv2.IMWRITE_AVIF_QUALITY, 100]
    data = cv2.imencode(".avif", deep, parameters)[1].tobytes()
    assert_same_quarters(decode(data), quarters(), within=6)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk(kind: str) -> None:
    image = Pillow.fromarray(quarters()).convert("CMYK")
    assert_same_quarters(decode(saved(image, kind)), quarters(), within=6)


@pytest.mark.parametrize("pixels", [None, 20])
def test_progressive_jpeg(pixels: int | None) -> None:
    data = saved(Pillow.fromarray(quarters()), "JPEG", progressive=True, quality=95)
    assert read_header(data).progressive
    assert_same_quarters(decode(data, pixels), quarters(), within=6)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "tiff_lzw"},
        {"compression": "tiff_adobe_deflate"},
        {"compression": "jpeg", "quality": 95},
        {"compression": "packbits"},
        {"big_tiff": True},
    ],
    ids=str,
)
def test_kinds_of_tiff(options: dict[str, Any]) -> None:
    got = decode(saved(Pillow.fromarray(quarters()), "TIFF", **options))
    assert_same_quarters(got, quarters(), within=6)


@pytest.mark.parametrize("kind", ["BMP", "PPM", "JPEG2000"])
def test_other_formats(kind: str) -> None:
    assert_same_quarters(decode(saved(Pillow.fromarray(quarters()), kind)), quarters(), within=6)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        (b"P1 4 3\n" + b"1 0 " * 6, (0, 0, 0)),
        (b"P2 # a comment\n4 3\n255\n" + b"7 0 " * 6, (7, 7, 7)),
        (b"P3\n# 9 9\n4 3\n255\n" + b"200 10 20 " * 12, (200, 10, 20)),
        (b"P4\n4 3\n" + b"\x80" * 3, (0, 0, 0)),
        (b"P5 4 3 255\n" + b"\x09" * 12, (9, 9, 9)),
        (b"P6\n4 3\n255\n" + b"\xc8\x0a\x14" * 12, (200, 10, 20)),
        (
            b"P7\nWIDTH 4\nHEIGHT 3\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n"
            + b"\xc8\x0a\x14" * 12,
            (200, 10, 20),
        ),
    ],
    ids=lambda value: value[:2].decode() if isinstance(value, bytes) else "",
)
def test_every_netpbm(text: bytes, first: tuple[int, int, int]) -> None:
    got = decode(text)
    assert got.shape == (3, 4, 3)
    assert tuple(got[0, 0]) == first


def test_a_floating_point_tiff_is_refused_with_advice() -> None:
    data = saved(Pillow.fromarray(np.zeros((4, 4), np.float32)), "TIFF")
    with pytest.raises(BadPicture, match="floating-point TIFF; save it with 8 or 16 bits"):
        decode(data)


# --- animations


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("GIF", {}),
        ("WEBP", {"lossless": True}),
        ("PNG", {}),
        ("AVIF", {}),
        ("TIFF", {}),
        ("HEIF", {}),
    ],
)
def test_the_first_frame_is_taken(kind: str, options: dict[str, Any]) -> None:
    first, second = Pillow.fromarray(quarters()), Pillow.fromarray(255 - quarters())
    data = saved(first, kind, save_all=True, append_images=[second, first], **options)
    assert_same_quarters(decode(data), quarters(), within=12)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_the_first_frame_of_a_transparent_animation_is_laid_on_white(kind: str) -> None:
    rgba = quarters_with_alpha()
    rgba[..., 3] = np.where(rgba[..., 3] == 128, 255, rgba[..., 3])  # GIF knows no half
    frames = [Pillow.fromarray(rgba), Pillow.fromarray(np.roll(rgba, 30, axis=1))]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert_same_quarters(decode(data), on_white(rgba), within=2)


# --- reduction

SIDES = st.integers(1, 200)


@given(SIDES, SIDES, st.integers(1, 220))
def test_reduction_goes_as_far_as_it_may(width: int, height: int, pixels: int) -> None:
    step = reduction(min(width, height), pixels)
    assert step in (1, 2, 4, 8)
    short = min(width, height)
    assert step == 1 or -(-short // step) >= pixels
    assert step == 8 or -(-short // (2 * step)) < pixels, "one step more would still do"


def test_nothing_is_reduced_unless_asked_for() -> None:
    assert reduction(6000, None) == 1
    assert decode(encoded(picture(0, 300, 200))).shape == (200, 300, 3)


@st.composite
def reductions(draw: st.DrawFn) -> tuple[int, int, int]:
    """Width, height and the pixels to keep: often just what a step leaves, where rounding shows."""
    width, height = draw(SIDES), draw(SIDES)
    short = min(width, height)
    borders = st.sampled_from([2, 4, 8]).map(lambda step: -(-short // step))
    return width, height, draw(borders | st.integers(1, 220))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp"])
@settings(max_examples=40, deadline=None)
@given(sizes=reductions())
def test_the_short_side_keeps_the_pixels_that_were_asked_for(
    suffix: str, sizes: tuple[int, int, int]
) -> None:
    width, height, pixels = sizes
    got = decode(encoded(np.full((height, width, 3), 90, np.uint8), suffix), pixels)
    assert min(got.shape[:2]) >= min(pixels, width, height)


@pytest.mark.parametrize(("width", "height", "pixels"), [(90, 33, 32), (300, 127, 64)])
def test_a_heic_keeps_the_pixels_though_it_is_coded_in_larger_blocks(
    width: int, height: int, pixels: int
) -> None:
    data = saved(Pillow.fromarray(picture(0, width, height)), "HEIF")
    assert min(decode(data, pixels).shape[:2]) >= pixels


@settings(max_examples=40, deadline=None)
@given(sizes=reductions())
def test_a_png_and_a_jpeg_of_one_photo_are_reduced_alike(sizes: tuple[int, int, int]) -> None:
    width, height, pixels = sizes
    image = np.full((height, width, 3), (200, 90, 30), np.uint8)
    png, jpeg = decode(encoded(image, ".png"), pixels), decode(encoded(image, ".jpg"), pixels)
    assert png.shape == jpeg.shape
    assert np.abs(png.astype(int) - jpeg).max() < 8


# --- files that were cut


def cut_samples() -> dict[str, Any]:
    """A picture with some detail by every codec: plain areas would fit into a cut's first half."""
    image = picture(3, 200, 150)
    rgba = np.dstack([image, np.arange(200, dtype=np.uint8)[None].repeat(150, axis=0)])
    return {
        "jpeg": lambda: encoded(image),
        "progressive jpeg": lambda: encoded(image, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        "png": lambda: encoded(image, ".png"),
        "png with alpha": lambda: saved(Pillow.fromarray(rgba), "PNG"),
        "webp": lambda: encoded(image, ".webp", cv2.IMWRITE_WEBP_QUALITY, 80),
        "lossless webp with alpha": lambda: saved(Pillow.fromarray(rgba), "WEBP", lossless=True),
        "gif": lambda: saved(Pillow.fromarray(image), "GIF"),
        "bmp": lambda: encoded(image, ".bmp"),
        "tiff": lambda: encoded(image, ".tiff"),
        "tiff with alpha": lambda: saved(Pillow.fromarray(rgba), "TIFF"),
        "avif": lambda: saved(Pillow.fromarray(image), "AVIF"),
        "heic": lambda: saved(Pillow.fromarray(image), "HEIF"),
        "jpeg 2000": lambda: encoded(image, ".jp2"),
        "ppm": lambda: encoded(image, ".ppm"),
        "pgm": lambda: saved(Pillow.fromarray(image).convert("L"), "PPM"),
    }


CUTS = {
    "40 bytes": lambda size: 40,
    "a quarter": lambda size: size // 4,
    "half": lambda size: size // 2,
    "three quarters": lambda size: size * 3 // 4,
    "all but 2 bytes": lambda size: size - 2,
}


@pytest.mark.parametrize("pixels", [None, 40], ids=["full", "reduced"])
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("kind", cut_samples())
def test_a_cut_file_is_refused(kind: str, cut: str, pixels: int | None) -> None:
    data = cut_samples()[kind]()
    assert decode(data, pixels).size, "the whole file is fine"
    with pytest.raises(BadPicture, match=r"truncated or damaged|header"):
        decode(data[: CUTS[cut](len(data))], pixels)


def test_a_jpeg_is_refused_though_its_top_half_could_be_shown() -> None:
    """Described as it is, the grey below would be part of what it looks like."""
    data = encoded(picture(0, 800, 600))
    cut = data[: len(data) // 2]
    assert Pillow.open(io.BytesIO(cut)).size == (800, 600), "others show such a file"
    for pixels in (None, 300, 75):
        with pytest.raises(BadPicture, match="truncated or damaged JPEG"):
            decode(cut, pixels)


def test_a_png_with_a_wrong_checksum_is_refused() -> None:
    data = bytearray(encoded(picture(0), ".png"))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(BadPicture, match="truncated or damaged PNG"):
        decode(bytes(data))


def test_what_is_behind_a_picture_does_not_matter() -> None:
    """Phones append films and maps; servers append line breaks."""
    for suffix in (".jpg", ".png", ".webp", ".bmp"):
        data = encoded(quarters(), suffix)
        np.testing.assert_array_equal(decode(data + b"\r\n appended"), decode(data))


def test_a_png_of_strange_shape() -> None:
    """Far wider than high: no side may become nothing."""
    for width, height in ((5000, 1), (1, 5000), (3, 5), (1, 1)):
        image = np.full((height, width, 3), 77, np.uint8)
        for suffix in (".png", ".jpg"):
            got = decode(encoded(image, suffix), 1)
            assert min(got.shape[:2]) >= 1
            assert np.abs(got.astype(int) - 77).max() <= 1


def test_index_and_query_get_the_same_pixels() -> None:
    """A header that was read before must not change what is decoded."""
    data = saved(Pillow.fromarray(quarters_with_alpha()), "PNG")
    np.testing.assert_array_equal(decode(data, 20), decode(data, 20, header=read_header(data)))


def chunk(kind: bytes, content: bytes) -> bytes:
    """A PNG chunk."""
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def test_exif_behind_a_png_s_pixels_counts_with_and_without_alpha() -> None:
    """libpng allows it there, and cameras' converters write it there."""
    exif = Pillow.Exif()
    exif[0x0112] = 6
    content = exif.tobytes().removeprefix(b"Exif\0\0")
    for mode in ("RGB", "RGBA"):
        stored = Pillow.fromarray(quarters()).convert(mode).transpose(TURNS[6])
        data = saved(stored, "PNG")
        end = data.index(b"IEND") - 4
        moved = data[:end] + chunk(b"eXIf", content) + data[end:]
        assert_same_quarters(decode(moved), quarters())
