"""Cut-offs: saved beside indexes by a comparison, and used by a search to keep a promise."""

import math
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cbir.commands.options import Usage
from cbir.commands.terminal import Terminal
from cbir.errors import BadIndex
from cbir.recipe import AnyRecipe
from cbir.types import Hit, Source
from cbir.vector_index import VectorIndex

if TYPE_CHECKING:
    from cbir.evaluation.comparing import Answer
    from cbir.evaluation.cutoffs import Cutoffs
    from cbir.evaluation.question import Entries

AUTO = "auto"


class Limit(NamedTuple):
    """The largest distance of a result; with cut-offs, its probability is known, too."""

    distance: float = math.inf
    cutoffs: "Cutoffs | None" = None

    def within(self, hits: Sequence[Hit]) -> list[Hit]:
        return [hit for hit in hits if hit.distance <= self.distance]

    def probabilities(self, hits: Sequence[Hit]) -> list[float] | None:
        """How likely each shows the same item, where that is known."""
        if self.cutoffs is None:
            return None
        return self.cutoffs.probability([hit.distance for hit in hits]).tolist()


def limit_of(
    threshold: str | None, path: str, index: VectorIndex, distance: str, terminal: Terminal
) -> Limit:
    """What `--threshold X|auto[:RATE]` means for an index, and this distance."""
    if threshold is None:
        return Limit()
    if threshold.split(":")[0] != AUTO:
        return Limit(_number(threshold))
    if index.augmented:
        raise BadIndex(
            f"{path} is augmented: its results are the nearest of several, and cut-offs are of "
            "upright pictures; give a distance, or an index without --augment"
        )
    # Only here, because most searches do without.
    from cbir.evaluation import cutoffs

    rate = _rate(threshold)
    kept = cutoffs.kept(Path(path), index.root_from(path), index.spec, distance)
    limit = kept.threshold(rate)
    terminal.note(
        f"results up to {limit:.4f} away: {100 * rate:.3g}% of the wrong pairs pass, and "
        f"{kept.found_at(rate):.0%} of the right ones, as {kept.queries} labelled queries tell"
    )
    return Limit(limit, kept)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not number >= 0:
        raise Usage(
            f"--threshold {text} is not a distance; give a number that is not negative, or auto"
        )
    return number


def _rate(text: str) -> float:
    """The share of false matches in `auto:0.01`."""
    from cbir.evaluation.cutoffs import RATE

    words = text.partition(":")[2]
    try:
        rate = float(words) if ":" in text else RATE
    except ValueError:
        rate = math.nan
    if not 0 < rate <= 1:
        raise Usage(f"--threshold {text}: give the share of false matches, such as auto:{RATE}")
    return rate


def check_indexes(paths: Sequence[str], entries: "Entries") -> None:
    """Usage for an index that no system is about; of a sum to be tuned nobody knows yet."""
    specs = {one.recipe.spec for one in entries.candidates}
    for path in paths:
        spec = VectorIndex.read(path).spec
        if spec not in specs and not entries.tuning:
            raise Usage(f"--index {path} was made by {spec}, which is not compared here")


def keep_cutoffs(
    paths: Sequence[str], answer: "Answer", recipes: Sequence[AnyRecipe], terminal: Terminal
) -> None:
    """Beside each index the cut-offs of its spec; without paths, beside those of this data set."""
    from cbir.evaluation import cutoffs

    places = paths or _default_indexes(answer.gallery, recipes)
    if not places and any(one.cutoffs for one in answer.scored):
        terminal.note(
            "no index of these pictures is here, so no cut-offs for search.py --threshold auto are "
            "saved; index first, or name one by --index"
        )
    for path in places:
        index = VectorIndex.read(path)
        spec = index.spec
        if index.augmented:
            terminal.note(
                f"no cut-offs for {path}: they are of upright pictures, and it has others"
            )
            continue
        known = (one.cutoffs for one in answer.scored if one.cutoffs is not None)
        found = [one for one in known if one.spec == spec]
        if found:
            cutoffs.keep(Path(path), index.root_from(path), found)
            terminal.note(f"cut-offs saved beside {path}, for search.py --threshold auto")
        elif paths:
            terminal.note(f"no cut-offs for {path}: none were found for {spec}")


def _default_indexes(gallery: Source | None, recipes: Sequence[AnyRecipe]) -> list[str]:
    """The indexes of this data set where index.py writes them."""
    place = getattr(gallery, "root", "")
    names = ["index.csv", *(f"index.{recipe.slug}.csv" for recipe in recipes)]
    found = []
    for name in dict.fromkeys(names):
        with suppress(BadIndex, OSError):
            root = VectorIndex.read(name).root
            if root is not None and os.path.samefile(root, place):
                found.append(name)
    return found
