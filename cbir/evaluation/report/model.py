"""What a report is made of: plain data, as JSON holds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

ALPHA = 0.05
PICTURES, ITEMS = "pictures", "items"  # which are ranked
HEADLINE = "map"
"""The metric that intervals, pairs and the verdict are about."""

COST_FIELDS = ("describe_per_s", "decode_per_s", "query_ms", "query_ms_p95", "bytes_per_picture")
"""Of a System, those that tell what it costs."""


@dataclass(frozen=True)
class System:
    """A descriptor, as it was typed, with a distance: what was measured of it.

    `distance` is empty where only a run of another tool is known. Costs are None where they were
    not measured. Rates are pictures a second; an interval is (low, high).
    """

    descriptor: str
    spec: str
    distance: str
    queries: int
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    describe_per_s: float | None = None
    decode_per_s: float | None = None
    query_ms: float | None = None
    query_ms_p95: float | None = None
    bytes_per_picture: float | None = None
    aggregate: str = ""

    @property
    def how(self) -> str:
        """The distance and, where items ask with all their pictures, what is made of several."""
        return ", ".join(word for word in (self.distance, self.aggregate) if word)

    @property
    def name(self) -> str:
        """What pairs, breakdowns and examples call it."""
        return f"{self.descriptor} · {self.how}" if self.how else self.descriptor

    @property
    def words(self) -> str:
        """Its name inside a sentence."""
        return f"{self.descriptor} with {self.how}" if self.how else self.descriptor

    @property
    def quality(self) -> float:
        return self.metrics[HEADLINE]

    @property
    def interval(self) -> tuple[float, float] | None:
        return self.intervals.get(HEADLINE)


@dataclass(frozen=True)
class Pair:
    """Two systems, by name, on the same queries: the mean of a − b, its 95% interval, the test.

    `queries_needed` is about how many would tell them apart, None where no number would.
    """

    a: str
    b: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    verdict: str
    queries_needed: int | None = None

    @property
    def differ(self) -> bool:
        return self.p_holm <= ALPHA

    def turned(self) -> "Pair":
        """The same, told from b's side."""
        return replace(
            self, a=self.b, b=self.a, difference=-self.difference, low=-self.high, high=-self.low
        )


@dataclass(frozen=True)
class Cutoff:
    """Up to which distance a system's pairs may be called the same, for a rate of false matches.

    `found`: the share of the same pairs within it. Both are None where the labelled pairs are too
    few to promise the rate. `off`: how far the probabilities are off on queries of their own.
    """

    system: str
    distance: float | None
    found: float | None
    off: float


@dataclass(frozen=True)
class Breakdown:
    """One metric by kind of query: by the kind of edit, or by class.

    `rows` has a kind, how many queries are of it, and each system's value by its name.
    """

    title: str
    note: str
    rows: Sequence[tuple[str, int, Mapping[str, float]]]


@dataclass(frozen=True)
class Result:
    """A picture (or an item) that was found, and whether it is relevant."""

    id: str
    distance: float
    right: bool


@dataclass(frozen=True)
class Ranked:
    """The top of one system's ranking for one query, and the query's average precision."""

    system: str
    precision: float
    results: Sequence[Result]


@dataclass(frozen=True)
class Example:
    """A query with what each system found. `relevant` is how many there are to be found."""

    query: str
    relevant: int
    rankings: Sequence[Ranked]


@dataclass(frozen=True)
class Comparison:
    """All that a report says. Counts are of queries and of what is ranked.

    `labels` says in words what counts as relevant, `classes` what the queries' classes are, and
    `synthetic` that the queries were made by editing pictures; `chance` is the map of a random
    order, where known; `rate` the share of false matches that the cut-offs are for. `groups`: of
    how many items (folders, edited pictures) the queries are, where those are what was drawn.
    """

    title: str
    dataset: str
    queries: int
    gallery: int
    labels: str
    command: str
    systems: Sequence[System]
    pairs: Sequence[Pair] = ()
    breakdowns: Sequence[Breakdown] = ()
    examples: Sequence[Example] = ()
    warnings: Sequence[str] = ()
    unit: str = PICTURES
    classes: str = "class"
    synthetic: bool = False
    chance: float | None = None
    rate: float = 0.01
    cutoffs: Sequence[Cutoff] = ()
    groups: int = 0

    @property
    def drawn_as(self) -> str:
        """What was drawn, where that was no single query."""
        return "picture" if self.synthetic else self.classes

    @property
    def ordered(self) -> list[System]:
        """Highest map first; equal ones as they were given."""
        return sorted(self.systems, key=lambda system: -system.quality)

    def pair(self, a: str, b: str) -> Pair | None:
        """The comparison of two systems, told from a's side."""
        for pair in self.pairs:
            if (pair.a, pair.b) == (a, b):
                return pair
            if (pair.a, pair.b) == (b, a):
                return pair.turned()
        return None
