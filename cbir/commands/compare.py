"""Find out which descriptor to trust on your pictures: all of them on the same queries."""

import argparse
import shlex
from argparse import Namespace
from pathlib import Path
from typing import Any

from cbir.commands import failures, options
from cbir.commands.cutoffs import check_indexes, keep_cutoffs
from cbir.commands.options import Parser, Usage
from cbir.commands.stopping import told_when_stopped
from cbir.commands.stores import opened_store, without_store
from cbir.commands.terminal import Terminal
from cbir.evaluation import report, results, writing
from cbir.evaluation.again import compare_runs
from cbir.evaluation.comparing import Answer, compare
from cbir.evaluation.cutoffs import RATE
from cbir.evaluation.question import STANDARD, Entries, Question
from cbir.evaluation.record import MOST_SEED, write_record
from cbir.evaluation.report import System
from cbir.evaluation.report.model import COST_FIELDS
from cbir.evaluation.runs import DEPTH
from cbir.evaluation.scoring import ALWAYS
from cbir.pipeline import Settings

EXAMPLES = """examples:
  cbir compare --dataset photos --labels folders -d hsv mobilenet 'hsv*0.25+mobilenet*0.75'
  cbir compare --dataset shop --labels items -d hsv hsv-regions --distances chi2 cosine
  cbir compare --dataset gallery --queries queries --labels labels.csv -d mobilenet
  cbir compare --dataset photos --labels folders --tune hsv+mobilenet
      (finds the best weights on half of the queries, and reports on the other half)
  cbir compare --dataset shop --labels items --level item --aggregate points best mean set
  cbir compare --dataset photos --labels edits -d hsv mobilenet
      (no labels: a robustness test on edits of your own pictures)
  cbir compare --from-runs results/compare
      (the report once more; runs of other tools laid into its folder runs take part)
"""


def add_arguments(parser: Parser) -> None:
    options.add_dataset(parser, required=False)
    options.add_web(parser)
    parser.add_argument(
        "--queries", metavar="DIR|LIST", help="who asks (default: every picture asks the rest)"
    )
    parser.add_argument(
        "--labels",
        metavar="items|folders|edits|FILE",
        help="what is right: pictures of the same item, of the same folder, the original of an "
        "edit, or what a CSV file (query,item[,grade]) or TREC qrels say",
    )
    options.add_item_rule(parser)
    options.add_descriptors(parser, " ".join(STANDARD), "; all are compared")
    _add_names(parser, "--distances", "chi2, cosine, … to compare by, beside each descriptor's own")
    _add_names(
        parser,
        "--metrics",
        "what to measure beside the usual, such as map@20, p@3, recall@50 or ndcg@5",
    )
    parser.add_argument(
        "--level",
        choices=("picture", "item"),
        default="picture",
        help="what is ranked: pictures, or items, each of which counts once (default: %(default)s)",
    )
    _add_names(
        parser,
        "--aggregate",
        "items ask with all their pictures, which these make one distance of: points, best, "
        "mean, set; without --queries half of each item's pictures ask for the others",
    )
    parser.add_argument(
        "--tune", metavar="SUM", help="find the weights of a sum, such as hsv+mobilenet"
    )
    parser.add_argument(
        "--from-runs", metavar="DIR", help="report on the runs in a folder, and compute nothing"
    )
    parser.add_argument(
        "--false-matches",
        type=options.number(f"a share of pairs, such as {RATE}", lambda rate: 0 < rate <= 1),
        metavar="RATE",
        help=f"what share of different pairs a cut-off may let pass (default: {RATE})",
    )
    parser.add_argument(
        "--index",
        action="extend",
        nargs="+",
        metavar="F",
        help="the indexes that get the cut-offs for search.py --threshold auto (default: index.csv "
        "and index.<name>.csv, where they are of this data set)",
    )
    parser.add_argument(
        "--depth",
        type=options.positive,
        default=DEPTH,
        metavar="K",
        help="how deep runs are written when there are many (default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        default="results/compare",
        metavar="DIR",
        help="where to write report.html and all the rest (default: %(default)s)",
    )
    parser.add_argument(
        "--seed",
        type=_seed,
        metavar="N",
        help="another number draws other samples, halves and edits (default: 0, or that of the "
        "saved runs)",
    )
    failures.add_failures(parser, beside="the results")
    options.add_max_megapixels(parser)
    options.add_store(parser)
    options.add_output(parser)


