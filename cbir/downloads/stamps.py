"""What a server knows a picture's bytes by: its validators, as the text that the store keeps.

A stamp belongs to one URL, the one at the end of all redirects: two resources may have equal ETags.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from httpx import URL

ETAG = re.compile(r'(W/)?"[\x21\x23-\x7e]{0,500}"')  # never *, which would match anything
DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", re.ASCII)
SETTLED = 2.5  # seconds after which a change shows in times that are whole seconds


def stamp_of(url: URL, headers: Mapping[str, str]) -> str:
    """The stamp of an answer to a request for this URL; empty if it can't be asked about again.

    A picture that has changed just now may change again without another time, and with it another
    ETag if that is weak: servers make weak ones of such times.
    """
    etag, modified = headers.get("etag", ""), headers.get("last-modified", "")
    if not DATE.fullmatch(modified) or not _settled(modified, headers.get("date", "")):
        modified = ""
    if not ETAG.fullmatch(etag) or (etag.startswith("W/") and not modified):
        etag = ""
    return json.dumps([_digest(url), etag, modified]) if etag or modified else ""


def conditions(url: URL, stamp: str) -> list[tuple[str, str]]:
    """The headers that ask for a picture only if it is no longer the one with this stamp."""
    try:
        whose, etag, modified = json.loads(stamp)
    except (ValueError, TypeError, RecursionError):  # a file's stamp, or a damaged one
        return []
    if whose != _digest(url):
        return []
    asked = []
    if isinstance(etag, str) and ETAG.fullmatch(etag):
        asked.append(("If-None-Match", etag))
    if isinstance(modified, str) and DATE.fullmatch(modified):
        asked.append(("If-Modified-Since", modified))
    return asked


def seconds_from(text: str, now: datetime | None = None) -> float | None:
    """What a Retry-After header asks for: seconds, or until a moment; None if it is neither."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    moment = _moment(text)
    if moment is None:
        return None
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def _settled(modified: str, date: str) -> bool:
    change, now = _moment(modified), _moment(date)
    return change is not None and now is not None and (now - change).total_seconds() >= SETTLED


def _moment(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _digest(url: URL) -> str:
    return sha256(str(url).encode("utf-8", "backslashreplace")).hexdigest()[:32]
