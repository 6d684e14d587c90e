"""The figures of accuracy that this project states, measured again.

    python -m benchmarks.figures copies        duplicates.WITHIN, closely.DIFFERENT
    python -m benchmarks.figures aggregates    the table of docs/catalogue.md

On the photos in ../shared and the sample set; minutes each.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import isqrt
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import ROOT, SHARED
from benchmarks.pages import PAGES
from cbir.catalogue import AGGREGATES, Catalogue, similar
from cbir.images import decode
from cbir.jobs import compare, duplicates, index
from cbir.matching import details
from cbir.matching.aligning import SIDE, aligned
from cbir.matching.by_thumbnails import THUMBNAIL
from cbir.matching.closely import DIFFERENT, SURE
from cbir.matching.details import DETAIL
from cbir.matching.differing import differences
from cbir.matching.duplicates import WITHIN
from cbir.sources import Folder
from cbir.types import Image

SHOP = ROOT / "data/dataset/shop"
FOLDERS = [SHARED / "data/clothing", SHARED / "data/food", SHOP]
PAIRS_AT_ONCE = 500


class Seen(NamedTuple):
    """What is looked at of a picture."""

    thumbnail: NDArray[np.float32]
    detail: NDArray[np.float32]
    pixels: int


def seen(data: bytes) -> Seen:
    """As a run sees it, from the same reduced decodings."""
    small, larger = decode(data, THUMBNAIL.pixels), decode(data, DETAIL.pixels)
    whole = decode(data)
    return Seen(
        THUMBNAIL.prepare(small).reshape(SIDE, SIDE, 3),
        DETAIL.prepare(larger).reshape(details.SIDE, details.SIDE).astype(np.float32),
        isqrt(whole.shape[0] * whole.shape[1]),
    )


def encoded(image: Image, ending: str, *parameters: int) -> bytes:
    return cv2.imencode(ending, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), parameters)[1].tobytes()


def jpeg(image: Image, quality: int = 90) -> bytes:
    return encoded(image, ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality)


def scaled(image: Image, factor: float) -> Image:
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, None, fx=factor, fy=factor, interpolation=how)


def cut(image: Image, *edges: float) -> Image:
    (height, width), (top, bottom, left, right) = image.shape[:2], edges
    rows = slice(round(height * top), round(height * (1 - bottom)))
    return image[rows, round(width * left) : round(width * (1 - right))]


def blurred(image: Image) -> Image:
    return cv2.GaussianBlur(image, (0, 0), 1.5)


def sharpened(image: Image) -> Image:
    soft = cv2.GaussianBlur(image, (0, 0), 2).astype(np.float32)
    return np.clip(2 * image.astype(np.float32) - soft, 0, 255).astype(np.uint8)


def brighter(image: Image) -> Image:
    return np.clip(image * 1.15 + 8, 0, 255).astype(np.uint8)


EDITS: dict[str, Callable[[Image], bytes]] = {
    "a quarter of the size": lambda image: jpeg(scaled(image, 0.25)),
    "half the size": lambda image: jpeg(scaled(image, 0.5)),
    "half the size, quality 30": lambda image: jpeg(scaled(image, 0.5), 30),
    "1.5 times the size": lambda image: jpeg(scaled(image, 1.5)),
    "quality 30": lambda image: jpeg(image, 30),
    "WebP": lambda image: encoded(image, ".webp", cv2.IMWRITE_WEBP_QUALITY, 60),
    "cut by 5% on one edge": lambda image: jpeg(cut(image, 0, 0, 0.05, 0)),
    "cut by 5% on two edges": lambda image: jpeg(cut(image, 0.05, 0, 0.05, 0)),
    "cut by 5% on all edges": lambda image: jpeg(cut(image, *4 * [0.05])),
    "down to a third, and up again": lambda image: jpeg(
        cv2.resize(scaled(image, 1 / 3), image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    ),
    "blurred by 1.5 pixels": lambda image: jpeg(blurred(image)),
    "sharpened": lambda image: jpeg(sharpened(image)),
    "quality 10": lambda image: jpeg(image, 10),
    "brighter": lambda image: jpeg(brighter(image)),
}
USUAL = list(EDITS)[:9]


def judged(pairs: Sequence[tuple[Seen, Seen]]) -> tuple[NDArray, NDArray]:
    """How far pairs are by thumbnails, and how much they differ in detail."""
    far, differ = [], []
    for start in range(0, len(pairs), PAIRS_AT_ONCE):
        a, b = zip(*pairs[start : start + PAIRS_AT_ONCE], strict=True)
        at = aligned(
            np.stack([one.thumbnail for one in a]), np.stack([one.thumbnail for one in b]), WITHIN
        )
        sides = np.array([min(one.pixels, two.pixels) for one, two in zip(a, b, strict=True)])
        both = (np.stack([one.detail for one in some]) for some in (a, b))
        far.append(at.distances)
        differ.append(differences(*both, sides, at, DIFFERENT))
    return np.concatenate(far), np.concatenate(differ)


def photos() -> Iterator[bytes]:
    for folder in FOLDERS:
        for one in Folder(folder).pictures():
            yield (folder / one.id).read_bytes()


def copies() -> None:
    """How many copies of photos are found, and how many pages are taken for copies."""
    kinds, pairs = list[str](), list[tuple[Seen, Seen]]()
    for data in photos():
        image, original = decode(data), seen(data)
        for kind, edit in EDITS.items():
            kinds.append(kind)
            pairs.append((original, seen(edit(image))))
    far, differ = judged(pairs)
    near, same = far <= WITHIN, differ <= DIFFERENT
    for kind in EDITS:
        of = np.array([one == kind for one in kinds])
        found = f"{(of & near).sum()} by thumbnails, {(of & near & same).sum()} in detail, too"
        print(f"{kind}: of {of.sum()} copies {found}")
    usual = np.array([kind in USUAL for kind in kinds])
    print(f"the first {len(USUAL)} kinds: {(near & same)[usual].mean():.2%} are found")
    print(f"of {near.sum()} that are near by thumbnails, {(near & ~same).sum()} differ in detail")
    print(
        f"{(differ <= SURE)[near & usual].mean():.1%} of the first kinds differ by {SURE} at most"
    )
    pages()


def pages(count: int = 40) -> None:
    """How many pages of one frame are taken for copies of another one."""
    for kind, drawn in PAGES.items():
        with tempfile.TemporaryDirectory() as folder:
            for number, page in enumerate(drawn(count)):
                cv2.imwrite(f"{folder}/{number:03}.png", cv2.cvtColor(page, cv2.COLOR_RGB2BGR))
            taken = sum(len(group) - 1 for group in duplicates(folder).groups)
        print(f"{kind}: of {count} pages {taken} are taken for copies")


def aggregates(seeds: int = 50) -> None:
    """Items by each way to compare them: mean average precision, and how often the first is right.

    Half of each item's pictures ask for the other half; of clothes, where nobody knows which photos
    show one thing, items of five photos ask for others of their class.
    """
    for name, folder in (("sample set", SHOP), ("dishes", SHARED / "data/food/train")):
        for spec in ("hsv", "mobilenet"):
            figures = Counter[str]()
            for seed in range(seeds):
                found = compare(
                    folder,
                    [spec],
                    labels="items",
                    level="item",
                    aggregates=list(AGGREGATES),
                    rule=r"^[a-z-]+",
                    seed=seed,
                )
                for system in found.systems:
                    figures[f"{system.name}, map"] += system.metrics["map"] / seeds
                    figures[f"{system.name}, p@1"] += system.metrics["p@1"] / seeds
            for what, value in figures.items():
                print(f"{name}, {what}: {value:.3f}")
    for spec in ("hsv", "mobilenet"):
        made = index(SHARED / "data/clothing/gallery", spec).index
        groupings = [_in_fives(made.pictures, seed) for seed in range(10)]
        catalogues = [Catalogue(made, items.__getitem__) for items in groupings]
        for aggregate in AGGREGATES:
            right, first = np.mean([_of_class(one, aggregate) for one in catalogues], axis=0)
            print(f"clothes, {spec}, {aggregate}: map {right:.3f}, p@1 {first:.3f}")


def _in_fives(ids: Sequence[str], seed: int) -> dict[str, str]:
    """Five photos of a class by chance, under a name that begins with the class's."""
    counts, items = Counter[str](), dict[str, str]()
    for id in np.random.default_rng(seed).permutation(ids).tolist():
        kind = id.split("/")[0]
        items[id] = f"{kind}/{counts[kind] // 5}"
        counts[kind] += 1
    return items


def _of_class(catalogue: Catalogue, aggregate: str) -> tuple[float, float]:
    """Mean average precision when each item asks for those of its class, and P@1."""
    precisions, firsts = list[float](), list[bool]()
    for item in catalogue.items:
        ranked = [near.item for near in similar(catalogue, item, aggregate, len(catalogue.items))]
        right = np.array([other.split("/")[0] == item.split("/")[0] for other in ranked])
        hits = np.flatnonzero(right)
        precisions.append(float(((np.arange(len(hits)) + 1) / (hits + 1)).mean()))
        firsts.append(bool(right[0]))
    return float(np.mean(precisions)), float(np.mean(firsts))


if __name__ == "__main__":
    {"copies": copies, "pages": pages, "aggregates": aggregates}[sys.argv[1]]()
