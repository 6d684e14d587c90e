"""Of many pairs, the nearest few of whatever asks in them."""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.intp]


def nearest_few(
    limit: int, asking: Numbers, distances: NDArray[np.floating], *ties: Numbers
) -> Numbers:
    """Which pairs are the `limit` nearest of the one that asks in them, ties by these.

    In the order of those that ask, then nearest first.
    """
    order = np.lexsort((*reversed(ties), distances, asking))
    asking = asking[order]
    place = np.arange(len(order)) - np.searchsorted(asking, asking)  # among its own one's
    return order[place < limit]
