"""The parts of a download that can be looked at alone: stamps, bodies, times."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from httpx import URL
from hypothesis import given, settings
from hypothesis import strategies as st

from cbir.downloads.bodies import GRANTED, no_picture, read_body
from cbir.downloads.stamps import conditions, seconds_from, stamp_of
from cbir.downloads.trouble import Again
from cbir.errors import BadPicture
from tests.conftest import encoded, picture

HERE = URL("https://shop.example/a.jpg")
OLD, NOW = "Mon, 06 May 2024 10:00:00 GMT", "Fri, 27 Nov 2026 10:00:00 GMT"
DATA = encoded(picture(1))

# --- stamps


@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        ({"etag": '"x"'}, [("If-None-Match", '"x"')]),
        ({"etag": '""'}, [("If-None-Match", '""')]),
        ({"etag": "x"}, []),
        ({"etag": "*"}, []),
        ({"etag": '"a","b"'}, []),
        ({"etag": '"a\u00e4"'}, []),
        ({"etag": f'"{"x" * 600}"'}, []),
        ({"etag": 'W/"x"'}, []),
        ({"last-modified": OLD}, []),  # without a date, nobody knows how old it is
        ({"last-modified": OLD, "date": NOW}, [("If-Modified-Since", OLD)]),
        ({"last-modified": NOW, "date": NOW}, []),
        ({"last-modified": NOW, "date": OLD}, []),
        ({"last-modified": "Mon, 06 May 2024 10:00:00 +0000", "date": NOW}, []),
        (
            {"etag": 'W/"x"', "last-modified": OLD, "date": NOW},
            [("If-None-Match", 'W/"x"'), ("If-Modified-Since", OLD)],
        ),
        ({"etag": 'W/"x"', "last-modified": NOW, "date": NOW}, []),
        ({"etag": '"x"', "last-modified": NOW, "date": NOW}, [("If-None-Match", '"x"')]),
    ],
)
def test_what_a_server_can_be_asked_by(
    headers: dict[str, str], asked: list[tuple[str, str]]
) -> None:
    stamp = stamp_of(HERE, headers)
    assert bool(stamp) == bool(asked)
    assert conditions(HERE, stamp) == asked
    assert conditions(URL("https://shop.example/b.jpg"), stamp) == []
    assert "shop" not in stamp  # a URL may hold a secret


@settings(max_examples=200, deadline=None)
@given(stamp=st.one_of(st.text(), st.text().map(lambda t: f'["{t}", "{t}", "{t}"]')))
def test_any_other_stamp_asks_nothing(stamp: str) -> None:
    """The store may hold a file's, or be damaged."""
    assert conditions(HERE, stamp) == []


@settings(max_examples=200, deadline=None)
@given(etag=st.text(max_size=30), modified=st.text(max_size=40))
def test_no_stamp_puts_anything_else_into_a_request(etag: str, modified: str) -> None:
    stamp = stamp_of(HERE, {"etag": etag, "last-modified": modified, "date": NOW})
    for _, value in conditions(HERE, stamp):
        assert value.isascii()
        assert value.isprintable()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("9" * 50, None),
        ("soon", None),
        ("Fri, 27 Nov 2026 10:01:00 GMT", 60),
        (OLD, 0),
        ("Fri, 99 Nov 2026 10:01:00 GMT", None),
    ],
)
def test_how_long_a_server_asks_to_wait(text: str, seconds: float | None) -> None:
    assert seconds_from(text, datetime(2026, 11, 27, 10, tzinfo=UTC)) == seconds


