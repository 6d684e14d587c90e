"""Copies: how far they are, how they are grouped, and how many of those planted are found."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.measure import peak_megabytes
from cbir import pipeline
from cbir.distances import candidates
from cbir.images import decode, read_header
from cbir.images.frames import has_more_frames
from cbir.images.transforms import TRANSFORMS
from cbir.matching import grouping, tangents
from cbir.matching.aligning import SIDE, aligned
from cbir.matching.by_distance import ByDistance
from cbir.matching.by_thumbnails import THUMBNAIL
from cbir.matching.closely import DIFFERENT
from cbir.matching.details import DETAIL
from cbir.matching.differing import differences
from cbir.matching.duplicates import WITHIN, Copy, Duplicates, find_duplicates, wanted
from cbir.matching.grouping import grouped, having_copies
from cbir.matching.searched import Searched
from cbir.matching.spool import Spool
from cbir.matching.tangents import tangents_of
from cbir.matching.turns import TURNS
from cbir.recipe import parse
from cbir.sources import Folder
from cbir.types import Picture
from tests.conftest import encoded, picture

QUALITY = cv2.IMWRITE_JPEG_QUALITY
Image = NDArray[np.uint8]
AUGMENTED = sorted(TRANSFORMS)


def detailed(seed: int, width: int = 320, height: int = 240) -> Image:
    """A picture with edges and fine parts, different for every seed."""
    random = np.random.default_rng(seed)
    image = picture(seed, width, height)
    for _ in range(12):
        centre = int(random.integers(width)), int(random.integers(height))
        colour = tuple(random.integers(0, 256, 3).tolist())
        cv2.circle(image, centre, int(random.integers(8, 60)), colour, -1)
    return image


def thumbnail(image: Image) -> NDArray[np.float32]:
    return THUMBNAIL.prepare(image).reshape(SIDE, SIDE, 3)


def cut(image: Image, top: float, bottom: float, left: float, right: float) -> Image:
    height, width = image.shape[:2]
    rows = slice(round(height * top), round(height * (1 - bottom)))
    return np.ascontiguousarray(image[rows, round(width * left) : round(width * (1 - right))])


# What is done to pictures before they are planted among their originals.
EDITS: dict[str, Callable[[Image], bytes]] = {
    "halved": lambda image: scaled(image, 0.5, 90),
    "enlarged": lambda image: scaled(image, 1.5, 85),
    "compressed": lambda image: encoded(image, ".jpg", QUALITY, 30),
    "webp": lambda image: encoded(image, ".webp", cv2.IMWRITE_WEBP_QUALITY, 60),
    "cut by 5% all around": lambda image: encoded(cut(image, *4 * [0.05]), ".jpg", QUALITY, 90),
    "cut by 5% on one side": lambda image: encoded(cut(image, 0, 0, 0.05, 0), ".jpg", QUALITY, 90),
    "cut by 5% in a corner": lambda image: encoded(
        cut(image, 0, 0.05, 0, 0.05), ".jpg", QUALITY, 90
    ),
}
TURNED: dict[str, Callable[[Image], bytes]] = {
    name: lambda image, turn=turn: encoded(np.ascontiguousarray(turn(image)), ".jpg", QUALITY, 80)
    for name, turn in TRANSFORMS.items()
    if name != "original"
}


def scaled(image: Image, factor: float, quality: int) -> bytes:
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return encoded(
        cv2.resize(image, None, fx=factor, fy=factor, interpolation=how), ".jpg", QUALITY, quality
    )


def plant(
    source: Path, folder: Path, edits: dict[str, Callable[[Image], bytes]], step: int
) -> dict[str, str]:
    """Copies all pictures and plants an edit of every few; the original's name for each file."""
    folder.mkdir()
    original, kinds = dict[str, str](), list(edits)
    for number, one in enumerate(Folder(source).pictures()):
        name = f"{number:04}{Path(one.id).suffix}"
        data = (source / one.id).read_bytes()
        (folder / name).write_bytes(data)
        original[name] = name
        if number % step == 0:
            kind = kinds[number // step % len(kinds)]
            planted = f"{number:04}-{kind.replace(' ', '-').replace('%', '')}.jpg"
            (folder / planted).write_bytes(edits[kind](decode(data)))
            original[planted] = name
    return original


def found_in(folder: Path, scratch: Path, augment: bool = False, **how: float) -> Duplicates:
    return find_duplicates(
        Folder(folder), wanted(augment=augment, **how), pipeline.Settings(), scratch
    )


def precision_and_recall(found: Duplicates, original: dict[str, str]) -> tuple[float, float]:
    """How many pairs within groups are of one original, and how many such pairs are in groups."""
    groups = [[copy.photo.id for copy in group] for group in found.groups]
    pairs = {frozenset((a, b)) for group in groups for a in group for b in group if a < b}
    names = sorted(original)
    right = {
        frozenset((a, b))
        for place, a in enumerate(names)
        for b in names[place + 1 : place + 8]  # a picture's copies are named after it
        if original[a] == original[b]
    }
    return len(pairs & right) / max(1, len(pairs)), len(pairs & right) / len(right)


def check(source: Path, scratch: Path, step: int = 3) -> None:
    original = plant(source, scratch / "planted", EDITS, step)
    precision, recall = precision_and_recall(found_in(scratch / "planted", scratch), original)
    print(f"{source.name}: precision {precision:.3f}, recall {recall:.3f}")
    assert precision >= 0.95
    assert recall >= 0.95
    original = plant(source, scratch / "turned", EDITS | TURNED, step)
    found = found_in(scratch / "turned", scratch, augment=True)
    precision, recall = precision_and_recall(found, original)
    print(f"{source.name}, turned as well: precision {precision:.3f}, recall {recall:.3f}")
    assert precision >= 0.95
    assert recall >= 0.95


def test_planted_in_the_sample_set(shop: Path, tmp_path: Path) -> None:
    """Precision and recall are 1.00 here, turned or not."""
    check(shop, tmp_path, step=2)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["food", "clothing/gallery"])
