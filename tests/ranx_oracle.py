"""ranx, an independent implementation of the metrics, in a process of its own.

Its compiler is switched off, which would take half a minute and warn of things of its own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

Answer = dict[str, dict[str, float]]
Ask = Callable[..., Answer]

FIXED = {"rprec": "r-precision"}
KINDS = {"p": "precision", "success": "hit_rate"}


@contextmanager
def ranx() -> Iterator[Ask]:
    """A function of qrels, run (both a dict or a TREC file) and our names of metrics.

    It gives, for each metric, each query's value.
    """
    with subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        text=True,
    ) as process:

        def ask(qrels: Any, run: Any, metrics: list[str]) -> Answer:
            theirs = {translated(metric): metric for metric in metrics}
            question = [*(x if isinstance(x, dict) else str(x) for x in (qrels, run)), [*theirs]]
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            return {theirs[metric]: values for metric, values in answer.items()}

        yield ask
        process.stdin.close()


def translated(metric: str) -> str:
    kind, *cut = metric.split("@")
    return "@".join([KINDS.get(kind, FIXED.get(kind, kind)), *cut])


def serve() -> None:
    from ranx import Qrels, Run, evaluate

    for line in sys.stdin:
        given_qrels, given_run, metrics = json.loads(line)
        from_files = isinstance(given_run, str)
        qrels = Qrels.from_file(given_qrels, kind="trec") if from_files else Qrels(given_qrels)
        run = Run.from_file(given_run, kind="trec") if from_files else Run(given_run)
        evaluate(qrels, run, metrics)
        scores = {
            metric: {query: float(value) for query, value in run.scores[metric].items()}
            for metric in metrics
        }
        print(json.dumps(scores), flush=True)


if __name__ == "__main__":
    serve()
