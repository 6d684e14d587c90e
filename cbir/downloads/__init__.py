"""Pictures at URLs that strangers wrote down: fetched politely, within limits, from public places.

Every address that a name resolves to is checked, and the connection goes to those very addresses,
for each redirect anew. So a table of URLs can't make this machine ask its own services.
"""

from cbir.downloads.downloader import Downloader
from cbir.downloads.settings import Web
from cbir.downloads.urls import is_url, without_credentials
from cbir.types import Fetched

__all__ = ["Downloader", "Fetched", "Web", "is_url", "without_credentials"]
