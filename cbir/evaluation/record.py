"""comparison.json: what the other files of a comparison don't say, so that it can be told again."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cbir.errors import BadPicture, BadSource
from cbir.evaluation.comparing import Answer
from cbir.evaluation.report import Comparison
from cbir.evaluation.report.model import COST_FIELDS
from cbir.evaluation.scoring import ALWAYS
from cbir.files import read_regular, regular, replacing

NAME = "comparison.json"
FORMAT = 2
MOST_NAMES, MOST_SEED = 10**9, 1 << 63
COSTS_WITHIN = (1e-9, 1e12)
LARGEST = 64 << 20
NO_RECORD = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)

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

    `asked_by`: the data set of the queries, where they have one of their own; `metrics`: those that
    were asked for besides the usual; `class_of`: each query's class, where it has one; `shown_as`,
    `asked_as`: a picture of each item that is ranked, or asks.
    """

    about: Comparison
    asked_by: str | None
    seed: int
    metrics: Sequence[str]
    class_of: Mapping[str, str]
    shown_as: Mapping[str, str]
    asked_as: Mapping[str, str]
    systems: Mapping[str, Entry]
    is_report: bool


def write_record(
    folder: Path, answer: Answer, asked_by: str | None, is_report: bool = False
) -> None:
    """Whole or not at all. `is_report`: it only tells about runs that are elsewhere."""
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
        "seed": answer.seed,
        "metrics": [name for name in answer.scored[0].values if name not in ALWAYS],
        "synthetic": about.synthetic,
        "warnings": list(about.warnings),
        "class_of": dict(zip(relevance.queries, relevance.classes or (), strict=False)),
        "shown_as": answer.shown_as,
        "asked_as": answer.asked_as,
        "rate": about.rate,
        "is_report": is_report,
        "systems": systems,
    }
    with replacing(folder / NAME) as file:
        file.write(json.dumps(said, indent=1).encode("ascii") + b"\n")


def read_record(folder: Path) -> Record | None:
    """The record of a comparison, if there is one; BadSource if that can't be read."""
    path = folder / NAME
    if not path.exists():
        return None
    try:
        if regular(str(path)).st_size > LARGEST:
            raise ValueError("too large for one")
        return _checked(json.loads(read_regular(str(path))))
    except BadPicture as error:
        raise BadSource(f"can't read {path}: {error}") from error
    except NO_RECORD as error:
        raise BadSource(
            f"{path} is no record of a comparison; delete it to report on the runs alone"
        ) from error


def _checked(said: Any) -> Record:
    """From a file's JSON, which may hold anything."""
    if said["format"] != FORMAT:
        raise ValueError("not of this version")
    about = Comparison(
        **{name: _text(said[name]) for name in TEXTS},  # type: ignore[arg-type]
        queries=0,
        gallery=_whole(said["gallery"], MOST_NAMES),
        systems=[],
        warnings=[_text(warning) for warning in said["warnings"]],
        synthetic=said["synthetic"] is True,
        rate=_number(said["rate"], 1e-12, 1),
    )
    return Record(
        about,
        None if said["asked_by"] is None else _text(said["asked_by"]),
        _whole(said["seed"], MOST_SEED),
        [_text(name) for name in said["metrics"]],
        _texts(said["class_of"]),
        _texts(said["shown_as"]),
        _texts(said["asked_as"]),
        {_run(run): _entry(entry) for run, entry in said["systems"].items()},
        said["is_report"] is True,
    )


def _entry(said: Any) -> Entry:
    costs = {
        field: _number(said["costs"][field], *COSTS_WITHIN)
        for field in COST_FIELDS
        if said["costs"][field] is not None
    }
    descriptor, spec, distance, aggregate = (_text(said[name]) for name in NAMED)
    return Entry(descriptor, spec, distance, aggregate, costs)


def _texts(value: Any) -> dict[str, str]:
    return {_text(key): _text(text) for key, text in value.items()}


def _run(name: Any) -> str:
    """The name of a run, which is a file's without its ending."""
    if Path(_text(name)).name != name or "\0" in name or len(name) > 200:
        raise ValueError("not the name of a run")
    return str(name)


def _whole(value: Any, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError("not a whole number that can be")
    return value


def _number(value: Any, low: float, high: float) -> float:
    if type(value) not in (int, float) or not low <= value <= high:
        raise ValueError("not a number that can be")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value
