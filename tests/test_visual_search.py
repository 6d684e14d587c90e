"""`cbir visual-search` as a person types it; what the store tells of white and turned pictures."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from cbir.__main__ import main
from cbir.catalogue.remembered import white_bordered, with_transforms
from cbir.errors import BadStore
from cbir.images.transforms import TRANSFORMS
from cbir.pipeline import Settings, gather
from cbir.recipe import parse
from cbir.sources import Folder
from cbir.store import Store
from cbir.vector_index import VectorIndex
from tests.conftest import Done, Run, encoded, picture

D = ("--dataset", "shop", "--no-montage")


def on_white(seed: int) -> bytes:
    """A small picture in the middle of a white one."""
    image = np.full((160, 200, 3), 252, np.uint8)
    image[50:110, 60:140] = picture(seed, 80, 60)
    return encoded(image)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Items a, b and c, of which a and c have a picture on white; d has no other. And photos."""
    shop = tmp_path / "shop"
    shop.mkdir()
    for seed, name in enumerate(["a_1", "a_2", "b_1", "b_2", "c_1"]):
        (shop / f"{name}.jpg").write_bytes(encoded(picture(seed)))
    for seed, name in [(0, "a_3"), (4, "c_2"), (7, "d")]:
        (shop / f"{name}.jpg").write_bytes(on_white(seed))
    (tmp_path / "photo.png").write_bytes(encoded(picture(2)[4:-4, 4:-4], ".png"))
    (tmp_path / "other.png").write_bytes(encoded(picture(0), ".png"))
    return tmp_path


@pytest.fixture
def search(home: Path, run: Run) -> Callable[..., Done]:
    return lambda *arguments: run("visual-search", *arguments, cwd=home)


def found(done: Done) -> list[str]:
    """The items of one photo, by --json."""
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    return [hit["item"] for hit in json.loads(line)["hits"]]


def test_each_item_once_in_order(search: Callable[..., Done]) -> None:
    done = search(*D, "--image", "photo.png", "--json")
    record = json.loads(done.stdout)
    assert (record["query"], record["distance"]) == ("photo.png", "chi2")
    hits = record["hits"]
    assert [hit["rank"] for hit in hits] == [1, 2, 3, 4]
    assert sorted(hit["item"] for hit in hits) == ["a", "b", "c", "d"]
    assert (hits[0]["item"], hits[0]["id"]) == ("b", "b_1.jpg")
    assert [hit["distance"] for hit in hits] == sorted(hit["distance"] for hit in hits)
    assert "similarity" not in hits[0]
    done = search(*D, "--image", "photo.png", "--number", "1", "--distance", "cosine", "--json")
    (hit,) = json.loads(done.stdout)["hits"]
    assert hit["similarity"] == pytest.approx(1 - hit["distance"])


def test_several_photos_are_searched_for_by_themselves(
    home: Path, search: Callable[..., Done]
) -> None:
    flags = ("--number", "1", "--montage", "all.png")
    done = search("--dataset", "shop", "--image", "photo.png", "other.png", *flags)
    assert done.returncode == 0
    assert done.stdout == (
        "photo.png\nMost similar item number 1 : b\nother.png\nMost similar item number 1 : a\n"
    )
    assert cv2.imread(str(home / "all.png")) is not None
    assert not (home / "results").exists()


def test_what_can_t_be_read_is_listed(home: Path, search: Callable[..., Done]) -> None:
    (home / "text.jpg").write_text("no picture")
    (home / "shop/e.jpg").write_text("no picture")
    flags = ("--number", "1")
    done = search(*D, *flags, "--image", "gone.jpg", "text.jpg", "photo.png")
    assert done.returncode == 1
    assert done.stdout == "photo.png\nMost similar item number 1 : b\n"
    assert all(f"{name}: " in done.stderr for name in ("gone.jpg", "text.jpg", "e.jpg"))
    done = search(*D, *flags, "--image", "gone.jpg")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing to search for: gone.jpg: it is not there" in done.stderr


@pytest.mark.parametrize("store", [[], ["--no-store"], ["--store", "features.db"]])
def test_only_white_backgrounds(search: Callable[..., Done], store: list[str]) -> None:
    """For pictures that are new, that the store has, and without one."""
    flags = [*D, "--image", "photo.png", "--json", "--white-background", *store]
    for _ in range(2):
        done = search(*flags)
        assert sorted(found(done)) == ["a", "c", "d"]
        assert {hit["id"] for hit in json.loads(done.stdout)["hits"]} == {
            *("a_3.jpg", "c_2.jpg", "d.jpg")
        }
        assert "those of the 8 pictures on white: 3" in done.stderr


def test_none_on_white(home: Path, search: Callable[..., Done]) -> None:
    for name in ("a_3", "c_2", "d"):
        (home / f"shop/{name}.jpg").unlink()
    done = search(*D, "--image", "photo.png", "--white-background")
    assert (done.returncode, done.stdout) == (2, "")
    assert "none of the 5 pictures has a white background" in done.stderr


