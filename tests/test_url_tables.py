"""Data sets whose pictures lie at URLs: as a source, and through the real command line."""

import csv
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest

from cbir.downloads import Web
from cbir.errors import BadPicture
from cbir.evaluation.collecting import collect
from cbir.pipeline import Described, Settings, describe
from cbir.recipe import parse
from cbir.sources import Table, open_dataset
from cbir.store import Store
from cbir.types import Failure, Picture
from cbir.vector_index import VectorIndex
from tests import web_server
from tests.conftest import ROOT, Done, Run, encoded, picture
from tests.web_server import WebServer, in_turn, redirect, status

QUICK = Web(connections=8, allow_local=True, timeout=2, silence=0.5, pause=0.01)
COUNT = 12


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


def table_of(folder: Path, names: list[str], name: str = "urls.csv") -> Path:
    """A table with a number first and the names last."""
    path = folder / name
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([["n", "picture"], *enumerate(names)])
    return path


@pytest.fixture
def urls(server: WebServer) -> list[str]:
    return [server.give(f"{n:02}.jpg", encoded(picture(n))) for n in range(COUNT)]


# --- as a source


def test_paths_and_urls_are_pictures_of_one_table(
    server: WebServer, urls: list[str], tmp_path: Path
) -> None:
    (tmp_path / "here.jpg").write_bytes(encoded(picture(50)))
    names = [urls[1], "here.jpg", "gone.jpg", urls[0], urls[1], "", "../outside.jpg"]
    source = Table(table_of(tmp_path, names), web=Web())
    pictures = list(source.pictures())
    assert [picture.id for picture in pictures] == sorted(["here.jpg", urls[0], urls[1]])
    assert {failure.id for failure in source.failures} == {"gone.jpg", "../outside.jpg"}
    assert server.requests == []  # a walk asks nobody
    with pytest.raises(BadPicture, match="--allow-local"):
        source.read(Picture(urls[0], ""))
    source.close()


def test_every_row_has_an_id(tmp_path: Path) -> None:
    source = Table(tmp_path / "list.csv")
    assert source.id_of("./a//b.jpg") == "a/b.jpg"
    assert source.id_of(" https://me:secret@shop.example/a.jpg ") == "https://shop.example/a.jpg"
    assert source.id_of("https://shop.example/a/../b.jpg") == "https://shop.example/a/../b.jpg"


def test_credentials_are_used_and_not_shown(server: WebServer, tmp_path: Path) -> None:
    url = server.give("a.jpg", encoded(picture(1)))
    source = Table(table_of(tmp_path, [url.replace("://", "://me:secret@")]), web=QUICK)
    (found,) = source.pictures()
    assert found.id == url
    assert source.read(found) == encoded(picture(1))
    assert server.requests[0].headers["Authorization"].startswith("Basic ")
    source.close()


def test_what_is_local_is_allowed_with_the_flag(tmp_path: Path) -> None:
    data = encoded(picture(1))
    (tmp_path / "photos").mkdir()
    (tmp_path / "outside.jpg").write_bytes(data)
    outside = tmp_path / "outside.jpg"
    names = ["../outside.jpg", str(outside), outside.as_uri()]
    path = table_of(tmp_path / "photos", names)
    source = Table(path, web=QUICK)
    found = list(source.pictures())
    assert [picture.id for picture in found] == sorted(names)
    assert [source.read(picture) for picture in found] == [data] * 3
    source.close()
    strict = Table(path)
    assert [picture.id for picture in strict.pictures()] == [outside.as_uri()]
    assert len(strict.failures) == 2
    with pytest.raises(BadPicture, match="it names a file of this machine; --allow-local"):
        strict.read(Picture(outside.as_uri(), ""))
    strict.close()


def test_a_table_s_delimiter_and_column(tmp_path: Path, urls: list[str]) -> None:
    path = tmp_path / "urls.csv"
    path.write_text(f"picture|price\n{urls[0]}|7,50\n")
    source = open_dataset(str(path), QUICK, delimiter="|", image_column="picture")
    assert [picture.id for picture in source.pictures()] == [urls[0]]


def outcome(
    source: Table, store: Store | None = None, **how: int
) -> tuple[dict[str, bytes], list[Failure]]:
    """Vectors by id and what failed, of a run whose results must come in order."""
    vectors, failures, order = dict[str, bytes](), list[Failure](), list[str]()
    for some in describe(source, list(source.pictures()), [parse("hsv")], Settings(**how), store):
        if isinstance(some, Described):
            vectors |= zip(some.ids, map(bytes, some.vectors), strict=True)
            order += some.ids
        else:
            failures += some.failures
            order += [failure.id for failure in some.failures]
    assert list(vectors) == sorted(vectors)
    assert [failure.id for failure in failures] == sorted(failure.id for failure in failures)
    return vectors, failures


