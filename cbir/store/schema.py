"""What the store's file looks like: numbered migrations, and a check that it does look so."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite3 import Connection

APPLICATION_ID = 0x63626972  # "cbir", by which `file` and we know whose it is

# Specs are long and digests 32 bytes: as small numbers they keep the index of the vectors a
# tenth of the size of hsv's, the shortest. (content, kind), because contents grow: new entries go
# to the end of that index. Plain rowid tables where there are blobs, else each row moves often.
FIRST = (
    "CREATE TABLE sources (id INTEGER PRIMARY KEY, source TEXT NOT NULL UNIQUE, view TEXT)",
    "CREATE TABLE kinds (id INTEGER PRIMARY KEY, spec TEXT NOT NULL, transform TEXT NOT NULL,"
    " dim INTEGER NOT NULL, UNIQUE (spec, transform))",
    "CREATE TABLE contents (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, white INTEGER,"
    " pixels INTEGER)",
    "CREATE TABLE pictures (source INTEGER NOT NULL REFERENCES sources, id TEXT NOT NULL,"
    " stamp TEXT NOT NULL, content INTEGER NOT NULL REFERENCES contents, active INTEGER NOT NULL,"
    " PRIMARY KEY (source, id)) WITHOUT ROWID",
    "CREATE TABLE descriptions (id INTEGER PRIMARY KEY,"
    " content INTEGER NOT NULL REFERENCES contents, kind INTEGER NOT NULL REFERENCES kinds,"
    " data BLOB NOT NULL, UNIQUE (content, kind))",
    # What a person looks at.
    "CREATE VIEW files AS"
    " SELECT sources.source, pictures.id, stamp, lower(hex(sha256)) AS sha256, active"
    " FROM pictures JOIN sources ON sources.id = pictures.source"
    " JOIN contents ON contents.id = pictures.content",
    "CREATE VIEW vectors AS"
    " SELECT spec, lower(hex(sha256)) AS sha256, transform, dim, data"
    " FROM descriptions JOIN kinds ON kinds.id = kind JOIN contents ON contents.id = content",
    # The file's name is what is left when all but slashes is trimmed off the end of the id; the
    # item is the name up to the first _ or dot.
    "CREATE VIEW features AS"
    " SELECT source, picture, substr(name, 1, min(instr(name || '_', '_'), instr(name || '.', '.'))"
    " - 1) AS item, spec, transform, dim AS dimensions, white AS white_background, active"
    " FROM (SELECT *, id AS picture,"
    " substr(id, length(rtrim(id, replace(id, '/', ''))) + 1) AS name FROM pictures) AS named"
    " JOIN contents ON contents.id = named.content"
    " JOIN descriptions ON descriptions.content = named.content"
    " JOIN kinds ON kinds.id = descriptions.kind",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (FIRST,)
"""Number n makes version n of version n - 1. What was released is never edited, only added to."""


def version(connection: Connection) -> int:
    """How many migrations a store has had; 0 for an empty file, -1 for a stranger's."""
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    if owner == APPLICATION_ID and number > 0:
        return int(number)
    empty = connection.execute("SELECT NOT EXISTS (SELECT * FROM sqlite_master)").fetchone()[0]
    return 0 if empty and owner == number == 0 else -1


def apply(connection: Connection, number: int) -> None:
    """One migration, inside a transaction of the caller's."""
    for statement in MIGRATIONS[number - 1]:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {number}")


def as_made(connection: Connection) -> bool:
    """Whether tables and views are as the migrations make them, and nothing runs by itself.

    A file of a stranger's could hold triggers that act on what we write. Whatever else a person
    adds (views, tables, indexes) is theirs.
    """
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    return _expected(MIGRATIONS) <= set(rows) and all(kind != "trigger" for kind, _, _ in rows)


@cache
def _expected(migrations: tuple[tuple[str, ...], ...]) -> frozenset[tuple[str, str, str | None]]:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        for script in migrations:
            for statement in script:
                fresh.execute(statement)
        return frozenset(fresh.execute("SELECT type, name, sql FROM sqlite_master"))
