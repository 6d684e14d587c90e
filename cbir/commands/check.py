"""Verify an index: its text, its sidecar, the descriptor that made it, and its pictures."""

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cbir.commands import options
from cbir.commands.options import Parser
from cbir.commands.terminal import Terminal
from cbir.downloads import is_url
from cbir.errors import BadPicture
from cbir.pipeline import describe_one
from cbir.recipe import parse
from cbir.sources import Folder, leads_out
from cbir.types import Picture
from cbir.vector_index import VectorIndex
from cbir.vector_index.check import check

EXAMPLES = """examples:
  cbir check index.csv
"""


SAMPLE = 5
PROMISED = 1e-5  # how near two descriptions of one picture are, on any machine


def add_arguments(parser: Parser) -> None:
    parser.add_argument("index", metavar="INDEX", help="the index's CSV")
    options.add_output(parser)


def run(args: Namespace, terminal: Terminal) -> int:
    with terminal.without_chatter(), terminal.progress("checking") as progress:
        report = check(options.refuse_schemes(args.index), progress)
        if not report.problems:
            report.problems.extend(_described_otherwise(Path(args.index), report.unchecked))
    terminal.record({"index": args.index, **report._asdict()})
    for problem in report.problems:
        terminal.result(f"wrong: {problem}")
    if not report.problems:
        terminal.result(f"{args.index}: {report.pictures} pictures by {report.spec}, all is well")
    for note in report.unchecked:
        terminal.note(f"not checked: {note}")
    return 1 if report.problems else 0


def _described_otherwise(path: Path, unchecked: list[str]) -> Iterator[str]:
    """Describes a few pictures again: the index must hold what a search would make of them now.

    It may come from a stranger, so that nothing is opened outside the folder of its pictures.
    """
    index = VectorIndex.read(path)
    if index.root is None or not index.root.is_dir():
        return
    recipe, folder = parse(index.spec), Folder(index.root)
    local = [id for id in index.pictures if not is_url(id)]
    ids = [id for id in local if not leads_out(id)]
    if len(ids) < len(local):
        outside = len(local) - len(ids)
        unchecked.append(f"{outside} of its pictures: they lie outside its folder, {index.root}")
    numbers = sorted({round(i) for i in np.linspace(0, len(ids) - 1, min(SAMPLE, len(ids)))})
    for id in (ids[number] for number in numbers):
        try:
            # Whatever limit the index was made with, this picture was below it.
            now = describe_one(folder.read(Picture(id, "")), recipe, max_pixels=1 << 30)
        except BadPicture as error:
            yield f"{id} is in the index and can't be described now: {error}"
            continue
        then = index.vectors([id])
        if np.abs(now - then).max() > PROMISED * max(1, np.abs(then).max()):
            yield f"{id} is described otherwise now; it has changed since, so index it again"
