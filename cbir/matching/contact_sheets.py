"""Groups of copies for a person to look at: each largest one on the left, its copies beside it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from cbir.images.transforms import ORIGINAL
from cbir.matching.duplicates import Copy
from cbir.pipeline import Progress
from cbir.plots import Tile, search_sheet
from cbir.types import Image

GROUPS_A_SHEET = 12
MOST_SHEETS = 20
MOST_COPIES = 10
"""Of one group; a row has five."""

TURNED = {
    "flip-left-right": "mirrored",
    "flip-up-down": "flipped",
    "rotate-90": "turned 90°",
    "rotate-180": "turned 180°",
    "rotate-270": "turned 270°",
    "flip-left-right-rotate-90": "mirrored 90°",
    "flip-left-right-rotate-270": "mirrored 270°",
}
"""Short words, for the little room below a picture."""


def sheets(
    groups: Sequence[Sequence[Copy]],
    image: Callable[[str], Image | None],
    progress: Progress = lambda done, total: None,
) -> Iterator[Image]:
    """As many groups as a person may look at, some on each sheet."""
    shown = groups[: GROUPS_A_SHEET * MOST_SHEETS]
    for start in range(0, len(shown), GROUPS_A_SHEET):
        rows = [
            (_tile(copies[0], image), [_tile(copy, image) for copy in copies[1 : MOST_COPIES + 1]])
            for copies in shown[start : start + GROUPS_A_SHEET]
        ]
        for (_, tiles), copies in zip(rows, shown[start:], strict=False):
            more = len(copies) - 1 - MOST_COPIES
            if more > 0:
                tiles[-1] = tiles[-1]._replace(quiet=f"and {more} more")
        yield search_sheet(rows)
        progress(start + len(rows), len(shown))


def _tile(copy: Copy, image: Callable[[str], Image | None]) -> Tile:
    photo = copy.photo
    quiet = size(photo.bytes) if copy.first else words(copy, TURNED)
    return Tile(image(photo.id), f"{photo.width}×{photo.height}", quiet, photo.id)


def words(copy: Copy, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """What makes it a copy, for a person; nothing of a group's first."""
    if copy.first:
        return ""
    turned = "" if copy.transform == ORIGINAL else names.get(copy.transform, copy.transform)
    return ("same bytes" if copy.same_bytes else f"{copy.distance:.4f}  {turned}").rstrip()


def size(count: int) -> str:
    """Bytes in two or three digits."""
    number, unit = float(count), "bytes"
    for larger in ("KB", "MB", "GB"):
        if number < 999.5:
            break
        number, unit = number / 1000, larger
    return f"{number:.3g} {unit}"
