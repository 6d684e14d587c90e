"""Opening the feature store that a person named, or the one that is there by itself."""

import os
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from cbir.commands import options
from cbir.commands.terminal import Terminal
from cbir.errors import BadStore
from cbir.store import Store


@contextmanager
def opened_store(args: Namespace, terminal: Terminal) -> Iterator[Store | None]:
    """The store to read and write, or None. One that nobody asked for may fail with a warning."""
    path = options.store_place(args)
    if args.no_store:
        yield None
        return
    try:
        store = Store.open(path)
    except BadStore as error:
        if args.store:
            raise
        terminal.error(f"{error}; going on without a feature store")
        yield None
        return
    with store:
        yield store


@contextmanager
def store_to_read(args: Namespace) -> Iterator[Store | None]:
    """The store if it is there, to look things up only: a search leaves no trace in it."""
    path = options.store_place(args)
    if args.no_store or not os.path.exists(path):  # which asks no questions of a closed folder
        yield None
        return
    try:
        store = Store.open(path, read_only=True)
    except BadStore:
        if args.store:
            raise
        yield None
        return
    with store:
        yield store
