"""Near-duplicates: copies are found, other photos of the same thing are not."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from cbir import pipeline
from cbir.evaluation.duplicates import NEAR, THUMBNAIL, near_duplicates, notice
from cbir.images import decode
from cbir.pipeline import describe_one
from cbir.sources import Folder
from tests.conftest import encoded, picture


def nothing(query: int) -> np.ndarray:
    return np.zeros(0, np.intp)


def itself(query: int) -> np.ndarray:
    return np.array([query])


def thumbnails(folder: Path) -> tuple[list[str], np.ndarray]:
    source = Folder(folder)
    made = pipeline.describe(source, source.pictures(), [THUMBNAIL], pipeline.Settings())
    parts = [part for part in made if isinstance(part, pipeline.Described)]
    return [id for part in parts for id in part.ids], np.concatenate([p.vectors for p in parts])


def copies(image: np.ndarray) -> list[bytes]:
    """The picture compressed, halved and enlarged."""
    height, width = image.shape[:2]
    half = cv2.resize(image, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    large = cv2.resize(image, None, fx=1.5, fy=1.5, interpolation=cv2.INTER_CUBIC)
    quality = cv2.IMWRITE_JPEG_QUALITY
    return [
        encoded(image, ".jpg", quality, 30),
        encoded(half, ".jpg", quality, 80),
        encoded(large, ".png"),
    ]


def check(folder: Path) -> None:
    """No two of its pictures are copies, and every copy of one is found."""
    ids, vectors = thumbnails(folder)
    assert near_duplicates(vectors, vectors, itself) == []
    for number in range(0, len(ids), 6):
        image = decode((folder / ids[number]).read_bytes())
        for data in copies(image):
            found = near_duplicates(describe_one(data, THUMBNAIL), vectors, nothing)
            assert [near.picture for near in found] == [number]
            assert found[0].distance < NEAR / 2


def test_on_the_sample_set(shop: Path) -> None:
    check(shop)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["food/train", "clothing/gallery"])
def test_on_real_photos(shared: Path, name: str) -> None:
    check(shared / name)


def test_pieces_are_compared_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    gallery = random.normal(size=(50, 192)).astype(np.float32)
    gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
    queries = gallery[[7, 7, 30]].copy()
    queries[1] = -queries[1]
    whole = near_duplicates(queries, gallery, nothing)
    assert [(near.query, near.picture) for near in whole] == [(0, 7), (2, 30)]
    monkeypatch.setattr("cbir.evaluation.duplicates.AT_ONCE", 60)
    pieces = near_duplicates(queries, gallery, nothing)
    assert [near[:2] for near in pieces] == [near[:2] for near in whole]


def test_the_query_itself_is_no_news() -> None:
    vectors = describe_one(encoded(picture(0)), THUMBNAIL)
    both = np.concatenate([vectors, vectors])
    assert near_duplicates(vectors, both, lambda query: np.array([0, 1])) == []
    assert [near.picture for near in near_duplicates(vectors, both, itself)] == [1]


def test_plain_surfaces_are_nobodys_copies() -> None:
    white, grey = (np.full((90, 90, 3), value, np.uint8) for value in (255, 128))
    vectors = [describe_one(encoded(image, ".png"), THUMBNAIL) for image in (white, grey, white)]
    assert near_duplicates(vectors[0], np.concatenate(vectors), nothing) == []


def test_the_notice_names_the_nearest() -> None:
    gallery = [describe_one(encoded(picture(seed)), THUMBNAIL) for seed in range(3)]
    asked = np.concatenate([0.999 * gallery[1] + 0.02 * gallery[0], gallery[2]])
    found = near_duplicates(asked, np.concatenate(gallery), nothing)
    line = notice(found, ["q1.jpg", "q2.jpg"], ["a.jpg", "b.jpg", "c.jpg"])
    assert line.startswith("2 of 2 queries")
    assert "'q2.jpg' and 'c.jpg'" in line
    assert "\n" not in line
    assert notice([], ["q1.jpg"], ["a.jpg"]) == ""
