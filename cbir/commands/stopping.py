"""What Ctrl-C leaves behind, in the words of the command that it ends."""

from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def told_when_stopped(
    left: str | Callable[[], str], describing: Namespace | None = None
) -> Iterator[None]:
    """Ctrl-C in the block ends the command with what it leaves, "the table is as it was" say.

    `describing`: the arguments of a command that describes pictures; what it has described stays
    in the feature store, if there is one. Of two blocks the inner one's words count.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        if str(stop):
            raise
        words = ["stopped", left if isinstance(left, str) else left()]
        if describing is not None and not describing.no_store:
            words.append("what was described is in the feature store")
        raise KeyboardInterrupt("; ".join(words)) from stop
