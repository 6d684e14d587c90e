"""`make bench`: prints every ratio with its floor, and writes them as JSON."""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import again, comparing, indexing, matching, networks, searching
from benchmarks.measure import ROOT, SHARED, Row, machine
from cbir import places

BENCHMARKS: dict[str, Callable[[Path], Iterator[Row]]] = {
    "in-memory": lambda folder: searching.in_memory(),
    "all-pairs": lambda folder: searching.all_pairs(),
    "match": matching.two_tables,
    "duplicates": matching.many_pictures,
    "small-process": searching.small_process,
    "whole-process": searching.whole_process,
    "small-jpegs": indexing.small_jpegs,
    "large-jpegs": indexing.large_jpegs,
    "memory": indexing.memory,
    "networks": networks.speeds,
    "second-runs": again.second_runs,
    "comparison": comparing.comparison,
}
RESULTS = ROOT / "benchmarks/results"


def make_home(folder: Path) -> None:
    """A feature store and a cache that know nothing yet, and Keras's weights if they are there."""
    (folder / "keras").mkdir()
    if (SHARED / "keras/models").is_dir():
        (folder / "keras/models").symlink_to((SHARED / "keras/models").resolve())
    os.environ |= {"CBIR_HOME": str(folder / "home"), "KERAS_HOME": str(folder / "keras")}
    places.configure(os.environ["CBIR_HOME"], os.environ["KERAS_HOME"])


def main(chosen: list[str]) -> int:
    where = machine()
    print("; ".join(f"{key} {value}" for key, value in where.items()))
    rows: list[Row] = []
    for name, benchmark in BENCHMARKS.items():
        if chosen and name not in chosen:
            continue
        with tempfile.TemporaryDirectory(prefix="cbir-bench-") as folder:
            make_home(Path(folder))
            for row in benchmark(Path(folder)):
                rows.append(row)
                bound = f"{'at least' if row.at_least else 'at most'} {row.bound:g}{row.unit}"
                verdict = "" if row.good else "   MISSED"
                figure = f"{row.value:,.2f}{row.unit}"
                print(f"{figure:>12}  {row.what}, against {row.against} ({bound}){verdict}")
    RESULTS.mkdir(exist_ok=True)
    out = RESULTS / f"{time.strftime('%Y%m%d-%H%M%S')}.json"
    out.write_text(json.dumps({"machine": where, "rows": [r.fields() for r in rows]}, indent=2))
    print(f"written to {out.relative_to(ROOT)}")
    return 0 if all(row.good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
