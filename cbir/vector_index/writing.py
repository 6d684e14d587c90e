"""The two files of an index: the CSV, then its sidecar."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from cbir.files import replacing
from cbir.vector_index import csv_file, sidecar
from cbir.vector_index.ahead import TextAhead
from cbir.vector_index.csv_file import Header
from cbir.vector_index.rows import Rows
from cbir.vector_index.sidecar import Stamp


def write_files(
    path: Path,
    header: Header | None,
    rows: Callable[[], Iterator[Rows]],
    text: TextAhead | None = None,
) -> None:
    """The CSV, then its sidecar; no header makes a plain file, which has none.

    `rows` gives all rows anew at each call; `text` is the CSV's rows, if they are formatted.
    """
    with replacing(path) as file:
        if text is None:
            csv_file.write(file, header, rows())
        else:
            csv_file.write_header(file, header)
            text.copy_to(file)
        file.flush()
        # Of this very file: another run may have replaced it by the time the sidecar is written.
        stamp = Stamp.of(os.fstat(file.fileno()))
    if header is None:
        sidecar.place(path).unlink(missing_ok=True)
        return
    with replacing(sidecar.place(path)) as file:
        sidecar.write(file, header, stamp, rows(), as_written=True)


def relative_root(root: Path | None, index: Path) -> str | None:
    """Where the pictures are, as seen from the index's folder, so that both may move together."""
    if root is None:
        return None
    try:
        return Path(os.path.relpath(root, index.parent)).as_posix()
    except ValueError:  # another drive
        return Path(root).absolute().as_posix()
