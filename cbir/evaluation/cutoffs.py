"""From a distance to "the same item": thresholds that keep a promise, and probabilities.

What labelled pairs have told (see `calibration`) lies beside the index that it is about, as JSON,
for each distance that was compared, so that a search may answer "nothing similar". The false-match
rate is by pair: the share of the pairs of different items that would be called the same. Of 1,000
pictures, 0.01 lets 10 pass for each query.
"""

import json
import math
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cbir.errors import BadIndex, BadPicture, BadSpec
from cbir.files import read_regular, regular, replacing

FORMAT = 2
SUFFIX = ".cutoffs"
LARGEST_FILE = 1 << 20

RATE = 0.01
"""The false-match rate that is kept unless another is asked for."""

Floats = tuple[float, ...]


@dataclass(frozen=True)
class Cutoffs:
    """What distances of one descriptor mean on one set of labelled pictures.

    Up to `distances[i]`, no more than `rates[i]` of different pairs are to be expected, and
    `found[i]` of the same pairs were found. At `steps[i]` a pair is of one item with
    `probabilities[i]`, among pairs of which as many are the same as here. The last three say how
    good these probabilities were for queries that had no part in them: their squared error, how
    much of it they save against always saying the overall share, and how far they were off.
    """

    spec: str
    distance: str
    queries: int
    pictures: int
    same: int
    different: int
    rates: Floats
    distances: Floats
    found: Floats
    steps: Floats
    probabilities: Floats
    brier: float
    brier_skill: float
    calibration_error: float

    def threshold(self, rate: float = RATE) -> float:
        """The largest distance that keeps this false-match rate for queries of the same sort."""
        return self.distances[self._row(rate)]

    def found_at(self, rate: float = RATE) -> float:
        """The share of the same pairs that are found at that threshold."""
        return self.found[self._row(rate)]

    def probability(self, distances: Sequence[float] | NDArray) -> NDArray[np.float64]:
        """How likely pairs at these distances (n,) show the same item; never rises with them."""
        return probability(distances, self.steps, self.probabilities)

    def _row(self, rate: float) -> int:
        if not 0 < rate <= 1:
            raise BadSpec(f"{rate} is no false-match rate; give a share of pairs, such as {RATE}")
        row = bisect_right(self.rates, rate) - 1
        if row < 0:
            lowest = f"ask for {self.rates[0]} or more, or " if self.rates else ""
            raise BadIndex(
                f"{self.different} labelled pairs of different items can't promise a false-match "
                f"rate of {rate}; {lowest}label more pictures and compare again"
            )
        return row


def probability(
    distances: Sequence[float] | NDArray,
    steps: Sequence[float] | NDArray,
    probabilities: Sequence[float] | NDArray,
) -> NDArray[np.float64]:
    """The probabilities at these distances (n,), from those at steps; straight in log-odds.

    Where few pairs lie, straight lines between probabilities are off twice as far.
    """
    given = np.asarray(probabilities, np.float64)
    odds = np.interp(np.asarray(distances, np.float64), steps, np.log(given / (1 - given)))
    return 1 / (1 + np.exp(-odds))


def beside(index: Path) -> Path:
    """Where the cut-offs of an index lie."""
    return index.with_name(index.name + SUFFIX)


def write(path: Path, several: Sequence[Cutoffs], root: str | None = None) -> None:
    """One file for several distances, whole or not at all. `root`: of the index that it is for."""
    said = {"format": FORMAT, "root": root, "cutoffs": [asdict(one) for one in several]}
    text = json.dumps(said, sort_keys=True, allow_nan=False)
    with replacing(path) as file:
        file.write(text.encode("ascii") + b"\n")


def keep(index: Path, root: str | None, found: Sequence[Cutoffs]) -> None:
    """Puts cut-offs of one spec beside an index. Those of other distances stay, if they fit it."""
    path, known = beside(index), list[Cutoffs]()
    with suppress(BadIndex):  # there are none, or none that are of use
        for_root, before = _read(path)
        if for_root == root:
            known = [one for one in before if one.spec == found[0].spec]
    new = {one.distance: one for one in [*known, *found]}
    write(path, list(new.values()), root)


def kept(index: Path, root: str | None, spec: str, distance: str) -> Cutoffs:
    """The cut-offs beside an index of pictures in this folder; BadIndex if there are none for it.

    An index of other pictures may have taken the place of the one that they were found for.
    """
    path = beside(index)
    for_root, several = _read(path)
    if for_root != root:
        raise BadIndex(
            f"the cut-offs in {path} were found for pictures in {for_root}, and the index is of "
            f"those in {root}; compare again"
        )
    return _one(path, several, spec, distance)


def read(path: Path, spec: str, distance: str) -> Cutoffs:
    """The cut-offs of vectors with this spec at this distance; BadIndex if the file has others."""
    return _one(path, _read(path)[1], spec, distance)


def _one(path: Path, several: Sequence[Cutoffs], spec: str, distance: str) -> Cutoffs:
    fitting = [one for one in several if one.spec == spec]
    if not fitting:
        theirs = several[0].spec if several else "nothing"
        raise BadIndex(
            f"the cut-offs in {path} are for vectors of {theirs!r}, not {spec!r}; compare again"
        )
    for one in fitting:
        if one.distance == distance:
            return one
    theirs = ", ".join(one.distance for one in fitting)
    raise BadIndex(
        f"the cut-offs in {path} are for the distance {theirs}, not {distance}; compare again "
        f"with --distances {distance}"
    )


def _read(path: Path) -> tuple[str | None, list[Cutoffs]]:
    try:
        if regular(str(path)).st_size > LARGEST_FILE:
            raise BadIndex(f"{path} is too large for cut-offs; compare again")
        data = read_regular(str(path))
    except BadPicture as error:
        raise BadIndex(
            f"there are no cut-offs for --threshold auto at {path} ({error}); cbir compare with "
            "labels writes them"
        ) from error
    try:
        said = json.loads(data)
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise ValueError("no format that this version reads")
        if not isinstance(root := said.get("root"), str | None):
            raise ValueError("no folder")
        return root, [_checked(one) for one in _list(said.get("cutoffs"))]
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadIndex(f"{path} does not hold cut-offs; compare again") from error


def _checked(said: Any) -> Cutoffs:
    """From a file's JSON, which may hold anything; ValueError when it does not fit."""
    if not isinstance(said, dict):
        raise ValueError("no cut-offs")
    for field in fields(Cutoffs):
        value = said.get(field.name)
        if field.type is Floats:
            said[field.name] = tuple(_number(number) for number in _list(value))
        elif field.type is float:
            said[field.name] = _number(value)
        elif type(value) is not field.type:
            raise ValueError(f"{field.name} is not of its kind")
    cutoffs = Cutoffs(**said)
    rising = (cutoffs.rates, cutoffs.distances, cutoffs.found, cutoffs.steps)
    falling = tuple(-p for p in cutoffs.probabilities)
    if not all(list(some) == sorted(some) for some in (*rising, falling)):
        raise ValueError("its numbers are not in order")
    if not len(cutoffs.rates) == len(cutoffs.distances) == len(cutoffs.found):
        raise ValueError("not a distance for every rate")
    if not len(cutoffs.steps) == len(cutoffs.probabilities) > 0:
        raise ValueError("not a probability for every step")
    if not all(0 < p < 1 for p in cutoffs.probabilities):
        raise ValueError("certain, which nothing is")
    return cutoffs


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("not a list")
    return value


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError("not a number")
    return float(value)