def test_planted_in_real_photos(shared: Path, name: str, tmp_path: Path) -> None:
    """Precision and recall are 1.00 here, too, turned or not."""
    check(shared / name, tmp_path, step=3)


def test_other_pictures_of_the_same_thing_are_no_copies(shop: Path, tmp_path: Path) -> None:
    """The sample set has three pictures or more of each item."""
    assert found_in(shop, tmp_path).groups == []
    assert found_in(shop, tmp_path, augment=True).groups == []


# --- pages of one frame


WORDS = "the of and to in is that for it as was with be by on not he his but at"


def page(seed: int, lines: int = 9) -> Image:
    """A slide: all have the same frame, and some lines of their own."""
    random = np.random.default_rng(seed)
    image = np.full((540, 960, 3), 255, np.uint8)
    image[:70] = (40, 70, 150)
    image[:, :160] = (225, 225, 232)
    for row in range(6):
        place = (20, 120 + 60 * row)
        cv2.putText(image, f"Item {row}", place, 0, 0.8, (60, 60, 60), 1, cv2.LINE_AA)
    for row in range(lines):
        words = " ".join(random.choice(WORDS.split(), 8))
        place = (190, 130 + 45 * row)
        cv2.putText(image, words, place, 0, 0.9, (50, 50, 50), 1, cv2.LINE_AA)
    return image


