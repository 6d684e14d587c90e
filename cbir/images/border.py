"""Whether a picture is a product's on white: judged by its border."""

import numpy as np

from cbir.types import Image

WHITE = 240  # the least of a pixel's three values
SHARE = 0.9  # of the border, so that a product may touch it somewhere


def has_white_border(image: Image) -> bool:
    """Whether nearly all of the outermost pixels are white, or as good as."""
    edges = (image[0], image[-1], image[:, 0], image[:, -1])
    white = sum(int(np.count_nonzero(edge.min(axis=1) >= WHITE)) for edge in edges)
    return white >= SHARE * sum(len(edge) for edge in edges)
