"""`cbir fit` and `cbir similar` as a person types them."""

import csv
import json
import os
import pickle
import sqlite3
import string
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbir import fit, plots
from cbir.__main__ import main
from cbir.catalogue import Similar, model_file
from cbir.errors import BadOutput
from cbir.sources.drawings import MARK
from tests.conftest import Done, Run, encoded, picture
from tests.test_files import bound_by_permissions

COLOURS = {"A": (200, 30, 30), "B": (30, 30, 200), "C": (40, 160, 40), "D": (220, 200, 40)}


def painted(parts: str) -> bytes:
    """A picture of stripes, one a letter."""
    stripes = [np.full((80, 8, 3), COLOURS[letter], np.uint8) for letter in parts]
    return encoded(np.concatenate(stripes, axis=1), ".png")


HOCKEY = {
    "helmet1.png": "AAAAAAAABB",
    "helmet2.png": "AAAAAAABBB",
    "stick1_1.png": "DDDDDDDDAA",
    "stick1_2.png": "DDDDDDDDDA",
    "hockeybag.png": "AAAAACCCCC",
}
PHOTO = "DDDDDDBBBB"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A working folder with the earlier tool's example, and a photo of a stick."""
    folder = tmp_path / "data/dataset/hockey_products"
    folder.mkdir(parents=True)
    for name, parts in HOCKEY.items():
        (folder / name).write_bytes(painted(parts))
    (tmp_path / "test/images").mkdir(parents=True)
    (tmp_path / "test/images/stick.png").write_bytes(painted(PHOTO))
    return tmp_path


@pytest.fixture
def cbir(home: Path, run: Run) -> Callable[..., Done]:
    return lambda *arguments: run(*arguments, cwd=home)


MODEL = "data/trained_models/hockey_products_model_hsv.json"
D = ("--dataset", "hockey_products")


def read(path: Path) -> dict[str, list[str]]:
    """Item by item the names of the others, nearest first."""
    items = json.loads(path.read_text())["items"]
    return {item: [other["item"] for other in others] for item, others in items.items()}


def test_the_earlier_tool_s_example(home: Path, cbir: Callable[..., Done]) -> None:
    """Its three services, as its page has them."""
    done = cbir("fit", *D)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith(f"{MODEL}: 4 items of 5 pictures by hsv in ")
    assert read(home / MODEL) == {
        "helmet1": ["helmet2", "hockeybag", "stick1"],
        "helmet2": ["helmet1", "hockeybag", "stick1"],
        "hockeybag": ["helmet1", "helmet2", "stick1"],
        "stick1": ["helmet1", "helmet2", "hockeybag"],
    }
    done = cbir("similar", *D, "--item", "helmet1")
    assert done.returncode == 0
    assert done.stdout == (
        "Most similar items to item: helmet1\n"
        "Number 1 : helmet2\nNumber 2 : hockeybag\nNumber 3 : stick1\n"
    )
    done = cbir("visual-search", *D, "--image", "./test/images/stick.png", "--number", "3")
    assert done.returncode == 0
    assert done.stdout == (
        "Most similar item number 1 : stick1\n"
        "Most similar item number 2 : helmet2\n"
        "Most similar item number 3 : helmet1\n"
    )
    assert sorted(path.name for path in (home / "results").iterdir()) == [
        *(MARK, "helmet1.jpg", "stick.jpg")
    ]


def test_the_file_says_what_made_it(home: Path, cbir: Callable[..., Done]) -> None:
    assert cbir("fit", *D, "--number", "2", "--distance", "euclidean").returncode == 0
    made = json.loads((home / MODEL).read_text())
    items = made.pop("items")
    assert made == {
        "format": "cbir-similar-items-1",
        "dataset": "hockey_products",
        "spec": "hsv:bins=8x12x3,norm=l1,size=128,version=1",
        "distance": "euclidean",
        "aggregate": "mean",
        "item_rule": "underscore",
        "augmented": False,
        "number": 2,
        "pictures": 5,
    }
    assert {len(others) for others in items.values()} == {2}
    first = items["helmet1"][0]
    assert first["item"] == "helmet2"
    assert first["distance"] == pytest.approx(0.1 * 2**0.5, abs=1e-3)
    assert [other["distance"] for other in items["stick1"]] == sorted(
        other["distance"] for other in items["stick1"]
    )


