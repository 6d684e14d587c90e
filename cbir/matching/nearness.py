"""How near two pictures must be to count as a match."""

from dataclasses import dataclass

from cbir import distances
from cbir.errors import BadSpec

ALIKE = 0.845
"""The similarity that the MobileNet matching tool recommends."""

ROUNDING = 1e-9
"""So that at a similarity of 1 a picture matches itself."""

SIMILARITY, DISTANCE = "similarity", "distance"


@dataclass(frozen=True)
class Nearness:
    """A distance's name, how far a match may be by it (None: any), and that in words."""

    distance: str
    within: float | None
    words: str

    @property
    def measure(self) -> str:
        """What the result tells of each match."""
        return SIMILARITY if self.distance == "cosine" else DISTANCE


def nearness(
    distance: str, threshold: float | None = None, min_similarity: float | None = None
) -> Nearness:
    """By a threshold or, for cosine, a similarity, which is 0.845 if neither is given.

    Any distance counts where another one has no threshold. BadSpec for what does not fit.
    """
    name = distances.get(distance).name
    if threshold is not None:
        if min_similarity is not None:
            raise BadSpec("a threshold and a similarity exclude each other; give one")
        return Nearness(name, distances.check_far(threshold), f"distance at most {threshold:g}")
    if name != "cosine":
        if min_similarity is not None:
            raise BadSpec(f"a similarity is for cosine; with {name}, give a threshold")
        return Nearness(name, None, f"the nearest by {name}")
    least = ALIKE if min_similarity is None else min_similarity
    if not -1 <= least <= 1:
        raise BadSpec(f"{least:g} is not a similarity; give a number from -1 to 1")
    return Nearness(name, 1 - least + ROUNDING, f"similarity at least {least:g}")
