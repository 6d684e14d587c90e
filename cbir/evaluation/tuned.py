"""A sum whose weights are to be found: its parts, and what becomes of it in a comparison."""

from collections.abc import Sequence
from dataclasses import dataclass

from cbir import recipe
from cbir.errors import BadSpec
from cbir.evaluation.collecting import Collected
from cbir.evaluation.relevance import Relevance, Sides
from cbir.evaluation.scoring import Candidate
from cbir.evaluation.tuning import Tuned, by_average_precision, of_vectors, tune
from cbir.recipe import Recipe
from cbir.recipe.grammar import split_sum
from cbir.recipe.sums import unit_rows
from cbir.types import Vectors


@dataclass(frozen=True)
class Tuning:
    """The parts as they were typed, and what they are."""

    typed: Sequence[str]
    parts: Sequence[Recipe]

    def choose(
        self, relevance: Relevance, queries: Collected, gallery: Collected, sides: Sides, seed: int
    ) -> "Chosen":
        """The weights that are best on half of the queries; the others are left to be scored."""
        asked = [_unit(part, queries, relevance.queries) for part in self.parts]
        searched = [_unit(part, gallery, sides.gallery) for part in self.parts]
        evaluate = by_average_precision(of_vectors(asked, searched), relevance, len(sides.gallery))
        count = len(relevance.queries)
        found = tune(evaluate, len(self.parts), count, relevance.classes, seed)
        return Chosen(self, found, relevance.only(found.held_out))


@dataclass(frozen=True)
class Chosen:
    """The weights, and the queries that had no part in choosing them."""

    tuning: Tuning
    found: Tuned
    relevance: Relevance

    def beside(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The others and the sum, as it was chosen and with equal weights, and its parts alone."""
        typed = [self.spec, "+".join(self.tuning.typed), *self.tuning.typed]
        entered: dict[str, Candidate] = {}
        for one in [*candidates, *(Candidate(text, recipe.parse(text)) for text in typed)]:
            entered.setdefault(one.recipe.spec, one)
        return list(entered.values())

    @property
    def spec(self) -> str:
        """As a person would type it; a part that does not help is left out."""
        pairs = [
            (text, weight)
            for text, weight in zip(self.tuning.typed, self.found.weights, strict=True)
            if weight
        ]
        if len(pairs) == 1:
            return pairs[0][0]
        return "+".join(f"{text}*{weight:g}" for text, weight in pairs)

    @property
    def note(self) -> str:
        count = len(self.found.chosen_on)
        return (
            f"{self.spec} has the best weights of {'+'.join(self.tuning.typed)} on {count} queries "
            f"(map {self.found.chosen_value:.3f} there), which are left out; all figures are of "
            f"the other {len(self.found.held_out)}"
        )


def parse(text: str) -> Tuning:
    """The sum that a person wants weights for; BadSpec unless it is one, without weights."""
    pieces = split_sum(text)
    typed = [piece.text.strip() for piece in pieces]
    if len(pieces) < 2:
        raise BadSpec(
            f"there are no weights to tune in {text!r}; give a sum, such as hsv+mobilenet"
        )
    if any(piece.weight is not None for piece in pieces):
        raise BadSpec(f"weights of {text!r} are to be found; leave them away: {'+'.join(typed)}")
    recipe.parse(text)  # which refuses a part that is there twice
    return Tuning(typed, [recipe.parse_one(part) for part in typed])


def _unit(part: Recipe, side: Collected, ids: Sequence[str]) -> Vectors:
    return unit_rows(part, side.vectors(part, ids))