def test_the_same_pictures_give_the_same_bytes(home: Path, cbir: Callable[..., Done]) -> None:
    for name in ("a.json", "b.json"):
        assert cbir("fit", *D, "--out", name).returncode == 0
    assert (home / "a.json").read_bytes() == (home / "b.json").read_bytes()


def test_points_are_whole(home: Path, cbir: Callable[..., Done]) -> None:
    done = cbir("fit", *D, "--aggregate", "points", "--out", "out/points.json", "--json")
    assert done.returncode == 0
    record = json.loads(done.stdout)
    assert (record["model"], record["items"], record["aggregate"]) == (
        "out/points.json",
        4,
        "points",
    )
    made = json.loads((home / "out/points.json").read_text())["items"]
    # Of ten votes 10 and 7 for the helmet's neighbours' pictures, and both of the stick's.
    assert made["helmet1"] == [
        {"item": "stick1", "points": 8 + 7},
        {"item": "helmet2", "points": 10},
        {"item": "hockeybag", "points": 9},
    ]


def test_a_plain_pickle(home: Path, cbir: Callable[..., Done]) -> None:
    assert cbir("fit", *D, "--format", "pickle", "--number", "1").returncode == 0
    path = home / MODEL.replace(".json", ".pickle")
    assert pickle.loads(path.read_bytes()) == {
        "helmet1": ["helmet2"],
        "helmet2": ["helmet1"],
        "hockeybag": ["helmet1"],
        "stick1": ["helmet1"],
    }


def test_pickles_are_never_loaded() -> None:
    """They run what is in them."""
    room = Path(model_file.__file__).parent.parent
    texts = [path.read_text() for path in room.rglob("*.py")]
    assert not [text for text in texts if "pickle.load" in text or "Unpickler" in text]


def test_what_fails_is_listed_beside_the_file(home: Path, cbir: Callable[..., Done]) -> None:
    (home / "data/dataset/hockey_products/text.jpg").write_text("no picture")
    done = cbir("fit", *D)
    assert done.returncode == 1
    assert "1 picture left out (listed in data/trained_models/failures.csv)" in done.stderr
    with open(home / "data/trained_models/failures.csv") as file:
        (failure,) = csv.DictReader(file)
    assert failure["id"] == "text.jpg"
    assert "text" not in read(home / MODEL)
    done = cbir("similar", *D, "--item", "helmet1", "--no-montage")
    assert done.returncode == 1
    assert "cbir similar: text.jpg: " in done.stderr


def test_the_store_serves_all_three(home: Path, cbir: Callable[..., Done]) -> None:
    """And shows what is in it by the data set's name."""
    store = ("--store", "features.db")
    assert cbir("fit", *D, *store, "--augment").returncode == 0
    query = (
        "SELECT DISTINCT picture, item, transform, white_background, active "
        "FROM features_hockey_products"
    )
    with closing(sqlite3.connect(home / "features.db")) as connection, connection:
        rows = connection.execute(query).fetchall()
    assert len(rows) == 5 * 6
    assert {row[1] for row in rows} == {"helmet1", "helmet2", "stick1", "hockeybag"}
    done = cbir("similar", *D, *store, "--item", "helmet1", "--no-montage", "--number", "1")
    assert "mirrored and turned" in done.stderr
    assert done.stdout.splitlines()[1:] == ["Number 1 : helmet2"]
    alone = cbir("similar", *D, "--no-store", "--item", "helmet1", "--no-montage")
    assert "mirrored and turned" not in alone.stderr
    done = cbir("similar", *D, *store, "--item", "helmet1", "--no-montage", "--no-augment")
    assert (done.stdout, done.stderr) == (alone.stdout, alone.stderr)


