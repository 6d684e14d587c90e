"""What a picture of a catalogue is called, so that its item's name can be told from it."""

from urllib.parse import quote

from cbir.errors import BadPicture

LONGEST = 200
"""Bytes: names may have 255, and hidden partial files need some more than ours."""

# What `quote` leaves as it is, and means something in our names or to a shell.
MEANINGFUL = str.maketrans({"_": "%5F", ".": "%2E", "~": "%7E"})

ENDINGS = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "WebP": ".webp",
    "GIF": ".gif",
    "BMP": ".bmp",
    "TIFF": ".tif",
    "AVIF": ".avif",
    "HEIC": ".heic",
    "JPEG 2000": ".jp2",
    "PNM": ".pnm",
    "PAM": ".pam",
}


def stem(product: str, id: str) -> str:
    """`<product>_<id>`, in which the only underscore stands between the two, and no dot.

    Whatever is not an ASCII letter, a digit or a hyphen is percent-encoded, so that no name leads
    out of its folder, and no two pairs get the same one.
    """
    made = f"{_encoded(product)}_{_encoded(id)}"
    if len(made) > LONGEST:
        raise BadPicture(f"its name would have more than {LONGEST} characters")
    return made


def _encoded(text: str) -> str:
    return quote(text, safe="").translate(MEANINGFUL)
