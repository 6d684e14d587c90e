"""Encoded bytes to upright RGB pixels. The only decoder: index and query alike go through here."""

import numpy as np
from numpy.typing import NDArray

from cbir.errors import BadPicture
from cbir.images import pam
from cbir.images.border import has_white_border
from cbir.images.header import Header, read_header
from cbir.opencv import cv2
from cbir.types import Image

__all__ = [
    "MAX_PIXELS",
    "Header",
    "check_size",
    "decode",
    "has_white_border",
    "read_header",
    "reduction",
    "working_bytes",
]

MAX_PIXELS = 200_000_000

# REDUCED_COLOR with COLOR_RGB raises in OpenCV 5; REDUCED_GRAYSCALE with it means colour.
JPEG_FLAGS = {
    1: cv2.IMREAD_COLOR_RGB,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2 | cv2.IMREAD_COLOR_RGB,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4 | cv2.IMREAD_COLOR_RGB,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_COLOR_RGB,
}


def decode(
    data: bytes,
    pixels: int | None = None,
    *,
    max_pixels: int = MAX_PIXELS,
    header: Header | None = None,
) -> Image:
    """One picture, upright, alpha on white, first frame, as (height, width, 3) uint8 RGB.

    With `pixels`, reduced by 2, 4 or 8 as far as the short side keeps that many pixels.
    `header` saves reading it twice. BadPicture, with the reason, for everything else.
    """
    header = header or read_header(data)
    check_size(header, max_pixels)
    try:
        image = _decode(data, header, pixels)
    except (cv2.error, MemoryError) as error:
        raise BadPicture(_why(error, header)) from error
    if image is None:
        raise BadPicture(f"truncated or damaged {header.format}")
    return image


def check_size(header: Header, max_pixels: int) -> None:
    """BadPicture for one that has more pixels than that."""
    if header.pixels > max_pixels:
        raise BadPicture(
            f"{header.width}×{header.height} is {header.pixels / 1e6:.1f} megapixels, over the "
            f"limit of {max_pixels / 1e6:g} (--max-megapixels raises it)"
        )


