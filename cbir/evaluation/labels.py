"""Where relevance comes from: items, folders, a label file, or edits of one's own pictures."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cbir.errors import BadSource, did_you_mean
from cbir.evaluation.edits import apart
from cbir.evaluation.label_files import Label, read_labels
from cbir.evaluation.relevance import Grades, Level, Numbers, Ranked, Relevance, Sides, assemble
from cbir.items import DEFAULT, ItemRule, item_rule

__all__ = ["by_class", "by_edits", "from_file", "relevance_of"]

EDITS = "edits"
WAYS = ("items", "folders", EDITS)


WORDS = {
    "items": ("Right are the pictures of the same item", "item"),
    "folders": ("Right are the pictures in the same folder", "folder"),
    EDITS: ("Right is the picture that a query was made from", "kind of edit"),
}


def in_words(labels: str) -> tuple[str, str]:
    """What counts as right, and what the classes of queries are called."""
    return WORDS.get(labels, (f"Right is what {labels} says", "class"))


def rule_of(labels: str, rule: str) -> ItemRule:
    """Which pictures show one item: with folders, a folder is an item."""
    return item_rule("folder" if labels == "folders" else rule)


def check_labels(labels: str) -> None:
    """BadSource if that is neither a way nor a file of labels; asked before the work."""
    if labels not in WAYS:
        read_labels(_label_file(labels))


def _label_file(labels: str) -> Path:
    path = Path(labels)
    if not path.exists():
        raise BadSource(f"there are no labels {labels!r}{did_you_mean(labels, [*WAYS])} or a file")
    return path


def relevance_of(
    labels: str, sides: Sides, level: Level = "picture", rule: ItemRule | None = None
) -> Relevance:
    """What `--labels` asks for: items, folders, edits, or a file.

    `rule` says which pictures show one item.
    """
    rule = rule or rule_of(labels, DEFAULT)
    if labels in ("items", "folders"):
        return by_class(sides, rule, level)
    if labels == EDITS:
        return by_edits(sides, level, rule)
    return from_file(_label_file(labels), sides, level, rule)


def by_class(sides: Sides, rule: ItemRule, level: Level = "picture") -> Relevance:
    """Right is what the rule gives the same name as the query: the same item, or folder."""
    ranked = Ranked.of(sides, level, rule)
    classes = [rule(id) for id in sides.queries]
    names = ranked.names if ranked.item_of is not None else [rule(id) for id in sides.gallery]
    numbers = {name: number for number, name in enumerate(dict.fromkeys([*classes, *names]))}
    asked = np.array([numbers[name] for name in classes], np.intp)
    answers = np.array([numbers[name] for name in names], np.intp)

    def judge(query: int) -> Grades:
        return (answers == asked[query]).astype(np.int64)

    hint = (
        f"{sides.queries[0]!r} is taken for {classes[0]!r}; if that is not meant, give a label file"
    )
    if {*classes, *names} == {"."}:
        hint = "they lie in one folder, not in one for each kind; --labels items or edits may do"
    return assemble(sides, ranked, judge, classes, classes, hint)


def by_edits(sides: Sides, level: Level = "picture", rule: ItemRule | None = None) -> Relevance:
    """Right is the original that a query was made from, and whatever has the same bytes."""
    ranked = Ranked.of(sides, level, rule or item_rule())
    numbers = {id: number for number, id in enumerate(sides.gallery)}
    copies = sides.copies()
    kinds, made_from, rows = list[str](), list[str](), list[_Row]()
    for query in sides.queries:
        kind, id = apart(query)
        if id not in numbers:
            raise BadSource(f"{query!r} is an edit of a picture that is not searched")
        same = copies.get(sides.gallery_contents.get(id, b""), [numbers[id]])
        kinds.append(kind)
        made_from.append(id)
        rows.append(_row((place, 1) for place in ranked.places(np.array(same, np.intp))))
    judge = _Listed(rows, len(ranked.names))
    return assemble(sides, ranked, judge, kinds, made_from, "edits need at least two pictures")


def from_file(
    path: Path, sides: Sides, level: Level = "picture", rule: ItemRule | None = None
) -> Relevance:
    """Right is what the file says; a name in it is a picture's id or an item's name."""
    rule = rule or item_rule()
    labels = [label for label in read_labels(path) if label.grade]
    ranked = Ranked.of(sides, level, rule)
    found = _Names(sides, rule)
    _check_there(path, labels, sides, found)
    graded: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for label in labels:
        places = ranked.places(np.array(found.pictures(label.name), np.intp))
        graded[label.query] += [(place, label.grade) for place in places]
    judge = _Listed([_row(graded.get(id, ())) for id in sides.queries], len(ranked.names))
    lost = next((label.name for label in labels if label.name in found.failed), None)
    broken = f"; {lost!r}, which it names, could not be used" if lost is not None else ""
    return assemble(sides, ranked, judge, None, None, f"look into {path}{broken}")


class _Names:
    """What a name in a label file stands for."""

    def __init__(self, sides: Sides, rule: ItemRule):
        self.numbers = {id: number for number, id in enumerate(sides.gallery)}
        self.items: dict[str, list[int]] = defaultdict(list)
        for number, id in enumerate(sides.gallery):
            self.items[rule(id)].append(number)
        self.failed = {*sides.failed, *(rule(id) for id in sides.failed)}

    def pictures(self, name: str) -> Sequence[int]:
        """The gallery's picture of this id, else all those of this item."""
        if name in self.numbers:
            return [self.numbers[name]]
        return self.items.get(name, [])

    def __contains__(self, name: str) -> bool:
        return name in self.numbers or name in self.items or name in self.failed


def _check_there(path: Path, labels: Sequence[Label], sides: Sides, found: _Names) -> None:
    """BadSource if labels name what is on neither side."""
    queries = {*sides.queries, *sides.failed}
    absent = [label for label in labels if label.query not in queries]
    if absent:
        raise BadSource(_absent(path, absent[0].line, "query", (label.query for label in absent)))
    absent = [label for label in labels if label.name not in found]
    if absent:
        names = (label.name for label in absent)
        raise BadSource(_absent(path, absent[0].line, "picture or item", names))


def _absent(path: Path, line: int, kind: str, names: Iterable[str]) -> str:
    different = list(dict.fromkeys(names))
    others = f", nor are {len(different) - 1} more that it names" if len(different) > 1 else ""
    return f"{path}, line {line}: the {kind} {different[0]!r} is not there{others}"


_Row = tuple[Numbers, Grades]


def _row(graded: Iterable[tuple[int, int]]) -> _Row:
    """Places and their grades; the highest where one is named more than once."""
    best: dict[int, int] = {}
    for place, grade in graded:
        best[place] = max(grade, best.get(place, 0))
    return np.array(list(best), np.intp), np.array(list(best.values()), np.int64)


@dataclass(frozen=True)
class _Listed:
    """A judge who has a list for each query."""

    rows: Sequence[_Row]
    size: int

    def __call__(self, query: int) -> Grades:
        places, given = self.rows[query]
        grades = np.zeros(self.size, np.int64)
        grades[places] = given
        return grades
