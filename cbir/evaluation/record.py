"""comparison.json: what the other files of a comparison don't say, so that it can be told again."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cbir.errors import BadPicture, BadSource
from cbir.evaluation.comparing import Answer
from cbir.evaluation.report import Comparison
from cbir.evaluation.report.model import COST_FIELDS
from cbir.files import read_regular, replacing

NAME = "comparison.json"
FORMAT = 1

NAMED = ("descriptor", "spec", "distance", "aggregate")
TEXTS = ("title", "dataset", "labels", "command", "unit", "classes")


@dataclass(frozen=True)
class Entry:
    """One system: its run, what it is called, and what it cost."""

    descriptor: str
    spec: str
    distance: str
    aggregate: str
    costs: Mapping[str, float]


@dataclass(frozen=True)
class Record:
    """What a comparison was about, without its figures; its systems by their runs' names.

    `asked_by`: the data set of the queries, where they have one of their own; `class_of`: each
    query's class, where it has one; `shown_as`, `asked_as`: a picture of each
    item that is ranked, or asks.
    """

    about: Comparison
    asked_by: str | None
    seed: int
    class_of: Mapping[str, str]
    shown_as: Mapping[str, str]
    asked_as: Mapping[str, str]
    systems: Mapping[str, Entry]


def write_record(folder: Path, answer: Answer, asked_by: str | None, seed: int) -> None:
    """Whole or not at all."""
    about, relevance = answer.comparison, answer.relevance
    systems = {}
    for one in answer.scored:
        system = one.system
        costs = {field: getattr(system, field) for field in COST_FIELDS}
        named = {name: getattr(system, name) for name in NAMED}
        systems[one.run] = named | {"costs": costs}
    said = {
        "format": FORMAT,
        **{name: getattr(about, name) for name in TEXTS},
        "asked_by": asked_by,
        "gallery": about.gallery,
        "seed": seed,
        "synthetic": about.synthetic,
        "warnings": list(about.warnings),
        "class_of": dict(zip(relevance.queries, relevance.classes or (), strict=False)),
        "shown_as": answer.shown_as,
        "asked_as": answer.asked_as,
        "systems": systems,
    }
    with replacing(folder / NAME) as file:
        file.write(json.dumps(said, indent=1).encode("ascii") + b"\n")


def forget(folder: Path) -> None:
    """Removes the runs and cut-offs of the comparison that a folder holds, not those of others.

    What is compared next may have other queries, and its own runs other names.
    """
    try:
        record = read_record(folder)
    except BadSource:  # somebody else's
        return
    for run in record.systems if record else ():
        if Path(run).name == run:
            (folder / "runs" / f"{run}.trec").unlink(missing_ok=True)
            (folder / "cutoffs" / f"{run}.json").unlink(missing_ok=True)
    (folder / NAME).unlink(missing_ok=True)


def read_record(folder: Path) -> Record | None:
    """The record of a comparison, if there is one; BadSource if that can't be read."""
    path = folder / NAME
    if not path.exists():
        return None
    try:
        return _checked(json.loads(read_regular(str(path))))
    except BadPicture as error:
        raise BadSource(f"can't read {path}: {error}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise BadSource(
            f"{path} is no record of a comparison; delete it to report the runs alone"
        ) from error


def _checked(said: Any) -> Record:
    """From a file's JSON, which may hold anything."""
    if said["format"] != FORMAT or not 0 <= said["gallery"] < 1 << 62:
        raise ValueError("not of this version")
    about = Comparison(
        **{name: _text(said[name]) for name in TEXTS},  # type: ignore[arg-type]
        queries=0,
        gallery=int(said["gallery"]),
        systems=[],
        warnings=[_text(warning) for warning in said["warnings"]],
        synthetic=said["synthetic"] is True,
    )
    return Record(
        about,
        None if said["asked_by"] is None else _text(said["asked_by"]),
        int(said["seed"]),
        _texts(said["class_of"]),
        _texts(said["shown_as"]),
        _texts(said["asked_as"]),
        {_text(run): _entry(entry) for run, entry in said["systems"].items()},
    )


def _entry(said: Any) -> Entry:
    costs = {
        field: said["costs"][field]
        for field in COST_FIELDS
        if said["costs"][field] is not None and math.isfinite(said["costs"][field])
    }
    descriptor, spec, distance, aggregate = (_text(said[name]) for name in NAMED)
    return Entry(descriptor, spec, distance, aggregate, costs)


def _texts(value: Any) -> dict[str, str]:
    return {_text(key): _text(text) for key, text in value.items()}


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value
