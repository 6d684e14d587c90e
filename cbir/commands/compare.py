"""Find out which descriptor to trust on your pictures: all of them on the same queries."""

import shlex
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from cbir import distances
from cbir.commands import options
from cbir.commands.options import Parser, Usage
from cbir.commands.stores import opened_store, without_store
from cbir.commands.terminal import Terminal
from cbir.errors import BadOutput
from cbir.evaluation import report
from cbir.evaluation.collecting import collect, sides_of, thumbnails
from cbir.evaluation.duplicates import THUMBNAIL, near_duplicates, notice
from cbir.evaluation.edits import Edited, sample
from cbir.evaluation.labels import relevance_of
from cbir.evaluation.relevance import Relevance, Sides
from cbir.evaluation.report import Comparison
from cbir.evaluation.runs import DEPTH
from cbir.evaluation.scoring import Bench, Scored, score_all
from cbir.evaluation.verdicts import told
from cbir.evaluation.writing import write_report, write_tables
from cbir.items import item_rule
from cbir.pipeline import Settings
from cbir.recipe import parse
from cbir.sources import Folder, Table, open_dataset
from cbir.types import Picture, Source

EXAMPLES = """examples:
  cbir compare --dataset photos --labels folders -d hsv mobilenet 'hsv*0.25+mobilenet*0.75'
  cbir compare --dataset shop --labels items -d hsv hsv-regions --distances chi2 cosine
  cbir compare --dataset gallery --queries queries --labels labels.csv -d mobilenet
  cbir compare --dataset photos --labels edits -d hsv mobilenet
      (no labels: a robustness test on edits of your own pictures)
"""
LABELS = {
    "items": ("the pictures of the same item", "item"),
    "folders": ("the pictures in the same folder", "folder"),
    "edits": ("the picture that a query was made from", "kind of edit"),
}
EDITS = "edits"


def add_arguments(parser: Parser) -> None:
    options.add_dataset(parser)
    options.add_web(parser)
    parser.add_argument(
        "--queries", metavar="DIR|LIST", help="who asks (default: every picture asks the rest)"
    )
    parser.add_argument(
        "--labels",
        required=True,
        metavar="items|folders|edits|FILE",
        help="what is right: pictures of the same item, of the same folder, the original of an "
        "edit, or what a CSV file (query,item[,grade]) or TREC qrels say",
    )
    parser.add_argument(
        "--item-rule",
        default="underscore",
        metavar="RULE",
        help="which pictures show one item: underscore (the name up to the first _ or .), folder, "
        "stem, or a regular expression (default: %(default)s)",
    )
    options.add_descriptors(parser, several=True)
    parser.add_argument(
        "--distances", nargs="+", default=[], metavar="NAME", help="beside each descriptor's own"
    )
    parser.add_argument("--level", choices=("picture", "item"), default="picture")
    parser.add_argument(
        "--depth",
        type=options.positive,
        default=DEPTH,
        metavar="K",
        help="how deep runs are written when there are many (default: %(default)s)",
    )
    parser.add_argument(
        "--out", default="results/compare", metavar="DIR", help="(default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of whatever is random")
    options.add_max_megapixels(parser)
    options.add_store(parser)
    options.add_output(parser)
    options.not_yet(parser, "--from-runs", "--tune", value=True)


