"""Rows of an index as text."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbir.types import Vectors
from cbir.vector_index import keys
from cbir.vector_index.rows import Rows


def format_rows(rows: Rows, augmented: bool) -> bytes:
    """Rows as they stand in the file: text quoted, numbers the shortest that restore them."""
    row_keys, vectors = rows
    columns = keys.split(row_keys) if augmented else [row_keys]
    names = [",".join(map(_quoted, row)).encode() for row in zip(*columns, strict=True)]
    return b"".join(b"%s,%s\n" % line for line in zip(names, _numbers(vectors), strict=True))


def _numbers(vectors: Vectors) -> list[bytes]:
    """Each row's numbers with commas between.

    They are formatted as one column, because Arrow's own CSV writer wants a column for each place
    in a vector, which takes far longer than the numbers where vectors are wide.
    """
    import pyarrow as pa
    from pyarrow import compute

    # From buffers, because pa.array and pa.scalar first import pandas, where there is one.
    def array(kind: pa.DataType, count: int, *buffers: NDArray[Any] | bytes) -> pa.Array:
        return pa.Array.from_buffers(kind, count, [None, *map(pa.py_buffer, buffers)])

    count, dim = vectors.shape
    comma = array(pa.binary(), 1, np.array([0, 1], np.int32), b",")[0]
    ends = array(pa.int32(), count + 1, np.arange(count + 1, dtype=np.int32) * dim)
    numbers = array(pa.float32(), count * dim, np.ascontiguousarray(vectors))
    texts = numbers.cast(pa.string()).cast(pa.binary())
    rows = pa.ListArray.from_arrays(ends, texts)
    found: list[bytes] = compute.binary_join(rows, comma).to_pylist()
    return found


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
