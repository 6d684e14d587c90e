"""Downloads from a real server on loopback, which also misbehaves."""

from collections.abc import Iterator

import pytest

from cbir.downloads import Downloader, Web
from tests.conftest import encoded, picture
from tests.web_server import WebServer

DATA = encoded(picture(1))
QUICK = Web(allow_local=True, timeout=1.5, silence=0.4, pause=0.01, largest=5 << 20)


@pytest.fixture
def server() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


@pytest.fixture
def downloader() -> Iterator[Downloader]:
    with Downloader(QUICK) as downloader:
        yield downloader


def test_what_has_not_changed_is_not_sent_again(server: WebServer, downloader: Downloader) -> None:
    url = server.give("a.jpg", DATA)
    fetched = downloader.fetch(url)
    assert fetched is not None
    assert fetched.data == DATA
    assert downloader.fetch(url, fetched.stamp) is None
    assert [one.status for one in server.asked("a.jpg")] == [200, 304]
