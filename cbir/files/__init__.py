"""Files that can be trusted: only regular ones are read, and outputs appear whole or not at all."""

from cbir.files.checking import check_folder, check_output, why_no_output
from cbir.files.ours import check_ours, remove_ours, replacing_ours, written_by
from cbir.files.reading import (
    LARGEST_FILE,
    OPEN_FLAGS,
    read_regular,
    readable,
    regular,
    stamp,
    why_not,
)
from cbir.files.writing import (
    NO_LINKS,
    creating,
    make_folder,
    replacing,
    sweep,
    sweep_folder,
    sync_folder,
)

__all__ = [
    "LARGEST_FILE",
    "NO_LINKS",
    "OPEN_FLAGS",
    "check_folder",
    "check_ours",
    "check_output",
    "creating",
    "make_folder",
    "read_regular",
    "readable",
    "regular",
    "remove_ours",
    "replacing",
    "replacing_ours",
    "stamp",
    "sweep",
    "sweep_folder",
    "sync_folder",
    "why_no_output",
    "why_not",
    "written_by",
]
