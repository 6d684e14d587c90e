"""The second time: a run that finds nothing new, and a search that needs a network."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import SHARED, Row, in_turns, process

CLOTHING = SHARED / "data/clothing"


def second_runs(folder: Path) -> Iterator[Row]:
    """Whole processes, with real photos and weights."""
    queries = sorted((CLOTHING / "queries").rglob("*.jpg"))
    if not queries or not (SHARED / "keras/models").is_dir():
        print(f"  skipped: real photos and weights are not at {SHARED}")
        return
    imports = process("-c", "import cv2, numpy")
    index = folder / "clothing.csv"
    indexing = ("index.py", "--dataset", CLOTHING, "--index", index, "-d", "mobilenet", "--quiet")
    again = process(*indexing)
    again()
    theirs, ours = in_turns(5, imports, again)
    what = "a second index.py, nothing changed, clothing, mobilenet, whole process"
    yield Row(what, "a process that imports cv2 and numpy", ours / theirs, 5, at_least=False)

    query = folder / "query.jpg"  # which no store knows
    query.write_bytes(queries[0].read_bytes() + b"another")
    search = process("search.py", "--query", query, "--index", index, "--no-montage", "--quiet")
    search()
    theirs, ours = in_turns(5, process("-c", "import tensorflow"), search)
    what = "a second search.py on a mobilenet index, whole process"
    yield Row(what, "a process that imports tensorflow", theirs / ours, 1)
