"""What is put in place of pixels that don't count, for descriptors that can't leave them out."""

import numpy as np
from numpy.typing import NDArray

from cbir.types import Image

# MobileNet's mean average precision, plain pictures searched among busy ones: grey 0.967, white
# 0.930, black 0.937. ImageNet's mean colour and a soft edge are no better than grey.
NEUTRAL = (128, 128, 128)


def fill(image: Image, mask: NDArray[np.uint8]) -> Image:
    """A copy of the image, (height, width, 3), neutral wherever the mask, (height, width), is 0."""
    filled = image.copy()
    filled[mask == 0] = NEUTRAL
    return filled