def test_a_name_without_an_item_is_left_out(home: Path, cbir: Callable[..., Done]) -> None:
    """And nothing of it described; the others are what they are without it."""
    rule = ("--item-rule", "^(helmet|stick)", "--no-store")
    done = cbir("fit", *D, *rule, "--out", "m.json")
    assert done.returncode == 1
    assert "1 picture left out" in done.stderr
    assert "the item rule '^(helmet|stick)' finds no item in its name, 'hockeybag.png'" in (
        home / "failures.csv"
    ).read_text().replace('"', "")
    fitted = fit(home / "data/dataset/hockey_products", rule="^(helmet|stick)")
    assert sorted(fitted.similar) == ["helmet", "stick"]
    assert [failure.id for failure in fitted.failures] == ["hockeybag.png"]


def test_augmented_items_are_found_turned(home: Path, cbir: Callable[..., Done]) -> None:
    folder = home / "data/dataset/hockey_products"
    original = picture(5)
    (folder / "cap.png").write_bytes(encoded(original, ".png"))
    (folder / "cap2.png").write_bytes(encoded(np.ascontiguousarray(original[::-1]), ".png"))
    regions = ("-d", "hsv-regions", "--out", "m.json")
    nearest = []
    for flags in ((), ("--augment",)):
        assert cbir("fit", *D, *regions, *flags).returncode == 0
        made = json.loads((home / "m.json").read_text())
        assert made["augmented"] == bool(flags)
        nearest.append(made["items"]["cap"][0]["distance"])
    assert nearest[0] > 0.1
    assert nearest[1] == pytest.approx(0, abs=0.01)


