"""Index a data set, and search it."""

import math
from dataclasses import dataclass

from cbir import distances
from cbir.errors import BadIndex
from cbir.jobs.given import PathLike, Several, described, files_of, gathered
from cbir.recipe import parse
from cbir.searcher import Searcher
from cbir.types import Failure, Hit
from cbir.vector_index import VectorIndex


@dataclass(frozen=True)
class Indexed:
    """An index in memory, and the pictures that are not in it."""

    index: VectorIndex
    failures: list[Failure]


@dataclass(frozen=True)
class Found:
    """What was found for each query, by its name, and the queries that could not be used."""

    hits: dict[str, list[Hit]]
    failures: list[Failure]


def index(
    dataset: PathLike,
    descriptor: str = "hsv",
    *,
    to: PathLike | None = None,
    augment: bool = False,
    store: PathLike | None = None,
    allow_local: bool = False,
) -> Indexed:
    """Describes all pictures of a data set; `to` also writes the index file that `search.py` reads.

    `augment`: each picture mirrored and turned, too.

    >>> made = index("data/dataset/shop", "hsv")
    >>> len(made.index), made.index.distance, made.failures
    (123, 'chi2', [])
    """
    made = gathered(dataset, parse(descriptor), augment, store, allow_local)
    (found,) = made.indexes
    if to is not None:
        found.write(to)
    return Indexed(found, made.failures)


def search(
    index: PathLike | VectorIndex,
    queries: Several,
    *,
    limit: int = 3,
    distance: str | None = None,
    threshold: float | None = None,
    store: PathLike | None = None,
) -> Found:
    """The pictures of an index most like each query: a file, a folder, several, or encoded bytes.

    Bytes go by the name `query`. The queries are described by what made the index.

    >>> made = index("data/dataset/shop")
    >>> found = search(made.index, "queries/hat-tan_query.jpg", limit=2)
    >>> [hit.id for hit in found.hits["queries/hat-tan_query.jpg"]]
    ['hat-tan_3.jpg', 'hat-tan_2.jpg']
    """
    searched = index if isinstance(index, VectorIndex) else VectorIndex.read(index)
    recipe = parse(searched.spec)
    if recipe.spec != searched.spec:
        raise BadIndex(f"{searched.spec} made the index, and {recipe.spec} is installed")
    within = math.inf if threshold is None else distances.check_far(threshold)
    searcher = Searcher(searched, distance or searched.distance)
    asked = files_of(queries)
    hits: dict[str, list[Hit]] = {}
    failures = []
    for name, found in described(asked, recipe, store):
        if isinstance(found, str):
            failures.append(Failure(name, found))
            continue
        (near,) = searcher.search(found, limit)
        hits[name] = [hit for hit in near if hit.distance <= within]
    return Found(hits, [*asked.failures, *failures])
