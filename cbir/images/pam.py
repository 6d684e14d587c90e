"""PAM pictures (P7), which OpenCV reads without regard to MAXVAL and with mixed-up alpha."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cbir.errors import BadPicture


class Plan(NamedTuple):
    width: int
    height: int
    depth: int
    most: int
    start: int

    @property
    def alpha(self) -> bool:
        return self.depth in (2, 4)


def read_plan(data: bytes) -> Plan:
    """The text before the pixels; ValueError or KeyError when it is damaged."""
    head, end, _ = data[:4096].partition(b"ENDHDR\n")
    if not end:
        raise ValueError("no end of the header")
    words = (line.split() for line in head.splitlines() if not line.startswith(b"#"))
    fields = {line[0]: line[-1] for line in words if len(line) == 2}
    width, height, depth, most = (
        int(fields[key]) for key in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL")
    )
    if depth not in (1, 2, 3, 4) or not 1 <= most <= 65535:
        raise ValueError("a depth or range that PAM does not have")
    return Plan(width, height, depth, most, len(head) + len(end))


def decode(data: bytes) -> NDArray:
    """Grey, RGB or RGBA pixels, 8 bits."""
    plan = read_plan(data)
    kind = np.dtype(np.uint8 if plan.most < 256 else ">u2")
    count = plan.width * plan.height * plan.depth
    if len(data) - plan.start < count * kind.itemsize:
        raise BadPicture("truncated or damaged PAM")
    pixels: NDArray = np.frombuffer(data, kind, count, plan.start)
    pixels = pixels.reshape(plan.height, plan.width, plan.depth)
    if plan.most != 255:
        pixels = (np.minimum(pixels, plan.most).astype(np.uint32) * 255 // plan.most).astype("u1")
    if plan.depth == 1:
        return pixels[..., 0]
    return pixels if plan.depth > 2 else pixels[..., [0, 0, 0, 1]]
