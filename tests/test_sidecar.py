"""The sidecar is only speed: whatever becomes of it, an index gives the CSV's numbers."""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cbir.vector_index import VectorIndex, sidecar
from cbir.vector_index.sections import MARK
from cbir.vector_index.sidecar import Stamp
from tests.conftest import ROOT
from tests.test_vector_index import histograms, names, written

TAIL = 16 + len(MARK)


def right(index: VectorIndex, count: int = 40, dim: int = 288) -> bool:
    """Whether an index holds what `written` put there."""
    expected = histograms(count, dim)
    return (
        list(index.ids) == names(count)
        and np.array_equal(index.vectors(index.ids), expected)
        and np.allclose(index.blocks.sums, expected.sum(axis=1), rtol=1e-5)
        and np.allclose(index.blocks.squares, np.square(expected).sum(axis=1), rtol=1e-5)
        and index.blocks.nonnegative
        and index.distance == "chi2"
    )


def footer_of(raw: bytes) -> tuple[int, dict[str, Any]]:
    """Where the footer starts, and what it says."""
    length = int.from_bytes(raw[-TAIL + 8 : -len(MARK)], "little")
    start = len(raw) - TAIL - length
    return start, json.loads(raw[start:-TAIL])


def with_footer(raw: bytes, footer: bytes) -> bytes:
    """Another footer with its length; whatever else stands there, its checksum too, stays."""
    tail = raw[-TAIL : -TAIL + 8] + len(footer).to_bytes(8, "little") + MARK
    return raw[: footer_of(raw)[0]] + footer + tail


def test_these_tests_know_the_layout(tmp_path: Path) -> None:
    """Else the lies below would be refused for another reason than that they are lies."""
    written(tmp_path / "index.csv")
    raw = (tmp_path / "index.csv.vectors").read_bytes()
    _, footer = footer_of(raw)
    assert with_footer(raw, json.dumps(footer, sort_keys=True).encode()) == raw


def rewrite_keeping_the_time(path: Path, content: bytes) -> None:
    """As a careless program would: the sidecar can't know of it."""
    status = path.stat()
    assert len(content) == status.st_size
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.fixture
def index(tmp_path: Path) -> Path:
    path = tmp_path / "index.csv"
    written(path)
    return path


def test_it_lies_beside_the_csv_and_records_its_size_and_time(index: Path) -> None:
    raw = Path(f"{index}.vectors").read_bytes()
    status = index.stat()
    _, footer = footer_of(raw)
    assert footer["csv"] == [status.st_size, status.st_mtime_ns]
    assert footer["count"] == 40
    assert set(footer["sections"]) == {"blocks", "sums", "squares", "ends", "keys"}


def test_it_is_used_while_size_and_time_are_those_of_the_csv(index: Path) -> None:
    rewrite_keeping_the_time(index, index.read_bytes().replace(b"0.00", b"0.99"))
    assert right(VectorIndex.read(index))


def test_it_is_used_without_the_csv_being_read_at_all(index: Path) -> None:
    rewrite_keeping_the_time(index, bytes(index.stat().st_size))
    assert right(VectorIndex.read(index))


def test_it_is_made_again_when_the_csv_has_changed(index: Path) -> None:
    VectorIndex(ids=["new.jpg"], vectors=np.eye(1, 3), spec="mine").write(index.parent / "b.csv")
    os.replace(index.parent / "b.csv", index)
    found = VectorIndex.read(index)
    assert list(found.ids) == ["new.jpg"]
    assert found.vectors(["new.jpg"]).tolist() == [[1, 0, 0]]
    # The second reading is from the sidecar.
    rewrite_keeping_the_time(index, bytes(index.stat().st_size))
    assert list(VectorIndex.read(index).ids) == ["new.jpg"]


def test_a_newer_time_alone_makes_it_stale(index: Path) -> None:
    before = sidecar.place(index).read_bytes()
    os.utime(index, ns=(1, 1))
    assert right(VectorIndex.read(index))
    assert sidecar.place(index).read_bytes() != before
    assert sidecar.load(sidecar.place(index), Stamp.of(index.stat())) is not None


def rebuilt(index: Path) -> bytes:
    """The sidecar that reading the CSV makes."""
    sidecar.place(index).unlink()
    assert right(VectorIndex.read(index))
    return sidecar.place(index).read_bytes()


