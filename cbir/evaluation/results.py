"""The folder of a comparison: filled aside and then put in place, by one run at a time.

Whatever happens meanwhile, the folder holds the results of one comparison, or none; and never is a
file replaced that no comparison has written. What a killed run had begun to put in place, the next
one puts there first.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from cbir.errors import BadOutput, BadSource
from cbir.evaluation import record
from cbir.evaluation.record import Record
from cbir.files import why_no_output

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

REPORT = ("summary.csv", "per_query.csv", "significance.csv", "report.md", "report.html")
FILES = (*REPORT, "qrels.trec", record.NAME)
FOLDERS = ("runs", "cutoffs")
ASIDE = ".filling-"
PLACING, REPLACING = ".placing-", ".replacing-"
"""Full by then: to be put in place beside what there is, or instead of the comparison there."""


@contextmanager
def filling(out: Path, runs: Sequence[str] = ()) -> Iterator[Path]:
    """A folder to fill, whose files take the place of what `out` held, if the block ends well.

    `runs`: names of those that are known beforehand, so that a stranger's are not replaced.
    """
    with _held(out):
        before = _ours(out)
        for name in runs:
            path = out / "runs" / f"{name}.trec"
            if path.exists() and not (before and name in before.systems):
                raise BadOutput(f"{path} is not of a comparison here; give --out another folder")
        with _aside(out) as folder:
            yield folder
            _put_in_place(folder, out, REPLACING)


@contextmanager
def reporting(out: Path, told: Path) -> Iterator[Path]:
    """The same for a report about the runs in the folder `told`, which may be `out` itself.

    Then only the report is replaced: what the comparison has found stays as it was.
    """
    with _held(out):
        before, same = _ours(out), out.resolve() == told.resolve()
        if before and not before.is_report and not same:
            raise BadOutput(f"{out} holds another comparison; give --out another folder")
        with _aside(out) as folder:
            yield folder
            if same and before:
                (folder / "qrels.trec").unlink(missing_ok=True)
                (folder / record.NAME).unlink(missing_ok=True)
            _put_in_place(folder, out, PLACING)


def settle(out: Path) -> None:
    """Ends what a killed run had begun to put in place there, if it can be ended now."""
    if any(out.glob(f"{PLACING}*")) or any(out.glob(f"{REPLACING}*")):
        with suppress(BadOutput, BadSource), _held(out):
            pass


@contextmanager
def _held(out: Path) -> Iterator[None]:
    """The folder, made if need be, and nobody else's meanwhile. Nothing is left of it if empty."""
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
        handle = os.open(out, os.O_RDONLY) if fcntl else None
    except OSError as error:
        raise BadOutput(f"can't write to {out}: {why_no_output(error)}") from error
    try:
        if fcntl is not None and handle is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BadOutput(
                    f"another run is writing to {out}; wait for it, or give another --out"
                ) from error
            except OSError:  # some network disks know no locks
                pass
        for prefix in (PLACING, REPLACING):
            for ready in out.glob(f"{prefix}*"):
                _move(ready, out)
        yield
    finally:
        with suppress(OSError):  # there are results
            for folder in made:
                folder.rmdir()
        if handle is not None:
            os.close(handle)


def _ours(out: Path) -> Record | None:
    """What the folder holds of an earlier comparison; BadOutput if it holds a stranger's files."""
    try:
        before = record.read_record(out)
    except BadSource as error:
        raise BadOutput(f"{error}, or give --out another folder") from error
    for name in FILES:
        if before is None and (out / name).exists():
            raise BadOutput(
                f"{out} holds a {name} that no comparison has finished; give --out another folder"
            )
    for name in FOLDERS:
        if (out / name).exists() and not (out / name).is_dir():
            raise BadOutput(f"{out / name} is not a folder; give --out another one")
    return before


@contextmanager
def _aside(out: Path) -> Iterator[Path]:
    """A folder in `out` that is gone afterwards; so are those that killed runs have left."""
    for left in out.glob(f"{ASIDE}*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=ASIDE, dir=out))
    try:
        (folder / "runs").mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put_in_place(folder: Path, out: Path, prefix: str) -> None:
    """Every file of one folder in the other, from then on whatever happens."""
    ready = out / f"{prefix}{folder.name.removeprefix(ASIDE)}"
    try:
        folder.rename(ready)
    except OSError as error:
        raise BadOutput(f"can't write to {out}: {why_no_output(error)}") from error
    _move(ready, out)


def _move(ready: Path, out: Path) -> None:
    """The record last, so that it never says too much; gone on with wherever it was ended."""
    files = sorted(
        (path for path in ready.rglob("*") if path.is_file()),
        key=lambda path: path.name == record.NAME,
    )
    before = record.read_record(out)
    if before and files and ready.name.startswith(REPLACING):  # with no files left, it is the new
        _forget(out, before)
    try:
        for path in files:
            place = out / path.relative_to(ready)
            place.parent.mkdir(exist_ok=True)
            os.replace(path, place)
    except OSError as error:
        raise BadOutput(f"can't write to {out}: {why_no_output(error)}") from error
    shutil.rmtree(ready, ignore_errors=True)


def _forget(out: Path, before: Record) -> None:
    """Removes an earlier comparison's record, and its runs and cut-offs, not those of others."""
    for run in before.systems:
        for name in (f"runs/{run}.trec", f"cutoffs/{run}.json"):
            (out / name).unlink(missing_ok=True)
    (out / record.NAME).unlink(missing_ok=True)
    with suppress(OSError):  # others are in it
        (out / "cutoffs").rmdir()