def test_pages_of_one_frame_are_no_copies(tmp_path: Path) -> None:
    """Though on thumbnails many are nearer than copies are; and copies among them are found."""
    folder = tmp_path / "pages"
    folder.mkdir()
    images = [page(seed) for seed in range(12)]
    for number, image in enumerate(images):
        (folder / f"{number:02}.png").write_bytes(encoded(image, ".png"))
    thumbnails = np.stack([thumbnail(image) for image in images])
    a, b = np.triu_indices(len(images), 1)
    near = aligned(thumbnails[a], thumbnails[b], WITHIN).distances <= WITHIN
    assert near.mean() > 0.3
    assert found_in(folder, tmp_path).groups == []
    (folder / "03-half.jpg").write_bytes(scaled(images[3], 0.5, 80))
    (folder / "07-cut.jpg").write_bytes(encoded(cut(images[7], *4 * [0.05])))
    (folder / "09-mirrored.jpg").write_bytes(
        encoded(np.ascontiguousarray(images[9][:, ::-1]), ".jpg", QUALITY, 60)
    )
    groups = [["03.png", "03-half.jpg"], ["07.png", "07-cut.jpg"]]
    assert names(found_in(folder, tmp_path)) == groups
    turned = names(found_in(folder, tmp_path, augment=True))
    assert turned == [*groups, ["09.png", "09-mirrored.jpg"]]


def price_list(seed: int) -> Image:
    """A page of 20 lines, on which only the small numbers are its own."""
    random, image = np.random.default_rng(seed), np.full((1600, 1130, 3), 255, np.uint8)
    for row in range(20):
        top = 160 + 70 * row
        words = " ".join(WORDS.split()[row % 9 : row % 9 + 5])
        cv2.putText(image, words, (90, top), 0, 0.8, (40, 40, 40), 2, cv2.LINE_AA)
        price = f"{random.integers(10, 99)}.{random.integers(10, 99)}"
        cv2.putText(image, price, (900, top), 0, 0.8, (40, 40, 40), 2, cv2.LINE_AA)
    return image


def test_pages_of_small_text_are_no_copies(tmp_path: Path) -> None:
    """At 256 pixels some of them hardly differ; so they are read once more, for 512."""
    folder = tmp_path / "pages"
    folder.mkdir()
    images = [price_list(seed) for seed in range(6)]
    pairs = [(a, b) for b in range(6) for a in range(b)]
    assert min(differ(images[a], images[b]) for a, b in pairs) < DIFFERENT
    for number, image in enumerate(images):
        (folder / f"{number}.png").write_bytes(encoded(image, ".png"))
        (folder / f"{number}-half.jpg").write_bytes(scaled(image, 0.5, 70))
    groups = [[f"{number}.png", f"{number}-half.jpg"] for number in range(6)]
    assert sorted(names(found_in(folder, tmp_path))) == groups


def test_banners_have_the_pixels_of_their_area(tmp_path: Path) -> None:
    folder = tmp_path / "banners"
    folder.mkdir()
    for number, words in enumerate(["SUMMER SALE", "WINTER SALE", "Free shipping today"]):
        image = np.full((30, 1000, 3), (30, 90, 200), np.uint8)
        cv2.putText(image, words, (300, 22), 0, 0.7, (255, 255, 255), 2, cv2.LINE_AA)
        (folder / f"{number}.png").write_bytes(encoded(image, ".png"))
    assert found_in(folder, tmp_path).groups == []


def names(found: Duplicates) -> list[list[str]]:
    return [[copy.photo.id for copy in group] for group in found.groups]


