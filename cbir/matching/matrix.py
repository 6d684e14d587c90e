"""How alike every row of one side is to every row of the other, as a NumPy file."""

from pathlib import Path

import numpy as np

from cbir.distances import pairwise
from cbir.errors import BadOutput
from cbir.files import check_ours, check_output, replacing_ours
from cbir.matching.sides import Side
from cbir.pipeline import Progress

BY = "cbir match"
VALUES_AT_ONCE = 16 << 20
"""64 MB of float32."""


def check_matrix(path: Path) -> None:
    """BadOutput if `write_matrix` could not write there: to be asked before the work, too."""
    if path.suffix.lower() != ".npy":
        raise BadOutput(f"{path} will be a NumPy file; end its name in .npy")
    check_output(path)
    check_ours(path, BY)


def write_matrix(
    path: Path,
    left: Side,
    right: Side,
    distance: str,
    progress: Progress = lambda done, total: None,
) -> None:
    """Writes float32 (rows, rows): similarities for cosine, distances for all others.

    Of all rows that were named, so that each has its place; those without a vector are NaN. Row by
    row of the left side, whole or not at all, with some of it in memory at a time.
    """
    shape = left.named, right.named
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    step = max(1, min(4096, VALUES_AT_ONCE // max(shape[1], len(right.blocks))))
    rows, columns = left.kept, right.kept
    with replacing_ours(path, BY) as file:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, shape[0], step):
            piece = np.full((min(step, shape[0] - start), shape[1]), np.nan, "<f4")
            some = np.flatnonzero((rows >= start) & (rows < start + step))
            far = pairwise(left.blocks.rows(left.numbers[some]), right.blocks, distance)
            if distance == "cosine":
                np.subtract(1, far, out=far)
            piece[np.ix_(rows[some] - start, columns)] = far[:, right.numbers]
            file.write(piece.data)
            progress(min(start + step, shape[0]), shape[0])