def _add_names(parser: Parser, flag: str, what: str) -> None:
    parser.add_argument(flag, action="extend", nargs="+", default=[], metavar="NAME", help=what)


def run(args: Namespace, terminal: Terminal) -> int:
    question = _question(args)
    if args.from_runs:
        return _from_runs(args, question, terminal)
    for flag, value in (("--dataset D", args.dataset), ("--labels", args.labels)):
        if not value:
            raise Usage(f"{flag} is needed (cbir compare --help shows what there is)")
    entries = Entries.of(question)
    check_indexes(args.index or (), entries)
    out = Path(args.out)
    failures.check_place_of(args, {out / name for name in results.FILES})
    settings = Settings(
        max_pixels=round(args.max_megapixels * 1e6), without_store=without_store(args, terminal)
    )
    stopped = told_when_stopped("the results are as they were", args)
    with stopped, results.filling(out, entries.runs(question)) as folder:
        with opened_store(args, terminal) as store, terminal.without_chatter():
            answer = compare(question, folder, settings, store, terminal.progress)
            with terminal.progress("writing the report"):
                writing.write(folder, answer)
        write_record(folder, answer, args.queries)
    _say(terminal, answer, out)
    keep_cutoffs(args.index or (), answer, entries.recipes, terminal)
    listed_in = failures.listed(args, out, answer.failures)
    terminal.failures(answer.failures, listed_in)
    return 1 if answer.failures else 0


def _question(args: Namespace) -> Question:
    return Question(
        dataset=args.dataset or "",
        labels=args.labels or "",
        queries=args.queries,
        descriptors=args.descriptor or (),
        distances=args.distances,
        level=args.level,
        rule=args.item_rule,
        metrics=args.metrics,
        tune=args.tune,
        aggregates=args.aggregate,
        rate=args.false_matches,
        depth=args.depth,
        seed=args.seed,
        web=options.web(args),
        command=shlex.join(["cbir", "compare", *args.typed]),
    )


def _from_runs(args: Namespace, question: Question, terminal: Terminal) -> int:
    for flag, value in (
        ("-d", args.descriptor),
        ("--distances", args.distances),
        ("--tune", args.tune),
        ("--aggregate", args.aggregate),
        ("--index", args.index),
        ("--level item", args.level == "item"),
    ):
        if value:
            raise Usage(f"{flag} would compute something, and --from-runs only reports")
    out, told = Path(args.out), Path(args.from_runs)
    if args.labels and out.resolve() == told.resolve():
        raise Usage("--labels other than the runs' own need another folder for the report: --out")
    with told_when_stopped("the results are as they were"), results.reporting(out, told) as folder:
        with terminal.progress("reading the runs") as progress:
            answer = compare_runs(question, told, progress)
        with terminal.progress("writing the report"):
            writing.write(folder, answer)
            write_record(folder, answer, args.queries, is_report=True)
    _say(terminal, answer, out)
    return 0


def _say(terminal: Terminal, answer: Answer, out: Path) -> None:
    comparison = answer.comparison
    for warning in comparison.warnings:
        terminal.note(f"note: {warning}")
    for system in comparison.ordered:
        terminal.record(_fields(system))
    asked = [name for one in answer.scored[:1] for name in one.values if name not in ALWAYS]
    for line in report.table(comparison, asked).splitlines():
        terminal.result(line)
    chosen, verdict = report.choose(comparison).system, report.verdict(comparison)
    terminal.record({"take": chosen.descriptor, "distance": chosen.distance, "verdict": verdict})
    terminal.result(verdict)
    terminal.note(f"written to {out}: report.html, report.md, summary.csv and more")


def _fields(system: System) -> dict[str, Any]:
    """A system as an object for programs."""
    named = {"descriptor": system.descriptor, "spec": system.spec, "distance": system.distance}
    if system.aggregate:
        named["aggregate"] = system.aggregate
    low, high = system.interval or (None, None)
    costs = {name: getattr(system, name) for name in COST_FIELDS}
    within = {"map_low": low, "map_high": high}
    return {**named, "queries": system.queries, **system.metrics, **within, **costs}


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= MOST_SEED):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)
