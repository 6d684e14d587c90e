"""From scores to a comparison that the report can tell: pairs, kinds of queries, examples."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from cbir.errors import BadIndex
from cbir.evaluation.metrics import by_chance
from cbir.evaluation.relevance import Relevance
from cbir.evaluation.report import (
    Breakdown,
    Comparison,
    Cutoff,
    Example,
    Ranked,
    Result,
    choose,
    disagreements,
)
from cbir.evaluation.report.model import HEADLINE
from cbir.evaluation.scoring import Scored
from cbir.evaluation.statistics import compare_all

MOST_KINDS = 20  # of queries; with more, a table of them tells nobody anything


def told(
    about: Comparison, scored: Sequence[Scored], relevance: Relevance, seed: int
) -> Comparison:
    """The comparison with everything that follows from the scores."""
    precisions = {one.system.name: one.values[HEADLINE] for one in scored}
    together = relevance.together
    known = replace(
        about,
        systems=[one.system for one in scored],
        pairs=compare_all(precisions, seed, groups=together),
        groups=0 if together is None else int(together.max()) + 1,
        breakdowns=_breakdowns(scored, relevance.classes, about.classes),
        cutoffs=_cutoffs(scored, about.rate),
    )
    winner = choose(known).system.name
    shown = disagreements(precisions, winner, classes=relevance.classes)
    best_first = sorted(scored, key=lambda one: -one.system.quality)
    return replace(known, examples=[_example(number, best_first, relevance) for number in shown])


def left_out(relevance: Relevance) -> str:
    """What to say of queries that nothing is right for."""
    count, first = len(relevance.left_out), relevance.left_out[0]
    if count == 1:
        return f"1 query has no right answer and is left out: {first!r}"
    return f"{count} queries have no right answer and are left out, {first!r} first"


def chance(relevance: Relevance, names: int | None = None) -> float:
    """The map of a random order of so many names, all that are known unless told otherwise."""
    values = []
    for query in range(len(relevance.queries)):
        ranked = (names or len(relevance.gallery)) - len(relevance.unranked(query))
        values.append(by_chance(int(np.count_nonzero(relevance.grades(query))), ranked))
    return float(np.mean(values))


def _cutoffs(scored: Sequence[Scored], rate: float) -> list[Cutoff]:
    """Each system's cut-off for this rate of false matches, as far as its pairs allow."""
    told = []
    for one in scored:
        if one.cutoffs is not None:
            distance = found = None
            with suppress(BadIndex):  # too few pairs for a promise like that
                distance, found = one.cutoffs.threshold(rate), one.cutoffs.found_at(rate)
            off = one.cutoffs.calibration_error
            told.append(Cutoff(one.system.name, distance, found, off))
    return told


def _breakdowns(
    scored: Sequence[Scored], classes: Sequence[str] | None, by: str
) -> list[Breakdown]:
    kinds = sorted(set(classes or ()))
    if not 2 <= len(kinds) <= MOST_KINDS:
        return []
    of = np.array(classes)
    rows = []
    for kind in kinds:
        chosen = of == kind
        values = {one.system.name: float(one.values[HEADLINE][chosen].mean()) for one in scored}
        rows.append((kind, int(chosen.sum()), values))
    return [Breakdown(f"By {by}", f"{HEADLINE} of the queries of each {by}", rows)]


def _example(number: int, scored: Sequence[Scored], relevance: Relevance) -> Example:
    grades = relevance.grades(number)
    rankings = []
    for one in scored:
        top = one.tops[number]
        results = [
            Result(relevance.gallery[name], float(distance), bool(grades[name]))
            for name, distance in zip(top.order, top.distances, strict=True)
        ]
        rankings.append(Ranked(one.system.name, float(one.values[HEADLINE][number]), results))
    return Example(relevance.queries[number], int((grades > 0).sum()), rankings)