def test_downloaded_pictures_are_described_as_files_are(
    server: WebServer, urls: list[str], tmp_path: Path
) -> None:
    for n in range(COUNT):
        (tmp_path / f"{n:02}.jpg").write_bytes(encoded(picture(n)))
    local, _ = outcome(Table(table_of(tmp_path, [f"{n:02}.jpg" for n in range(COUNT)], "l.csv")))
    for workers in (1, 3):
        vectors, failures = outcome(Table(table_of(tmp_path, urls), web=QUICK), workers=workers)
        assert failures == []
        assert list(vectors.values()) == list(local.values())


def test_a_slow_picture_does_not_stop_the_others(server: WebServer, tmp_path: Path) -> None:
    """They are downloaded meanwhile, and all of them at the time of two or three."""
    data = [encoded(picture(n)) for n in range(40)]
    names = [server.on(f"{n:02}.jpg", web_server.slow(data[n], 0.1)) for n in range(40)]
    names[0] = server.on("00.jpg", web_server.slow(data[0], 0.45))
    began = time.monotonic()
    vectors, failures = outcome(Table(table_of(tmp_path, names), web=QUICK), workers=1)
    took = time.monotonic() - began
    assert (len(vectors), failures) == (40, [])
    assert took < 4.3, "one after the other they take 4.35 seconds"
    assert server.most_at_once > 3


def test_failing_rows_are_told_and_the_rest_goes_on(
    server: WebServer, urls: list[str], tmp_path: Path
) -> None:
    bad = {
        server.url("missing.jpg"): "404 Not Found",
        server.on("page.jpg", web_server.page()): (
            "the server sent a web page (text/html), not a picture"
        ),
        server.on("cut.jpg", web_server.truncated(encoded(picture(1)))): "it came only in part",
        server.on("silent.jpg", web_server.silent()): "its server does not answer",
        server.on("noise.jpg", web_server.picture(b"\xff\xd8\xff" + bytes(500))): None,
        "s3://bucket/a.jpg": "only http:// and https:// URLs can be downloaded",
    }
    server.on("flaky.jpg", in_turn(status(500), web_server.picture(encoded(picture(60)))))
    source = Table(table_of(tmp_path, [*bad, server.url("flaky.jpg"), *urls]), web=QUICK)
    vectors, failures = outcome(source)
    assert sorted(vectors) == sorted([*urls, server.url("flaky.jpg")])
    assert {id for id, _ in failures} == set(bad)
    assert all(reason == bad[id] for id, reason in failures if bad[id])


# --- what the store saves


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "features.db") as store:
        yield store


def test_a_second_run_asks_and_gets_nothing_sent(
    server: WebServer, urls: list[str], tmp_path: Path, store: Store
) -> None:
    path = table_of(tmp_path, urls)
    first = outcome(Table(path, web=QUICK), store)
    assert {one.status for one in server.requests} == {200}
    server.requests.clear()
    assert outcome(Table(path, web=QUICK), store) == first
    assert [one.status for one in server.requests] == [304] * COUNT
    server.requests.clear()
    server.give("05.jpg", encoded(picture(500)))
    vectors, _ = outcome(Table(path, web=QUICK), store)
    assert sorted(one.status for one in server.requests) == [200] + [304] * (COUNT - 1)
    changed = {id for id, vector in vectors.items() if vector != first[0][id]}
    assert changed == {urls[5]}


@pytest.mark.parametrize(
    "how",
    [{"etag": None, "modified": None}, {"etag": 'W/"x"', "modified": None}, {"conditional": False}],
)
def test_a_server_that_tells_nothing_can_t_keep_old_vectors(
    server: WebServer, tmp_path: Path, store: Store, how: dict[str, str | None]
) -> None:
    url = server.give("a.jpg", encoded(picture(1)), **how)  # type: ignore[arg-type]
    path = table_of(tmp_path, [url])
    first, _ = outcome(Table(path, web=QUICK), store)
    server.give("a.jpg", encoded(picture(2)), **how)  # type: ignore[arg-type]
    second, _ = outcome(Table(path, web=QUICK), store)
    assert [one.status for one in server.requests] == [200, 200]
    assert first != second