def test_a_data_set_elsewhere_has_its_path_s_digits(home: Path, cbir: Callable[..., Done]) -> None:
    (home / "elsewhere").symlink_to(home / "data/dataset/hockey_products")
    assert cbir("fit", "--dataset", "elsewhere").returncode == 0
    assert (home / MODEL).exists(), "it is the same folder"
    (home / "other").mkdir()
    for name in ("one.png", "two.png"):
        (home / "other" / name).write_bytes(painted("ABCD"))
    (home / "table.csv").write_text("path\nother/one.png\nother/two.png\n")
    for dataset in ("other", "table.csv"):
        assert cbir("fit", "--dataset", dataset).returncode == 0
    names = {path.name for path in (home / "data/trained_models").glob("*.json")} - {
        Path(MODEL).name
    }
    hexes = set(string.hexdigits)
    assert {name.rpartition("-")[0] for name in names} == {"other", "table.csv"}
    assert all(set(name.rpartition("-")[2].split("_")[0]) <= hexes for name in names)
    assert all(len(name.rpartition("-")[2]) == len("123456_model_hsv.json") for name in names)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--item-rule", "folder"], "only one item, '.'"),
        (["--item-rule", "(zz)"], "finds no item in its name"),
        (["--item-rule", "stemm"], "did you mean stem"),
        (["-d", "hsv", "-d", "mobilenet"], "one descriptor at a time"),
        (["--distance", "chi3"], "did you mean chi2"),
        (["--out", "test/images/stick.png"], "is no list of similar items"),
        (["--out", "data"], "that is a folder"),
        (["--out", "new/"], "is not a file's name"),
        (["--failures", "test/images/stick.png"], "another file's name"),
    ],
)
def test_what_can_t_be_fitted(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: Sequence[str],
    words: str,
) -> None:
    before = (home / "test/images/stick.png").read_bytes()
    monkeypatch.chdir(home)
    assert main(["fit", *D, *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert words in said.err
    assert len(said.err.splitlines()) == 1
    assert (home / "test/images/stick.png").read_bytes() == before
    assert not (home / "data/trained_models").exists()


def test_an_empty_folder(home: Path, cbir: Callable[..., Done]) -> None:
    (home / "empty").mkdir()
    done = cbir("fit", "--dataset", "empty")
    assert (done.returncode, "nothing to compare in empty" in done.stderr) == (2, True)


# similar


def test_an_item_by_chance(cbir: Callable[..., Done]) -> None:
    """A seed picks it, and is told, so that it can be picked again."""
    first = cbir("similar", *D, "--no-montage")
    assert first.returncode == 0
    seed = first.stderr.split("--seed ")[1].split()[0]
    again = cbir("similar", *D, "--no-montage", "--seed", seed)
    assert again.stdout == first.stdout
    assert again.stderr == ""


def test_json_and_points(cbir: Callable[..., Done]) -> None:
    done = cbir("similar", *D, "--item", "helmet2", "--json", "--no-montage", "--number", "2")
    record = json.loads(done.stdout)
    assert {key: record[key] for key in ("item", "distance", "aggregate")} == {
        "item": "helmet2",
        "distance": "chi2",
        "aggregate": "mean",
    }
    assert [(hit["rank"], hit["item"], hit["id"]) for hit in record["hits"]] == [
        (1, "helmet1", "helmet1.png"),
        (2, "hockeybag", "hockeybag.png"),
    ]
    flags = ("--aggregate", "points", "--json", "--montage", "p.png")
    done = cbir("similar", *D, "--item", "helmet2", *flags)
    points = [(hit["item"], hit["points"], hit["id"]) for hit in json.loads(done.stdout)["hits"]]
    assert points[0] == ("stick1", 8 + 7, "stick1_1.png")


def test_no_such_item(cbir: Callable[..., Done]) -> None:
    done = cbir("similar", *D, "--item", "helmet3")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no item 'helmet3'; did you mean helmet" in done.stderr


def test_a_montage_takes_no_picture_s_place(home: Path, cbir: Callable[..., Done]) -> None:
    mine = home / "data/dataset/hockey_products/helmet1.png"
    before = mine.read_bytes()
    (home / "t.csv").write_text(
        "\n".join(["path", str(mine), mine.with_name("stick1_1.png").as_uri()])
    )
    for dataset in (D, ("--dataset", "t.csv", "--allow-local")):
        for name in ("helmet1.png", "stick1_1.png"):
            flags = ("--item", "helmet1", "--montage", mine.with_name(name))
            done = cbir("similar", *dataset, *flags)
            assert (done.returncode, done.stdout) == (2, "")
            assert "is a file that cbir has not drawn; give another name" in done.stderr
    assert mine.read_bytes() == before


def test_a_montage_takes_no_place_of_what_failed(home: Path, cbir: Callable[..., Done]) -> None:
    shop = home / "data/dataset/hockey_products"
    (shop / "huge.png").write_bytes(encoded(picture(1, 1200, 1000), ".png"))
    (shop / "broken.png").write_text("half of it")
    (home / "elsewhere").mkdir()
    (home / "elsewhere/far.png").write_bytes(painted("ABCD"))
    (shop / "more").symlink_to(home / "elsewhere")
    mine = [
        shop / "huge.png",
        shop / "broken.png",
        shop / "more/far.png",
        home / "elsewhere/far.png",
    ]
    before = [path.read_bytes() for path in mine]
    for path in mine:
        flags = ("--item", "helmet1", "--max-megapixels", "1", "--montage", path)
        done = cbir("similar", *D, *flags)
        assert (done.returncode, done.stdout) == (2, "")
        assert "is a file that cbir has not drawn; give another name" in done.stderr
    assert [path.read_bytes() for path in mine] == before


def test_more_items_than_can_be_drawn(tmp_path: Path, run: Run) -> None:
    """All are told; the first of them are drawn, for each photo."""
    items = plots.MOST_SHOWN + 20
    (tmp_path / "many").mkdir()
    (tmp_path / "many/000.jpg").write_bytes(encoded(picture(1, 32, 24)))
    for number in range(1, items):
        os.link(tmp_path / "many/000.jpg", tmp_path / f"many/{number:03}.jpg")
    done = run("similar", "--dataset", "many", "--item", "000", "--number", "6000", cwd=tmp_path)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == items
    assert f"the first {plots.MOST_SHOWN} of {items - 1} results are drawn" in done.stderr
    assert len(cv2.imread(str(tmp_path / "results/000.jpg"))) == plots._height(20)
    photos = ["many/000.jpg", "many/001.jpg", "many/002.jpg"]
    flags = ("--number", "6000", "--montage", "all.webp", "--json")
    done = run("visual-search", "--dataset", "many", "--image", *photos, *flags, cwd=tmp_path)
    assert done.returncode == 0
    assert [len(json.loads(line)["hits"]) for line in done.stdout.splitlines()] == [items] * 3
    assert "drawn in all.webp: the first 2 queries, for more there is no room" in done.stderr
    assert len(cv2.imread(str(tmp_path / "all.webp"))) == 2 * plots._height(20)


def test_failures_of_similar_are_listed(home: Path, cbir: Callable[..., Done]) -> None:
    (home / "data/dataset/hockey_products/broken.png").write_text("half of it")
    flags = ("similar", *D, "--item", "helmet1")
    done = cbir(*flags, "--failures", "lists/f.csv")
    assert done.returncode == 1
    assert "1 picture left out (listed in lists/f.csv)" in done.stderr
    assert (home / "lists/f.csv").read_text().startswith("id,reason\nbroken.png,")
    done = cbir(*flags)
    assert "1 picture left out (listed in results/failures.csv)" in done.stderr
    (home / "results/failures.csv").unlink()
    done = cbir(*flags, "--no-montage")
    assert done.returncode == 1
    assert "broken.png: " in done.stderr
    assert not (home / "results/failures.csv").exists()
    for name in ("test/images/stick.png", "m.png"):
        done = cbir(*flags, "--failures", name, "--montage", home / "m.png")
        assert (done.returncode, done.stdout) == (2, "")
        assert "another file's name" in done.stderr


@pytest.mark.parametrize("flags", [["--out", "locked/m.json"], ["--failures", "locked/f.csv"]])
def test_a_place_without_permission_is_told_before_the_work(
    home: Path,
    own_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
) -> None:
    monkeypatch.chdir(home)
    (home / "locked").mkdir(0o555)
    assert bound_by_permissions(lambda: main(["fit", *D, *flags]), home) == 2
    assert f"can't write {flags[1]}: no permission to write there" in capsys.readouterr().err
    assert not (own_home / "features.db").exists()
    assert not (home / MODEL).exists()


# The file


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
distances = st.floats(0, 1e6)


@given(
    fitted=st.dictionaries(
        names, st.lists(st.builds(Similar, names, distances), max_size=3), max_size=5
    )
)
def test_any_names_can_be_written_and_read(
    fitted: dict[str, list[Similar]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("model") / "new/m.json"
    made_by = {"aggregate": "best", "dataset": "a\nb"}
    assert model_file.write(path, fitted.items(), made_by, "json") == len(fitted)
    made = json.loads(path.read_text())
    assert made["dataset"] == "a\nb"
    assert made["items"] == {
        item: [{"item": other, "distance": round(d, 6)} for other, d in others]
        for item, others in fitted.items()
    }
    model_file.check_place(path, "json")
    with pytest.raises(BadOutput):
        model_file.check_place(path, "pickle")


def test_half_a_file_is_none(tmp_path: Path) -> None:
    def stopping():
        yield "a", [Similar("b", 0.5)]
        raise KeyboardInterrupt

    path = tmp_path / "m.json"
    path.write_text("")
    with pytest.raises(KeyboardInterrupt):
        model_file.write(path, stopping(), {"aggregate": "best"}, "json")
    assert [file.name for file in tmp_path.iterdir()] == ["m.json"]
    assert path.read_text() == ""


@pytest.mark.shared
def test_hockey_products(shared: Path, tmp_path: Path, run: Run) -> None:
    """Skates are nearest to skates, sticks to sticks."""
    done = run(
        *("fit", "--dataset", shared / "hockey_products", "-d", "mobilenet"),
        *("--out", tmp_path / "model.json"),
    )
    assert done.returncode == 0, done.stderr
    first = {item: others[0] for item, others in read(tmp_path / "model.json").items()}
    assert first.pop("hockeyskate1") == "hockeyskate2"
    assert first.pop("hockeyskate2") == "hockeyskate1"
    assert set(first) == {"goaliestick1", "hockeystick1", "hockeystick2"}
    assert set(first.values()) <= set(first)
