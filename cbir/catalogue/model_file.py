"""What `fit` writes: for every item the others most like it, and what made the list.

JSON for everybody; a pickle of `{item: [items]}` for programs that read the earlier tool's. Pickles
run what is in them when they are loaded, so this package only ever writes them.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from cbir.catalogue.aggregates import points_of
from cbir.catalogue.similar import Similar
from cbir.errors import BadOutput
from cbir.files import check_output, make_folder, replacing
from cbir.sources import SAMPLES

Format = Literal["json", "pickle"]
Fitted = Iterable[tuple[str, Sequence[Similar]]]

MODELS = Path("data/trained_models")
FORMAT = "cbir-similar-items-1"
HEADS: dict[Format, bytes] = {"json": b'{"format": "cbir-similar-items-', "pickle": b"\x80"}
DIGITS = 6  # of a distance; further ones depend on the machine
LONGEST_NAME = 100


def default_path(origin: str, slug: str, format: Format) -> Path:
    """The file's place for a data set, by its real path, and a descriptor."""
    return MODELS / f"{_name(origin)}_model_{slug}.{format}"


def check_place(path: Path, format: Format) -> None:
    """BadOutput if there is a file that is no such list; asked before the work."""
    check_output(path)
    if path.is_file():
        with open(path, "rb") as file:
            head = file.read(len(HEADS[format]))
        if head not in (b"", HEADS[format]):
            raise BadOutput(
                f"{path} is there and is no list of similar items as {format}; give another name"
            )


def write(path: Path, fitted: Fitted, made_by: dict[str, Any], format: Format) -> int:
    """Writes the file as the lists arrive, whole or not at all; returns how many items there are.

    `made_by` goes into the JSON before the items; with its `aggregate`, "points" for instance.
    """
    make_folder(path.parent)
    with replacing(path) as file:
        if format == "pickle":
            import pickle

            plain = {item: [other for other, _ in others] for item, others in fitted}
            pickle.dump(plain, file)
            return len(plain)
        file.write(_opening({"format": FORMAT, **made_by}))
        count = 0
        for item, others in fitted:
            line = [described(other, made_by["aggregate"]) for other in others]
            text = f"{json.dumps(item)}: {json.dumps(line)}"
            file.write(f"{',' if count else ''}\n{text}".encode())
            count += 1
        file.write(b"\n}}\n")
    return count


def described(other: Similar, aggregate: str) -> dict[str, Any]:
    """A similar item as JSON has it: with its distance, or with its points."""
    if aggregate == "points":
        return {"item": other.item, "points": points_of(other.distance)}
    return {"item": other.item, "distance": round(other.distance, DIGITS)}


def _opening(made_by: dict[str, Any]) -> bytes:
    """All of the JSON before the first item."""
    return f'{json.dumps(made_by)[:-1]}, "items": {{'.encode()


def _name(origin: str) -> str:
    """The data set's name, with six digits of its path's digest if others may be called so."""
    path = Path(origin)
    clean = re.sub(r"[^\w.-]+", "_", path.name)[:LONGEST_NAME] or "pictures"
    if clean == path.name and path.parent == Path(os.path.realpath(SAMPLES)) and path.is_dir():
        return clean
    return f"{clean}-{hashlib.sha256(os.fsencode(origin)).hexdigest()[:6]}"
