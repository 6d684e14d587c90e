"""Find for each picture of one table the most similar ones of another, as a table of both."""

import math
import os
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from cbir.commands import failures, options
from cbir.commands.options import Parser, Usage
from cbir.commands.stopping import told_when_stopped
from cbir.commands.stores import finish_store, opened_store, without_store
from cbir.commands.terminal import Terminal, seconds
from cbir.errors import BadOutput, BadSource
from cbir.files import check_ours
from cbir.matching import joined, saving
from cbir.matching.joined import Column
from cbir.matching.matches import Matches, check_count, match
from cbir.matching.matrix import BY, check_matrix, write_matrix
from cbir.matching.naming import Named, apart, named
from cbir.matching.nearness import ALIKE, nearness
from cbir.matching.sides import NoneDescribed, Side, described, fetching_once
from cbir.pipeline import Settings
from cbir.recipe import AnyRecipe, parse
from cbir.store import Store
from cbir.tables import check_table, check_textual, write_table
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
    _add_outputs(parser)


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


def _add_outputs(parser: Parser) -> None:
    parser.add_argument(
        "--out",
        default="result_similarity.tsv",
        metavar="F",
        help="where to write: .tsv, .csv or .parquet (default: %(default)s)",
    )
    parser.add_argument(
        "--save-features",
        metavar="DIR",
        help="keep vectors and fields of both sides there: _NAME_feature.h5, _NAME_fields.csv",
    )
    parser.add_argument(
        "--matrix",
        metavar="F.npy",
        help="also write all similarities, a row of A in each row; NaN where one has no picture",
    )
    failures.add_failures(parser, beside="the result")
    options.add_web(parser)
    options.add_max_megapixels(parser)
    options.add_store(parser)
    options.add_output(parser)


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
    out = _check_places(args, given, names, columns)
    _tell_left_out(terminal, given)
    try:
        with fetching_once(*given, out.parent) as given:
            (left, right), failed = _described(args, terminal, given, recipe)
    except NoneDescribed as error:
        listed_in = failures.listed(args, out.parent, error.failures, of=out)
        raise BadSource(f"{error}; all are listed in {listed_in}") from error
    if args.save_features:
        for name, side, from_where in zip(names, (left, right), given, strict=True):
            saving.save(Path(args.save_features), name, side, recipe.spec, from_where.origin)
    with terminal.progress("matching") as progress:
        found = match(
            *(left, right, wanted.distance, wanted.within, args.top, args.mutual, progress)
        )
    if args.matrix:
        with terminal.progress("writing the matrix") as progress:
            write_matrix(Path(args.matrix), left, right, wanted.distance, progress)
    _write(terminal, out, found, (left, right), columns)
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


def _check_places(
    args: Namespace, given: tuple[Named, Named], names: tuple[str, str], columns: Sequence[Column]
) -> Path:
    """What can't be written where it is to be is said now, and not after the work."""
    if not args.out or args.out.endswith(("/", os.sep)):
        raise Usage(f"--out {args.out!r} is not a file's name")
    out = Path(args.out)
    for path in (out, Path(args.matrix or out)):
        if not path.absolute().parent.is_dir():
            raise BadOutput(f"can't write {path}: its folder does not exist")
    taken = {file for side in given for file in side.files}
    if args.save_features:
        for side in given:
            check_textual(side.fields.schema, "--save-features keeps fields as text; leave it away")
        sources = [side.origin for side in given]
        taken |= saving.check_places(Path(args.save_features), names, sources)
    if os.path.realpath(out) in map(os.path.realpath, taken):
        raise Usage(f"--out {out} is read or written as something else; give another name")
    check_table(out)
    if out.suffix.lower() != ".parquet":
        check_textual(joined.schema([side.fields for side in given], columns, as_text=True))
    check_ours(out, BY)
    if args.matrix:
        check_matrix(Path(args.matrix))
    failures.check_place_of(args, {out, *taken})
    return out


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


def _write(
    terminal: Terminal,
    out: Path,
    found: Matches,
    sides: tuple[Side, Side],
    columns: Sequence[Column],
) -> None:
    fields = sides[0].fields, sides[1].fields
    as_text = out.suffix.lower() != ".parquet"
    changed = write_table(out, joined.table(found, fields, columns, as_text), by=BY)
    if terminal.json_lines:
        for batch in joined.table(found, fields, columns, as_text=False):
            for record in batch.to_pylist():
                terminal.record({name: _plain(value) for name, value in record.items()})
    terminal.formulas(changed, "cell")


def _plain(value: object) -> object:
    """A value as JSON has it: dates and the like as text, and null for what is no number."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)
