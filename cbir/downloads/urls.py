"""URLs as tables give them: what is one, what may be fetched, and how it is told to a person."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from cbir.errors import BadPicture

if TYPE_CHECKING:
    from httpx import URL

A_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
CREDENTIALS = re.compile(r"(?<=://)[^/?#]*@")
HERE = ("", "localhost")


def is_url(text: str) -> bool:
    """Whether a person means a URL by this, of whatever scheme."""
    return A_URL.match(text) is not None


def without_credentials(url: str) -> str:
    """The same URL without user and password, as it may be shown and kept."""
    return CREDENTIALS.sub("", url, count=1)


def scheme(url: str) -> str:
    return url.partition(":")[0].lower()


def parsed(text: str) -> URL:
    """A URL to ask a server for; BadPicture for all else."""
    import httpx

    if scheme(text) == "file":
        raise BadPicture("it names a file of this machine; --allow-local allows that")
    if scheme(text) not in ("http", "https"):
        # Not quoted: what stands there may be a password.
        raise BadPicture("only http:// and https:// URLs can be downloaded")
    try:
        url = httpx.URL(text).copy_with(fragment=None)
        host = url.raw_host
    except (httpx.InvalidURL, ValueError) as error:
        raise BadPicture("that can't be a URL") from error
    if not host:
        raise BadPicture("a URL without a server's name")
    return url


def redirected(url: URL, location: str) -> URL:
    """Where a redirect leads; BadPicture if not to a web server."""
    import httpx

    try:
        target = url.join(location)
    except (httpx.InvalidURL, ValueError) as error:
        raise BadPicture("a redirect to what can't be a URL") from error
    if target.scheme not in ("http", "https"):
        raise BadPicture("a redirect to something other than http:// or https://")
    if not target.raw_host:
        raise BadPicture("a redirect to a URL without a server's name")
    if not target.userinfo and _origin(target) == _origin(url):
        target = target.copy_with(userinfo=url.userinfo)
    return target.copy_with(fragment=None)


def authorization(url: URL) -> list[tuple[str, str]]:
    """The header that carries what the URL names as user and password, if it does."""
    if not url.userinfo:
        return []
    pair = f"{url.username}:{url.password}".encode("utf-8", "surrogateescape")
    return [("Authorization", f"Basic {b64encode(pair).decode('ascii')}")]


def file_path(url: str) -> str:
    """The path that a file:// URL names; BadPicture if it is on another machine."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError as error:
        raise BadPicture("that can't be a URL") from error
    if host not in HERE:
        raise BadPicture("a file:// URL must be of this machine")
    path = unquote(parts.path, errors="surrogateescape")
    # A drive's letter has a slash before it in a URL.
    return path[1:] if re.match(r"/[a-zA-Z]:", path) else path


def _origin(url: URL) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port