def test_turned_pictures_are_found_with_augment_and_then_without(
    home: Path, search: Callable[..., Done]
) -> None:
    """Once the store has all transforms, they take part."""
    (home / "turned.png").write_bytes(encoded(cv2.flip(picture(3), 0), ".png"))
    flags = (*D, "-d", "hsv-regions", "--image", "turned.png", "--json", "--number", "1")
    before, augmented, after = (
        json.loads(search(*flags, *more).stdout)["hits"][0] for more in ([], ["--augment"], [])
    )
    assert "transform" not in before
    assert before["distance"] > 0.1
    assert (augmented["id"], augmented["transform"]) == ("b_2.jpg", "flip-up-down")
    assert augmented["distance"] < 0.1
    assert after == augmented
    alone = json.loads(search(*flags, "--no-store").stdout)["hits"][0]
    assert alone == before


def test_limits(search: Callable[..., Done]) -> None:
    flags = (*D, "--image", "photo.png")
    everything = json.loads(search(*flags, "--json").stdout)["hits"]
    nearest = everything[0]["distance"]
    done = search(*flags, "--threshold", str(nearest + 1e-6))
    assert done.stdout == "Most similar item number 1 : b\n"
    done = search(*flags, "--threshold", str(nearest / 2))
    assert (done.returncode, done.stdout) == (0, "nothing that near\n")
    done = search(*flags, "--distance", "cosine", "--min-similarity", "0.8", "--json")
    assert all(hit["similarity"] >= 0.8 for hit in json.loads(done.stdout)["hits"])
    itself = ("--image", "shop/c_1.jpg", "--distance", "cosine", "--min-similarity", "1")
    assert search(*D, *itself).stdout == "Most similar item number 1 : c\n"


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (["--min-similarity", "0.8"], "a similarity is for cosine; with chi2, give a threshold"),
        (["--threshold", "near"], "'near' is not a distance"),
        (["--threshold", "-3"], "'-3' is not a distance"),
        (["--threshold", "nan"], "'nan' is not a distance"),
        (["--distance", "cosine", "--min-similarity", "5"], "'5' is not a similarity"),
        (["--distance", "cosine", "--min-similarity", "near"], "'near' is not a similarity"),
        (["--threshold", "1", "--min-similarity", "0.5"], "not allowed with"),
    ],
)
def test_limits_that_make_no_sense(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    limits: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(home)
    assert main(["visual-search", *D, "--image", "photo.png", *limits]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert words in said.err


def test_photos_before_a_busy_background(home: Path, search: Callable[..., Done]) -> None:
    """A red thing on white is found by a photo of it on grass, once that is removed."""
    random = np.random.default_rng(0)
    grass = random.integers(60, 140, (200, 200, 3), dtype=np.uint8) * np.array([0, 1, 0], np.uint8)
    photo = cv2.circle(grass.copy(), (100, 100), 55, (200, 20, 20), -1)
    thing = cv2.circle(np.full((200, 200, 3), 255, np.uint8), (100, 100), 70, (200, 20, 20), -1)
    (home / "things").mkdir()
    (home / "things/ball.png").write_bytes(encoded(thing, ".png"))
    (home / "things/lawn.png").write_bytes(encoded(grass, ".png"))
    (home / "photo.png").write_bytes(encoded(photo, ".png"))
    flags = ("--dataset", "things", "--image", "photo.png", "--no-montage", "--json")
    assert found(search(*flags))[0] == "lawn"
    assert found(search(*flags, "-d", "hsv:background=remove"))[0] == "ball"


def test_a_montage_takes_no_photo_s_place(home: Path, search: Callable[..., Done]) -> None:
    before = (home / "photo.png").read_bytes()
    for name in ("photo.png", "shop/a_1.jpg"):
        done = search("--dataset", "shop", "--image", "photo.png", "--montage", name)
        assert (done.returncode, done.stdout) == (2, "")
        assert "is a file that cbir has not drawn; give another name" in done.stderr
    assert (home / "photo.png").read_bytes() == before


def test_a_montage_takes_no_place_of_what_was_filtered_or_failed(
    home: Path, search: Callable[..., Done]
) -> None:
    (home / "shop/broken.jpg").write_text("half of it")
    (home / "text.png").write_text("no photo")
    names = ["shop/a_1.jpg", "shop/broken.jpg", "text.png"]
    before = [(home / name).read_bytes() for name in names]
    photos = ("--image", "photo.png", "text.png", "--white-background")
    for name in names:
        done = search("--dataset", "shop", *photos, "--montage", name)
        assert (done.returncode, done.stdout) == (2, "")
        assert "is a file that cbir has not drawn; give another name" in done.stderr
    assert [(home / name).read_bytes() for name in names] == before


def test_a_montage_takes_the_place_of_a_drawing(home: Path, search: Callable[..., Done]) -> None:
    flags = ("--dataset", "shop", "--image", "photo.png", "--montage", "z.jpg")
    for _ in range(2):
        done = search(*flags)
        assert (done.returncode, len(done.stdout.splitlines())) == (0, 4)


def test_a_montage_joins_no_data_set(home: Path, search: Callable[..., Done]) -> None:
    for name in ("shop/z.png", "shop/../shop/new/z.jpg"):
        done = search("--dataset", "shop", "--image", "photo.png", "--montage", name)
        assert (done.returncode, done.stdout) == (2, "")
        assert "would lie among the pictures of shop; give a place outside" in done.stderr
    assert search("--dataset", "shop", "--image", "photo.png").returncode == 0


def test_failures_are_listed_beside_the_drawings(home: Path, search: Callable[..., Done]) -> None:
    (home / "shop/broken.jpg").write_text("half of it")
    done = search("--dataset", "shop", "--image", "photo.png", "gone.jpg")
    assert done.returncode == 1
    assert "2 pictures left out (listed in results/failures.csv)" in done.stderr
    lines = (home / "results/failures.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["id", "broken.jpg", "gone.jpg"]
    (home / "text.png").write_text("no photo")
    done = search("--dataset", "shop", "--image", "text.png", "--failures", "mine.csv")
    assert done.returncode == 2
    assert "\ntext.png," in (home / "mine.csv").read_text()


# What the store tells


PLAIN = Settings()
IDS = ["a_1.jpg", "a_2.jpg", "a_3.jpg", "b_1.jpg", "b_2.jpg", "c_1.jpg", "c_2.jpg", "d.jpg"]
WHITE = {"a_3.jpg", "c_2.jpg", "d.jpg"}


def described(home: Path, store: Store, transforms: tuple[str, ...] = ("original",)) -> Folder:
    source = Folder(home / "shop")
    gather(source, [parse("hsv")], Settings(), store, transforms)
    return source


def turned(
    source: Folder, store: Store | None, spec: str = "hsv", how: Settings = PLAIN
) -> VectorIndex | None:
    """The source's pictures, described as they are, with all transforms that the store has."""
    recipe = parse(spec)
    index = gather(source, [recipe], how).indexes[0]
    return with_transforms(index, source, recipe, how, store)


@pytest.mark.parametrize("commit", [False, True])
def test_white_is_told_before_and_after_a_commit(home: Path, tmp_path: Path, commit: bool) -> None:
    with Store.open(tmp_path / "features.db") as store:
        source = described(home, store)
        if commit:
            store.commit()
        contents = [content for _, content in store.remembered(source.origin, IDS).values()]
        assert sorted(store.white(contents).values()) == [False] * 5 + [True] * 3
        for path in (home / "shop").iterdir():
            path.unlink()  # the store knows
        assert white_bordered(source, IDS, parse("hsv"), Settings(), store) == WHITE


def test_white_is_judged_without_a_store_and_what_is_gone_is_not(home: Path) -> None:
    told: list[tuple[int, int | None]] = []
    source = Folder(home / "shop")
    (home / "shop/d.jpg").unlink()
    kept = white_bordered(
        source,
        IDS,
        parse("hsv*1+hsv-regions*1"),
        Settings(),
        None,
        lambda done, total: told.append((done, total)),
    )
    assert kept == WHITE - {"d.jpg"}
    assert told[-1] == (8, 8)


@pytest.mark.parametrize("commit", [False, True])
def test_transforms_are_there_when_all_of_all_are(home: Path, tmp_path: Path, commit: bool) -> None:
    with Store.open(tmp_path / "features.db") as store:
        source = described(home, store)
        assert turned(source, store) is None
        described(home, store, tuple(TRANSFORMS))
        if commit:
            store.commit()
        found = turned(source, store)
        expected = gather(source, [parse("hsv")], PLAIN, None, tuple(TRANSFORMS)).indexes[0]
        assert found is not None
        assert list(found.keys) == list(expected.keys)
        assert (found.blocks.data == expected.blocks.data).all()
        assert (found.spec, found.distance, found.root) == (expected.spec, "chi2", source.root)
        assert turned(source, store, "hsv*1+hsv-regions*1") is None
        (home / "shop/new.jpg").write_bytes(encoded(picture(99)))
        assert turned(source, store) is None
        for path in source.root.iterdir():
            path.unlink()
        assert turned(source, store) is None
    assert turned(source, None) is None


def test_transforms_of_a_sum_are_summed(home: Path, tmp_path: Path) -> None:
    both = "hsv*1+hsv-regions*3"
    source = Folder(home / "shop")
    with Store.open(tmp_path / "features.db") as store:
        all_of = gather(source, [parse(both)], PLAIN, store, tuple(TRANSFORMS)).indexes[0]
        found = turned(source, store, both)
    assert found is not None
    assert (found.blocks.data == all_of.blocks.data).all()


def test_a_store_that_fails_is_done_without_unless_it_must_work(home: Path, tmp_path: Path) -> None:
    with Store.open(tmp_path / "features.db") as store:
        source = described(home, store)
    warned: list[BadStore] = []  # its connection is closed by now
    may_fail = Settings(without_store=warned.append)
    assert white_bordered(source, IDS, parse("hsv"), may_fail, store) == WHITE
    index = gather(source, [parse("hsv")], PLAIN).indexes[0]
    assert with_transforms(index, source, parse("hsv"), may_fail, store) is None
    assert len(warned) == 2
    with pytest.raises(BadStore):
        white_bordered(source, IDS, parse("hsv"), Settings(), store)
