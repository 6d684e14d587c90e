"""Fetches the pictures of a catalogue into a folder: each whole or not at all, and none twice."""

from collections import defaultdict
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from cbir.downloads import Downloader, Web
from cbir.errors import BadOutput, BadPicture
from cbir.extraction.manifest import Wanted
from cbir.extraction.names import ENDINGS
from cbir.extraction.whole import check_whole, is_whole_file
from cbir.files import make_folder, replacing, sweep_folder, why_no_output
from cbir.pipeline.memory import Memory

MEMORY = 256 << 20
"""How many bytes of large pictures are on their way at a time, about."""

AHEAD = 2
"""Pictures a connection that are handed out before they are needed."""


class Outcome(NamedTuple):
    """What came of one picture. `new`: it was fetched now; else it was there, or failed."""

    wanted: Wanted
    new: bool
    failed: str = ""


def fetch_all(
    wanted: Sequence[Wanted], folder: Path, web: Web, saved: list[str] | None = None
) -> Generator[Outcome, None, None]:
    """Fetches what the folder does not hold yet, and tells of all pictures as they come.

    To be closed: that ends the downloads that are under way. `saved` gets the name of each picture
    that is saved, also of those that nobody was told of when it was closed. A place that can't be
    written to is a BadOutput, which ends all.
    """
    fetcher = _Fetcher(_opened(folder), web, [] if saved is None else saved)
    done: SimpleQueue[Future[Outcome]] = SimpleQueue()
    under_way: dict[Future[Outcome], int] = {}
    remaining = enumerate(wanted)
    pool = ThreadPoolExecutor(web.connections, "cbir-fetch")
    try:
        while True:
            while len(under_way) < AHEAD * web.connections and (one := next(remaining, None)):
                future = pool.submit(fetcher.fetch, *one)
                under_way[future] = one[0]
                future.add_done_callback(done.put)
            if not under_way:
                return
            fetcher.memory.now_oldest(min(under_way.values()))
            future = done.get()
            del under_way[future]
            yield future.result()
    finally:
        for future in under_way:
            future.cancel()
        fetcher.close()
        pool.shutdown(wait=True, cancel_futures=True)


class _Fetcher:
    """What the threads share."""

    def __init__(self, folder: Path, web: Web, saved: list[str]):
        self.folder, self.saved = folder, saved
        self.there = _pictures_by_stem(folder)
        self.memory = Memory(MEMORY)
        self.downloader = Downloader(web)

    def fetch(self, number: int, wanted: Wanted) -> Outcome:
        there = self.there.get(wanted.stem, [])
        if any(is_whole_file(str(path)) for path in there):
            return Outcome(wanted, new=False)
        held: list[int] = []

        def room(size: int) -> None:
            self.memory.acquire(number, size)
            held.append(size)

        try:
            fetched = self.downloader.fetch(wanted.url, room=room)
            if fetched is None:
                raise BadPicture("its server says that it has not changed, and was not asked that")
            self._save(wanted, fetched.data, there)
        except BadPicture as error:
            return Outcome(wanted, new=False, failed=str(error))
        finally:
            self.memory.release(sum(held))
        return Outcome(wanted, new=True)

    def close(self) -> None:
        self.downloader.close()
        self.memory.open_up()

    def _save(self, wanted: Wanted, data: bytes, there: Sequence[Path]) -> None:
        path = self.folder / (wanted.stem + ENDINGS[check_whole(data)])
        with replacing(path, sweeping=False) as file:
            file.write(data)
        self.saved.append(path.name)
        for other in there:
            if other != path:
                other.unlink(missing_ok=True)  # half a picture, whose place the new one takes


def _opened(folder: Path) -> Path:
    """The folder, made if it is not there, without what killed runs left in it."""
    make_folder(folder)
    try:
        sweep_folder(folder)
    except OSError as error:
        raise BadOutput(f"can't write to {folder}: {why_no_output(error)}") from error
    return folder


def _pictures_by_stem(folder: Path) -> dict[str, list[Path]]:
    endings = set(ENDINGS.values())
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for path in folder.iterdir():
        if path.suffix in endings:
            found[path.stem].append(path)
    return found