def test_whoever_takes_more_for_a_copy_takes_more_in_detail(tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    for seed in range(2):
        (folder / f"{seed}.png").write_bytes(encoded(page(seed, 3), ".png"))
    assert found_in(folder, tmp_path).groups == []
    assert len(found_in(folder, tmp_path, within=10 * WITHIN).groups) == 1


def test_details_differ_where_something_else_is() -> None:
    """Whatever the brightness, and however large they are; not where nothing is different."""
    photo = detailed(3, 640, 480)
    other = photo.copy()
    cv2.circle(other, (420, 330), 22, (255, 255, 255), -1)
    brighter = np.clip(photo * 1.15 + 8, 0, 255).astype(np.uint8)
    small = cv2.resize(photo, (80, 60), interpolation=cv2.INTER_AREA)
    assert differ(photo, other) > 0.8
    assert differ(other, cut(photo, *4 * [0.05])) > 0.8
    assert differ(photo, photo) == pytest.approx(0, abs=1e-4)
    assert differ(photo, brighter) < DIFFERENT
    assert differ(photo, cut(photo, *4 * [0.05])) < DIFFERENT / 2
    assert differ(small, photo) < DIFFERENT / 2
    tiny = cv2.resize(other, (28, 21), interpolation=cv2.INTER_AREA)
    assert differ(tiny, photo) == 0, "too small to be looked at closely"


def differ(a: Image, b: Image) -> float:
    at = aligned(thumbnail(a)[None], thumbnail(b)[None], 1.0)
    details = [DETAIL.prepare(one).reshape(1, 256, 256).astype(np.float32) for one in (a, b)]
    side = np.array([min(*a.shape[:2], *b.shape[:2])])
    (there,) = differences(*details, side, at, DIFFERENT)
    back = at._replace(other_way=~at.other_way)
    assert differences(*details[::-1], side, back, DIFFERENT)[0] == there
    return float(there)


# --- how far copies are


def test_thumbnails_are_laid_over_each_other() -> None:
    image = detailed(0, 640, 480)
    whole = thumbnail(image)
    for edges in ([0.05] * 4, [0.05, 0, 0.05, 0], [0, 0.08, 0, 0], [0.02, 0.03, 0, 0.05]):
        part = thumbnail(cut(image, *edges))
        (plain,) = 1 - np.einsum("nxyc,nxyc->n", whole[None], part[None])
        (there,) = aligned(whole[None], part[None], WITHIN).distances
        (back,) = aligned(part[None], whole[None], WITHIN).distances
        assert plain > 0.02
        assert there == pytest.approx(back, abs=1e-6)
        assert there < WITHIN / 2


def test_whatever_the_brightness_and_contrast() -> None:
    image = thumbnail(detailed(1))
    brighter = (2 * image + 0.01).astype(np.float32)
    assert aligned(image[None], brighter[None], WITHIN).distances[0] == pytest.approx(0, abs=1e-5)


def test_others_and_plain_surfaces_are_far() -> None:
    images = np.stack([thumbnail(detailed(seed)) for seed in range(20)])
    flat = np.stack([thumbnail(np.full((90, 90, 3), value, np.uint8)) for value in (0, 128, 255)])
    everything = np.concatenate([images, flat])
    a, b = np.triu_indices(len(everything), 1)
    assert aligned(everything[a], everything[b], WITHIN).distances.min() > 0.05
    assert (1 - aligned(images, images, WITHIN).distances).min() == pytest.approx(1, abs=1e-5)
    assert aligned(images[:0], images[:0], WITHIN).distances.shape == (0,)


def test_candidates_hold_the_copies() -> None:
    """And of other pictures hardly any."""
    images = [detailed(seed, 480, 360) for seed in range(60)]
    whole = tangents_of(np.stack([thumbnail(image) for image in images]))
    parts = tangents_of(np.stack([thumbnail(cut(image, *4 * [0.05])) for image in images]))
    far = tangents.distances(parts, whole)
    assert np.diag(far).max() < tangents.NEAR
    others = far[~np.eye(len(far), dtype=bool)]
    assert (others < tangents.NEAR).mean() < 0.002
    np.testing.assert_allclose(far, tangents.distances(whole, parts).T, atol=1e-6)


def test_transforms_of_thumbnails_are_those_of_pictures() -> None:
    image = detailed(3, 240, 240)
    assert set(TURNS) > set(TRANSFORMS)
    ways = {TURNS[name](thumbnail(image)[None]).tobytes() for name in TURNS}
    assert len(ways) == len(TURNS) == 8  # all there are
    for name, turn in TRANSFORMS.items():
        turned = thumbnail(np.ascontiguousarray(turn(image)))
        np.testing.assert_allclose(TURNS[name](thumbnail(image)[None])[0], turned, atol=1e-3)


# --- groups


Near = Callable[[NDArray, float], ByDistance]


@contextmanager
def near_by(folder: Path) -> Iterator[Near]:
    """Likenesses of vectors, by their euclidean distance."""
    with ExitStack() as stack:

        def likeness(vectors: NDArray, within: float) -> ByDistance:
            spool = stack.enter_context(closing(Spool(folder)))
            for row in np.asarray(vectors, np.float32):  # in small pieces, as runs do
                spool.add(row[None])
            return ByDistance(spool, ["original"], "euclidean", within)

        yield likeness


@pytest.fixture
def near(tmp_path: Path) -> Iterator[Near]:
    with near_by(tmp_path) as near:
        yield near


def plain(groups: Sequence[grouping.Group]) -> dict[int, list[int]]:
    return {group.first: sorted(member.number for member in group.copies) for group in groups}


def brute(far: NDArray, order: Sequence[int], within: float) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = {}
    for number in order:
        heads = [head for head in groups if far[number, head] <= within]
        if heads:
            groups[min(heads, key=lambda head: (far[number, head], head))].append(number)
        else:
            groups[number] = []
    return {first: sorted(copies) for first, copies in groups.items() if copies}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_groups_are_those_of_brute_force(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever the order, in blocks and segments of a few pictures."""
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    count = data.draw(st.integers(1, 40))
    vectors = random.random((count, 2)).astype(np.float32)
    within = data.draw(st.sampled_from([0.0, 0.05, 0.15, 0.4, 2.0]))
    order = random.permutation(count)
    folder = tmp_path_factory.mktemp("spool")
    with pytest.MonkeyPatch.context() as patch, near_by(folder) as near:
        patch.setattr(Searched, "TOGETHER", 5)
        patch.setattr(grouping, "ASKED_AT_ONCE", 7)
        patch.setattr(grouping, "SETTLED_AT_ONCE", 3)
        likeness = near(vectors, within)
        far = np.array(
            [
                np.linalg.norm(vectors.astype(np.float64) - row, axis=1)
                for row in vectors.astype(np.float64)
            ]
        )
        expected = brute(far, order.tolist(), within)
        marked = having_copies(likeness, np.arange(count))
        np.fill_diagonal(far, np.inf)
        assert marked.tolist() == np.flatnonzero(far.min(axis=1) <= within).tolist()
        assert plain(grouped(likeness, order)) == expected
        kept = order[np.isin(order, marked)]
        assert plain(grouped(likeness, kept)) == expected  # the others stand alone anyway


def test_groups_are_not_chained(near: Near) -> None:
    """Each is near the next one on the way from 0 to 1, and the ends are nothing alike."""
    steps = np.linspace(0, 1, 21)[:, None]
    likeness = near(steps, 0.11)
    groups = grouped(likeness, np.arange(21))
    assert plain(groups) == {
        0: [1, 2],
        3: [4, 5],
        6: [7, 8],
        9: [10, 11],
        12: [13, 14],
        15: [16, 17],
        18: [19, 20],
    }
    assert all(member.distance <= 0.11 for group in groups for member in group.copies)


def test_a_picture_joins_the_nearest_group(near: Near) -> None:
    likeness = near(np.array([[0.0], [1.0], [0.6]]), 0.7)
    assert plain(grouped(likeness, np.arange(3))) == {1: [2]}


def test_many_copies_of_one_picture(near: Near) -> None:
    """More than are candidates at a time: still one group, whose first is the first."""
    random = np.random.default_rng(0)
    vectors = 1 + random.random((500, 2)) / 1000
    likeness = near(vectors, 0.01)
    assert len(having_copies(likeness, np.arange(500))) == 500
    assert plain(grouped(likeness, np.arange(500))) == {0: list(range(1, 500))}


def test_nearly_equal_pictures_are_not_all_compared(
    near: Near, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with each other: a block among itself, and the rest with those that begin groups."""
    asked = list[int]()
    settle = candidates.distances_of

    def counted(distance: object, vectors: object, queries: NDArray, *more: object) -> NDArray:
        asked.append(len(queries))
        return settle(distance, vectors, queries, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(candidates, "distances_of", counted)
    monkeypatch.setattr(grouping, "ASKED_AT_ONCE", 64)
    vectors = 1 + np.random.default_rng(0).random((2000, 8)) / 1e6
    likeness = near(vectors, 0.01)
    assert len(having_copies(likeness, np.arange(2000))) == 2000
    assert sum(asked) < 64 * 64 + 2000 * grouping.MOST


def test_flat_pictures_are_no_candidates() -> None:
    """Of one colour or several, with nothing on them that could be laid over something."""
    images = [np.full((90, 90, 3), colour, np.uint8) for colour in ((200, 0, 0), (90, 0, 0), 7)]
    flat = tangents_of(np.stack([thumbnail(image) for image in images]))
    others = tangents_of(np.stack([thumbnail(detailed(seed)) for seed in range(4)]))
    assert tangents.distances(flat, flat).min() == 1
    assert tangents.distances(flat, others).min() == 1


def test_the_transform_that_makes_it_nearest(tmp_path: Path) -> None:
    """All of a picture's vectors follow one another; those that are searched are the originals."""
    original = np.eye(6, 8)
    rows = np.repeat(original, len(AUGMENTED), axis=0)
    turn = AUGMENTED.index("rotate-90")
    rows[2 * len(AUGMENTED) + turn] = original[0] + 0.01  # picture 2, turned, is picture 0
    with closing(Spool(tmp_path, len(AUGMENTED))) as spool:
        spool.add(rows.astype(np.float32))
        assert len(spool) == 6
        likeness = ByDistance(spool, AUGMENTED, "cosine", 0.05)
        (group,) = grouped(likeness, np.arange(6))
    (member,) = group.copies
    assert (group.first, member.number, AUGMENTED[member.transform]) == (0, 2, "rotate-90")


# --- from pictures to groups


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """a.jpg with a copy of its bytes, one that is cut and one that is larger; others alone."""
    folder = tmp_path / "photos"
    folder.mkdir()
    images = {name: detailed(seed, 300, 200) for seed, name in enumerate("abcd")}
    for name, image in images.items():
        (folder / f"{name}.jpg").write_bytes(encoded(image))
    (folder / "same.jpg").write_bytes((folder / "a.jpg").read_bytes())
    (folder / "cut.jpg").write_bytes(encoded(cut(images["a"], *4 * [0.05])))
    (folder / "large.png").write_bytes(scaled(images["a"], 2, 90))
    mirrored = np.ascontiguousarray(images["b"][:, ::-1])
    (folder / "mirrored.jpg").write_bytes(encoded(mirrored, ".jpg", QUALITY, 50))
    return folder


def told(copies: Sequence[Copy]) -> list[tuple[str, str, bool]]:
    return [(copy.photo.id, copy.transform, copy.same_bytes) for copy in copies]


def test_the_largest_picture_comes_first(folder: Path, tmp_path: Path) -> None:
    found = found_in(folder, tmp_path)
    (group,) = found.groups
    assert told(group) == [
        ("large.png", "original", False),
        ("a.jpg", "original", False),
        ("same.jpg", "original", False),
        ("cut.jpg", "original", False),
    ]
    assert group[0].distance == 0
    assert 0 < group[3].distance <= WITHIN
    assert (group[0].photo.width, group[0].photo.height) == (600, 400)
    assert (found.described, found.failures) == (8, [])


def test_mirrored_and_turned_copies(folder: Path, tmp_path: Path) -> None:
    turned = cv2.rotate(detailed(2, 300, 200), cv2.ROTATE_90_COUNTERCLOCKWISE)
    (folder / "turned.jpg").write_bytes(scaled(turned, 0.5, 90))
    (folder / "both.jpg").write_bytes(scaled(cv2.transpose(detailed(3, 300, 200)), 0.5, 90))
    assert len(found_in(folder, tmp_path).groups) == 1
    groups = {
        group[0].photo.id: told(group)[1:]
        for group in found_in(folder, tmp_path, augment=True).groups
    }
    assert groups["c.jpg"] == [("turned.jpg", "rotate-90", False)]
    assert groups["b.jpg"] == [("mirrored.jpg", "flip-left-right", False)]
    # Its left side is on top, and its top on the left.
    assert groups["d.jpg"] == [("both.jpg", "flip-left-right-rotate-90", False)]
    recipe = parse("hsv-regions")
    how = wanted(recipe, 0.5, augment=True)
    by_colours = find_duplicates(Folder(folder), how, pipeline.Settings(), tmp_path)
    turns = {copy.photo.id: copy.transform for group in by_colours.groups for copy in group}
    assert turns["turned.jpg"] == "rotate-90"


def test_the_same_bytes_however_plain(tmp_path: Path) -> None:
    """Nobody can tell plain pictures apart by what they show, but their bytes can."""
    folder = tmp_path / "plain"
    folder.mkdir()
    for name, value in (("white", 255), ("white again", 255), ("grey", 128), ("grey.", 127)):
        (folder / f"{name}.png").write_bytes(encoded(np.full((50, 50, 3), value, np.uint8), ".png"))
    (group,) = found_in(folder, tmp_path).groups
    assert told(group) == [("white again.png", "original", False), ("white.png", "original", True)]


def test_what_is_gone_or_changed_when_sizes_are_read(folder: Path, tmp_path: Path) -> None:
    class Moving(Folder):
        """Pictures that go away, or change, once they have been described."""

        read_once: ClassVar[set[str]] = set()

        def read(self, picture: Picture) -> bytes:
            if picture.id in self.read_once:
                (folder / "large.png").unlink(missing_ok=True)
                if picture.id == "cut.jpg":
                    (folder / "cut.jpg").write_bytes(encoded(detailed(9)))
            self.read_once.add(picture.id)
            return super().read(picture)

    found = find_duplicates(Moving(folder), wanted(), pipeline.Settings(workers=1), tmp_path)
    reasons = {failure.id: failure.reason for failure in found.failures}
    assert reasons == {
        "large.png": "it is not there",
        "cut.jpg": "it changed while it was compared",
    }
    assert [told(group) for group in found.groups] == [
        [("a.jpg", "original", False), ("same.jpg", "original", True)]
    ]


@pytest.mark.long
def test_a_hundred_thousand_pictures_in_bounded_memory(tmp_path: Path) -> None:
    """Measured: 730 MB, in 4 to 7 minutes on two shared cores. Every tenth is a copy."""
    peak = peak_megabytes(["-m", "benchmarks.matching", tmp_path, "100000"])
    assert peak < 1000


# --- animations


def test_several_frames_are_copies_only_if_their_bytes_are_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    first, second, third = (detailed(seed, 90, 60) for seed in range(3))
    for name, frames in {"a": [first, second], "b": [first, third], "c": [first]}.items():
        assert cv2.imwritemulti(str(folder / f"{name}.tiff"), [one[..., ::-1] for one in frames])
    (folder / "b2.tiff").write_bytes((folder / "b.tiff").read_bytes())
    (folder / "plain.png").write_bytes(encoded(first, ".png"))
    assert names(found_in(folder, tmp_path)) == [["b.tiff", "b2.tiff"], ["c.tiff", "plain.png"]]


@pytest.mark.parametrize("ending", ["gif", "webp", "png", "tiff", "avif"])
@pytest.mark.parametrize("count", [1, 2])
def test_frames_are_counted(tmp_path: Path, ending: str, count: int) -> None:
    path = str(tmp_path / f"a.{ending}")
    frames = [np.ascontiguousarray(detailed(seed, 64, 48)[..., ::-1]) for seed in range(count)]
    if ending == "tiff":
        assert cv2.imwritemulti(path, frames)
    elif count == 1:
        assert cv2.imwrite(path, frames[0])
    else:
        animation = cv2.Animation()
        animation.frames, animation.durations = frames, [100] * count
        assert cv2.imwriteanimation(path, animation)
    data = Path(path).read_bytes()
    assert has_more_frames(data, read_header(data)) == (count > 1)
    for end in range(0, len(data), 7):  # whatever is cut off
        has_more_frames(data[:end], read_header(data))