def reduction(short_side: int, pixels: int | None) -> int:
    """1, 2, 4 or 8: how far the picture may shrink and still cover `pixels` on its short side.

    The same steps for every format, so that a PNG and a JPEG of one photo are described alike.
    """
    if pixels is None:
        return 1
    for step in (8, 4, 2):
        if -(-short_side // step) >= pixels:
            return step
    return 1


def working_bytes(header: Header, pixels: int | None) -> int:
    """Roughly the memory that decoding takes at its height."""
    if header.format == "JPEG" and not header.progressive:
        step = reduction(header.short_side, pixels)
        return header.pixels * 3 // (step * step)
    # Progressive JPEGs keep all coefficients; other formats are decoded whole, then reduced.
    return header.pixels * (8 if header.alpha else 6)


def _decode(data: bytes, header: Header, pixels: int | None) -> Image | None:
    buffer = np.frombuffer(data, np.uint8)
    if header.format == "JPEG":
        # Looking for an orientation costs 4% of a decode; most photos on the web have none.
        look = 0 if header.exif else cv2.IMREAD_IGNORE_ORIENTATION
        return cv2.imdecode(buffer, JPEG_FLAGS[reduction(header.short_side, pixels)] | look)
    whole: NDArray | None
    if header.format == "HEIC":
        whole = _heic(data, header)
    elif header.format == "PAM":
        whole = pam.decode(data)
    elif header.alpha or header.format == "AVIF":
        # AVIF without alpha, too, because OpenCV never turns one.
        whole, exif = _with_orientation(buffer, header.alpha)
        if whole is not None and header.format != "TIFF":  # which OpenCV turns even here
            whole = _turn(whole, header.turn or exif)
    else:
        whole = cv2.imdecode(buffer, cv2.IMREAD_COLOR_RGB)
    return None if whole is None else _shrink(_flatten(whole, header), pixels)


def _with_orientation(buffer: NDArray[np.uint8], alpha: bool) -> tuple[NDArray | None, int]:
    """The pixels as they are stored, RGB(A) or grey, and the orientation that EXIF asks for."""
    how = cv2.IMREAD_UNCHANGED if alpha else cv2.IMREAD_COLOR_RGB
    pixels, kinds, metadata = cv2.imdecodeWithMetadata(buffer, how)
    if pixels is None:
        return None, 1
    if alpha and pixels.ndim == 3:
        order = cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
        pixels = cv2.cvtColor(pixels, order)
    orientation = 1
    for kind, value in zip(kinds, metadata, strict=False):
        if kind == cv2.IMAGE_METADATA_EXIF:
            orientation = _exif_orientation(np.asarray(value).tobytes())
    return pixels, orientation


def _exif_orientation(exif: bytes) -> int:
    exif = exif.removeprefix(b"Exif\0\0")
    order = "little" if exif[:2] == b"II" else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(exif[at : at + size], order)  # type: ignore[arg-type]

    start = number(4, 4)
    for at in range(start + 2, start + 2 + 12 * number(start, 2), 12):
        if number(at, 2) == 0x0112:
            value = number(at + 8, 2)
            return value if 1 <= value <= 8 else 1
        if at > len(exif):
            break
    return 1


def _turn(pixels: NDArray, orientation: int) -> NDArray:
    """Undoes an EXIF orientation."""
    if orientation in (5, 6, 7, 8):
        pixels = cv2.transpose(pixels)
    across = orientation in (2, 3, 6, 7)
    down = orientation in (3, 4, 7, 8)
    if across or down:
        pixels = cv2.flip(pixels, -1 if across and down else int(across))
    return pixels


def _flatten(pixels: NDArray, header: Header) -> Image:
    """Any channels and depth to RGB uint8, what is transparent showing white."""
    if pixels.dtype == np.uint16:
        pixels = (pixels >> (header.bits - 8)).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise BadPicture(f"pixels of type {pixels.dtype}; save it with 8 or 16 bits a channel")
    if pixels.ndim == 2:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    if pixels.shape[2] == 3:
        return pixels
    alpha = pixels[..., 3]
    if alpha.min() == 255:
        return np.ascontiguousarray(pixels[..., :3])
    if header.multiplied:
        return cv2.add(np.ascontiguousarray(pixels[..., :3]), cv2.merge([255 - alpha] * 3))
    flat = np.empty((*pixels.shape[:2], 3), np.uint8)
    white = 255 * (255 - alpha.astype(np.uint16)) + 127  # + half of 255, to round
    for channel in range(3):
        flat[..., channel] = (pixels[..., channel].astype(np.uint16) * alpha + white) // 255
    return flat


def _shrink(image: Image, pixels: int | None) -> Image:
    height, width = image.shape[:2]
    # Of the decoded size, because a HEIC's header gives the size of whole coding blocks.
    step = reduction(min(height, width), pixels)
    if step == 1:
        return image
    size = (-(-width // step), -(-height // step))  # rounded up, as JPEG's scaled decoding does
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _heic(data: bytes, header: Header) -> NDArray:
    try:
        import pillow_heif
    except ImportError as error:
        raise BadPicture("HEIC needs a package: pip install pillow-heif") from error
    try:
        opened = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
        pixels = np.asarray(opened)
    except (ValueError, RuntimeError, EOFError, OSError) as error:
        raise BadPicture(f"truncated or damaged HEIC ({error})") from error
    # libheif has done what the container asks for; EXIF counts where it asks for nothing.
    if header.turn is None and (exif := opened.info.get("exif")):
        pixels = _turn(pixels, _exif_orientation(exif))
    return pixels


def _why(error: Exception, header: Header) -> str:
    if isinstance(error, MemoryError) or "Insufficient memory" in str(error):
        return f"not enough memory for {header.width}×{header.height} pixels"
    if "CV_IO_MAX_IMAGE" in str(error):
        return f"{header.width}×{header.height} is over OpenCV's own limit of 2^30 pixels"
    return f"truncated or damaged {header.format}"
