"""What a comparison says: a table, two reports, and a sentence that names one descriptor."""

from cbir.evaluation.report.choice import choose
from cbir.evaluation.report.disagreements import disagreements
from cbir.evaluation.report.markdown import markdown
from cbir.evaluation.report.model import (
    Breakdown,
    Comparison,
    Cutoff,
    Example,
    Pair,
    Ranked,
    Result,
    System,
)
from cbir.evaluation.report.page import page
from cbir.evaluation.report.pictures import thumbnail
from cbir.evaluation.report.terminal import table
from cbir.evaluation.report.verdict import verdict

__all__ = [
    "Breakdown",
    "Comparison",
    "Cutoff",
    "Example",
    "Pair",
    "Ranked",
    "Result",
    "System",
    "choose",
    "disagreements",
    "markdown",
    "page",
    "table",
    "thumbnail",
    "verdict",
]
