"""What pictures are that have copies: their size in pixels and bytes, read once more."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256

from cbir.errors import BadPicture
from cbir.images import read_header
from cbir.pipeline import Progress, Settings
from cbir.types import Failure, Picture, Source


@dataclass(frozen=True)
class Photo:
    """What is known of a picture that has copies, by its very bytes."""

    id: str
    width: int
    height: int
    bytes: int
    sha256: str

    @property
    def order(self) -> tuple[int, int, str]:
        """The largest comes first: by pixels, then by bytes, then by id."""
        return -self.width * self.height, -self.bytes, self.id


def photos_of(
    source: Source,
    chosen: Mapping[int, Sequence[str]],
    contents: Mapping[str, bytes],
    settings: Settings,
    progress: Progress,
) -> tuple[dict[int, list[Photo]], list[Failure]]:
    """Pictures, by number, each with those that have its very bytes; and which of them are gone."""

    def look(ids: Sequence[str]) -> tuple[list[Photo], list[Failure]]:
        gone = []
        for place, id in enumerate(ids):
            try:
                data = source.read(Picture(id, ""))
                if sha256(data).digest() != contents[id]:
                    raise BadPicture("it changed while it was compared")
                header = read_header(data)
            except BadPicture as error:
                gone.append(Failure(id, str(error)))
                continue
            size, digest = (header.width, header.height, len(data)), contents[id].hex()
            return [Photo(other, *size, digest) for other in ids[place:]], gone
        return [], gone

    photos, failures = dict[int, list[Photo]](), list[Failure]()
    with ThreadPoolExecutor(settings.threads, "cbir-sizes") as pool:
        for number, (found, gone) in zip(chosen, pool.map(look, chosen.values()), strict=True):
            failures += gone
            if found:
                photos[number] = found
            progress(len(photos), len(chosen))
    return photos, failures
