"""Which queries to show: those on which the systems differ most, for and against the winner."""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

NOTICEABLE = 0.05
"""How much better another system is where a query counts as lost."""


def disagreements(
    precision: Mapping[str, NDArray[np.float64]],
    winner: str,
    count: int = 8,
    classes: Sequence[Hashable] | None = None,
) -> list[int]:
    """Numbers of up to `count` queries: first where the winner is ahead, then where it is behind.

    `precision` has each system's average precision (queries,) by its name, `classes` each query's
    class. Half are of each sort, where there are as many. A system on its own is set against its
    own mean: what it finds, and what it doesn't.
    """
    values = np.asarray(precision[winner])
    others = [row for name, row in precision.items() if name != winner]
    rivals = np.stack(others) if others else np.full((1, len(values)), values.mean())
    behind = rivals.max(axis=0) - values
    lost = behind >= NOTICEABLE
    wins = _diverse(np.where(lost, 0, values - rivals.min(axis=0)), classes)
    losses = _diverse(np.where(lost, behind, 0), classes)
    kept = wins[: count - min(len(losses), count // 2)]
    return kept + losses[: count - len(kept)]


def _diverse(gaps: NDArray[np.float64], classes: Sequence[Hashable] | None) -> list[int]:
    """Queries with a gap, the widest first, but a second of one class after a first of all."""
    order = [int(query) for query in np.argsort(-gaps, kind="stable") if gaps[query] > 0]
    if classes is None:
        return order
    seen: dict[Hashable, int] = {}
    turns = []
    for query in order:
        turn = seen.get(classes[query], 0)
        seen[classes[query]] = turn + 1
        turns.append((turn, query))
    turns.sort(key=lambda pair: pair[0])
    return [query for _, query in turns]