# --- bodies


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def body(data: bytes, largest: int = 1 << 20, size: int = 1000, **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_body(pieces(data, size), named, largest, lambda size: None)


@settings(max_examples=50, deadline=None)
@given(data=st.binary(max_size=5000), size=st.integers(1, 3000), members=st.integers(1, 3))
def test_what_is_packed_is_unpacked(data: bytes, size: int, members: int) -> None:
    packed = gzip.compress(data) * members
    assert body(packed, size=size, content_encoding="gzip") == data * members
    assert body(zlib.compress(data), size=size, content_encoding=" Deflate ") == data
    assert body(data, size=size, content_encoding="identity") == data


@settings(max_examples=50, deadline=None)
@given(data=st.binary(min_size=1, max_size=5000), share=st.floats(0, 0.99))
def test_what_is_packed_and_cut_is_noticed(data: bytes, share: float) -> None:
    packed = gzip.compress(data)
    with pytest.raises(Again, match="in part"):
        body(packed[: int(len(packed) * share)], content_encoding="gzip")


@settings(max_examples=50, deadline=None)
@given(data=st.binary(max_size=2000))
def test_damaged_packing_raises_nothing_else(data: bytes) -> None:
    with suppress(BadPicture, Again):
        body(data, content_encoding="gzip")


@pytest.mark.parametrize("encoding", ["", "gzip"])
@pytest.mark.parametrize("length", [True, False])
def test_the_limit_holds_on_the_way_and_unpacked(encoding: str, length: bool) -> None:
    for count, fits in ((10_000, True), (10_001, False)):
        data = bytes(count)
        sent = gzip.compress(data) if encoding else data
        said = {"content_length": str(len(sent))} if length else {}
        if fits:
            assert body(sent, 10_000, content_encoding=encoding, **said) == data
            continue
        with pytest.raises(BadPicture, match="larger than"):
            body(sent, 10_000, content_encoding=encoding, **said)


def test_a_bomb_takes_no_more_room_than_is_allowed() -> None:
    """As small pieces, so that a piece that is unpacked is never much larger than the limit."""
    import tracemalloc

    bomb = gzip.compress(bytes(200 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(BadPicture, match="larger than 2 MB"):
            body(bomb, 2 << 20, len(bomb), content_encoding="gzip")
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("known", [True, False])
def test_room_is_asked_for_before_it_is_taken(known: bool) -> None:
    asked: list[int] = []
    taken = 0

    def parts() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(100):
            assert taken <= GRANTED + sum(asked)
            yield bytes(100_000)
            taken += 100_000

    said = {"content-length": "10000000"} if known else {}
    assert len(read_body(parts(), said, 1 << 30, asked.append)) == 10_000_000
    assert len(asked) == 1 if known else len(asked) <= 2
    assert 10_000_000 <= GRANTED + sum(asked) <= 20_000_000


# --- what is no picture

PICTURES = [".jpg", ".png", ".webp", ".bmp", ".tiff", ".ppm", ".jp2", ".avif", ".gif"]


@pytest.mark.parametrize("suffix", PICTURES)
def test_pictures_may_be_pictures(suffix: str) -> None:
    for seed in range(5):
        assert no_picture(encoded(picture(seed, 40, 36), suffix), "text/html") is None


def test_a_drawing_in_plain_letters_may_be_a_picture() -> None:
    assert no_picture(b"P3\n2 1 255\n1 2 3 4 5 6\n", "text/plain") is None


@pytest.mark.parametrize(
    ("data", "said", "reason"),
    [
        (b"", "image/jpeg", "the server sent nothing"),
        (
            b"\xef\xbb\xbf \n<!DocType HTML><title>No</title>",
            "",
            "the server sent a web page (text/html), not a picture",
        ),
        (
            b"<p>no such picture</p>",
            "text/html; charset=x",
            "the server sent a web page (text/html), not a picture",
        ),
        (
            b"<?xml version='1.0'?><Error/>",
            "application/xml",
            "the server sent text (application/xml), not a picture",
        ),
        (b"Not found", "", "the server sent text (text/plain), not a picture"),
        (
            "Zugriff verweigert für Gäste".encode(),
            "image/jpeg",
            "the server sent text (text/plain), not a picture",
        ),
        (
            "ü".encode() * 600,
            "text/plain\r\nX: y",
            "the server sent text (text/plain), not a picture",
        ),
    ],
)
def test_what_is_no_picture(data: bytes, said: str, reason: str) -> None:
    assert no_picture(data, said) == reason


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=2000), said=st.text(max_size=50))
def test_anything_may_be_sent(data: bytes, said: str) -> None:
    reason = no_picture(data, said)
    assert reason is None or "\n" not in reason
