"""A view a data set, `features_<its name>`, that shows a person what the store holds of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite3 import Connection

CREATE = """CREATE VIEW IF NOT EXISTS {view} AS
SELECT picture, item, spec, transform, dimensions, white_background, active
FROM features WHERE source = {number}"""


def name_for(source: str) -> str:
    """The view's name for a folder, table or URL, as far as its last part can be in one."""
    last = re.split(r"[/\\]", source.rstrip("/\\"))[-1]
    return "features_" + (re.sub(r"\W", "_", last) or "pictures")


def make(connection: Connection, source: str, number: int) -> None:
    """Makes the view of a source that has none, in the caller's transaction."""
    query = "SELECT CAST(view AS TEXT) FROM sources WHERE id = ?"
    (name,) = connection.execute(query, [number]).fetchone()
    if name is None:
        name = _free(connection, name_for(source))
        connection.execute("UPDATE sources SET view = ? WHERE id = ?", [name, number])
    connection.execute(CREATE.format(view=_quoted(name), number=number))


def drop(connection: Connection, name: str | None) -> None:
    if name is not None:
        connection.execute(f"DROP VIEW IF EXISTS {_quoted(name)}")


def _free(connection: Connection, wished: str) -> str:
    """This name, or with a number behind it if another source or a person has it."""
    rows = connection.execute("SELECT name FROM sqlite_master UNION SELECT view FROM sources")
    taken = {str(name).casefold() for (name,) in rows}
    name, number = wished, 1
    while name.casefold() in taken:
        number += 1
        name = f"{wished}_{number}"
    return name


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
