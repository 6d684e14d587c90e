"""The pictures of a catalogue, from a manifest that lists them into a folder."""

from cbir.extraction.fetching import Outcome, fetch_all
from cbir.extraction.manifest import ID, PRODUCT, Manifest, Wanted, read_manifest
from cbir.extraction.templates import Template, check_values, parse

__all__ = [
    "ID",
    "PRODUCT",
    "Manifest",
    "Outcome",
    "Template",
    "Wanted",
    "check_values",
    "fetch_all",
    "parse",
    "read_manifest",
]
