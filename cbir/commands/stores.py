"""The feature store that a person named, which must work, or the one that is there by itself."""

import os
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from cbir.commands import options
from cbir.commands.terminal import Terminal
from cbir.errors import BadStore
from cbir.store import Store


@contextmanager
def opened_store(args: Namespace, terminal: Terminal) -> Iterator[Store | None]:
    """The store to read and write, or None."""
    path = options.store_place(args)
    if args.no_store:
        yield None
        return
    store = None
    with _may_fail(args, terminal):
        store = Store.open(path)
    if store is None:
        yield None
        return
    with _may_fail(args, terminal), store:
        yield store


@contextmanager
def store_to_read(args: Namespace, terminal: Terminal) -> Iterator[Store | None]:
    """The store if it is there, to look things up only: a search leaves no trace in it."""
    path = options.store_place(args)
    # os.path, which has no objection to a folder that can't be looked into
    if args.no_store or not (args.store or os.path.exists(path)):
        yield None
        return
    store = None
    with _may_fail(args, terminal):
        store = Store.open(path, read_only=True)
    if store is None:
        yield None
        return
    with store:
        yield store


def finish_store(
    store: Store, args: Namespace, terminal: Terminal, origin: str, ids: Sequence[str]
) -> None:
    """After a whole walk: what is not among these is gone."""
    with _may_fail(args, terminal):
        store.finish(origin, ids)


def without_store(args: Namespace, terminal: Terminal) -> Callable[[BadStore], None] | None:
    """What to do when the store fails under way: nothing but a warning, if nobody asked for it."""
    if args.store:
        return None
    return lambda error: terminal.error(f"{error}; going on without a feature store")


@contextmanager
def _may_fail(args: Namespace, terminal: Terminal) -> Iterator[None]:
    try:
        yield
    except BadStore as error:
        warn = without_store(args, terminal)
        if warn is None:
            raise
        warn(error)
