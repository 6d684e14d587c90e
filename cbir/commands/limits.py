"""How near a result must be: a distance that a person gives, or one that keeps a promise."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cbir.commands.options import Usage
from cbir.commands.terminal import Terminal
from cbir.errors import BadIndex
from cbir.types import Hit
from cbir.vector_index import VectorIndex

if TYPE_CHECKING:
    from cbir.evaluation.cutoffs import Cutoffs

AUTO = "auto"


class Limit(NamedTuple):
    """The largest distance of a result; with cut-offs, its probability is known, too."""

    distance: float = math.inf
    cutoffs: "Cutoffs | None" = None

    def within(self, hits: Sequence[Hit]) -> list[Hit]:
        return [hit for hit in hits if hit.distance <= self.distance]

    def probabilities(self, hits: Sequence[Hit]) -> list[float] | None:
        """How likely each shows the same item, where that is known."""
        if self.cutoffs is None:
            return None
        return self.cutoffs.probability([hit.distance for hit in hits]).tolist()


def limit_of(
    threshold: str | None, path: str, index: VectorIndex, distance: str, terminal: Terminal
) -> Limit:
    """What `--threshold X|auto[:RATE]` means for an index, and this distance."""
    if threshold is None:
        return Limit()
    if threshold.split(":")[0] != AUTO:
        return Limit(_number(threshold))
    if index.augmented:
        raise BadIndex(
            f"{path} is augmented: its results are the nearest of several, and cut-offs are of "
            "upright pictures; give a distance, or an index without --augment"
        )
    # Only here, because most searches do without.
    from cbir.evaluation import cutoffs

    rate = _rate(threshold)
    kept = cutoffs.read(cutoffs.beside(Path(path)), index.spec, distance)
    limit = kept.threshold(rate)
    terminal.note(
        f"threshold {limit:.4f}: of pairs that are not the same {rate:.3g} pass, of the same "
        f"{kept.found_at(rate):.0%} are found, as {kept.queries} labelled queries tell"
    )
    return Limit(limit, kept)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not number >= 0:
        raise Usage(
            f"--threshold {text} is not a distance; give a number that is not negative, or auto"
        )
    return number


def _rate(text: str) -> float:
    """The share of false matches in `auto:0.01`."""
    from cbir.evaluation.cutoffs import RATE

    words = text.partition(":")[2]
    try:
        rate = float(words) if ":" in text else RATE
    except ValueError:
        rate = math.nan
    if not 0 < rate <= 1:
        raise Usage(f"--threshold {text}: give the share of false matches, such as auto:{RATE}")
    return rate
