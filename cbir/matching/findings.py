"""What a search for duplicates leaves behind: duplicates.json, and sheets to look at."""

import json
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cbir.errors import BadOutput, BadPicture
from cbir.files import check_output, read_regular, replacing, why_no_output
from cbir.matching.duplicates import Copy, Duplicates, Wanted
from cbir.plots import write_image
from cbir.sources import is_drawing
from cbir.types import Image

JSON = "duplicates.json"
SHEET = re.compile(r"duplicates(-[0-9]+)?\.jpg")
FORMAT = 1


def record(copies: Sequence[Copy]) -> dict[str, Any]:
    """A group for a program."""
    return {
        "pictures": [
            {
                "id": copy.photo.id,
                "width": copy.photo.width,
                "height": copy.photo.height,
                "bytes": copy.photo.bytes,
                "sha256": copy.photo.sha256,
                "distance": round(copy.distance, 6),
                "transform": copy.transform,
                "same_bytes": copy.same_bytes,
            }
            for copy in copies
        ]
    }


def check_folder(out: Path) -> None:
    """BadOutput if the findings can't go there, or would replace something else."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadOutput(f"can't make the folder {out}: {why_no_output(error)}") from error
    check_output(out / JSON)
    if (out / JSON).exists() and _earlier(out) is None:
        raise BadOutput(f"{out / JSON} is something else than our findings; give another folder")
    _free(out, _earlier(out) or [])


def write(
    out: Path, dataset: str, how: Wanted, found: Duplicates, sheets: Iterable[Image]
) -> list[Path]:
    """Writes the sheets, and then what was found with their names; older sheets go away."""
    earlier = _earlier(out) or []
    written = list[Path]()
    for sheet in sheets:
        path = _free(out, [name for name in earlier if out / name not in written], written)
        write_image(path, sheet)
        written.append(path)
    about = {
        "format": FORMAT,
        "dataset": dataset,
        "spec": how.made_by.spec,
        "distance": how.distance,
        "threshold": how.within,
        "transforms": list(how.transforms),
        "pictures": len(found.pictures),
        "failed": len(found.failures),
        "sheets": [path.name for path in written],
        "groups": [record(copies) for copies in found.groups],
    }
    with replacing(out / JSON) as file:
        file.write(json.dumps(about, indent=1).encode() + b"\n")
    for name in earlier:
        if out / name not in written and is_drawing(out / name):  # else it is somebody's now
            (out / name).unlink(missing_ok=True)
    return written


def _earlier(out: Path) -> list[str] | None:
    """The sheets of an earlier search, if the folder has its findings."""
    try:
        about = json.loads(read_regular(str(out / JSON)))
        names = about["sheets"]
        ours = about["format"] == FORMAT and all(SHEET.fullmatch(name) for name in names)
    except (BadPicture, ValueError, TypeError, KeyError, RecursionError):
        return None
    return list(names) if ours else None


def _free(out: Path, ours: Sequence[str], taken: Sequence[Path] = ()) -> Path:
    """The next name for a sheet that is free, or has been one of ours."""
    for number in range(1, 10_000):
        path = out / ("duplicates.jpg" if number == 1 else f"duplicates-{number}.jpg")
        ours_still = path.name in ours and is_drawing(path)
        if path not in taken and (ours_still or not os.path.lexists(path)):
            return path
    raise BadOutput(f"{out} is full of pictures called duplicates")
