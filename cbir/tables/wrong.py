"""What is wrong with a table, said by whoever finds it; the reader adds which table."""

from collections.abc import Sequence

from cbir.errors import did_you_mean

LONGEST_CELL = 131_072
"""Characters: the limit of Python's own csv module, and far more than any path or name has."""

MOST_COLUMNS = 4096
MOST_ROWS = 10_000_000
"""Each may become work and memory, and a few kilobytes of Parquet or gzip can claim any number."""


class Wrong(Exception):
    """What is wrong, and where in the table: it becomes a BadSource that names the file."""


def check_names(names: Sequence[str], where: str = "its header") -> None:
    """Wrong unless there are names, not too many, none of them blank and no two the same."""
    if len(names) > MOST_COLUMNS:
        raise Wrong(f"{where} names {len(names)} columns, and {MOST_COLUMNS} are the most")
    for number, name in enumerate(names, 1):
        if not name.strip():
            hint = "; pandas writes none with to_csv(…, index=False)" if number == 1 else ""
            raise Wrong(f"{where} has no name for column {number}{hint}")
        if len(name) > LONGEST_CELL or "\0" in name:
            raise Wrong(f"{where} holds no name for column {number}, but something else")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Wrong(f"{where} names two columns {short(twice)}; rename one")


def check_rows(count: int) -> None:
    """Wrong for more rows than a table may have."""
    if count > MOST_ROWS:
        raise Wrong(f"it has more than {MOST_ROWS:,} rows, the most that a table may have")


def chosen(names: Sequence[str], wanted: Sequence[str] | None) -> list[str]:
    """The wanted columns, in that order; all where None. Wrong for one that is not there.

    Blanks around a name in the table don't count, unless another has it without.
    """
    if wanted is None:
        return list(names)
    bare = {name.strip(): name for name in reversed(names)}
    wanted = [name if name in names else bare.get(name, name) for name in wanted]
    for name in wanted:
        check_there(names, name)
        if wanted.count(name) > 1:
            raise Wrong(f"column {short(name)} is asked for twice")
    if not wanted:
        raise Wrong("no column is asked for")
    return list(wanted)


def check_there(names: Sequence[str], name: str) -> None:
    """Wrong, with the nearest names, for a column that is not there."""
    if name not in names:
        shown = [some[:40] for some in names[:20]]
        raise Wrong(f"there is no column {short(name)}{did_you_mean(name[:40], shown)}")


def short(text: str) -> str:
    """In quotes, and cut where it is long: it may be a stranger's."""
    return repr(text if len(text) <= 40 else text[:39] + "…")
