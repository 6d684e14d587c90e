"""Exported networks on disk: made once, checked when read, made again when in doubt.

A file is an ONNX model with its own digest as the last entry of its metadata, so that one that was
cut short, damaged or put there by somebody else is not used.
"""

import hashlib
import re
from contextlib import suppress
from pathlib import Path

from cbir import places
from cbir.errors import BadOutput
from cbir.files import replacing

KEY = b"cbir.sha256"


def path_for(words: list[str], identity: str) -> Path:
    """Where the network of this identity is kept; the words are for a person who looks there."""
    name = "-".join(re.sub(r"[^\w.]+", "_", word) for word in words)[:80]
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return places.cache() / "networks" / f"{name}-{digest}.onnx"


def read(path: Path) -> bytes | None:
    """The model, if it is there and whole."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    length = len(seal(b""))
    return data if data[-length:] == seal(data[:-length]) else None


def write(path: Path, model: bytes) -> bytes:
    """Keeps the model if the folder can be written to; returns what is to be run either way."""
    sealed = model + seal(model)
    with suppress(BadOutput, OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(sealed)
    return sealed


def seal(model: bytes) -> bytes:
    """The digest as a piece of ONNX: one more entry of `metadata_props`, field 14 of a model."""
    digest = hashlib.sha256(model).hexdigest().encode()
    entry = _field(1, KEY) + _field(2, digest)
    return _field(14, entry)


def _field(number: int, value: bytes) -> bytes:
    """A protobuf field of bytes; all of ours are shorter than 128."""
    return bytes([number << 3 | 2, len(value)]) + value
