"""Σ f(a, b) over the columns in which the query a is not zero: the hot loop of histogram search.

f is `ratio`, ab/(a+b), which chi-squared needs, or `minimum`, min(a, b), for intersection and
manhattan. Twice the same sum: in NumPy, which starts at once, and compiled, four to six times
faster, which takes half a second to load (see cbir.warmup). Both add float32 in column order.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cbir.types import Vectors
from cbir.warmup import Compiled, Engine, jit

Kind = Literal["ratio", "minimum"]
Kernel = Callable[..., None]

# Measured: NumPy's seconds for one column of one row, on a block of 4,096 rows.
PLAIN_SECONDS_A_VALUE = 1.2e-9


def column_sums(
    kind: Kind, queries: Vectors, block: NDArray[np.float32], engine: Engine = "auto"
) -> NDArray[np.float32]:
    """(q, rows) sums of f over the columns of one transposed block (dim, rows)."""
    out = np.zeros((len(queries), block.shape[1]), np.float32)
    kernels = COMPILED.ready(engine)
    if kernels is not None:
        # Columns and values of the non-zero bins, one query after the other.
        owners, columns = np.nonzero(queries)
        ends = np.searchsorted(owners, np.arange(len(queries) + 1))
        kernels[kind](columns, queries[owners, columns], ends, block, out)
        return out
    with COMPILED.plain():
        for query, total in zip(queries, out, strict=True):
            _plain(kind, query, block, total)
    return out


def expect(queries: Vectors, rows: int) -> None:
    """Announces a large piece of work, so that the compiled path may start before it."""
    COMPILED.ready("auto", np.count_nonzero(queries) * rows * PLAIN_SECONDS_A_VALUE)


def is_compiled(engine: Engine) -> bool:
    """Whether sums run without holding the interpreter, so that threads would help."""
    return COMPILED.ready(engine) is not None


def _plain(kind: Kind, query: NDArray, block: NDArray, total: NDArray) -> None:
    first, second = np.empty_like(total), np.empty_like(total)
    for column in np.flatnonzero(query):
        values, a = block[column], query[column]
        if kind == "ratio":
            np.multiply(values, a, out=first)
            np.add(values, a, out=second)
            np.divide(first, second, out=first)
        else:
            np.minimum(values, a, out=first)
        np.add(total, first, out=total)


def _load() -> dict[str, Kernel]:
    # Without fastmath and numpy's error model the loops are not vectorised: five times slower.
    # Four columns a pass, so that each running sum is loaded and stored a quarter as often.
    def ratio(columns: Any, values: Any, ends: Any, block: Any, out: Any) -> None:
        rows = block.shape[1]
        for q in range(out.shape[0]):
            total = out[q]
            at = ends[q]
            while at + 4 <= ends[q + 1]:
                a, b, c, d = values[at], values[at + 1], values[at + 2], values[at + 3]
                w, x = block[columns[at]], block[columns[at + 1]]
                y, z = block[columns[at + 2]], block[columns[at + 3]]
                for i in range(rows):
                    total[i] += (
                        a * w[i] / (a + w[i])
                        + b * x[i] / (b + x[i])
                        + c * y[i] / (c + y[i])
                        + d * z[i] / (d + z[i])
                    )
                at += 4
            while at < ends[q + 1]:
                a, w = values[at], block[columns[at]]
                for i in range(rows):
                    total[i] += a * w[i] / (a + w[i])
                at += 1

    def minimum(columns: Any, values: Any, ends: Any, block: Any, out: Any) -> None:
        rows = block.shape[1]
        for q in range(out.shape[0]):
            total = out[q]
            for at in range(ends[q], ends[q + 1]):
                a, w = values[at], block[columns[at]]
                for i in range(rows):
                    total[i] += min(a, w[i])

    compile_it = jit(fastmath=True, error_model="numpy")
    kernels: dict[str, Any] = {"ratio": compile_it(ratio), "minimum": compile_it(minimum)}
    for kernel in kernels.values():  # compile, or load from the cache, now and not in a thread
        one = np.ones((1, 16), np.float32)
        kernel(np.zeros(1, np.intp), one[0, :1].copy(), np.array([0, 1]), one, one.copy())
    return kernels


COMPILED: Compiled[dict[str, Kernel]] = Compiled(_load)