def test_it_is_made_again_when_it_is_gone(index: Path) -> None:
    before = sidecar.place(index).read_bytes()
    after = rebuilt(index)
    fields, again = footer_of(before)[1], footer_of(after)[1]
    # Whether a CSV is one of ours to the byte is known only when it is written.
    assert (fields.pop("as_written"), again.pop("as_written")) == (True, False)
    assert fields == again
    assert before[: footer_of(before)[0]] == after[: footer_of(after)[0]]


def test_another_indexs_is_not_taken(index: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    VectorIndex(ids=["x"], vectors=np.eye(1), spec="mine").write(other)
    shutil.copy2(sidecar.place(other), sidecar.place(index))
    assert right(VectorIndex.read(index))


def test_nothing_is_left_beside_it(index: Path) -> None:
    sidecar.place(index).unlink()
    VectorIndex.read(index)
    assert {p.name for p in index.parent.iterdir()} == {"index.csv", "index.csv.vectors"}


@pytest.mark.parametrize(
    "content", [b"", b"\0", MARK, bytes(8) + MARK, b"\xff" * 8 + MARK, b"garbage" * 1000]
)
def test_garbage_is_replaced(index: Path, content: bytes) -> None:
    sidecar.place(index).write_bytes(content)
    assert right(VectorIndex.read(index))
    assert sidecar.load(sidecar.place(index), Stamp.of(index.stat())) is not None


def cuts(raw: bytes) -> Iterator[int]:
    """Lengths that end at, just before and within every section, footer and tail included."""
    start, footer = footer_of(raw)
    spans = [(at, length) for at, length, _ in footer["sections"].values()]
    for at, length in [*spans, (start, len(raw) - TAIL - start), (len(raw) - TAIL, TAIL)]:
        yield from (at, at + length // 2, at + length - 1)


def test_a_truncated_one_is_replaced_wherever_it_ends(index: Path) -> None:
    place = sidecar.place(index)
    raw = rebuilt(index)
    for cut in cuts(raw):
        place.write_bytes(raw[:cut])
        assert right(VectorIndex.read(index)), cut
        assert place.read_bytes() == raw, cut


def change(*keys: str, to: object) -> Callable[[dict[str, Any]], None]:
    def apply(footer: dict[str, Any]) -> None:
        for key in keys[:-1]:
            footer = footer[key]
        footer[keys[-1]] = to

    return apply


def same_as(section: str, other: str) -> Callable[[dict[str, Any]], None]:
    def apply(footer: dict[str, Any]) -> None:
        footer["sections"][section] = footer["sections"][other]

    return apply


def shifted(section: str, by: int) -> Callable[[dict[str, Any]], None]:
    def apply(footer: dict[str, Any]) -> None:
        footer["sections"][section][0] += by

    return apply


HUGE = 10**30
LIES = {
    "count 0": change("count", to=0),
    "count -1": change("count", to=-1),
    "count huge": change("count", to=HUGE),
    "count text": change("count", to="40"),
    "count a fraction": change("count", to=40.0),
    "count infinite": change("count", to=float("inf")),
    "one picture less": change("count", to=39),
    "block_rows 0": change("block_rows", to=0),
    "block_rows huge": change("block_rows", to=HUGE),
    "block_rows 16": change("block_rows", to=16),
    "block_rows 1": change("block_rows", to=1),
    "dim huge": change("index", "dim", to=HUGE),
    "dim 287": change("index", "dim", to=287),
    "dim and block_rows changed": lambda f: (f["index"].update(dim=144), f.update(block_rows=96)),
    "other distance": change("index", "distance", to="cosine"),
    "no index": change("index", to=None),
    "csv short": change("csv", to=[1]),
    "csv text": change("csv", to="ab"),
    "sections a list": change("sections", to=[]),
    "section outside": change("sections", "sums", to=[HUGE, 320, 0]),
    "section negative": change("sections", "sums", to=[-8, 320, 0]),
    "section backwards": change("sections", "sums", to=[400, -80, 0]),
    "section text": change("sections", "keys", to="abc"),
    "section missing": lambda f: f["sections"].pop("ends"),
    "sums are squares": same_as("sums", "squares"),
    "squares are sums": same_as("squares", "sums"),
    "blocks shifted": shifted("blocks", 4),
    "sums shifted": shifted("sums", -8),
    "ends shifted": shifted("ends", 8),
    "keys shifted": shifted("keys", -1),
    "nonnegative denied": change("nonnegative", to=False),
    "augmented": change("index", "augmented", to=True),
    "augmented missing": lambda f: f["index"].pop("augmented"),
    "as_written missing": lambda f: f.pop("as_written"),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_footer_that_lies_is_not_believed(
    index: Path, lie: Callable[[dict[str, Any]], object]
) -> None:
    place = sidecar.place(index)
    raw = place.read_bytes()
    _, footer = footer_of(raw)
    lie(footer)
    place.write_bytes(with_footer(raw, json.dumps(footer, sort_keys=True).encode()))
    assert right(VectorIndex.read(index))


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_a_footer_too_deep_to_parse_is_not_believed(index: Path, opening: bytes) -> None:
    place = sidecar.place(index)
    place.write_bytes(with_footer(place.read_bytes(), opening * 100_000))
    assert right(VectorIndex.read(index))


@settings(deadline=None, max_examples=120)
@given(st.data())
def test_no_mutation_of_the_footer_gives_wrong_numbers(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.csv"
        written(path, count=5, dim=8, spec="mine")
        place = sidecar.place(path)
        raw = bytearray(place.read_bytes())
        start, _ = footer_of(raw)
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.integers(start, len(raw) - 1))
            raw[at] = data.draw(st.integers(0, 255) | st.sampled_from(b"0123456789-.e"))
        place.write_bytes(raw)
        assert right(VectorIndex.read(path), count=5, dim=8)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_no_mutation_anywhere_raises(data: st.DataObject) -> None:
    """Damage within the numbers is for `cbir check`: looking would cost what mapping saves."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.csv"
        written(path, count=5, dim=8, spec="mine")
        place = sidecar.place(path)
        raw = bytearray(place.read_bytes())
        for _ in range(data.draw(st.integers(1, 5))):
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
        place.write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
        found = VectorIndex.read(path)
        assert len(list(found.ids)) == len(found) == 5
        assert found.blocks.rows(np.arange(5)).shape == (5, 8)


def test_random_bytes_are_not_taken_for_one(index: Path) -> None:
    place = sidecar.place(index)
    generator = random.Random(0)
    for length in (1, 22, 23, 24, 100, 5000):
        place.write_bytes(generator.randbytes(length) + MARK)
        assert right(VectorIndex.read(index))


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_else_may_lie_in_its_place(index: Path, make: Callable[[Path], None]) -> None:
    sidecar.place(index).unlink()
    make(sidecar.place(index))
    code = (
        "import sys; from cbir.vector_index import VectorIndex\n"
        "print(len(VectorIndex.read(sys.argv[1])))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, index], cwd=ROOT, capture_output=True, text=True, timeout=3
    )
    assert (done.stdout, done.stderr) == ("40\n", "")


# For root no folder is read-only. What is imported late is imported before Python's own folder
# may get out of reach.
AS_NOBODY = """
import mmap, os, sqlite3, sys
import cbir.commands.search, cbir.descriptors, pyarrow.csv, cv2
from cbir.__main__ import main
cbir.descriptors.names()
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
assert not os.access(".", os.W_OK)
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("stale", [False, True], ids=["no sidecar", "stale sidecar"])
def test_a_folder_that_can_not_be_written_to_is_searched_all_the_same(stale: bool) -> None:
    # Not below tmp_path, which is its owner's alone.
    with tempfile.TemporaryDirectory() as outer:
        folder, home = Path(outer) / "index", Path(outer) / "home"
        folder.mkdir()
        home.mkdir()
        home.chmod(0o777)
        written(folder / "index.csv")
        if stale:
            os.utime(folder / "index.csv", ns=(1, 1))
        else:
            sidecar.place(folder / "index.csv").unlink()
        shutil.copy(ROOT / "queries/boot-red_query.jpg", folder / "query.jpg")
        before = {p.name: p.read_bytes() for p in folder.iterdir()}
        os.chmod(outer, 0o755)
        folder.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, "search", "--query", "query.jpg", "--no-montage"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "CBIR_HOME": str(home)},
            capture_output=True,
            text=True,
        )
        folder.chmod(0o755)
        assert (done.returncode, done.stderr) == (0, "")
        assert len(done.stdout.splitlines()) == 4
        assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
