"""Pictures to bytes to images to vectors, streaming, with memory bounded in bytes.

What is to be made of each picture is a list of *jobs*, one for each descriptor and transform; sums
share the jobs of their parts. Threads read, decode and prepare some tasks ahead; each job's queue
describes in batches; assemblies put jobs together again, as the recipes want them. Results come in
the pictures' order, whichever thread was faster.
"""

from cbir.pipeline.assembly import Described, Failed
from cbir.pipeline.describing import describe, describe_one
from cbir.pipeline.gathering import Gathered, Progress, Told, gather, unwatched
from cbir.pipeline.settings import Settings

__all__ = [
    "Described",
    "Failed",
    "Gathered",
    "Progress",
    "Settings",
    "Told",
    "describe",
    "describe_one",
    "gather",
    "unwatched",
]
