"""What a command says: results on standard output, everything else on standard error."""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from cbir.types import Failure

SHOWN_FAILURES = 10


class _Notes(logging.Handler):
    def __init__(self, terminal: "Terminal"):
        super().__init__()
        self.terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        self.terminal.note(record.getMessage())


class Terminal:
    """The two streams, as `--json` and `--quiet` want them."""

    def __init__(self, command: str, json_lines: bool = False, quiet: bool = False):
        self.command, self.json_lines, self.quiet = command, json_lines, quiet
        self.err: TextIO = sys.stderr

    def result(self, text: str) -> None:
        """A line of results for a person."""
        if not self.json_lines:
            print(printable(text), flush=True)

    def record(self, fields: dict[str, Any]) -> None:
        """The same result for a program."""
        if self.json_lines:
            print(json.dumps(fields), flush=True)

    def note(self, text: str) -> None:
        """A summary or a hint."""
        if not self.quiet:
            print(printable(text), file=self.err, flush=True)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Shows what the library thinks worth telling, such as a download that takes a while."""
        log = logging.getLogger("cbir")
        notes = _Notes(self)
        log.setLevel(logging.INFO)
        log.addHandler(notes)
        try:
            yield
        finally:
            log.removeHandler(notes)

    def error(self, text: str) -> None:
        print(f"cbir {self.command}: {printable(text)}", file=self.err, flush=True)

    def failures(self, failures: Sequence[Failure], listed_in: object = None) -> None:
        """Pictures that were left out, with their reasons: the first of them, and where all are."""
        if not failures:
            return
        one = len(failures) == 1
        where = f" (listed in {listed_in})" if listed_in else ""
        self.error(f"{len(failures)} picture{'' if one else 's'} left out{where}")
        if not listed_in:  # then this is the only place where they are listed
            for failure in failures:
                self.error(f"{failure.id}: {failure.reason}")
            return
        for failure in failures[:SHOWN_FAILURES]:
            self.note(f"  {failure.id}: {failure.reason}")
        if len(failures) > SHOWN_FAILURES:
            self.note(f"  … and {len(failures) - SHOWN_FAILURES} more")

    def formulas(self, changed: int, what: str) -> None:
        """So many cells of a table that was written do not stand there as they were."""
        if changed:
            begin = f"{what} begins" if changed == 1 else f"{what}s begin"
            self.note(
                f"{changed} {begin} as a formula does; an apostrophe before it keeps spreadsheets "
                "from running it"
            )

    @contextmanager
    def progress(
        self, words: str, beside_results: bool = False
    ) -> Iterator[Callable[[int, int | None], None]]:
        """A bar with rate and time left, on a terminal only; call it with (done, total).

        `beside_results`: results appear meanwhile, so where both would share a terminal there is
        no bar: the results show how far the work is.
        """
        shared = beside_results and sys.stdout.isatty()
        if self.quiet or shared or not self.err.isatty():
            yield lambda done, total: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeRemainingColumn as TimeLeft

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeLeft(),
        )
        started = time.monotonic()
        console = Console(file=self.err)
        bar = Progress(
            *columns,
            console=console,
            transient=True,
            # Results belong on standard output, whatever that is.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with bar:
            task = bar.add_task(words, total=None, rate="")

            def update(done: int, total: int | None) -> None:
                rate = done / max(time.monotonic() - started, 1e-3)
                bar.update(task, completed=done, total=total, rate=f"{rate:,.0f} a second")

            yield update

    @contextmanager
    def without_chatter(self) -> Iterator[None]:
        """Keeps what C libraries write to standard error off it; our own words still come through.

        libjpeg and libpng print a line for each damaged picture, without its name. Every failure
        is listed by us, with its name. To be entered before `progress`, whose bar needs the
        stream that this one provides.
        """
        try:
            ours = os.dup(2)
            nowhere = os.open(os.devnull, os.O_WRONLY)
        except OSError:  # no standard error, then no chatter either
            yield
            return
        before = self.err
        before.flush()
        os.dup2(nowhere, 2)
        os.close(nowhere)
        self.err = os.fdopen(ours, "w", encoding=before.encoding, errors="backslashreplace")
        try:
            yield
        finally:
            self.err.flush()
            os.dup2(ours, 2)
            self.err.close()
            self.err = before


def printable(text: str) -> str:
    """Text without control characters: a file's name may hold some that take over a terminal."""
    return "".join(
        c if c.isprintable() or c == " " else c.encode("unicode_escape").decode() for c in text
    )


def seconds(started: float) -> float:
    return round(time.monotonic() - started, 3)
