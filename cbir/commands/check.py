"""Verify an index: its text, its sidecar, the descriptor that made it, and its pictures."""

from argparse import Namespace

from cbir.commands import options
from cbir.commands.options import Parser
from cbir.commands.terminal import Terminal
from cbir.vector_index.check import check

EXAMPLES = """examples:
  cbir check index.csv
"""


def add_arguments(parser: Parser) -> None:
    parser.add_argument("index", metavar="INDEX", help="the index's CSV")
    options.add_output(parser)


def run(args: Namespace, terminal: Terminal) -> int:
    with terminal.progress("checking") as progress, terminal.without_chatter():
        report = check(options.refuse_schemes(args.index), progress)
    terminal.record({"index": args.index, **report._asdict()})
    for problem in report.problems:
        terminal.result(f"wrong: {problem}")
    if not report.problems:
        terminal.result(f"{args.index}: {report.pictures} pictures by {report.spec}, all is well")
    for note in report.unchecked:
        terminal.note(f"not checked: {note}")
    return 1 if report.problems else 0
