"""Flags that several commands share, and a parser whose errors are one line that helps."""

import argparse
import math
import re
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from cbir import places
from cbir.downloads import Web
from cbir.errors import CbirError, did_you_mean
from cbir.images import MAX_PIXELS
from cbir.items import DEFAULT

MOST = (1 << 31) - 1
MOST_THREADS = 64
MOST_CONNECTIONS = 64
OPENCV_MOST = (1 << 30) / 1e6


class Usage(CbirError):
    """Flags that don't go together or are not known."""


class Parser(argparse.ArgumentParser):
    """Raises Usage instead of printing the whole usage and leaving."""

    def __init__(self, prog: str, description: str | None, epilog: str):
        looks = argparse.RawDescriptionHelpFormatter
        super().__init__(prog, None, description, epilog, formatter_class=looks, allow_abbrev=False)

    def parse_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """As usual; but a mistyped flag is told of before one that is missing because of that."""
        for argument in args or ():
            if argument == "--":  # what follows are no flags
                break
            flag = argument.split("=")[0]
            if re.match(r"--[a-z]", flag) and flag not in self._option_string_actions:
                self.error(f"unrecognized arguments: {flag}")
        return super().parse_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        unknown = re.match(r"unrecognized arguments: (--?[\w-]+)", message)
        if unknown:
            flags = [flag for flag in self._option_string_actions if flag.startswith("--")]
            message = f"there is no flag {unknown[1]}{_near(unknown[1], flags)}"
        elif message.startswith("unrecognized arguments: "):
            message = f"{message.partition(': ')[2]!r} belongs to no flag"
        raise Usage(f"{message} (cbir {self.prog.split()[-1]} --help shows what there is)")


def _near(flag: str, flags: list[str]) -> str:
    hint = did_you_mean(flag, flags)
    return hint if "did you mean" in hint else ""


def not_yet(parser: Parser, *flags: str, value: bool = False) -> None:
    """Flags that are promised for later: known, and refused in one line that says so."""
    for flag in flags:
        parser.add_argument(flag, action=_NotYet, nargs="?" if value else 0, help=argparse.SUPPRESS)


class _NotYet(argparse.Action):
    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        raise Usage(f"{option} is not supported yet; it comes with a later version")


def add_dataset(parser: Parser, required: bool = True) -> None:
    parser.add_argument(
        "--dataset",
        required=required,
        metavar="D",
        help="a folder, the name of one under data/dataset/, or a table of paths and URLs (.csv, "
        ".tsv, .parquet; the last column)",
    )


def add_descriptors(parser: Parser, default: str = "hsv", several: str = "") -> None:
    """`several` says what comes of more than one, if more are allowed."""
    parser.add_argument(
        "-d",
        "--descriptor",
        action="extend",
        nargs="+" if several else 1,
        metavar="SPEC",
        help="what to describe pictures by, such as hsv, mobilenet or hsv:norm=l2 "
        f"(default: {default}){several}",
    )


def add_item_rule(parser: Parser) -> None:
    parser.add_argument(
        "--item-rule",
        default=DEFAULT,
        metavar="RULE",
        help="which pictures show one item: underscore (the name up to the first _ or .), folder, "
        "stem, or a regular expression (default: %(default)s)",
    )


def add_max_megapixels(parser: Parser) -> None:
    parser.add_argument(
        "--max-megapixels",
        type=_megapixels,
        default=MAX_PIXELS / 1e6,
        metavar="N",
        help="leave out pictures larger than this, judged by their header (default: %(default)g)",
    )


def add_connections(parser: Parser, what: str = "pictures of a table") -> None:
    usual = Web()
    parser.add_argument(
        "--connections",
        type=_connections,
        metavar="N",
        help=f"{what} that are downloaded at a time (default: {usual.connections}, "
        f"but {usual.per_host} from one server)",
    )


def add_web(parser: Parser) -> None:
    """Both flags about what a table may name, for commands that read tables or URLs."""
    add_connections(parser)
    add_allow_local(parser, "table")


def add_allow_local(parser: Parser, what: str) -> None:
    parser.add_argument(
        "--allow-local",
        action="store_true",
        help=f"the {what} may name pictures anywhere on this machine: absolute paths, paths "
        "outside its folder, file:// URLs, and addresses of this machine and of private networks",
    )


def web(args: Namespace) -> Web:
    """How to download, as these flags say. A number that was given counts for one server, too."""
    if args.connections is None:
        return Web(allow_local=args.allow_local)
    return Web(args.connections, args.allow_local, per_host=args.connections)


def add_store(parser: Parser) -> None:
    """Both flags about the feature store, for commands that describe pictures."""
    store = parser.add_mutually_exclusive_group()
    add_store_place(store)
    store.add_argument("--no-store", action="store_true", help="compute everything anew")


def add_store_place(parser: Any) -> None:
    parser.add_argument(
        "--store",
        metavar="FILE",
        help="the feature store: what was described before (default: $CBIR_HOME/features.db, "
        "data/database/features.db where there is a data folder, or one in your own data folder)",
    )


def store_place(args: Namespace) -> Path:
    """Where the feature store is, or would be."""
    if args.store is not None:
        if not args.store or args.store.endswith("/"):
            raise Usage(f"--store {args.store!r} is not a file's name")
        return Path(args.store)
    if not places.chosen() and Path("data").is_dir():
        return Path("data/database/features.db")
    return places.data() / "features.db"


def add_output(parser: Parser) -> None:
    parser.add_argument("--json", action="store_true", help="results as JSON Lines")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def positive(text: str) -> int:
    """How many of something; as many as there can be of anything is enough."""
    digits = text.lstrip("0") if text.isascii() and text.isdigit() else ""
    if not digits:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return MOST if len(digits) > len(str(MOST)) else min(int(digits), MOST)


def number(words: str, fits: Callable[[float], bool]) -> Callable[[str], float]:
    """A flag's type: numbers that fit. The words say what others are not; nan never fits."""

    def parsed(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not fits(value):
            raise argparse.ArgumentTypeError(f"{text!r} is not {words}")
        return value

    return parsed


distance = number("a distance; give a number from 0 on", lambda far: 0 <= far < math.inf)
similarity = number("a similarity; give a number from -1 to 1", lambda near: -1 <= near <= 1)
_megapixels = number(
    f"a number of megapixels up to {OPENCV_MOST:.0f}, OpenCV's own limit",
    lambda count: 0 < count <= OPENCV_MOST,
)


def threads(text: str) -> int:
    return min(positive(text), MOST_THREADS)


def _connections(text: str) -> int:
    return min(positive(text), MOST_CONNECTIONS)


def refuse_schemes(index: str) -> str:
    """An index is a file for now; names such as lance:… are for vector databases."""
    if re.match(r"[a-z][a-z0-9+.-]+:", index):
        raise Usage(f"{index}: vector databases are not supported yet; give a file's name")
    return index
