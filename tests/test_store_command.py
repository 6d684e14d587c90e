"""`cbir store` shows what is in a store and cleans it."""

import json
from pathlib import Path

import numpy as np
import pytest

from cbir.__main__ import main
from cbir.store import Store
from cbir.types import Picture
from tests.conftest import Run
from tests.test_store import content

HSV, NET = "hsv:bins=8x12x3", "mobilenet:layer=last"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store of 1,200 pictures in one data set that is there and one that has gone."""
    path = tmp_path / "features.db"
    (tmp_path / "here").mkdir()
    with Store.open(path) as store:
        for name, count in (("here", 1200), ("gone", 3)):
            ids = [f"{name}{n}.jpg" for n in range(count)]
            contents = [content(id) for id in ids]
            pictures = [Picture(id, "1") for id in ids]
            store.saw(str(tmp_path / name), pictures, contents, [None] * count, [None] * count)
            store.add(HSV, "original", contents, np.ones((count, 288), np.float32))
            store.finish(str(tmp_path / name), ids[:-1])
        store.add(NET, "original", [content("here0.jpg")], np.ones((1, 1024), np.float32))
        store.add(NET, "rotate-90", [content("here0.jpg")], np.ones((1, 1024), np.float32))
    return path


def test_what_a_person_sees(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "--store", str(path)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out == (
        f"{path}: 1,203 different pictures, 1,205 vectors, {path.stat().st_size / 1e6:.1f} MB\n"
        "\n"
        "  pictures  gone  data set\n"
        f"         2     1  {tmp_path}/gone (view features_gone)\n"
        f"     1,199     1  {tmp_path}/here (view features_here)\n"
        "\n"
        "  vectors  values    size  descriptor\n"
        "    1,203     288  1.4 MB  hsv:bins=8x12x3\n"
        "        2   1,024  0.0 MB  mobilenet:layer=last (original 1, rotate-90 1)\n"
    )


def test_what_a_program_reads(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["store", "--store", str(path), "--json"]) == 0
    store, gone, here, hsv, net = map(json.loads, capsys.readouterr().out.splitlines())
    assert store == {"store": str(path), "contents": 1203, "bytes": path.stat().st_size}
    shown = {"source": f"{tmp_path}/gone", "pictures": 2, "inactive": 1, "view": "features_gone"}
    assert gone == shown
    assert here["pictures"] == 1199
    transforms = {"original": 1203}
    size = 1203 * 288 * 4
    assert hsv == {"spec": HSV, "dim": 288, "vectors": 1203, "bytes": size} | {
        "transforms": transforms
    }
    assert net["transforms"] == {"original": 1, "rotate-90": 1}


def test_showing_changes_nothing(path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    assert main(["store", "--store", str(path), "--quiet"]) == 0
    assert path.read_bytes() == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["features.db", "here"]


def test_pruning_says_what_went(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "--prune", "--store", str(path)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    start = f"{path}: removed 4 pictures that had gone, 1 data set without pictures and 4 vectors "
    assert out.startswith(start)
    assert main(["store", "--prune", "--store", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "store": str(path),
        "pruned": {"pictures": 0, "sources": 0, "contents": 0, "vectors": 0, "bytes": 0},
    }


def test_an_empty_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "features.db"
    with Store.open(path):
        pass
    assert main(["store", "--store", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: 0 different pictures, 0 vectors, 0.3 MB\n"


@pytest.mark.parametrize("flags", [[], ["--prune"]])
def test_no_store_is_one_line_and_makes_none(tmp_path: Path, run: Run, flags: list[str]) -> None:
    done = run("store", *flags, cwd=tmp_path, env={"CBIR_HOME": str(tmp_path / "home")})
    path = tmp_path / "home/features.db"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"cbir store: there is no feature store {path}; index.py makes one\n"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = tmp_path / "index.csv"
    other.write_text("id,v0\n" * 100)
    for flags in ([], ["--prune"]):
        assert main(["store", "--store", str(other), *flags]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"cbir store: the feature store {other} is not a feature store; give")
    assert other.read_text() == "id,v0\n" * 100


def test_names_with_control_characters_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "features.db"
    with Store.open(path) as store:
        store.finish("/photos/\x1b[2Jnew\nline\udcff", [])
    assert main(["store", "--store", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "         0     0  /photos/\\x1b[2Jnew\\nline\\udcff (view features___2Jnew_line_)"
    )
