"""Draw the sample data set: the shop's pictures, the query pictures and their answers.

    python data/make_shop.py [--out DIR] [--queries DIR]

The pictures are the same at every run with the same versions of NumPy and OpenCV.
"""

import argparse
import csv
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
from shop_drawing import ITEMS, KINDS, draw_view
from shop_drawing.scene import BackgroundChoice

View = tuple[str, str, int, BackgroundChoice]

DATA = Path(__file__).resolve().parent
JPEG_QUALITY = 85
QUERY_VIEW = 14  # a view that the set itself does not hold
QUERY_ITEMS = (
    "bag-pink",
    "ball-beach",
    "boot-red",
    "bottle-green",
    "chair-teal",
    "clock-mint",
    "hat-tan",
    "lamp-lilac",
    "mug-dots",
    "shirt-stripes",
    "teapot-flowers",
    "umbrella-mustard",
)
# Seen in a busy place, where their colours alone hardly tell them.
BUSY_QUERIES = frozenset({"boot-red", "bottle-green", "shirt-stripes"})


def main() -> None:
    """Draw everything into the folders named on the command line."""
    parser = argparse.ArgumentParser(description="Draw the sample data set of the shop.")
    parser.add_argument("--out", type=Path, default=DATA / "dataset" / "shop")
    parser.add_argument("--queries", type=Path, default=DATA.parent / "queries")
    folders = parser.parse_args()
    pictures = write_pictures(folders.out, shop_views(), "[1-9]")
    queries = write_pictures(folders.queries, query_views(), "query")
    write_relevance(folders.queries / "relevance.csv")
    print(f"{pictures} pictures of {len(ITEMS)} items in {folders.out}")
    print(f"{queries} queries in {folders.queries}")


def shop_views() -> Iterator[View]:
    """(file name, item, view number, background) of every picture of the set."""
    for number, (item, details) in enumerate(ITEMS.items()):
        for view in range(1, details.views + 1):
            # One picture in seven, in such steps that no item has two.
            busy = (number * 5 + view) % 7 == 0
            yield f"{item}_{view}.jpg", item, view, "busy" if busy else "plain"


def query_views() -> Iterator[View]:
    """(file name, item, view number, background) of every query picture."""
    for item in QUERY_ITEMS:
        yield f"{item}_query.jpg", item, QUERY_VIEW, "busy" if item in BUSY_QUERIES else "plain"


def write_pictures(folder: Path, views: Iterator[View], endings: str) -> int:
    """Draw the views into the folder and remove pictures of earlier versions of the set.

    `endings` is the pattern of what follows the item in their names: nothing else is removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = set()
    for name, item, view, background in views:
        image, _ = draw_view(item, view, background)
        write_whole(folder / name, jpeg_bytes(image))
        names.add(name)
    for path in folder.glob("*.jpg"):
        if path.name not in names and is_ours(path.name, endings):
            path.unlink()
    return len(names)


def is_ours(name: str, endings: str) -> bool:
    """Whether a file name is one that this program gives: kind-pattern_ending.jpg."""
    return re.fullmatch(rf"({'|'.join(KINDS)})-[a-z]+_{endings}\.jpg", name) is not None


def jpeg_bytes(image: cv2.typing.MatLike) -> bytes:
    """The RGB image as the bytes of a JPEG file."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise RuntimeError("OpenCV could not encode a JPEG picture")
    return coded.tobytes()


def write_relevance(path: Path) -> None:
    """Write which item each query shows."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("query", "item"))
    table.writerows((name, item) for name, item, _, _ in query_views())
    write_whole(path, text.getvalue().encode())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees half of it."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    os.replace(part, path)


if __name__ == "__main__":
    main()
