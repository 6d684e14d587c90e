"""Pictures at the size of a tile, for a drawing that somebody waits for."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from cbir.commands.sheets import Readable, thumbnail
from cbir.downloads import is_url
from cbir.sources import FetchedOnce, Folder, Table
from cbir.types import Image

AT_ONCE = 6
"""Pictures at URLs; each may be large once it is there."""


def thumbnails(source: Readable, ids: Sequence[str], max_pixels: int) -> list[Image | None]:
    """Each picture at the size of a tile; None for one that can't be had."""
    if not any(map(is_url, ids)):
        return [thumbnail(source, id, max_pixels) for id in ids]
    pool = ThreadPoolExecutor(AT_ONCE, "cbir-tiles")
    try:
        return list(pool.map(lambda id: thumbnail(source, id, max_pixels), ids))
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        if hasattr(source, "close"):
            source.close()  # so that what is under way ends now
        raise
    finally:
        pool.shutdown()


@contextmanager
def hurried(source: Folder | Table | FetchedOnce) -> Iterator[Folder | Table | FetchedOnce]:
    """A source to draw from: a picture at a URL is asked for once, and not for long."""
    if isinstance(source, Folder):
        yield source
        return
    table = source.in_a_hurry()
    try:
        yield table
    finally:
        table.close()
