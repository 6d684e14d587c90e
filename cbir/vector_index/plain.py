"""Files without a header, as tutorials write them: `name,0.1,…`, 288 or 1,440 numbers a row.

Such a file does not say how its histograms were normalised; its rows do.
"""

import numpy as np

from cbir import recipe
from cbir.errors import BadIndex, BadOutput
from cbir.recipe import AnyRecipe, Recipe
from cbir.types import Vectors
from cbir.vector_index.csv_file import Header

BINS = 288
DESCRIPTORS = {BINS: "hsv", 5 * BINS: "hsv-regions"}
TOLERANCE = 1e-3


class Norms:
    """Watches rows go by, and says in the end which norm they all have."""

    def __init__(self, dim: int):
        if dim not in DESCRIPTORS:
            raise BadIndex(
                f"it has no header, and {dim} numbers a row; without a header only histograms of "
                "288 (hsv) or 1440 (hsv-regions) are understood"
            )
        self.dim = dim
        self.possible = {"l2", "l1"}

    def watch(self, vectors: Vectors) -> None:
        blocks = vectors.reshape(-1, BINS).astype(np.float64)
        if (blocks < 0).any():
            raise BadIndex("it has no header and negative numbers, so these are no histograms")
        # A region of a tiny picture may be empty, and its block zero.
        blocks = blocks[blocks.any(axis=1)]
        sums = {"l1": blocks.sum(axis=1), "l2": np.sqrt(np.square(blocks).sum(axis=1))}
        self.possible &= {n for n, s in sums.items() if (np.abs(s - 1) < TOLERANCE).all()}
        if not self.possible:
            raise BadIndex(
                "it has no header, and its rows are neither all of sum 1 nor all of length 1, so "
                "how they were normalised can't be told; index the pictures again"
            )

    def header(self) -> Header:
        # Where every picture has a single colour both hold; tutorials use L2.
        norm = "l2" if "l2" in self.possible else "l1"
        made_by = recipe.parse(f"{DESCRIPTORS[self.dim]}:norm={norm},size=full")
        return Header(made_by.spec, self.dim, made_by.distance)


def full_size(wanted: AnyRecipe) -> Recipe:
    """The recipe of a file without a header: such a file can only mean full-size histograms."""
    if isinstance(wanted, Recipe) and wanted.name in DESCRIPTORS.values():
        changes = {} if "size" in wanted.typed else {"size": "full"}
        made = wanted.with_settings(**changes)
        usual = made.settings["size"] == "full" and made.settings["bins"] == "8x12x3"
        if usual and not made.steps.changed:
            return made
    raise BadOutput(
        f"--plain files can't say {wanted.spec}; they hold hsv or hsv-regions of whole pictures "
        "with size=full and the usual bins. Leave --plain away, or use -d hsv:size=full"
    )
