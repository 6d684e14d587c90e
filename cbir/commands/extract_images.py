"""Fetch the pictures of a catalogue into a folder, as a manifest lists them."""

import time
from argparse import Namespace
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from cbir.commands import failures, options
from cbir.commands.options import Parser, Usage
from cbir.commands.stopping import told_when_stopped
from cbir.commands.terminal import Terminal, seconds
from cbir.downloads import Web, is_url
from cbir.errors import BadSource
from cbir.extraction import ID, PRODUCT, Manifest, check_values, fetch_all, parse, read_manifest
from cbir.files import check_folder
from cbir.types import Failure

EXAMPLES = """examples:
  cbir extract-images --manifest pictures.csv.gz --url-template 'https://example.org/{id}.jpg' \\
      --out data/dataset/shoes
  cbir extract-images --domain-id 0341 --dpt-number 371 \\
      --manifest 's3://bucket/lists/{domain_id}_{dpt_number}.gz' \\
      --url-template 'https://example.org/p{id}/{product_id_model}.jpg' --out data/dataset/hockey

The manifest has a row for each picture, with at least the columns product_id_model and id. A
picture is saved as <product>_<id>.jpg (or .png, … as its bytes are), so that pictures of a product
are one item. What is there already is not fetched again: run it once more to go on.
"""
FLAGS = {"domain_id": "--domain-id", "dpt_number": "--dpt-number"}


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--manifest",
        required=True,
        metavar="F",
        help="s3://BUCKET/KEY or a file: CSV, as it is or gzip; {domain_id} and {dpt_number} are "
        "filled in. S3 is asked with the credentials that boto3 finds by itself",
    )
    parser.add_argument("--domain-id", metavar="N", help="for {domain_id}, such as 0341")
    parser.add_argument("--dpt-number", metavar="N", help="for {dpt_number}, such as 371")
    parser.add_argument(
        "--url-template",
        required=True,
        metavar="T",
        help="where a picture is: a URL with {id}, {product_id_model}, {domain_id}, {dpt_number}",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder to save to")
    parser.add_argument(
        "--limit-rate",
        type=options.number("a number of requests a second", lambda rate: 0 < rate < 1e6),
        metavar="N",
        help="requests a second at most (default: no limit)",
    )
    parser.add_argument(
        "--tries",
        type=options.positive,
        default=Web().tries,
        metavar="N",
        help="requests for a picture that may come another time (default: %(default)s)",
    )
    parser.add_argument(
        "--endpoint-url", metavar="U", help="an S3 server other than Amazon's (or AWS_ENDPOINT_URL)"
    )
    options.add_connections(parser, "pictures")
    parser.add_argument(
        "--allow-local",
        action="store_true",
        help="pictures, and servers that theirs lead to, may have addresses of this machine and of "
        "private networks",
    )
    failures.add_failures(parser, beside="the pictures")
    options.add_output(parser)


class Counts(NamedTuple):
    new: int
    unchanged: int


def run(args: Namespace, terminal: Terminal) -> int:
    started = time.monotonic()
    values = {name: getattr(args, name) for name in FLAGS}
    place = parse(args.manifest, "--manifest", list(FLAGS))
    url = parse(args.url_template, "--url-template", [ID, PRODUCT, *FLAGS])
    for template in (place, url):
        check_values(template, values, FLAGS)
    if not is_url(args.url_template):
        raise Usage(f"--url-template {args.url_template!r} is no URL; begin it with https://")
    if not {ID, PRODUCT} & set(url.fields):
        raise Usage("--url-template is the same for all pictures; write {id} where theirs stands")
    folder = _folder(args.out)
    failures.check_place_of(args, ())
    given = {name: value for name, value in values.items() if value}
    with told_when_stopped("nothing was fetched yet"):
        manifest = read_manifest(place.filled(given), url, given, args.endpoint_url)
    counts, failed = _fetch(args, manifest, folder, terminal)
    failed = sorted({*manifest.failures, *failed})
    listed_in = failures.listed(args, folder, failed)
    if not sum(counts):
        first = failed[0]
        raise BadSource(
            f"no picture could be fetched ({first.id}: {first.reason}); all are listed in "
            f"{listed_in}"
        )
    took = seconds(started)
    record = {"out": str(folder), "pictures": sum(counts), **counts._asdict()}
    terminal.record(record | {"failed": len(failed), "seconds": took})
    pictures = "1 picture" if sum(counts) == 1 else f"{sum(counts)} pictures"
    terminal.note(
        f"{folder}: {pictures} ({counts.new} new, {counts.unchanged} there already) in {took:.1f} s"
    )
    terminal.failures(failed, listed_in)
    return 1 if failed else 0


def _fetch(
    args: Namespace, manifest: Manifest, folder: Path, terminal: Terminal
) -> tuple[Counts, list[Failure]]:
    web = replace(options.web(args), tries=args.tries, rate=args.limit_rate)
    unchanged = 0
    failed, saved = list[Failure](), list[str]()

    def left() -> str:
        words = "1 picture was" if len(saved) == 1 else f"{len(saved)} pictures were"
        return f"{words} fetched and stay, run it again to go on"

    with (
        told_when_stopped(left),
        terminal.progress("fetching") as progress,
        closing(fetch_all(manifest.wanted, folder, web, saved)) as outcomes,
    ):
        for number, outcome in enumerate(outcomes, 1):
            if outcome.failed:
                failed.append(Failure(outcome.wanted.shown, outcome.failed))
            unchanged += not outcome.new and not outcome.failed
            progress(number, len(manifest.wanted))
    return Counts(len(saved), unchanged), failed


def _folder(text: str) -> Path:
    if not text:
        raise Usage("--out is empty; give a folder")
    check_folder(Path(text))
    return Path(text)