def run(args: Namespace, terminal: Terminal) -> int:
    typed = args.descriptor or ["hsv", "hsv-regions"]
    recipes = [parse(text) for text in typed]
    if len({recipe.spec for recipe in recipes}) < len(recipes):
        raise Usage(f"the same descriptor is named twice: {' '.join(typed)}")
    for name in args.distances:
        distances.get(name)
    rule = item_rule(args.item_rule)
    out = _folder(args.out)
    gallery = open_dataset(args.dataset, options.web(args))
    pictures = list(gallery.pictures())
    asking, asked_by = _asking(args, gallery, pictures)
    same = asking is gallery
    measured = recipes if args.labels == EDITS else [*recipes, THUMBNAIL]
    settings = Settings(
        max_pixels=round(args.max_megapixels * 1e6), without_store=without_store(args, terminal)
    )
    with opened_store(args, terminal) as store, terminal.without_chatter():
        with terminal.progress("describing the gallery") as progress:
            searched = collect(gallery, pictures, measured, settings, store, progress)
        with closing(searched), terminal.progress("describing the queries") as progress:
            asks = searched
            if not same:
                asks = collect(asking, asked_by, measured, settings, store, progress)
            with closing(asks):
                sides = sides_of(gallery, asking, searched, asks, store)
                relevance = relevance_of(args.labels, sides, args.level, rule)
                bench = Bench(
                    *(relevance, asks, searched, gallery, sides.gallery),
                    *(out / "runs", args.depth, args.seed),
                )
                with terminal.progress("comparing") as progress:
                    scored = list(score_all(bench, typed, recipes, args.distances, progress))
                warnings = _warnings(bench, relevance, sides, len(measured) - 1, args)
        comparison = _comparison(args, scored, relevance, sides, warnings)
        write_tables(out, scored, relevance)
        write_report(out, comparison, thumbnails(asking), thumbnails(gallery))
    _say(terminal, comparison, warnings, out)
    failures = sorted({*gallery.failures, *asking.failures, *searched.failures, *asks.failures})
    terminal.failures(failures)
    return 1 if failures else 0


def _asking(
    args: Namespace, gallery: Folder | Table, pictures: Sequence[Picture]
) -> tuple[Source, Sequence[Picture]]:
    """Who asks: edits of the pictures, another data set, or the gallery itself."""
    if args.labels == EDITS:
        if args.queries:
            raise Usage("--labels edits makes its own queries; leave --queries away")
        edited = Edited(gallery, sample(pictures, seed=args.seed), args.seed)
        return edited, list(edited.pictures())
    if not args.queries:
        return gallery, pictures
    asking = open_dataset(args.queries, options.web(args))
    return asking, list(asking.pictures())


def _warnings(
    bench: Bench, relevance: Relevance, sides: Sides, thumbnails: int, args: Namespace
) -> list[str]:
    """What a reader of the figures should know first."""
    said = []
    if relevance.left_out:
        count, first = len(relevance.left_out), relevance.left_out[0]
        said.append(f"{count} queries have no right answer and are left out, {first!r} first")
    if args.labels != EDITS:
        asked = bench.queries.vectors(thumbnails, relevance.queries)
        answers = bench.gallery.vectors(thumbnails, sides.gallery)
        found = near_duplicates(asked, answers, relevance.excluded)
        said += [line for line in [notice(found, relevance.queries, sides.gallery)] if line]
    return said


def _comparison(
    args: Namespace,
    scored: Sequence[Scored],
    relevance: Relevance,
    sides: Sides,
    warnings: Sequence[str],
) -> Comparison:
    right, by = LABELS.get(args.labels, (f"what {args.labels} says", "class"))
    command = shlex.join(["cbir", "compare", *args.typed]) if args.typed else "cbir compare"
    about = Comparison(
        title=f"Which descriptor for {Path(args.dataset).name}?",
        dataset=args.dataset,
        queries=len(relevance.queries),
        gallery=len(relevance.gallery),
        labels=f"Right are {right}" if args.labels != EDITS else f"Right is {right}",
        command=command,
        systems=[],
        warnings=list(warnings),
        unit="items" if args.level == "item" else "pictures",
        synthetic=args.labels == EDITS,
    )
    return told(about, scored, relevance, by, args.seed)


def _say(terminal: Terminal, comparison: Comparison, warnings: Sequence[str], out: Path) -> None:
    for system in comparison.ordered:
        fields = {"descriptor": system.descriptor, "spec": system.spec, "distance": system.distance}
        terminal.record(fields | {"queries": system.queries} | dict(system.metrics))
    for line in report.table(comparison).splitlines():
        terminal.result(line)
    for warning in warnings:
        terminal.note(f"note: {warning}")
    terminal.result(report.verdict(comparison))
    terminal.note(f"written to {out}: report.html, report.md, summary.csv and more")


def _folder(text: str) -> Path:
    out = Path(text)
    try:
        (out / "runs").mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()  # now, and not after the work
    except OSError as error:
        raise BadOutput(
            f"can't write to {out}: {(error.strerror or str(error)).lower()}"
        ) from error
    return out
