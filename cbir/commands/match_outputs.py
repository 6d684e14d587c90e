"""What a match leaves behind: the table, the features of both sides, the matrix."""

import math
import os
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from cbir.commands import failures
from cbir.commands.options import Parser, Usage
from cbir.commands.terminal import Terminal
from cbir.errors import BadOutput
from cbir.files import check_ours
from cbir.matching import joined, saving
from cbir.matching.joined import Column
from cbir.matching.matches import Matches
from cbir.matching.matrix import BY, check_matrix, write_matrix
from cbir.matching.naming import Named
from cbir.matching.sides import Side
from cbir.tables import check_table, check_textual, write_table

PARQUET = ".parquet"


def add_outputs(parser: Parser) -> None:
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


class Outputs:
    """Where all of it goes: what can't be written there is said now, and not after the work."""

    def __init__(self, args: Namespace, given: Sequence[Named], columns: Sequence[Column]):
        if not args.out or args.out.endswith(("/", os.sep)):
            raise Usage(f"--out {args.out!r} is not a file's name")
        self.out = Path(args.out)
        self.matrix = Path(args.matrix) if args.matrix else None
        self.features = Path(args.save_features) if args.save_features else None
        self.given, self.columns = given, columns
        self._check_folders()
        taken = {file for side in given for file in side.files} | self._check_features()
        self._check_table(taken)
        if self.matrix:
            check_matrix(self.matrix)
        failures.check_place_of(args, {self.out, *taken})

    def keep(self, sides: tuple[Side, Side], spec: str) -> None:
        """The features, before they are compared: whatever comes of that, they are there."""
        for side, given in zip(sides, self.given, strict=True):
            if self.features:
                saving.save(self.features, side.name, side, spec, given.origin)

    def write(
        self, terminal: Terminal, sides: tuple[Side, Side], found: Matches, distance: str
    ) -> None:
        if self.matrix:
            with terminal.progress("writing the matrix") as progress:
                write_matrix(self.matrix, *sides, distance, progress)
        fields = sides[0].fields, sides[1].fields
        table = joined.table(found, fields, self.columns, self._as_text)
        terminal.formulas(write_table(self.out, table, by=BY), "cell")
        if terminal.json_lines:
            for batch in joined.table(found, fields, self.columns, as_text=False):
                for record in batch.to_pylist():
                    terminal.record({name: _plain(value) for name, value in record.items()})

    @property
    def _as_text(self) -> bool:
        return self.out.suffix.lower() != PARQUET

    def _check_folders(self) -> None:
        for path in (self.out, self.matrix or self.out):
            if not path.absolute().parent.is_dir():
                raise BadOutput(f"can't write {path}: its folder does not exist")

    def _check_features(self) -> set[Path]:
        """The files that will be written."""
        if self.features is None:
            return set()
        for side in self.given:
            check_textual(side.fields.schema, "--save-features keeps fields as text; leave it away")
        names, origins = [side.name for side in self.given], [side.origin for side in self.given]
        return saving.check_places(self.features, names, origins)

    def _check_table(self, taken: set[Path]) -> None:
        if os.path.realpath(self.out) in map(os.path.realpath, taken):
            raise Usage(f"--out {self.out} is read or written as something else; give another name")
        check_table(self.out)
        if self._as_text:
            fields = [side.fields for side in self.given]
            check_textual(joined.schema(fields, self.columns, as_text=True))
        check_ours(self.out, BY)


def _plain(value: object) -> object:
    """A value as JSON has it: dates and the like as text, and null for what is no number."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int) else str(value)
