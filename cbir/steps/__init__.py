"""Steps on the picture that any descriptor can carry: the background removed, a square made."""

from typing import Literal, NamedTuple

from cbir.steps.background import BACKGROUND_VERSION, find_object
from cbir.steps.fill import fill
from cbir.steps.fit import Fit, Mask, fit
from cbir.types import Image

__all__ = [
    "BACKGROUND_VERSION",
    "Background",
    "Fit",
    "Stepped",
    "apply",
    "fill",
    "find_object",
    "fit",
]

Background = Literal["keep", "remove"]


class Stepped(NamedTuple):
    """A picture after its steps. The mask says which pixels count; None means all.

    `kept_whole`: the object was looked for, and nothing plausible was found.
    """

    image: Image
    mask: Mask | None
    kept_whole: bool


def apply(image: Image, background: Background, how: Fit) -> Stepped:
    """Looks for the object if the background is to go, then fits picture and mask."""
    if background == "keep":
        return Stepped(*fit(image, how), kept_whole=False)
    mask = find_object(image)
    if mask is not None:
        fitted, left = fit(image, how, mask)
        if left is not None and left.any():  # else a crop has cut the object away
            return Stepped(fitted, left, kept_whole=False)
    return Stepped(*fit(image, how), kept_whole=True)
