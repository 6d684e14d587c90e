"""`cbir extract-images` as a person runs it, against servers that do their best and worst."""

import csv
import gzip
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from cbir.__main__ import main
from cbir.downloads import Web
from cbir.extraction import Wanted, fetch_all, fetching
from cbir.files import writing
from tests.conftest import ROOT, Done, Run, encoded, picture
from tests.test_extraction import aws, moto, put  # noqa: F401 - fixtures
from tests.test_files import bound_by_permissions
from tests.web_server import (
    WebServer,
    bomb,
    dripping,
    endless,
    hung_up,
    in_turn,
    page,
    redirect,
    slow,
    status,
    truncated,
)
from tests.web_server import picture as whole

PHOTO = encoded(picture(1))
Write = Callable[..., Path]


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as running:
        yield running


@pytest.fixture
def extract(
    tmp_path: Path, server: WebServer, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Runs the command in this process on rows (product, id); the server is on this machine."""

    def extracted(rows: list[tuple[str, str]], *flags: str | Path, local: bool = True) -> Done:
        path = tmp_path / "manifest.gz"
        lines = ["product_id_model,id", *(f"{product},{id}" for product, id in rows)]
        path.write_bytes(gzip.compress("\n".join(lines).encode()))
        given = ["--manifest", path, "--url-template", server.url("p/{id}"), *flags]
        if "--out" not in flags:
            given += ["--out", tmp_path / "out"]
        capfd.readouterr()
        arguments = ["extract-images", *map(str, given), *(["--allow-local"] if local else [])]
        return Done(arguments, main(arguments), *capfd.readouterr())

    return extracted


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def reasons(folder: Path) -> dict[str, str]:
    """By the last part of the URL."""
    with open(folder / "failures.csv", newline="") as file:
        return {row["id"].rsplit("/", 1)[-1]: row["reason"] for row in csv.DictReader(file)}


# What goes well


def test_the_earlier_tool_s_example(
    tmp_path: Path,
    run: Run,
    server: WebServer,
    moto: str,  # noqa: F811
) -> None:
    """Its bucket, its key and its flags; then the items come out right."""
    key = "images/data/pixlIDs_domain_id_0341_dpt_num_department_371000.gz"
    rows = "product_id_model,name,id\n8001,stick,11\n8001,stick,12\n8002,skate,13\n8001,stick,11\n"
    put(moto, "preprod.datamining", key, gzip.compress(rows.encode()))
    for seed, id in enumerate((11, 12, 13)):
        server.give(f"p{id}/p{id}.jpg", encoded(picture(seed)))
    template = "images/data/pixlIDs_domain_id_{domain_id}_dpt_num_department_{dpt_number}000.gz"
    out = tmp_path / "hockey"
    done = run(
        *("extract-images", "--dpt-number", "371", "--domain-id", "0341"),
        *("--manifest", f"s3://preprod.datamining/{template}", "--allow-local"),
        *("--url-template", server.url("p{id}/p{id}.jpg"), "--out", out),
        env={"AWS_ENDPOINT_URL": moto},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "3 pictures (3 new, 0 there already)" in done.stderr
    assert names(out) == ["8001_11.jpg", "8001_12.jpg", "8002_13.jpg"]
    assert (out / "8001_12.jpg").read_bytes() == encoded(picture(1))
    assert len(server.requests) == 3


def test_json_and_quiet(tmp_path: Path, server: WebServer, extract: Run) -> None:
    server.give("p/1", PHOTO)
    done = extract([("A", "1"), ("A", "2")], "--json", "--quiet")
    assert done.returncode == 1
    record = json.loads(done.stdout)
    assert 0 < record.pop("seconds") < 30
    counts = {"pictures": 1, "new": 1, "unchanged": 0, "failed": 1}
    assert record == {"out": str(tmp_path / "out"), **counts}
    assert done.stderr.count("\n") == 1


def test_pictures_are_called_by_their_format(
    tmp_path: Path, server: WebServer, extract: Run
) -> None:
    for suffix in (".png", ".webp", ".jpg", ".gif"):
        server.give(f"p/{suffix[1:]}", encoded(picture(), suffix), kind="image/jpeg")
    rows = [("A", "png"), ("A", "webp"), ("B", "jpg"), ("B", "gif")]
    assert extract(rows).returncode == 0
    assert names(tmp_path / "out") == ["A_png.png", "A_webp.webp", "B_gif.gif", "B_jpg.jpg"]


def test_names_stay_in_the_folder(tmp_path: Path, server: WebServer, extract: Run) -> None:
    products = ["../../evil", "..", "a_b", "a.b", "/etc/x", "c:\\x"]
    server.give("p/1", PHOTO)
    assert extract([(product, "1") for product in products]).returncode == 0
    assert len(names(tmp_path / "out")) == len(products)
    assert names(tmp_path) == ["manifest.gz", "out"]
    assert "a%5Fb_1.jpg" in names(tmp_path / "out")


def test_what_is_there_is_not_fetched_again(
    tmp_path: Path, server: WebServer, extract: Run
) -> None:
    rows = [("A", str(i)) for i in range(6)]
    for _, id in rows:
        server.give(f"p/{id}", PHOTO)
    assert extract(rows).returncode == 0
    out = tmp_path / "out"
    (out / "A_1.jpg").write_bytes(PHOTO[:-100])  # what another tool left
    (out / "A_2.jpg").write_bytes(b"")
    (out / "A_3.jpg").unlink()
    (out / "A_4.jpg").rename(out / "A_4.png")
    (out / "A_5.jpg").rename(out / "A_5.gif")
    (out / "A_5.gif").write_bytes(b"<html>")
    (out / ".A_9.jpg.0123456789abcdef.partial").write_bytes(b"what a kill left")
    server.requests.clear()
    done = extract(rows)
    assert "6 pictures (4 new, 2 there already)" in done.stderr
    assert {one.path for one in server.requests} == {"/p/1", "/p/2", "/p/3", "/p/5"}
    assert names(out) == ["A_0.jpg", "A_1.jpg", "A_2.jpg", "A_3.jpg", "A_4.png", "A_5.jpg"]
    assert (out / "A_5.jpg").read_bytes() == PHOTO


# What does not


def test_servers_that_misbehave(
    tmp_path: Path, server: WebServer, extract: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = Web(timeout=1.5, silence=0.7, pause=0.05, largest=1 << 20)
    monkeypatch.setattr(
        "cbir.commands.options.Web", lambda *a, **k: Web(*a, **{**vars(short), **k})
    )
    behaviours = {
        "good": whole(PHOTO),
        "slow": slow(PHOTO, 0.3),
        "silent": slow(PHOTO, 5),
        "dripping": dripping(PHOTO),
        "missing": status(404),
        "trouble": in_turn(status(500), status(503), whole(PHOTO)),
        "always": status(500),
        "part": truncated(PHOTO),
        "once": in_turn(truncated(PHOTO), whole(PHOTO)),
        "short": whole(PHOTO[:-50]),
        "page": page(),
        "pdf": whole(b"%PDF-1.7\n\0"),
        "circle": redirect("circle"),
        "moved": redirect("good"),
        "secret": redirect("file:///etc/passwd"),
        "endless": endless,
        "bomb": bomb(1 << 24),
        "gone": in_turn(hung_up, whole(PHOTO)),
    }
    for name, behaviour in behaviours.items():
        server.on(f"p/{name}", behaviour)
    done = extract([("A", name) for name in behaviours])
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    good = {"good", "slow", "trouble", "once", "moved", "gone"}
    out = tmp_path / "out"
    assert names(out) == sorted([*(f"A_{name}.jpg" for name in good), "failures.csv"])
    assert all((out / f"A_{name}.jpg").read_bytes() == PHOTO for name in good)
    told = reasons(out)
    assert set(told) == set(behaviours) - good
    for name, words in {
        "silent": "does not answer",
        "dripping": "too slowly",
        "missing": "404 Not Found",
        "always": "500 Internal Server Error",
        "part": "only in part",
        "short": "JPEG that came only in part",
        "page": "a web page",
        "pdf": "PDF",
        "circle": "circle",
        "secret": "redirect to something other",
        "endless": "larger than 1 MB",
        "bomb": "larger than 1 MB",
    }.items():
        assert words in told[name], told[name]
    assert len(server.asked("p/always")) == 3
    assert len(server.asked("p/missing")) == 1


def test_addresses_of_this_machine_need_the_flag(
    tmp_path: Path, server: WebServer, extract: Run
) -> None:
    server.give("p/1", PHOTO)
    done = extract([("A", "1")], local=False)
    assert done.returncode == 2
    assert "no picture could be fetched" in done.stderr
    assert "--allow-local allows that" in done.stderr
    assert reasons(tmp_path / "out").keys() == {"1"}
    assert server.requests == []


def test_failures_are_listed_where_asked_and_go_away(
    tmp_path: Path, server: WebServer, extract: Run
) -> None:
    server.on("p/1", in_turn(status(404), whole(PHOTO)))
    server.give("p/2", PHOTO)
    rows = [("A", "1"), ("A", "2"), ("", "3")]
    done = extract(rows, "--failures", tmp_path / "lost.csv")
    assert done.returncode == 1
    listed = (tmp_path / "lost.csv").read_text().splitlines()
    assert listed[0] == "id,reason"
    assert listed[1:] == [
        f"{server.url('p/1')},404 Not Found",
        "row 3 of the manifest,it has no product_id_model",
    ]
    server.on("p/2", status(404))
    assert extract(rows[:2]).returncode == 0
    assert not (tmp_path / "out/failures.csv").exists()


def test_passwords_in_a_template_are_not_told(
    tmp_path: Path, server: WebServer, extract: Run
) -> None:
    url = server.url("p/{id}").replace("//", "//me:secret@")
    done = extract([("A", "1")], "--url-template", url)
    assert done.returncode == 2
    assert "secret" not in done.stderr + (tmp_path / "out/failures.csv").read_text()


def test_requests_are_spread_out(server: WebServer, extract: Run) -> None:
    server.on("p/0", in_turn(status(302, Location="/p/1"), whole(PHOTO)))
    for id in range(1, 7):
        server.give(f"p/{id}", PHOTO)
    started = time.monotonic()
    assert extract([("A", str(i)) for i in range(7)], "--limit-rate", "10").returncode == 0
    assert time.monotonic() - started > 0.65  # eight requests, a redirect among them
    assert len(server.requests) == 8


def test_connections_are_counted(server: WebServer, extract: Run) -> None:
    for id in range(8):
        server.on(f"p/{id}", slow(PHOTO, 0.1))
    assert extract([("A", str(i)) for i in range(8)], "--connections", "2").returncode == 0
    assert server.most_at_once == 2


def test_large_pictures_wait_for_memory(
    tmp_path: Path, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "MEMORY", 8 << 20)
    large = PHOTO[:-2] + bytes(6 << 20) + PHOTO[-2:]
    wanted = [Wanted(f"A_{id}", server.give(f"p/{id}", large)) for id in range(6)]
    outcomes = list(fetch_all(wanted, tmp_path / "out", Web(allow_local=True)))
    assert all(outcome.new for outcome in outcomes)


def test_blanks_around_names_do_not_count(tmp_path: Path, extract: Run, server: WebServer) -> None:
    server.give("p/1", PHOTO)
    (tmp_path / "m.csv").write_text('"product_id_model" , note, id\nA, x , 1\n'.replace('"', ""))
    done = extract([], "--manifest", tmp_path / "m.csv")
    assert done.returncode == 0
    assert names(tmp_path / "out") == ["A_1.jpg"]
    assert ": 1 picture (1 new, 0 there already) in" in done.stderr


def test_what_was_saved_is_counted_when_it_is_stopped(tmp_path: Path, server: WebServer) -> None:
    """Also what nobody was told of by then."""
    for id in range(6):
        server.give(f"p/{id}", PHOTO)
    wanted = [Wanted(f"A_{id}", server.url(f"p/{id}")) for id in range(6)]
    saved = list[str]()
    outcomes = fetch_all(wanted, tmp_path / "out", Web(allow_local=True), saved)
    next(outcomes)
    outcomes.close()
    assert sorted(saved) == names(tmp_path / "out")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--manifest", "{dpt_number}.gz"], "--manifest names {dpt_number}; give --dpt-number"),
        (["--manifest", "{id}.gz"], "no field {id}"),
        (["--manifest", "none.gz"], "it is not there"),
        (["--url-template", "http://x/{pixl}"], "no field {pixl}"),
        (["--url-template", "http://x/{domain_id}"], "give --domain-id"),
        (["--url-template", "http://x/a.jpg"], "the same for all pictures"),
        (["--out", ""], "--out is empty"),
        (["--out", "/dev/null"], "/dev/null is not a folder"),
        (["--limit-rate", "0"], "not a number of requests"),
        (["--tries", "0"], "at least 1"),
        (["--failures", str(ROOT / "README.md")], "another file's name"),
        (["--url-template", "ftp://x/{id}"], "only http:// and https://"),
        (["--url-template", "x.org/{id}.jpg"], "is no URL; begin it with https://"),
        (["--manifest", "S3://bucket"], "is not s3://BUCKET/KEY"),
    ],
)
def test_refusals_are_one_line(extract: Run, flags: list[str], words: str) -> None:
    done = extract([("A", "1")], *flags)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_folder_that_can_not_be_made(tmp_path: Path, extract: Run, server: WebServer) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "locked").mkdir(0o555)
    for name, why in (("file/out", "file is not a folder"), ("locked/out", "no permission")):
        done = bound_by_permissions(
            partial(extract, [("A", "1")], "--out", tmp_path / name), tmp_path
        )
        assert done.returncode == 2
        assert f"{name}: " in done.stderr
        assert why in done.stderr
    assert not server.requests


def test_a_full_disk_is_one_line(tmp_path: Path, server: WebServer) -> None:
    """Files of this process may have 64 KB, which the disk says as it says that it is full."""
    for id in range(4):
        server.give(f"p/{id}", encoded(picture(id, 1200, 900), ".png"))
    (tmp_path / "m.csv").write_text("product_id_model,id\n" + "".join(f"A,{i}\n" for i in range(4)))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "cbir", "extract-images", "--manifest", tmp_path / "m.csv"),
            *("--url-template", server.url("p/{id}"), "--out", tmp_path / "out", "--allow-local"),
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        preexec_fn=lambda: (
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN),
            resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)),
        )[0],
        timeout=60,
    )
    assert done.returncode == 2
    assert "can't write" in done.stderr
    assert done.stderr.count("\n") == 1
    assert names(tmp_path / "out") == []


# Stopped and resumed


def test_ctrl_c_ends_it_and_the_next_run_goes_on(
    tmp_path: Path, run: Run, server: WebServer
) -> None:
    for id in range(12):
        server.on(f"p/{id}", whole(PHOTO) if id < 4 else slow(PHOTO, 20))
    (tmp_path / "m.csv").write_text(
        "product_id_model,id\n" + "".join(f"A,{i}\n" for i in range(12))
    )
    out = tmp_path / "out"
    arguments = [
        *("extract-images", "--manifest", str(tmp_path / "m.csv"), "--allow-local"),
        *("--url-template", server.url("p/{id}"), "--out", str(out)),
    ]
    running = subprocess.Popen(
        [sys.executable, "-m", "cbir", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    ends = time.monotonic() + 60
    while server.at_once < 6 or len(list(out.glob("A_*"))) < 4:
        assert time.monotonic() < ends
        assert running.poll() is None
        time.sleep(0.05)
    stopped = time.monotonic()
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=30)
    assert time.monotonic() - stopped < 10
    assert running.returncode == 130
    assert "4 pictures were fetched and stay" in told
    assert "Traceback" not in told
    assert names(out) == [f"A_{i}.jpg" for i in range(4)]

    for id in range(4, 12):
        server.give(f"p/{id}", PHOTO)
    server.requests.clear()
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert "12 pictures (8 new, 4 there already)" in done.stderr
    assert {one.path for one in server.requests} == {f"/p/{i}" for i in range(4, 12)}


def test_a_kill_leaves_whole_pictures_only(tmp_path: Path, run: Run, server: WebServer) -> None:
    photos = {id: encoded(picture(id, 300, 300)) for id in range(60)}
    for id, data in photos.items():
        server.give(f"p/{id}", data)
    (tmp_path / "m.csv").write_text("product_id_model,id\n" + "".join(f"A,{i}\n" for i in photos))
    out = tmp_path / "out"
    arguments = [
        *("extract-images", "--manifest", str(tmp_path / "m.csv"), "--allow-local"),
        *("--url-template", server.url("p/{id}"), "--out", str(out)),
    ]
    running = subprocess.Popen([sys.executable, "-m", "cbir", *arguments], cwd=ROOT)
    while len(list(out.glob("A_*"))) < 10:
        assert running.poll() is None
        time.sleep(0.005)
    running.kill()
    running.wait()
    there = list(out.glob("A_*"))
    assert 10 <= len(there) < 60
    for path in there:
        assert path.read_bytes() == photos[int(path.stem[2:])]
    done = run(*arguments)
    assert done.returncode == 0
    assert f"{len(there)} there already" in done.stderr
    assert len(names(out)) == 60


def test_many_pictures_in_a_folder_are_looked_through_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: WebServer
) -> None:
    def never(path: Path) -> None:
        raise AssertionError("the whole folder was looked through for one picture")

    monkeypatch.setattr(writing, "sweep", never)
    wanted = [Wanted("A_1", server.give("p/1", PHOTO))]
    assert [one.new for one in fetch_all(wanted, tmp_path, Web(allow_local=True))] == [True]
    assert os.listdir(tmp_path) == ["A_1.jpg"]
