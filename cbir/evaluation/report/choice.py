"""Which system to take: the highest map, or the cheapest that can't be told apart from it.

Costs are measured with some noise, so that a system within half of the cheapest costs the same.
Only sizes have none.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from cbir.evaluation.report.model import ALPHA, Comparison, System
from cbir.evaluation.report.numbers import quantity, whole

SAME_COST = 1.5

Reason = Literal["alone", "few", "best", "cheapest", "equal", "unknown"]


class Cost(NamedTuple):
    """A cost to compare by (less is cheaper), and how one system's is set against another's."""

    value: Callable[[System], float | None]
    words: Callable[[System, System], str]
    noise: float = SAME_COST


class Saving(NamedTuple):
    """By which cost the choice is cheaper, and than which other system."""

    cost: Cost
    other: System


class Choice(NamedTuple):
    """The system to take, the highest map, and those that can't be told apart from that."""

    system: System
    best: System
    rivals: list[System]
    reason: Reason
    saving: Saving | None = None


def choose(comparison: Comparison) -> Choice:
    """The system to take, and why."""
    best, *others = comparison.ordered
    if not others:
        return Choice(best, best, [], "alone")
    rivals = [other for other in others if not _apart(comparison, best, other)]
    if not rivals:
        return Choice(best, best, [], "best")
    if _too_few(comparison):
        return Choice(best, best, rivals, "few")
    return _cheapest(best, rivals)


def seconds_a_picture(system: System) -> float | None:
    """What it takes to describe one picture; with decoding, where that was measured."""
    if not system.describe_per_s:
        return None
    decoding = 1 / system.decode_per_s if system.decode_per_s else 0
    return 1 / system.describe_per_s + decoding


def _cheapest(best: System, rivals: list[System]) -> Choice:
    """To describe pictures takes longest, so that is compared first. Costs count that all have."""
    left, saving, known = [best, *rivals], None, False
    for cost in COSTS:
        values = [value for system in left if (value := cost.value(system)) is not None]
        if len(values) < len(left) or len(left) == 1:
            continue
        known = True
        limit = min(values) * cost.noise
        dearer = [s for s, value in zip(left, values, strict=True) if value > limit]
        # How the highest was beaten says most; the rest need not be told.
        if dearer and best in left:
            saving = Saving(cost, dearer[0])
        left = [s for s, value in zip(left, values, strict=True) if value <= limit]
    reason: Reason = "cheapest" if saving else "equal" if known else "unknown"
    return Choice(left[0], best, rivals, reason, saving)


def _apart(comparison: Comparison, best: System, other: System) -> bool:
    pair = comparison.pair(best.name, other.name)
    return pair is not None and pair.differ


def _too_few(comparison: Comparison) -> bool:
    """Whether no result whatever could have come out as a difference.

    The rarest of the 2ⁿ ways to turn n signs has p = 2/2ⁿ, which Holm multiplies by the pairs.
    """
    tests = max(len(comparison.pairs), 1)
    draws = comparison.groups or comparison.queries
    return 2 * tests > ALPHA * 2.0 ** min(draws, 1000)


def _describing(system: System, other: System) -> str:
    rates = [quantity(1 / (seconds_a_picture(s) or 1)) for s in (system, other)]
    doing = "decoding and describing" if system.decode_per_s else "describing"
    return f"{doing} {rates[0]} pictures a second against {rates[1]}"


def _searching(system: System, other: System) -> str:
    return f"with {quantity(system.query_ms)} ms a query against {quantity(other.query_ms)}"


def _keeping(system: System, other: System) -> str:
    sizes = (whole(system.bytes_per_picture), whole(other.bytes_per_picture))
    return f"with {sizes[0]} bytes a picture against {sizes[1]}"


COSTS = (
    Cost(seconds_a_picture, _describing),
    Cost(lambda system: system.query_ms, _searching),
    Cost(lambda system: system.bytes_per_picture, _keeping, noise=1),
)
