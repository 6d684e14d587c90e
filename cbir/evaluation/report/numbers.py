"""How names and numbers are shown, and the columns that all tables share."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cbir.evaluation.report.model import Comparison, Pair, System

MISSING = "–"
CUTOFFS = "When is a result the same?"
CUTOFF_COLUMNS = ("distance at most", "same pairs found", "probabilities off by")
OF_CLASSES = "class "
"""Begins the name of a metric that is a mean of classes, not of queries."""


class Column(NamedTuple):
    """A heading, what it means, a system's value, how that is shown, and which is better."""

    heading: str
    meaning: str
    value: Callable[[System], float | None]
    show: Callable[[float | None], str]
    best: Callable[[Sequence[float]], float]


def shown(text: str) -> str:
    """A name as it may stand on a page: one line, and nothing that turns the text around."""
    return "".join(c if c.isprintable() else "·" for c in text)


def fraction(value: float | None) -> str:
    if value is None or math.isnan(value):
        return MISSING
    return f"{round(value, 3) + 0.0:.3f}"  # which makes no −0


def signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−") if round(value, 3) else "0.000"


def quantity(value: float | None) -> str:
    """Three digits that count, whatever the size: 0.0123, 4.56, 1,230."""
    if value is None or not math.isfinite(value):
        return MISSING
    if not value:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    return f"{rounded:,.{max(digits, 0)}f}"


def whole(value: float | None) -> str:
    return MISSING if value is None or not math.isfinite(value) else f"{value:,.0f}"


def percent(value: float | None) -> str:
    """A share; three digits after the point where it is small."""
    if value is None or math.isnan(value):
        return MISSING
    return f"{value:.1%}" if value >= 0.01 or not value else f"{value:.3%}"


def about_cutoffs(rate: float) -> str:
    """What a table of cut-offs tells."""
    return (
        f"Up to which distance two pictures may be called the same, so that only {rate:.3g} of the "
        "pairs that are not the same pass, and how many of the same pairs are found so. A dash: "
        "the labelled pairs are too few to promise that. Probabilities of being the same are off "
        "by that much, on average, for queries that had no part in them. The whole curve is in "
        "the folder cutoffs, and search.py --threshold auto uses it."
    )


def roughly(value: float) -> str:
    """Two digits that count: an estimate looks like one."""
    return f"{round(value, 1 - math.floor(math.log10(max(value, 1)))):,}"


def p_value(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def probability(value: float) -> str:
    return f"p {p_value(value)}" if value < 0.001 else f"p = {p_value(value)}"


def facts(comparison: Comparison) -> str:
    """What was compared on what, in words."""
    drawn = f" of {comparison.groups:,} {comparison.drawn_as}s" if comparison.groups else ""
    counts = f"{comparison.queries:,} queries{drawn} on {comparison.gallery:,} {comparison.unit}"
    robustness = (
        "A robustness test on synthetic edits: it tells what a descriptor is blind to, not what "
        "people would call similar. "
    )
    about = robustness if comparison.synthetic else ""
    chance = comparison.chance
    random = "" if chance is None else f"; a random order has a map of {fraction(chance)}"
    return f"{about}{counts} of {comparison.dataset}. {comparison.labels}{random}."


def settled_by(pair: Pair) -> str:
    """How many queries would tell two apart that can't be; empty where they can."""
    if pair.differ:
        return ""
    return MISSING if pair.queries_needed is None else roughly(pair.queries_needed)


def metric_columns(systems: Sequence[System]) -> list[Column]:
    """Every metric that some system has."""
    names = dict.fromkeys(name for system in systems for name in system.metrics)
    if "p@1" in names:
        names.pop("success@1", None)  # which is the same
    return [Column(name, _meaning(name), _metric(name), fraction, max) for name in names]


def cost_columns(systems: Sequence[System]) -> list[Column]:
    """Every cost that was measured of some system."""
    return [c for c in COSTS if any(c.value(system) is not None for system in systems)]


def best_of(column: Column, systems: Sequence[System]) -> str:
    """The best value as it is shown; empty where all look the same, so that none stands out."""
    values = [v for v in map(column.value, systems) if v is not None and not math.isnan(v)]
    if len({column.show(v) for v in values}) < 2:
        return ""
    return column.show(column.best(values))


def _metric(name: str) -> Callable[[System], float | None]:
    return lambda system: system.metrics.get(name)


def _meaning(name: str) -> str:
    """What a metric is; the number after @ is how many first results it looks at."""
    if name.startswith(OF_CLASSES):
        return f"the mean of the classes' means of {name.removeprefix(OF_CLASSES)}"
    base, _, first = name.partition("@")
    words = MEANINGS.get(base, "")
    return f"{words}, of the first {first} results" if words and first else words


MEANINGS = {
    "map": "mean average precision: 1 when all that is relevant comes first, for every query",
    "p": "precision: the share of right ones",
    "recall": "the share of the relevant that is found",
    "ndcg": "discounted cumulative gain: right ones count more the earlier they come, 1 is ideal",
    "mrr": "one over the rank of the first right one",
    "rprec": "precision of as many first results as there are relevant ones",
    "success": "the share of queries with something right",
}
COSTS = (
    Column(
        "describe/s",
        "pictures described a second, decoding left out",
        lambda system: system.describe_per_s,
        quantity,
        max,
    ),
    Column(
        "decode/s",
        "pictures read and decoded a second",
        lambda system: system.decode_per_s,
        quantity,
        max,
    ),
    Column(
        "ms/query",
        "milliseconds to search with one query, the median",
        lambda system: system.query_ms,
        quantity,
        min,
    ),
    Column(
        "ms/query p95",
        "milliseconds that 95 of 100 queries stay below",
        lambda system: system.query_ms_p95,
        quantity,
        min,
    ),
    Column(
        "bytes/picture",
        "the size of a vector",
        lambda system: system.bytes_per_picture,
        whole,
        min,
    ),
)
