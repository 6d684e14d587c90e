"""A descriptor as a person names it, and the canonical spec that says exactly what it does.

A person writes `name` or `name:key=value,key=value`, and sums of those, `hsv*0.25+mobilenet*0.75`.
The canonical spec writes out every setting and the descriptor's version. Vectors are comparable
if and only if their canonical specs are equal.
"""

from cbir import descriptors
from cbir.errors import BadSpec
from cbir.recipe import grammar
from cbir.recipe.settings import build
from cbir.recipe.single import Recipe, take_steps
from cbir.recipe.sums import Sum, normalised

__all__ = ["AnyRecipe", "Recipe", "Sum", "parse", "parse_one"]

AnyRecipe = Recipe | Sum

LEAST_SHARE = 1e-12  # of a sum; what is less can't be told from rounding


def parse(text: str) -> AnyRecipe:
    """The recipe that a spec, typed or canonical, stands for; BadSpec when there is none."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise BadSpec(f"{text!r} is not UTF-8")
    parts = grammar.split_sum(text)
    if len(parts) == 1:
        if parts[0].weight is not None:
            raise BadSpec(
                f"{text!r} has a weight and nothing to add: write hsv*0.25+mobilenet*0.75"
            )
        return parse_one(text)
    weights = [_weight(text, part) for part in parts]
    made = list(zip([parse_one(part.text) for part in parts], weights, strict=True))
    made.sort(key=lambda pair: pair[0].spec)  # the order in which a person adds them is nothing
    if len({part.spec for part, _ in made}) < len(made):
        raise BadSpec(f"{text!r} adds the same descriptor twice")
    shares = normalised([weight for _, weight in made])
    if min(shares) < LEAST_SHARE:
        raise BadSpec(f"{text!r}: one of the weights is as good as nothing beside the others")
    return Sum(tuple(part for part, _ in made), shares)


def parse_one(text: str) -> Recipe:
    """The same for a spec that is no sum."""
    name, settings = grammar.read_one(text)
    proper, cls = descriptors.find(name)
    version = settings.pop("version", None)
    if version is not None and version != str(cls.version):
        raise BadSpec(
            f"version {version} of {proper} is asked for, and version {cls.version} is installed, "
            "whose vectors differ; index the pictures again"
        )
    steps = take_steps(proper, cls, settings)
    return Recipe(proper, build(proper, cls, settings), frozenset(settings), steps)


def _weight(text: str, part: grammar.Part) -> float:
    if part.weight is None:
        return 1.0
    try:
        weight = float(part.weight)
    except ValueError:
        weight = float("nan")
    if not 0 < weight < float("inf"):
        raise BadSpec(
            f"{text!r}: {part.weight or 'nothing'} is not a weight; write hsv*0.25+mobilenet*0.75"
        )
    return weight
