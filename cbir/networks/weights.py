"""Weight files: found, downloaded or refused. They are data: nothing in them is ever run."""

import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cbir import places
from cbir.errors import BadSpec
from cbir.networks.quiet import with_keras

HDF5 = b"\x89HDF\r\n\x1a\n"
SUFFIXES = (".h5", ".hdf5")  # by which Keras tells the formats
SILENT_SECONDS = 60
UNPACKED = 64
"""How many times its size a file may say that its numbers take: weights hardly shrink."""


class Missing(Exception):
    """Keras wants a file that is not in its folder; `download` brings it."""

    def __init__(self, file: Path, arguments: dict[str, Any]):
        super().__init__(file.name)
        self.file, self.arguments = file, arguments


@contextmanager
def answering(given: Path | None) -> Iterator[list[Path]]:
    """Inside, a network that asks Keras for its weights gets `given`, or the file in Keras's home.

    Yields the list of files that were asked for. Only Keras knows what the weights of a network
    are called, so it is asked by building the network; that it never goes online by itself lets us
    say what is going on, set a time-out and keep half a download from being taken for a whole one.
    """
    from keras.src.utils import file_utils

    asked: list[Path] = []

    def get_file(fname: str, origin: str, **arguments: Any) -> str:
        file = given or keras_file(fname)
        asked.append(file)
        if not file.exists():
            raise Missing(file, {"fname": fname, "origin": origin, **arguments})
        check(file)
        return str(file)

    original = file_utils.get_file
    file_utils.get_file = get_file
    try:
        yield asked
    finally:
        file_utils.get_file = original


def keras_file(name: str) -> Path:
    return places.keras() / "models" / name


def check(file: Path) -> None:
    """BadSpec unless this is an HDF5 file that holds its own numbers, and no more than it can."""
    import h5py

    try:
        with file.open("rb") as start:
            if start.read(len(HDF5)) != HDF5 or file.suffix not in SUFFIXES:
                raise BadSpec(f"{file} is not a weight file, which is HDF5: .h5 or .weights.h5")
        with h5py.File(file, "r") as opened:
            declared = _declared(opened)
    except OSError as error:
        raise damaged(file) from error
    if declared > UNPACKED * file.stat().st_size:
        raise BadSpec(f"{file} is not a weight file: it says to hold {declared >> 20} MB")


def _declared(group: Any) -> int:
    """The bytes that all arrays below will take; BadSpec for what leads out of the file."""
    import h5py

    total = 0
    for name in group:
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise BadSpec(f"{group.file.filename} is not a plain weight file: it holds links")
        item = group[name]
        if isinstance(item, h5py.Group):
            total += _declared(item)
        elif item.external or item.is_virtual:
            raise BadSpec(f"{group.file.filename} is not a plain weight file: it names others")
        else:
            total += item.nbytes
    return total


def damaged(file: Path) -> BadSpec:
    if file.parent == places.keras() / "models":
        return BadSpec(f"the weights in {file} are damaged; delete that file and try again")
    return BadSpec(f"the weights in {file} are damaged; get that file again")


def download(missing: Missing, model: str) -> None:
    """Has Keras fetch the file to its place, whole or not at all."""
    file = missing.file
    where = (
        f"{model} needs its weights, and they can't be fetched ({{}}); put {file.name} into "
        f"{file.parent} or give weights=FILE"
    )
    partial = file.with_name(f".{file.name}.{secrets.token_hex(4)}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(file.parent, os.W_OK):  # Keras would silently go elsewhere
            raise PermissionError("no permission to write there")
        logging.getLogger("cbir").info("downloading the weights of %s to %s", model, file)
        with _time_out():
            with_keras(lambda keras: _fetch(keras.utils.get_file, missing, partial))
        os.replace(partial, file)
    except Exception as error:  # which is what Keras raises
        raise BadSpec(where.format(_reason(error))) from error
    finally:
        partial.unlink(missing_ok=True)


def _fetch(get_file: Callable[..., str], missing: Missing, partial: Path) -> None:
    arguments = {**missing.arguments, "fname": partial.name}
    get_file(**arguments, cache_dir=str(partial.parent.parent))


@contextmanager
def _time_out() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
