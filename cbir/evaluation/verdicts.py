"""From scores to a comparison that the report can tell: pairs, kinds of queries, examples."""

from collections.abc import Sequence

import numpy as np

from cbir.evaluation.relevance import Relevance
from cbir.evaluation.report import (
    Breakdown,
    Comparison,
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
    about: Comparison, scored: Sequence[Scored], relevance: Relevance, by: str, seed: int
) -> Comparison:
    """The comparison with everything that follows from the scores. `by` names the classes."""
    precisions = {one.system.name: one.values[HEADLINE] for one in scored}
    systems = [one.system for one in scored]
    fields = vars(about) | {"systems": systems, "pairs": compare_all(precisions, seed)}
    fields["breakdowns"] = _breakdowns(scored, relevance.classes, by)
    winner = choose(Comparison(**fields)).system.name
    shown = disagreements(precisions, winner, classes=relevance.classes)
    fields["examples"] = [_example(number, scored, relevance) for number in shown]
    return Comparison(**fields)


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