def test_a_redirect_elsewhere_can_t_keep_old_vectors(
    server: WebServer, tmp_path: Path, store: Store
) -> None:
    server.give("one.jpg", encoded(picture(1)), etag='"same"')
    server.give("two.jpg", encoded(picture(2)), etag='"same"')
    url = server.on("a.jpg", redirect("/one.jpg"))
    path = table_of(tmp_path, [url])
    first, _ = outcome(Table(path, web=QUICK), store)
    assert outcome(Table(path, web=QUICK), store)[0] == first
    assert [one.status for one in server.asked("one.jpg")] == [200, 304]
    server.on("a.jpg", redirect("/two.jpg"))
    second, _ = outcome(Table(path, web=QUICK), store)
    assert second != first


def test_a_picture_that_fails_is_not_taken_from_the_store(
    server: WebServer, tmp_path: Path, store: Store
) -> None:
    url = server.give("a.jpg", encoded(picture(1)))
    path = table_of(tmp_path, [url])
    outcome(Table(path, web=QUICK), store)
    server.on("a.jpg", status(410))
    assert outcome(Table(path, web=QUICK), store) == ({}, [Failure(url, "410 Gone")])


def test_a_comparison_knows_equal_bytes_at_any_url(
    urls: list[str], tmp_path: Path, store: Store
) -> None:
    wanted = {url: sha256(encoded(picture(n))).digest() for n, url in enumerate(urls)}
    for kept in (None, store, store):  # the last time nothing is sent
        source = Table(table_of(tmp_path, urls), web=QUICK)
        pictures = list(source.pictures())
        side = collect(source, pictures, [parse("hsv")], Settings(), kept, lambda *_: None)
        assert side.contents == wanted
        side.close()


# --- the command line


