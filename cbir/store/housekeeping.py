"""What the store holds, counted, and what nobody needs any more, removed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from cbir.store import views
from cbir.store.database import patiently, writing

if TYPE_CHECKING:
    from sqlite3 import Connection


class SourceSummary(NamedTuple):
    """A data set: its pictures, those that have gone, and the view that shows them."""

    source: str
    pictures: int
    inactive: int
    view: str | None


class SpecSummary(NamedTuple):
    """A descriptor: its vectors, in all and by transform, and their bytes."""

    spec: str
    dim: int
    vectors: int
    bytes: int
    transforms: dict[str, int]


class Summary(NamedTuple):
    """`contents`: how many different pictures; `bytes`: how large the file is."""

    sources: list[SourceSummary]
    specs: list[SpecSummary]
    contents: int
    bytes: int


class Pruned(NamedTuple):
    """How many went, and how much smaller the file is."""

    pictures: int
    sources: int
    contents: int
    vectors: int
    bytes: int


SOURCES = """SELECT CAST(sources.source AS BLOB), coalesce(sum(active != 0), 0),
coalesce(sum(active = 0), 0), CAST(view AS TEXT)
FROM sources LEFT JOIN pictures ON pictures.source = sources.id GROUP BY sources.id ORDER BY 1"""
# Counted in an index: the vectors themselves, which may be gigabytes, are not looked at.
SPECS = """SELECT CAST(spec AS TEXT), CAST(transform AS TEXT), CAST(dim AS INTEGER), vectors
FROM kinds JOIN (SELECT kind, count(*) AS vectors FROM descriptions GROUP BY kind) AS counts
ON counts.kind = kinds.id ORDER BY 1, 2"""


def summarise(connection: Connection, size: int) -> Summary:
    """Counts everything."""
    sources = [
        SourceSummary(_name(name), here, gone, view)
        for name, here, gone, view in connection.execute(SOURCES)
    ]
    specs: dict[str, SpecSummary] = {}
    for spec, transform, dim, vectors in connection.execute(SPECS):
        before = specs.get(spec, SpecSummary(spec, 0, 0, 0, {}))
        specs[spec] = SpecSummary(
            spec,
            max(before.dim, dim),
            before.vectors + vectors,
            before.bytes + 4 * dim * vectors,
            before.transforms | {transform: vectors},
        )
    (contents,) = connection.execute("SELECT count(*) FROM contents").fetchone()
    return Summary(sources, list(specs.values()), contents, size)


def remove_unused(connection: Connection) -> Pruned:
    """Removes inactive pictures, sources that have gone, and vectors of pictures nobody has."""
    with writing(connection):
        gone = [number for number, name in _sources(connection) if _is_gone(_name(name))]
        pictures = _delete(connection, "pictures WHERE active = 0")
        for number in gone:
            pictures += _delete(connection, "pictures WHERE source = ?", number)
        empty = "sources WHERE id NOT IN (SELECT source FROM pictures)"
        for (view,) in connection.execute(f"SELECT CAST(view AS TEXT) FROM {empty}").fetchall():
            views.drop(connection, view)
        sources = _delete(connection, empty)
        unused = "NOT IN (SELECT content FROM pictures)"
        vectors = _delete(connection, f"descriptions WHERE content {unused}")
        contents = _delete(connection, f"contents WHERE id {unused}")
        _delete(connection, "kinds WHERE id NOT IN (SELECT kind FROM descriptions)")
    return Pruned(pictures, sources, contents, vectors, 0)


def shrink(connection: Connection) -> None:
    """Gives what is free within the file back to the disk."""
    patiently(connection, "VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _sources(connection: Connection) -> list[tuple[int, bytes]]:
    return connection.execute("SELECT id, CAST(source AS BLOB) FROM sources").fetchall()


def _name(source: bytes) -> str:
    return source.decode("utf-8", "surrogateescape")


def _is_gone(source: str) -> bool:
    """Whether a folder or table is not there; what only can't be seen now is not gone."""
    if not os.path.isabs(source):
        return False
    try:
        os.stat(source)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def _delete(connection: Connection, what: str, *values: int) -> int:
    return connection.execute(f"DELETE FROM {what}", values).rowcount
