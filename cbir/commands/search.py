"""Find the pictures of an index that are most like a query, and draw them beside it."""

import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence

from cbir.commands import options
from cbir.commands.cutoffs import Limit, limit_of
from cbir.commands.montage import STDIN_NAME, Montage
from cbir.commands.options import Parser, Usage
from cbir.commands.sheets import add_montage
from cbir.commands.stores import store_to_read, without_store
from cbir.commands.terminal import Terminal
from cbir.errors import BadIndex, BadSource, BadSpec
from cbir.files import LARGEST_FILE
from cbir.images.transforms import ORIGINAL
from cbir.pipeline import Described, Settings, describe
from cbir.recipe import AnyRecipe, parse
from cbir.searcher import Searcher
from cbir.sources import Files
from cbir.types import Failure, Hit, Vectors
from cbir.vector_index import VectorIndex

EXAMPLES = """examples:
  python search.py --query queries/boot-red_query.jpg
  python search.py --query queries --limit 5 --json
  python search.py --query photo.jpg --index index1.csv --result-path dataset --show
  curl -s https://example.org/a.jpg | python search.py --query -
"""
STDIN = "-"


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--query",
        required=True,
        action="extend",
        nargs="+",
        metavar="IMAGE|DIR|-",
        help="pictures to search for: files, folders of them, or - for standard input",
    )
    parser.add_argument(
        "--index", default="index.csv", metavar="F", help="which index (default: %(default)s)"
    )
    parser.add_argument(
        "-d",
        "--descriptor",
        metavar="SPEC",
        help="the index knows what made it; name it to say where a file of its own is now, such "
        "as onnx:model=FILE",
    )
    parser.add_argument(
        "--limit",
        type=options.positive,
        default=3,
        metavar="N",
        help="results a query (default: %(default)s)",
    )
    parser.add_argument(
        "--distance", metavar="NAME", help="chi2, cosine, … (default: the index's own)"
    )
    parser.add_argument(
        "--threshold",
        metavar="X|auto[:RATE]",
        help="only results at most this distance away; auto: as far as keeps false matches to a "
        "rate, 0.01 unless given, which cbir compare has found out from labels",
    )
    parser.add_argument(
        "--result-path", metavar="DIR", help="the folder in which the index's ids are found"
    )
    add_montage(parser, "QUERY")
    parser.add_argument("--show", action="store_true", help="open the drawing in a window")
    options.add_allow_local(parser, "index")
    options.add_max_megapixels(parser)
    options.add_store(parser)
    options.add_output(parser)
    options.not_yet(parser, "--ann")


def run(args: Namespace, terminal: Terminal) -> int:
    index = VectorIndex.read(options.refuse_schemes(args.index))
    recipe = _recipe_of(index, args.index, args.descriptor)
    searcher = Searcher(index, args.distance or index.distance)
    limit = limit_of(args.threshold, args.index, index, searcher.distance, terminal)
    queries = _queries(args.query)
    pictures = list(queries.pictures())
    montage = Montage(args, index, queries, terminal)
    found, failures = 0, list[Failure]()
    with (
        store_to_read(args, terminal) as store,
        terminal.without_chatter(),
        terminal.progress("searching", beside_results=True) as progress,
    ):
        settings = Settings(
            max_pixels=round(args.max_megapixels * 1e6),
            without_store=without_store(args, terminal),
        )
        for result in describe(queries, pictures, [recipe], settings, store):
            if isinstance(result, Described):
                for name, hits in _search(searcher, result.ids, result.vectors, args.limit, limit):
                    _report(terminal, name, index, searcher.distance, hits, limit)
                    montage.add(name, hits)
                    found += 1
            else:
                failures += result.failures
            progress(found + len(failures), len(pictures))
    failures = [*queries.failures, *failures]
    if not found:
        reason = "; ".join(f"{name}: {reason}" for name, reason in failures[:3])
        raise BadSource(f"nothing to search for: {reason}")
    montage.finish(terminal)
    terminal.failures(failures)
    return 1 if failures else 0


def _recipe_of(index: VectorIndex, path: str, typed: str | None) -> AnyRecipe:
    """The installed descriptor that made the index; BadIndex if there is none that did."""
    try:
        recipe = parse(typed or index.spec)
    except BadSpec as error:
        if typed:
            raise
        raise BadIndex(
            f"{path} was made by {index.spec}, which can't be used here: {error}"
        ) from error
    if recipe.spec != index.spec:
        which = "was asked for" if typed else "is installed"
        what_to_do = "leave -d away" if typed else "index the pictures again"
        raise BadIndex(
            f"{path} was made by {index.spec}, and what {which} is {recipe.spec}; {what_to_do}"
        )
    if recipe.dim is not None and recipe.dim != index.dim:
        raise BadIndex(
            f"{path} holds vectors of {index.dim} values, and {recipe.name} makes {recipe.dim}; "
            "index the pictures again"
        )
    return recipe


def _queries(names: Sequence[str]) -> Files:
    if names.count(STDIN) > 1:
        raise Usage("standard input can be a query only once")
    if STDIN not in names:
        return Files(names)
    if sys.stdin is None or sys.stdin.isatty():
        raise BadSource("--query - reads a picture from standard input, and nothing is piped there")
    data = sys.stdin.buffer.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise BadSource("standard input is larger than a picture file may be (1024 MB)")
    return Files([STDIN_NAME if n == STDIN else n for n in names], {STDIN_NAME: data})


def _search(
    searcher: Searcher, names: Sequence[str], vectors: Vectors, most: int, limit: Limit
) -> Iterator[tuple[str, list[Hit]]]:
    for name, hits in zip(names, searcher.search(vectors, most), strict=True):
        yield name, limit.within(hits)


def _report(
    terminal: Terminal,
    name: str,
    index: VectorIndex,
    distance: str,
    hits: Sequence[Hit],
    limit: Limit,
) -> None:
    records = []
    terminal.result(name)
    likely = limit.probabilities(hits)
    for rank, hit in enumerate(hits, start=1):
        record = {"rank": rank, "id": hit.id, "distance": hit.distance}
        turned = ""
        if index.augmented:
            record["transform"] = hit.transform
            turned = "" if hit.transform == ORIGINAL else f"  ({hit.transform})"
        if distance == "cosine":
            record["similarity"] = 1 - hit.distance
        same = ""
        if likely is not None:
            record["probability"] = likely[rank - 1]
            same = f"  {likely[rank - 1]:>4.0%}"
        records.append(record)
        terminal.result(f"{rank:>4}  {hit.distance:.4f}{same}  {hit.id}{turned}")
    if not hits:
        terminal.result("      nothing that near")
    terminal.record({"query": name, "spec": index.spec, "distance": distance, "hits": records})
