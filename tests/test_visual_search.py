"""`cbir visual-search` as a person types it; what the store tells of white and turned pictures."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from cbir.__main__ import main
from cbir.catalogue.remembered import has_transforms, white_bordered
from cbir.errors import BadStore
from cbir.images.transforms import TRANSFORMS
from cbir.pipeline import Settings, gather
from cbir.recipe import parse
from cbir.sources import Folder
from cbir.store import Store
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
        assert "is one of the pictures" in done.stderr
    assert (home / "photo.png").read_bytes() == before


# What the store tells


IDS = ["a_1.jpg", "a_2.jpg", "a_3.jpg", "b_1.jpg", "b_2.jpg", "c_1.jpg", "c_2.jpg", "d.jpg"]
WHITE = {"a_3.jpg", "c_2.jpg", "d.jpg"}


def described(home: Path, store: Store, transforms: tuple[str, ...] = ("original",)) -> Folder:
    source = Folder(home / "shop")
    gather(source, [parse("hsv")], Settings(), store, transforms)
    return source


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
    hsv, both = parse("hsv"), parse("hsv*1+hsv-regions*1")
    with Store.open(tmp_path / "features.db") as store:
        source = described(home, store)
        assert not has_transforms(source, IDS, hsv, Settings(), store)
        described(home, store, tuple(TRANSFORMS))
        if commit:
            store.commit()
        assert has_transforms(source, IDS, hsv, Settings(), store)
        assert not has_transforms(source, [*IDS, "new.jpg"], hsv, Settings(), store)
        assert not has_transforms(source, IDS, both, Settings(), store)
        assert not has_transforms(source, [], hsv, Settings(), store)
    assert not has_transforms(source, IDS, hsv, Settings(), None)


def test_a_store_that_fails_is_done_without_unless_it_must_work(home: Path, tmp_path: Path) -> None:
    with Store.open(tmp_path / "features.db") as store:
        source = described(home, store)
    warned: list[BadStore] = []  # its connection is closed by now
    may_fail = Settings(without_store=warned.append)
    assert white_bordered(source, IDS, parse("hsv"), may_fail, store) == WHITE
    assert not has_transforms(source, IDS, parse("hsv"), may_fail, store)
    assert len(warned) == 2
    with pytest.raises(BadStore):
        white_bordered(source, IDS, parse("hsv"), Settings(), store)