def test_index_search_and_check(
    run: Callable[..., Done], server: WebServer, urls: list[str], tmp_path: Path
) -> None:
    (tmp_path / "here.jpg").write_bytes(encoded(picture(50)))
    missing = server.url("missing.jpg")
    table_of(tmp_path, [*urls, "here.jpg", missing])
    flags = ["--dataset", "urls.csv", "--allow-local", "--connections", "3"]
    done = run("index", *flags, "--json", cwd=tmp_path)
    assert done.returncode == 1
    record = json.loads(done.stdout)
    assert (record["pictures"], record["failed"]) == (COUNT + 1, 1)
    listed = (tmp_path / "failures.csv").read_text()
    assert listed == f"id,reason\n{missing},404 Not Found\n"
    assert server.most_at_once <= 3
    index = VectorIndex.read(tmp_path / "index.csv")
    assert list(index.ids) == sorted([*urls, "here.jpg"])

    server.requests.clear()
    before = (tmp_path / "index.csv").read_bytes()
    done = run("index", *flags, "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["unchanged"] == COUNT + 1
    assert sorted(one.status for one in server.requests) == [304] * COUNT + [404]
    assert (tmp_path / "index.csv").read_bytes() == before

    (tmp_path / "query.jpg").write_bytes(encoded(picture(4)))
    query = ["--query", "query.jpg", "--montage", "sheet.png", "--json"]
    done = run("search", *query, "--allow-local", cwd=tmp_path)
    hits = json.loads(done.stdout)["hits"]
    assert (hits[0]["id"], hits[0]["distance"]) == (urls[4], 0)
    assert "could not be drawn" not in done.stderr
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None
    done = run("search", *query, cwd=tmp_path)
    assert "3 results could not be drawn" in done.stderr

    done = run("check", "index.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert f"not checked: {COUNT} of its pictures: they are at URLs" in done.stderr


def test_without_the_flag_nothing_local_is_asked(
    run: Callable[..., Done], server: WebServer, urls: list[str], tmp_path: Path
) -> None:
    local = [server.url("00.jpg", "localhost"), "file:///etc/hostname", "/etc/hostname", "../a.jpg"]
    table_of(tmp_path, [*urls, *local])
    done = run("index", "--dataset", "urls.csv", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert server.connections == 0
    with open(tmp_path / "failures.csv", newline="") as file:
        reasons = {row["id"]: row["reason"] for row in csv.DictReader(file)}
    assert set(reasons) == {*urls, *local}
    assert all("--allow-local allows that" in reason for reason in reasons.values())


def test_queries_at_urls_can_be_compared(
    run: Callable[..., Done], server: WebServer, tmp_path: Path
) -> None:
    items = [
        server.give(f"{item}_{n}.jpg", encoded(picture(n // 2 + 10 * n)))
        for item in "abc"
        for n in range(3)
    ]
    table_of(tmp_path, items)
    flags = ["--dataset", "urls.csv", "--labels", "items", "-d", "hsv", "--allow-local"]
    done = run("compare", *flags, "--item-rule", r"([a-z])_\d", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/report.html").exists()
    flags.remove("--allow-local")
    done = run("compare", *flags, "--out", "none", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"cbir compare: no picture can be used: {items[0]}: it leads to")


def test_a_picture_at_a_url_is_fetched_once_for_all_its_edits(
    run: Callable[..., Done], server: WebServer, urls: list[str], tmp_path: Path
) -> None:
    table_of(tmp_path, urls)
    flags = ["--dataset", "urls.csv", "--labels", "edits", "-d", "hsv", "--allow-local"]
    done = run("compare", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    # To be described; and to be edited in every way, for its costs, and to be shown.
    assert [len(server.asked(f"{n:02}.jpg")) for n in range(COUNT)] == [2] * COUNT


@pytest.mark.parametrize("kind", ["dripping", "silent", "busy"])
def test_ctrl_c_ends_it_promptly(
    server: WebServer, urls: list[str], tmp_path: Path, kind: str
) -> None:
    slow = {
        "dripping": web_server.dripping(bytes(100_000)),
        "silent": web_server.silent(60),
        "busy": status(503, Retry_After="50"),
    }[kind]
    table_of(tmp_path, [*urls, *(server.on(f"slow{n}.jpg", slow) for n in range(20))])
    running = subprocess.Popen(
        [sys.executable, ROOT / "index.py", "--dataset", "urls.csv", "--allow-local"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not any("slow" in one.path for one in server.requests):
        time.sleep(0.02)
    time.sleep(0.1)
    began = time.monotonic()
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=20)
    assert time.monotonic() - began < 10
    assert running.returncode == 130
    assert said == "cbir index: stopped; each index is whole, as it was or new\n"


def test_items_at_urls_are_asked_for_once_and_once_more_to_be_drawn(
    server: WebServer, urls: list[str], tmp_path: Path, run: Run
) -> None:
    """Also where the store has them mirrored and turned, which it is enough to ask for."""
    table_of(tmp_path, urls)
    flags = ("--dataset", "urls.csv", "--allow-local", "--item-rule", "stem", "--number", "3")
    (tmp_path / "photo.jpg").write_bytes(encoded(picture(3)))

    def asked(*arguments: str) -> tuple[Done, list[int]]:
        server.requests.clear()
        done = run(*arguments, *flags, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done, sorted(len(server.asked(f"{n:02}.jpg")) for n in range(COUNT))

    search = ("visual-search", "--image", "photo.jpg")
    before, counts = asked(*search, "--no-montage", "--augment")
    assert counts == [1] * COUNT
    done, counts = asked(*search)
    assert done.stdout == before.stdout
    assert "mirrored and turned, too" in done.stderr
    assert counts == [*[1] * (COUNT - 3), 2, 2, 2]
    _, counts = asked("similar", "--item", "03")
    assert counts == [*[1] * (COUNT - 4), 2, 2, 2, 2]


def test_a_drawing_does_not_wait_long(
    server: WebServer, urls: list[str], tmp_path: Path, run: Run
) -> None:
    """For what was described a moment ago, and now is not to be had."""
    broken = status(503, Retry_After="30")
    for n in range(COUNT):
        whole = web_server.picture(encoded(picture(n)))
        server.on(f"{n:02}.jpg", in_turn(whole, broken))
    table_of(tmp_path, urls)
    flags = ("--dataset", "urls.csv", "--allow-local", "--item-rule", "stem")
    began = time.monotonic()
    flags += ("--item", "03", "--number", "3", "--no-store")
    done = run("similar", *flags, cwd=tmp_path)
    assert time.monotonic() - began < 25
    assert done.returncode == 0
    assert COUNT < len(server.requests) <= COUNT + 4  # fewer, once the server says that it is busy
    assert cv2.imread(str(tmp_path / "results/03.jpg")) is not None


def test_large_pictures_wait_for_memory_and_all_arrive(
    server: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for one at a time, few turns, and tries that fail: nobody waits for ever."""
    noise = np.random.default_rng(1).integers(0, 256, (1500, 1500, 3), np.uint8)
    data = encoded(noise, ".bmp")
    assert len(data) > 6 << 20
    good = web_server.picture(data)
    names = [
        server.on(f"{n:02}.bmp", in_turn(status(503), good) if n % 3 else good) for n in range(12)
    ]
    monkeypatch.setattr("cbir.pipeline.describing.MEMORY", 1 << 20)
    source = Table(table_of(tmp_path, names), web=replace(QUICK, per_host=2, timeout=20))
    vectors, failures = outcome(source, workers=2)
    assert (len(vectors), failures) == (12, [])
