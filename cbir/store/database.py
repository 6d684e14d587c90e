"""The store's file: opening it, its transactions, and SQLite's errors in words for a person."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from cbir.errors import BadStore
from cbir.files import why_no_output, why_not
from cbir.store import schema

if TYPE_CHECKING:
    from sqlite3 import Connection

PATIENCE = 60.0  # seconds for which another run may be writing
NAP = 1.0  # of them that SQLite waits by itself, deaf to Ctrl-C
PAGE = 32768  # 8 to 22% are lost between vectors of 1 to 6 KB; of SQLite's own 4,096, up to half
AT_ONCE = 500  # values looked up in one statement

REASONS = (
    ("SQLITE_BUSY", "is locked by another program; try again, or give --no-store"),
    ("SQLITE_FULL", "has no room: the disk is full; make room, or give --no-store"),
    ("SQLITE_NOTADB", "is not a feature store; give --store another name, or --no-store"),
    ("SQLITE_CORRUPT", "is damaged; delete it to start a new one, or give --no-store"),
    ("SQLITE_READONLY", "can't be written: no permission; give --store another place"),
    ("SQLITE_CANTOPEN", "can't be opened: no permission; give --store another place"),
    ("SQLITE_PERM", "can't be opened: no permission; give --store another place"),
    ("SQLITE_IOERR", "can't be read or written: the disk failed; give --store another place"),
)
Value = TypeVar("Value")


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into BadStore, one line that says what to do."""
    import sqlite3

    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        words = next((words for start, words in REASONS if name.startswith(start)), None)
        words = words or f"can't be used ({error}); give --no-store"
        raise BadStore(f"the feature store {path} {words}") from error


def open_database(path: Path, read_only: bool) -> Connection:
    """A connection to a store that is ours, of this version, and as we made it."""
    _check_place(path, read_only)
    with told(path):
        if not read_only:
            return _checked(path, _connect(path, "mode=rwc"), read_only)
        try:
            # Not "ro", which leaves files behind: whoever is the last to close tidies up.
            return _checked(path, _connect(path, "mode=rw"), read_only)
        except BadStore:
            # Readers write beside the file, so that writers know of them. Where they can't, there
            # are no writers, and the file is all there is.
            if _size(f"{path}-wal") or os.access(path.parent, os.W_OK):
                raise
            return _checked(path, _connect(path, "mode=ro&immutable=1"), read_only)


@contextmanager
def writing(connection: Connection) -> Iterator[None]:
    """One transaction that may write from its start, so that it can't fail for it half-way."""
    patiently(connection, "BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def patiently(connection: Connection, statement: str) -> None:
    """Waits while another run holds what this needs; Ctrl-C is heard meanwhile."""
    import sqlite3

    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def pieces(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    """As many values at a time as one statement looks up."""
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]


def marks(values: Sequence[object]) -> str:
    """Question marks for the values of an IN list."""
    return ",".join("?" * len(values))


def file_bytes(path: Path) -> int:
    """How large the store is, with what is not yet in its main file."""
    return _size(path) + _size(f"{path}-wal")


def _check_place(path: Path, read_only: bool) -> None:
    why = why_not if read_only else why_no_output
    try:
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
        mode = os.stat(path).st_mode
    except FileNotFoundError as error:
        if read_only:
            raise BadStore(f"there is no feature store {path}; index.py makes one") from error
    except (FileExistsError, NotADirectoryError) as error:
        raise BadStore(f"can't open the feature store {path}: its folder is a file") from error
    except OSError as error:
        raise BadStore(f"can't open the feature store {path}: {why(error)}") from error
    except ValueError as error:  # a NUL
        raise BadStore(f"{str(path)!r} can't be a feature store's name") from error
    else:
        # Opening a pipe would wait for ever.
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "not a file"
            raise BadStore(f"can't open the feature store {path}: that is {kind}; give a file")
        if not read_only and not os.access(path, os.W_OK):  # SQLite would tell at the first commit
            raise BadStore(f"can't write the feature store {path}: no permission")


def _connect(path: Path, flags: str) -> Connection:
    import sqlite3

    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{flags}",
        uri=True,
        timeout=NAP,
        isolation_level=None,  # transactions begin where we say
        check_same_thread=False,
    )
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _checked(path: Path, connection: Connection, read_only: bool) -> Connection:
    try:
        with told(path):
            newest = len(schema.MIGRATIONS)
            found = _version(connection)
            if found < 0:
                raise BadStore(f"{path} is a database, but not a feature store; give another file")
            if found > newest:
                raise BadStore(f"the feature store {path} is of a newer cbir; update this one")
            if found < newest and read_only:
                was = "is of an older cbir" if found else "is empty"
                raise BadStore(f"the feature store {path} {was}; run index.py once")
            if read_only:
                connection.execute("PRAGMA query_only = ON")
            else:
                _prepare_to_write(connection, found, newest)
            if not schema.as_made(connection):
                raise BadStore(f"the feature store {path} was changed by hand; give another file")
        return connection
    except BaseException:
        connection.close()
        raise


def _version(connection: Connection) -> int:
    connection.execute("BEGIN")  # one moment for all that is looked at
    try:
        return schema.version(connection)
    finally:
        connection.execute("COMMIT")


def _prepare_to_write(connection: Connection, found: int, newest: int) -> None:
    """WAL, so that readers and a writer don't wait for each other; then what it lacks."""
    if found == 0:
        connection.execute(f"PRAGMA page_size = {PAGE}")
    patiently(connection, "PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    for number in range(found + 1, newest + 1):
        with writing(connection):
            if schema.version(connection) < number:  # else another run was faster
                schema.apply(connection, number)


def _size(path: str | Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
