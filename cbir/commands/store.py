"""Show what the feature store holds, and remove what nobody needs any more."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

from cbir.commands import options
from cbir.commands.options import Parser
from cbir.commands.terminal import Terminal
from cbir.errors import BadStore
from cbir.store import SourceSummary, Store, Summary

EXAMPLES = """examples:
  cbir store
  cbir store --prune
  sqlite3 data/database/features.db 'SELECT * FROM features_shop LIMIT 10'
      (any SQLite program shows the pictures of a data set, here of data/dataset/shop)
"""
MEGABYTE = 1e6


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--prune",
        action="store_true",
        help="remove pictures that have gone, data sets that have gone with all their pictures, "
        "and the vectors that then nobody needs; an unplugged disk looks like one that has gone",
    )
    options.add_store_place(parser)
    options.add_output(parser)


def run(args: Namespace, terminal: Terminal) -> int:
    path = options.store_place(args)
    return _prune(path, terminal) if args.prune else _show(path, terminal)


def _show(path: Path, terminal: Terminal) -> int:
    with Store.open(path, read_only=True) as store:
        summary = store.summary()
    terminal.record({"store": str(path), "contents": summary.contents, "bytes": summary.bytes})
    for source in summary.sources:
        terminal.record(source._asdict())
    for spec in summary.specs:
        terminal.record(spec._asdict())
    for line in _lines(path, summary):
        terminal.result(line)
    return 0


def _prune(path: Path, terminal: Terminal) -> int:
    if not path.exists():
        raise BadStore(f"there is no feature store {path}; index.py makes one")
    with Store.open(path) as store:
        pruned = store.prune()
    terminal.record({"store": str(path), "pruned": pruned._asdict()})
    terminal.result(
        f"{path}: removed {_count(pruned.pictures, 'picture')} that had gone, "
        f"{_count(pruned.sources, 'data set')} without pictures and "
        f"{_count(pruned.vectors, 'vector')} nobody needs; {_size(pruned.bytes)} freed"
    )
    return 0


def _lines(path: Path, summary: Summary) -> Iterator[str]:
    vectors = sum(spec.vectors for spec in summary.specs)
    yield (
        f"{path}: {_count(summary.contents, 'different picture')}, "
        f"{_count(vectors, 'vector')}, {_size(summary.bytes)}"
    )
    yield from _table(
        ["pictures", "gone", "data set"],
        [[f"{s.pictures:,}", f"{s.inactive:,}", _named(s)] for s in summary.sources],
    )
    yield from _table(
        ["vectors", "values", "size", "descriptor"],
        [
            [f"{s.vectors:,}", f"{s.dim:,}", _size(s.bytes), s.spec + _transforms(s.transforms)]
            for s in summary.specs
        ],
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns to the right, the last one to the left; nothing without rows."""
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)][:-1]
    yield ""
    for *cells, last in (header, *rows):
        aligned = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
        yield "  ".join(["", *aligned, last])


def _named(source: SourceSummary) -> str:
    return f"{source.source} (view {source.view})" if source.view else source.source


def _transforms(counts: dict[str, int]) -> str:
    """How many are of which transform, where pictures were described turned and mirrored too."""
    if len(counts) < 2:
        return ""
    return " (" + ", ".join(f"{name} {count:,}" for name, count in counts.items()) + ")"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _size(number: int) -> str:
    return f"{number / MEGABYTE:,.1f} MB"
