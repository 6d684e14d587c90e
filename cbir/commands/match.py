"""Find for each picture of one table the most similar ones of another, as a table of both."""

import time
from argparse import Namespace
from collections.abc import Sequence

from cbir.commands import failures, options
from cbir.commands.match_outputs import Outputs, add_outputs
from cbir.commands.options import Parser, Usage
from cbir.commands.stopping import told_when_stopped
from cbir.commands.stores import finish_store, opened_store, without_store
from cbir.commands.terminal import Terminal, seconds
from cbir.errors import BadSource
from cbir.matching import joined
from cbir.matching.matches import check_count, match
from cbir.matching.naming import Named, apart, named
from cbir.matching.nearness import ALIKE, nearness
from cbir.matching.sides import NoneDescribed, Side, described, fetching_once
from cbir.pipeline import Settings
from cbir.recipe import AnyRecipe, parse
from cbir.store import Store
from cbir.types import Failure

EXAMPLES = """examples:
  cbir match test1.csv test2.csv -d mobilenet
      (the best match of each row, if their similarity is at least 0.845: result_similarity.tsv)
  cbir match a.csv b.csv -d mobilenet --top 3 --min-similarity 0.9 --out matches.parquet
  cbir match photos new-photos -d hsv --threshold 0.1 --mutual
  cbir match a.csv b.csv -d mobilenet --save-features features
  cbir match features/_a_feature.h5 features/_b_feature.h5 --columns a_id b_id=other
"""


def add_arguments(parser: Parser) -> None:
    what = "a table of paths or URLs (.csv, .tsv, .parquet), a folder, an index, or saved features"
    parser.add_argument("left", metavar="A", help=what)
    parser.add_argument("right", metavar="B", help="what its rows are matched with: the same")
    parser.add_argument(
        "-d",
        "--descriptor",
        metavar="SPEC",
        help="what to describe pictures by, such as mobilenet; not needed if A or B is an index or "
        "features, which know what made them",
    )
    _add_nearness(parser)
    parser.add_argument(
        "--columns",
        action="extend",
        nargs="+",
        metavar="COLUMN[=NAME]",
        help="which columns the result has, and under which names (default: all of A and B)",
    )
    parser.add_argument(
        "--image-column",
        action="append",
        metavar="C",
        help="which column names the pictures (default: the last); twice, if A and B differ",
    )
    parser.add_argument(
        "--delimiter",
        action="append",
        metavar="D",
        help="what stands between the cells of A and B: a character, or tab, semicolon, … "
        "(default: what their first lines show); twice, if A and B differ",
    )
    add_outputs(parser)
    options.add_web(parser)
    options.add_max_megapixels(parser)
    options.add_store(parser)
    options.add_output(parser)


def _add_nearness(parser: Parser) -> None:
    parser.add_argument(
        "--distance", metavar="NAME", help="chi2, cosine, … (default: the descriptor's own)"
    )
    near = parser.add_mutually_exclusive_group()
    near.add_argument(
        "--min-similarity",
        type=options.similarity,
        metavar="S",
        help=f"only matches at least this similar, by cosine, -1 to 1 (default: {ALIKE})",
    )
    near.add_argument(
        "--threshold",
        type=options.distance,
        metavar="D",
        help="only matches at most this distance away (default for all but cosine: any)",
    )
    parser.add_argument(
        "--top",
        type=options.positive,
        default=1,
        metavar="K",
        help="how many matches a row of A may have (default: the best one)",
    )
    parser.add_argument(
        "--mutual", action="store_true", help="only pairs that are among each other's K best"
    )


def run(args: Namespace, terminal: Terminal) -> int:
    with told_when_stopped("each file is whole, as it was or new", args):
        return _match(args, terminal)


def _match(args: Namespace, terminal: Terminal) -> int:
    started = time.monotonic()
    given = _given(args)
    recipe = _recipe(args.descriptor, given)
    wanted = nearness(args.distance or recipe.distance, args.threshold, args.min_similarity)
    names = given[0].name, given[1].name
    fields = given[0].fields.column_names, given[1].fields.column_names
    columns = joined.columns(names, fields, wanted.measure)
    if args.columns:
        columns = joined.chosen(columns, args.columns)
    rows = given[0].fields.num_rows, given[1].fields.num_rows
    check_count(*rows, wanted.within, args.top)
    outputs = Outputs(args, given, columns)
    out = outputs.out
    _tell_left_out(terminal, given)
    try:
        with fetching_once(*given, out.parent) as given:
            (left, right), failed = _described(args, terminal, given, recipe)
    except NoneDescribed as error:
        listed_in = failures.listed(args, out.parent, error.failures, of=out)
        raise BadSource(f"{error}; all are listed in {listed_in}") from error
    outputs.keep((left, right), recipe.spec)
    with terminal.progress("matching") as progress:
        found = match(
            *(left, right, wanted.distance, wanted.within, args.top, args.mutual, progress)
        )
    outputs.write(terminal, (left, right), found, wanted.distance)
    listed_in = failures.listed(args, out.parent, failed, of=out)
    some = len(set(found.left.tolist()))
    terminal.note(
        f"{out}: {some} of the {left.named} rows of {names[0]} have a match among the "
        f"{right.named} of {names[1]} ({wanted.words}) in {seconds(started):.1f} s"
    )
    terminal.failures(failed, listed_in)
    return 1 if failed else 0


def _given(args: Namespace) -> tuple[Named, Named]:
    column, delimiter = args.image_column or [None], args.delimiter or [None]
    for flag, values in (("--image-column", column), ("--delimiter", delimiter)):
        if len(values) > 2:
            raise Usage(f"{flag} is given once, or once for A and once for B")
    web = options.web(args)
    return apart(
        named(args.left, web, delimiter[0], column[0]),
        named(args.right, web, delimiter[-1], column[-1]),
    )


def _recipe(typed: str | None, given: tuple[Named, Named]) -> AnyRecipe:
    """What is asked for, or what made the vectors of a side that has some."""
    spec = next((side.spec for side in given if side.spec is not None), None)
    if typed is None and spec is None:
        raise Usage("name a descriptor, such as -d mobilenet")
    return parse(typed or spec or "")


def _tell_left_out(terminal: Terminal, given: tuple[Named, Named]) -> None:
    for side in given:
        if side.left_out:
            names = ", ".join(side.left_out[:5]) + (", …" if len(side.left_out) > 5 else "")
            terminal.note(f"{side.text}: columns of lists or structures are left out: {names}")


def _described(
    args: Namespace, terminal: Terminal, given: tuple[Named, Named], recipe: AnyRecipe
) -> tuple[tuple[Side, Side], list[Failure]]:
    settings = Settings(
        max_pixels=round(args.max_megapixels * 1e6), without_store=without_store(args, terminal)
    )
    with opened_store(args, terminal) as store, terminal.without_chatter():
        sides, failed = [], set[Failure]()
        for side in given:
            with terminal.progress(f"describing {side.name}") as progress:
                try:
                    made = described(side, recipe, settings, store, progress)
                except NoneDescribed as error:
                    error.failures = sorted({*error.failures, *failed})
                    raise
            _finish(args, terminal, store, side, [picture.id for picture in made.walked])
            sides.append(made.side)
            failed.update(made.failures)
    return (sides[0], sides[1]), sorted(failed)


def _finish(
    args: Namespace, terminal: Terminal, store: Store | None, side: Named, ids: Sequence[str]
) -> None:
    if store is not None and side.source is not None and side.source.complete:
        finish_store(store, args, terminal, side.source.origin, ids)
