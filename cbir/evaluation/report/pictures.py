"""Small pictures inside the page, and the queries on which the systems disagree."""

from base64 import b64encode
from collections.abc import Callable, Sequence

from cbir.evaluation.report.disagreements import NOTICEABLE
from cbir.evaluation.report.markup import name, plain, section
from cbir.evaluation.report.model import Comparison, Example, Ranked, Result, System
from cbir.evaluation.report.numbers import fraction, quantity
from cbir.opencv import cv2
from cbir.types import Image

SIDE = 144
FIRST = 6  # results of each system
LARGEST = 64 << 10  # bytes; a few hundred of these are in a report

Thumbnails = Callable[[str], bytes | None]
"""From an id to a small JPEG of it, None where it can't be shown."""


def thumbnail(image: Image, side: int = SIDE) -> bytes:
    """A decoded picture as a JPEG whose longer side is `side` at most."""
    height, width = image.shape[:2]
    scale = min(1.0, side / height, side / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    turned = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()


def examples(
    comparison: Comparison, chosen: System, queries: Thumbnails, gallery: Thumbnails
) -> str:
    """Each query with every system's first results side by side, right ones marked."""
    if not comparison.examples:
        return ""
    groups = _grouped(comparison.examples, chosen)
    parts = []
    for title, members in groups:
        if members:
            parts.append(f"<h3>{plain(title)}</h3>")
            parts += [_example(example, chosen, queries, gallery) for example in members]
    many = len(comparison.systems) > 1
    head = "Where they disagree most" if many else "What it finds, and what not"
    caption = (
        "The first results for a query, the nearest on the left. ✓ is a right one, ✗ a wrong one; "
        "AP is the average precision of the whole ranking, 1 when all that is right comes first."
    )
    return section(head, caption, *parts)


def _lost(example: Example, chosen: System) -> bool:
    """Whether some other system is noticeably better on this query."""
    own = [r.precision for r in example.rankings if r.system == chosen.name]
    best = max((r.precision for r in example.rankings), default=0.0)
    return bool(own) and best - own[0] >= NOTICEABLE


def _grouped(members: Sequence[Example], chosen: System) -> list[tuple[str, list[Example]]]:
    if len(members[0].rankings) < 2:
        return [("The best and the worst", list(members))]
    lost = [example for example in members if _lost(example, chosen)]
    won = [example for example in members if not _lost(example, chosen)]
    return [(f"Where {chosen.name} wins", won), (f"Where {chosen.name} loses", lost)]


def _example(example: Example, chosen: System, queries: Thumbnails, gallery: Thumbnails) -> str:
    right = f"{example.relevant:,} to be found"
    query = (
        f'<div class="query">{_image(queries(example.query), example.query)}'
        f'<p>{name(example.query)}<br><span class="quiet">{right}</span></p></div>'
    )
    rankings = "".join(_ranking(ranked, chosen, gallery) for ranked in example.rankings)
    return f'<article class="card example">{query}<div>{rankings}</div></article>'


def _ranking(ranked: Ranked, chosen: System, gallery: Thumbnails) -> str:
    class_ = "ranking chosen" if ranked.system == chosen.name else "ranking"
    hits = "".join(_hit(result, gallery) for result in ranked.results[:FIRST])
    head = f"{name(ranked.system)}<small>AP {fraction(ranked.precision)}</small>"
    return f'<div class="{class_}"><h4>{head}</h4><ol class="hits">{hits}</ol></div>'


def _hit(result: Result, gallery: Thumbnails) -> str:
    kind, mark = ("right", "✓") if result.right else ("wrong", "✗")
    tip = plain(f"{result.id}, {kind}, distance {quantity(result.distance)}")
    image = _image(gallery(result.id), f"{kind}: {result.id}")
    return (
        f'<li class="{kind}" title="{tip}">{image}<span class="mark" aria-hidden="true">'
        f"{mark}</span></li>"
    )


def _image(data: bytes | None, alt: str) -> str:
    if not data or len(data) > LARGEST:
        return f'<div class="none" role="img" aria-label="{plain(alt)}">not shown</div>'
    encoded = b64encode(data).decode()
    return f'<img alt="{plain(alt)}" src="data:image/jpeg;base64,{encoded}">'
