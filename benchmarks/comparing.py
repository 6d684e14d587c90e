"""A comparison as a whole from ready vectors, and what its statistics cost beside its searches."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import SHARED, Row, in_turns
from cbir.distances import from_vectors
from cbir.evaluation import writing
from cbir.evaluation.collecting import Collected, collect
from cbir.evaluation.comparing import compare
from cbir.evaluation.question import Question
from cbir.evaluation.ranking import Ranking, all_distances, ranked
from cbir.evaluation.relevance import Relevance
from cbir.evaluation.report import System
from cbir.evaluation.scoring import ALWAYS, Scored, means, values_of, with_intervals
from cbir.evaluation.statistics import compare_all
from cbir.pipeline import Settings
from cbir.recipe import parse
from cbir.sources import open_dataset
from cbir.store import Store

CLOTHING = SHARED / "data/clothing"
SPECS = ("hsv", "hsv-regions", "mobilenet")
DISTANCES = ("chi2", "cosine")
PAIRS = tuple(product(SPECS, DISTANCES))
PICTURES = 3000


class _Ready(NamedTuple):
    """What the parts of a comparison need, described already."""

    store: Store
    gallery: Path
    relevance: Relevance


def comparison(folder: Path) -> Iterator[Row]:
    """372 queries on 3,000 pictures, six pairs of descriptor and distance, all statistics."""
    if not CLOTHING.is_dir() or not (SHARED / "keras/models").is_dir():
        print(f"  skipped: real photos and weights are not at {SHARED}")
        return
    gallery = _many(folder / "gallery")
    with Store.open(folder / "features.db") as store:
        question = _question(gallery)
        first = compare(question, _made(folder / "first"), store=store)  # which describes it all
        ready = _Ready(store, gallery, first.relevance)
        seconds = in_turns(3, lambda: _whole(question, folder / "out", store))[0]
        what = f"372 queries on {PICTURES:,} pictures, six pairs, all statistics, report written"
        yield Row(what, "a clock, from ready vectors", seconds, 10, at_least=False, unit=" s")
        rankings = list(_search(ready))
        searching, judging = in_turns(
            3, lambda: [*_search(ready)], lambda: _judge(ready.relevance, rankings)
        )
        what = "metrics and statistics of that comparison"
        against = "its reading and searching alone"
        yield Row(what, against, judging / searching, 3, at_least=False)


def _many(folder: Path) -> Path:
    """The gallery's photos in their folders again and again, each with bytes of its own."""
    files = sorted((CLOTHING / "gallery").rglob("*.jpg"))
    for number in range(PICTURES):
        file = files[number % len(files)]
        place = folder / file.parent.name / f"{number:04}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.read_bytes() + number.to_bytes(4))
    time.sleep(3)  # what has just changed has no stamp, and would be read again
    return folder


def _question(gallery: Path) -> Question:
    return Question(str(gallery), "folders", str(CLOTHING / "queries"), SPECS, DISTANCES)


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _whole(question: Question, out: Path, store: Store) -> None:
    writing.write(out, compare(question, _made(out), store=store))


def _search(ready: _Ready) -> Iterator[list[Ranking]]:
    """Every pair's rankings, from the store's vectors."""
    sides = [_collected(place, ready.store) for place in (CLOTHING / "queries", ready.gallery)]
    with closing(sides[0]) as asks, closing(sides[1]) as searched:
        for spec, distance in PAIRS:
            asked = asks.vectors(parse(spec), ready.relevance.queries)
            blocks = from_vectors(searched.vectors(parse(spec), searched.ids))
            every = all_distances(asked, blocks, distance)
            excluded = ready.relevance.excluded
            yield [ranked(far, excluded(query), None) for query, far in enumerate(every)]


def _collected(place: Path, store: Store) -> Collected:
    source = open_dataset(str(place))
    recipes = [parse(spec) for spec in SPECS]
    return collect(
        source, list(source.pictures()), recipes, Settings(), store, lambda done, total: None
    )


def _judge(relevance: Relevance, systems: Sequence[Sequence[Ranking]]) -> None:
    """All figures, intervals and tests of these rankings."""
    scored = []
    for number, rankings in enumerate(systems):
        values = values_of(ALWAYS, relevance, rankings)
        figures = means(values, relevance.classes)
        system = System(str(number), "", "", len(rankings), figures)
        scored.append(Scored(system, values, [], str(number)))
    with_intervals(scored, seed=0)
    compare_all({one.run: one.values["map"] for one in scored})
