"""Rankings and what is right, as TREC's tools exchange them: fields between blanks, in UTF-8.

A run has a line `query Q0 name rank score tag` for each that is ranked, and qrels `query 0 name
grade` for each that is right. In names, what is no visible character, blanks, % and # are
percent-encoded. Scores are −distance, each made less than the one before by at least one step of
float32, which is what trec_eval reads them as: so every tool ranks alike, however it breaks ties.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import numpy as np
from numpy.typing import NDArray

from cbir.errors import BadPicture, BadSource
from cbir.evaluation.label_files import read_labels
from cbir.evaluation.ranking import Ranking
from cbir.evaluation.relevance import Relevance
from cbir.files import LARGEST_FILE, regular, replacing, why_not

FULL_LINES = 10**6
DEPTH = 1000
LONGEST_LINE = 1 << 16
FARTHEST = 1e38

Entries = list[tuple[str, float]]
"""One query's part of a run: names with their scores, best first, ties by name."""


def depth_to_keep(queries: int, ranked: int, runs: int, depth: int = DEPTH) -> int:
    """How many lines a query gets: all, up to a million in all the runs, else `depth`."""
    return ranked if queries * ranked * runs <= FULL_LINES else min(ranked, depth)


def write_qrels(path: Path, relevance: Relevance) -> None:
    """What is right for each query, with its grade. Whole or not at all."""
    names = [quoted(name) for name in relevance.gallery]
    with replacing(path) as file:
        for number, query in enumerate(relevance.queries):
            grades, asked = relevance.grades(number), quoted(query)
            right = np.flatnonzero(grades > 0)
            pairs = sorted(zip(map(names.__getitem__, right), grades[right].tolist(), strict=True))
            file.write("".join(f"{asked} 0 {name} {grade}\n" for name, grade in pairs).encode())


@contextmanager
def writing_run(
    path: Path, names: Sequence[str], tag: str, depth: int | None = None
) -> Iterator[Callable[[str, Ranking], None]]:
    """A function that adds a query's ranking, of these names, to a run; whole or not at all."""
    ids = _strings([quoted(name) for name in names])
    deepest = len(names) if depth is None else min(depth, len(names))
    ranks = _strings([f" {number} " for number in range(1, deepest + 1)])
    ending = f" {quoted(tag)}\n"
    with replacing(path) as file:

        def write(query: str, ranking: Ranking) -> None:
            top = Ranking(ranking.order[:deepest], ranking.distances[:deepest])
            file.write(_lines(f"{quoted(query)} Q0 ", ids, ranks, top, ending))

        yield write


def read_run(path: Path) -> dict[str, Entries]:
    """A run, this program's or another's; BadSource, with the line, for what is not one.

    Ranks are passed over: scores alone order a run.
    """
    names: dict[bytes, str] = {}
    found: dict[str, dict[str, float]] = {}
    for place, (asked, _, ranked, _, score, _) in _fields(path):
        query, name = _name(asked, names, place), _name(ranked, names, place)
        _add(found.setdefault(query, {}), name, _score(score, place), query, place)
    if not found:
        raise BadSource(f"the run {path} holds no lines")
    return {query: sorted(scores.items(), key=_best_first) for query, scores in found.items()}


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    """The grade of each judged name for each query; BadSource, with the line, for other files."""
    found: dict[str, dict[str, int]] = {}
    for line, query, name, grade in read_labels(path):
        _add(found.setdefault(query, {}), name, grade, query, f"{path}, line {line}")
    return found


def quoted(name: str) -> str:
    """A name as one field of a line. Letters of any script stay readable."""
    if name.isprintable() and not re.search("[ %#]", name):
        return name
    plain = (c if c.isprintable() and c not in " %#" else quote(c, safe="") for c in name)
    return "".join(plain)


def _lines(start: str, ids: Any, ranks: Any, ranking: Ranking, ending: str) -> memoryview:
    """One query's lines, put together column by column: there may be millions of them."""
    import pyarrow as pa
    from pyarrow import compute

    count = len(ranking.order)
    order = np.ascontiguousarray(ranking.order, np.int64)
    order = pa.Array.from_buffers(pa.int64(), count, [None, pa.py_buffer(order)])
    scores = _falling(ranking.distances)
    scores = pa.Array.from_buffers(pa.float32(), count, [None, pa.py_buffer(scores)])
    first, last, between = _strings([start, ending, ""])
    columns = (first, ids.take(order), ranks[:count], scores.cast(pa.string()), last)
    lines = compute.binary_join_element_wise(*columns, between)
    _, ends, text = lines.buffers()
    return memoryview(text)[: np.frombuffer(ends, np.int32)[count]] if count else memoryview(b"")


def _strings(texts: Sequence[str]) -> Any:
    """An arrow array, from buffers, because pa.array would first import pandas."""
    import pyarrow as pa

    encoded = [text.encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


def _falling(distances: NDArray[np.floating]) -> NDArray[np.float32]:
    """−distance (n,) as float32, each less than the one before.

    The bits of a float32, read as a whole number, count the steps from zero.
    """
    near = np.clip(distances, -FARTHEST, FARTHEST).astype(np.float32)
    steps = np.abs(near).view(np.int32).astype(np.int64) * np.sign(near).astype(np.int64)
    number = np.arange(len(steps))
    steps = np.maximum.accumulate(steps - number) + number
    sizes = np.abs(steps).astype(np.int32).view(np.float32)
    return np.where(steps > 0, -sizes, sizes)


def _fields(path: Path) -> Iterator[tuple[str, list[bytes]]]:
    """Each line that is neither empty nor a comment: where it stands, for a person, and its six."""
    for number, line in enumerate(_raw_lines(path), 1):
        place = f"{path}, line {number}"
        fields = line.split() if len(line) <= LONGEST_LINE else [line]
        if not fields or fields[0].startswith(b"#"):
            continue
        if len(fields) != 6:
            raise BadSource(f"{place}: a run's lines read `query Q0 name rank score tag`")
        yield place, fields


def _raw_lines(path: Path) -> Iterable[bytes]:
    try:
        if (size := regular(str(path)).st_size) > LARGEST_FILE:
            raise BadSource(f"{path} has {size >> 20} MB, more than can be read (1024)")
        with open(path, "rb") as file:
            if file.read(3) != b"\xef\xbb\xbf":  # a mark that some editors put before the text
                file.seek(0)
            while line := file.readline(LONGEST_LINE + 1):
                yield line
    except BadPicture as error:
        raise BadSource(f"can't read {path}: {error}") from error
    except OSError as error:
        raise BadSource(f"can't read {path}: {why_not(error)}") from error


def _name(field: bytes, known: dict[bytes, str], place: str) -> str:
    """A name decoded; the same object each time, because runs name the same things often."""
    if field not in known:
        try:
            known[field] = unquote_to_bytes(field).decode()
        except UnicodeDecodeError as error:
            raise BadSource(f"{place}: a name is not UTF-8 text") from error
    return known[field]


def _score(field: bytes, place: str) -> float:
    try:
        score = float(field)
    except ValueError:
        score = math.nan
    if not math.isfinite(score):
        raise BadSource(f"{place}: {field[:40].decode(errors='replace')!r} is no score")
    return score


def _add(found: dict[str, Any], name: str, value: float, query: str, place: str) -> None:
    if name in found:
        raise BadSource(f"{place}: {name!r} stands there a second time for {query!r}")
    found[name] = value


def _best_first(entry: tuple[str, float]) -> tuple[float, str]:
    return -entry[1], entry[0]
