"""Sums of f(a, b) over the columns of a block. See cbir.distances.column_sums.

Queries come as their non-zero columns and values, one query after the other; `ends` tells where
each begins and ends. Without fastmath and numpy's error model the loops are not vectorised, and
five times slower.
"""

from typing import Any

import numpy as np

from cbir.compiled.jit import jit

COLUMNS_A_PART = 64


@jit(fastmath=True, error_model="numpy")
def ratio(columns: Any, values: Any, ends: Any, block: Any, out: Any) -> None:
    """f = ab/(a+b). Four columns a pass, so that sums are loaded and stored a quarter as often."""
    rows = block.shape[1]
    part = np.empty(rows, np.float32)
    for q in range(out.shape[0]):
        total = out[q]
        at = ends[q]
        while at < ends[q + 1]:
            end = min(at + COLUMNS_A_PART, ends[q + 1])
            part[:] = 0
            while at + 4 <= end:
                a, b, c, d = values[at], values[at + 1], values[at + 2], values[at + 3]
                w, x = block[columns[at]], block[columns[at + 1]]
                y, z = block[columns[at + 2]], block[columns[at + 3]]
                for i in range(rows):
                    part[i] += (
                        a * w[i] / (a + w[i])
                        + b * x[i] / (b + x[i])
                        + c * y[i] / (c + y[i])
                        + d * z[i] / (d + z[i])
                    )
                at += 4
            while at < end:
                a, w = values[at], block[columns[at]]
                for i in range(rows):
                    part[i] += a * w[i] / (a + w[i])
                at += 1
            for i in range(rows):
                total[i] += part[i]


@jit(fastmath=True, error_model="numpy")
def minimum(columns: Any, values: Any, ends: Any, block: Any, out: Any) -> None:
    """f = min(a, b)."""
    rows = block.shape[1]
    part = np.empty(rows, np.float32)
    for q in range(out.shape[0]):
        total = out[q]
        at = ends[q]
        while at < ends[q + 1]:
            end = min(at + COLUMNS_A_PART, ends[q + 1])
            part[:] = 0
            while at < end:
                a, w = values[at], block[columns[at]]
                for i in range(rows):
                    part[i] += min(a, w[i])
                at += 1
            for i in range(rows):
                total[i] += part[i]


# Compiled, or loaded from the cache, at import and not in some thread.
_one = np.ones((1, 16), np.float32)
for _kernel in (ratio, minimum):
    _kernel(np.zeros(1, np.intp), _one[0, :1].copy(), np.array([0, 1]), _one, _one.copy())
