"""Tables come back as they were written, or in one line that says what is wrong where."""

import csv
import gzip
import io
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from cbir.errors import BadOutput, BadSource
from cbir.tables import (
    check_table,
    left_out,
    opening,
    picture_column,
    read_table,
    text_table,
    write_table,
    wrong,
)
from cbir.tables import parquet as parquet_room
from cbir.tables.wrong import MOST_ROWS

Write = Callable[[str, bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(name: str, data: bytes) -> Path:
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return written


def cells_of(path: Path, **how: object) -> list[list[str]]:
    table = read_table(path, **how)  # type: ignore[arg-type]
    return [table.column_names, *([*row.values()] for row in table.to_pylist())]


def refused(path: Path, **how: object) -> str:
    with pytest.raises(BadSource) as error:
        read_table(path, **how)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400 + len(str(path))
    return str(error.value)


# What is read


def test_cells_are_texts_as_they_are_written(write: Write) -> None:
    data = b'id,path\nNA,007\n"",1.50\nnull,"a,""b""\r\nc"\n True , \n'
    assert cells_of(write("t.csv", data)) == [
        ["id", "path"],
        *(["NA", "007"], ["", "1.50"], ["null", 'a,"b"\r\nc'], [" True ", " "]),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_any_way_and_empty_ones_are_passed_over(write: Write, end: str) -> None:
    path = write("t.csv", end.join(["a,b", "1,2", "", "3,4"]).encode())
    assert cells_of(path) == [["a", "b"], ["1", "2"], ["3", "4"]]


def test_a_byte_order_mark_is_no_part_of_the_first_name(write: Write) -> None:
    assert cells_of(write("t.csv", "é,b\n1,2\n".encode("utf-8-sig"))) == [["é", "b"], ["1", "2"]]


@pytest.mark.parametrize(
    ("name", "data", "names"),
    [
        ("t.csv", b"a,b;c\n1,2\n", ["a", "b;c"]),
        ("t.csv", b"a;b\n1;2\n", ["a", "b"]),
        ("t.csv", b"a\tb|c\td\n1\t2\t3\n", ["a", "b|c", "d"]),
        ("t.csv", b'"a;b"\n1\n', ["a;b"]),
        ("t.csv", b'"a\n;b",c\n1,2\n', ["a\n;b", "c"]),
        ("t.csv", b";\n1\n", [";"]),
        ("t.tsv", b"a,b\tc\n1\t2\n", ["a,b", "c"]),
        ("t.txt", b"a|b\n1|2\n", ["a", "b"]),
        ("t", b"path\n1\n", ["path"]),
    ],
)
def test_the_header_tells_the_delimiter(
    write: Write, name: str, data: bytes, names: list[str]
) -> None:
    assert read_table(write(name, data)).column_names == names


@pytest.mark.parametrize(
    ("word", "character"),
    [("tab", "\t"), ("\\t", "\t"), ("semicolon", ";"), ("|", "|"), ("§", "§"), ("a", "a")],
)
def test_a_delimiter_is_a_character_or_a_word(write: Write, word: str, character: str) -> None:
    path = write("t.csv", f"x{character}y\n1{character}2,3\n".encode())
    assert cells_of(path, delimiter=word) == [["x", "y"], ["1", "2,3"]]


@pytest.mark.parametrize("word", ["", "xx", '"', "\n", "\0", "tabs"])
def test_what_can_not_be_a_delimiter(write: Write, word: str) -> None:
    assert "can't be a delimiter" in refused(write("t.csv", b"a,b\n1,2\n"), delimiter=word)


def test_chosen_columns_come_in_the_order_they_are_asked_for(write: Write) -> None:
    path = write("t.csv", b"a,b,c\n1,2,3\n")
    assert cells_of(path, columns=["c", "a"]) == [["c", "a"], ["3", "1"]]
    assert "twice" in refused(path, columns=["a", "a"])
    assert "no column" in refused(path, columns=[])


def test_gzip_is_known_by_its_bytes(write: Write) -> None:
    for name in ("t.csv", "t.csv.gz", "t.gz", "t"):
        assert cells_of(write(name, gzip.compress(b"a,b\n1,2\n"))) == [["a", "b"], ["1", "2"]]


def test_many_rows_come_in_order(tmp_path: Path) -> None:
    rows = [[str(i), f"é{i}\n" if i % 3 else f"{i}"] for i in range(20_000)]
    write_table(
        tmp_path / "t.csv", pa.table({"a": [r[0] for r in rows], "b": [r[1] for r in rows]})
    )
    assert cells_of(tmp_path / "t.csv")[1:] == rows


# What is refused


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", ["the file is empty"]),
        (b"\xef\xbb\xbf", ["must name the columns"]),
        (b"\na,b\n1,2\n", ["must name the columns"]),
        (b"a,b\n", ["no rows"]),
        (b"a,b\n\n\n", ["no rows"]),
        (b"a,b\n1,2\n3\n", ["line 3 has 1 cell,", "2 columns"]),
        (b"a,b\n\n1,2,3\n", ["line 3 has 3 cells", "2 columns"]),
        (b'a,b\n"x\ny",2\n1,2,3\n', ["line 4 has 3 cells"]),
        (b"a,b,a\n1,2,3\n", ["two columns 'a'"]),
        (b"a,,c\n1,2,3\n", ["no name for column 2"]),
        (b",a\n0,2\n", ["no name for column 1", "index=False"]),
        (b"a, \n1,2\n", ["no name for column 2"]),
        (b"a,b\n1,2\n3,\xff\n", ["line 3, column 'b'", "UTF-8"]),
        (b"a,b\n1,2\n3,\xed\xa0\x80\n", ["line 3, column 'b'", "UTF-8"]),
        (b"a,\xe9\n1,2\n", ["header", "UTF-8"]),
        (b"a,b\n1,2\n\0,3\n", ["line 3, column 'a'", "NUL"]),
        (b"a\0,b\n1,2\n", ["no name for column 1"]),
        ("a,b\n1,2\n".encode("utf-16"), ["UTF-16"]),
        ("a,b\n1,2\n".encode("utf-16-le"), ["UTF-16"]),
        ("a,b\n1,2\n".encode("utf-16-be"), ["UTF-16"]),
        (b"a,b\n1," + b"x" * 1_000_000 + b"\n2,3\n", ["line 2", "131,072 characters"]),
        (b"a,b\n1," + b"x" * 20_000_000, ["row in line 2 has more than 16 MB"]),
        (b'a,b\n"' + (b"x" * 99_999 + b'\n","') * 200, ["line 2 has more than 16"]),
        (b"PK\x03\x04workbook", ["save it as CSV"]),
        (b"x" * 1_000_000, ["line 1", "131,072 characters"]),
        (b'a,b\n1,"2\n3,4\n', ["line 2", "never closed"]),
        (b'a,b\n1,2\n1,"2\n3,4\n5,"6"\n', ["line 3", "after its closing quote"]),
        (b"\0" * 1000, ["UTF-16"]),
        (b",".join(b"c%d" % i for i in range(5000)), ["5000 columns"]),
        (b"\x1f\x8b\x08\0garbage", ["damaged gzip"]),
        (gzip.compress(b"a,b\n1,2\n" * 99)[:-9], ["damaged gzip"]),
    ],
    ids=range(31),
)
def test_faults_are_told_with_their_place(write: Write, data: bytes, words: list[str]) -> None:
    path = write("t.csv", data)
    message = refused(path)
    assert str(path) in message
    for word in words:
        assert word in message


def test_a_cell_as_long_as_may_be(write: Write) -> None:
    assert cells_of(write("t.csv", b"a\n" + b"x" * 131_072 + b"\n"))[1] == ["x" * 131_072]


def test_a_missing_column_is_guessed(write: Write) -> None:
    path = write("t.csv", b"name,image_url\n1,2\n")
    assert "did you mean image_url?" in refused(path, columns=["image_ulr"])
    assert "choose one of name, image_url" in refused(path, columns=["x\ny"])


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    assert "pipe" in refused(tmp_path / "pipe.csv")
    assert "folder" in refused(tmp_path / "folder.csv")
    assert "device" in refused(Path("/dev/zero"))
    assert "not there" in refused(tmp_path / "none.csv")
    with open(tmp_path / "sparse.csv", "wb") as file:
        file.truncate((1 << 30) + 1)
    assert "1024 MB" in refused(tmp_path / "sparse.csv")


def test_a_gzip_bomb_is_put_down_early(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "SMALL", 1 << 18)
    bomb = gzip.compress(b"a,b\n" + b"\n" * (1 << 24))
    assert len(bomb) < 20_000
    assert "far too much" in refused(write("t.csv.gz", bomb))
    assert "UTF-16" in refused(write("t.csv.gz", gzip.compress(bytes(1 << 24))))


# Parquet


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    table = pa.table(
        {
            "n": pa.array([1, None], pa.int64()),
            "s": pa.array(["NA", None]),
            "l": pa.array(["é", ""], pa.large_string()),
            "d": pa.array(["x", "x"]).dictionary_encode(),
        }
    )
    parquet.write_table(table, tmp_path / "t.parquet")
    read = read_table(tmp_path / "t.parquet")
    assert read.to_pydict() == table.to_pydict()
    assert read.schema.field("n").type == pa.int64()
    assert read_table(tmp_path / "t.parquet", columns=["s", "n"]).column_names == ["s", "n"]
    (tmp_path / "t.parquet").rename(tmp_path / "t.csv")
    assert read_table(tmp_path / "t.csv").to_pydict() == table.to_pydict()


def test_nested_columns_are_left_out(tmp_path: Path) -> None:
    table = pa.table({"path": ["a.jpg"], "vector": [[1.0, 2.0]], "who": [{"name": "x"}]})
    parquet.write_table(table, tmp_path / "t.parquet")
    assert cells_of(tmp_path / "t.parquet") == [["path"], ["a.jpg"]]
    assert left_out(read_table(tmp_path / "t.parquet")) == ["vector", "who"]
    assert picture_column(read_table(tmp_path / "t.parquet")) == "path"
    with pytest.raises(BadSource, match="column 'vector' holds lists or structures, not paths"):
        picture_column(read_table(tmp_path / "t.parquet"), "vector")
    with pytest.raises(BadSource, match="column 'vector' holds lists"):
        read_table(tmp_path / "t.parquet", columns=["path", "vector"])
    parquet.write_table(table.drop_columns("path"), tmp_path / "t.parquet")
    assert "column 'vector' holds lists" in refused(tmp_path / "t.parquet")
    (tmp_path / "t.csv").write_text("a, b\n1,2\n \n3,4\n")
    table = read_table(tmp_path / "t.csv")
    assert left_out(table) == []
    assert picture_column(table, "b") == " b", "blanks around a name do not count"
    assert table.num_rows == 2, "nor do lines of them"


def test_texts_that_are_views(tmp_path: Path) -> None:
    table = pa.table({"path": pa.array(["a.jpg", None, "b.jpg"]).cast(pa.string_view())})
    parquet.write_table(table, tmp_path / "t.parquet")
    read = read_table(tmp_path / "t.parquet")
    assert picture_column(read) == "path"
    assert read.column("path").to_pylist() == ["a.jpg", None, "b.jpg"]


def test_parquet_with_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    path.write_bytes(b"a,b\n1,2\n")
    assert "not a Parquet file" in refused(path)
    path.write_bytes(b"PAR1" + bytes(100))
    assert "damaged Parquet" in refused(path)

    def told(values: list[object], kind: pa.DataType | None = None) -> str:
        parquet.write_table(pa.table({"a": pa.array(values, kind)}), path)
        return refused(path)

    assert "row 2, column 'a': it holds a NUL" in told(["x", "y\0"])
    assert "row 3, column 'a': it holds more than 131,072" in told(["x", None, "y" * 131_073])
    assert "no rows" in told([], pa.string())
    invalid = pa.array([b"\xff\xfe"]).view(pa.string())
    parquet.write_table(pa.table({"a": invalid}), path)
    assert "UTF-8" in refused(path)
    monkeypatch.setattr(parquet_room, "LARGEST_UNPACKED", 1 << 20)
    assert "unpacked" in told(["x" * 1000] * 2000)
    assert path.stat().st_size < 10_000


def repeated(text: str, rows: int) -> pa.Table:
    """A table that takes a few kilobytes, as dictionaries and Parquet have it."""
    numbers = pa.array(np.zeros(rows, np.int32))
    return pa.table({"picture": pa.DictionaryArray.from_arrays(numbers, [text])})


def test_more_rows_than_a_table_may_have_are_refused_at_once(tmp_path: Path) -> None:
    parquet.write_table(repeated("a.jpg", MOST_ROWS + 1), tmp_path / "t.parquet")
    assert (tmp_path / "t.parquet").stat().st_size < 100_000
    began = time.monotonic()
    assert "more than 10,000,000 rows" in refused(tmp_path / "t.parquet")
    assert time.monotonic() - began < 5


def test_rows_are_counted_as_they_come(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet.write_table(repeated("a.jpg", 20_000), tmp_path / "t.parquet")
    path = write("t.csv", b"a\n" * 20_001)
    monkeypatch.setattr(wrong, "MOST_ROWS", 20_000)
    assert read_table(path).num_rows == read_table(tmp_path / "t.parquet").num_rows == 20_000
    monkeypatch.setattr(wrong, "MOST_ROWS", 19_999)
    assert "more than 19,999 rows" in refused(path)
    assert "more than 19,999 rows" in refused(tmp_path / "t.parquet")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_parquet_is_refused_or_read(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    sink = io.BytesIO()
    parquet.write_table(pa.table({"a": ["x", "y"] * 9, "n": range(18)}), sink)
    bytes_ = bytearray(sink.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        bytes_[data.draw(st.integers(0, len(bytes_) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "t.parquet"
    path.write_bytes(bytes_[: data.draw(st.integers(0, len(bytes_)))] if bytes_[4] % 2 else bytes_)
    with suppress(BadSource):
        read_table(path).to_pylist()


# The column with pictures


def test_the_last_column_names_the_pictures() -> None:
    table = pa.table({"id": ["1"], "path": ["a.jpg"], "__index_level_0__": [0]})
    assert picture_column(table) == "path"
    assert picture_column(table, "id") == "id"
    with pytest.raises(BadSource, match="did you mean path"):
        picture_column(table, "paht")
    with pytest.raises(BadSource, match="holds int64, not paths"):
        picture_column(pa.table({"path": ["a"], "n": [1]}))


# What is written

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
# Names and cells that mean something to a parser come up more often than they would by chance.
CELL = TEXT | st.sampled_from(
    ["", " ", '"', '""', "\r", "\n", "\r\n", ",", ";", "\t", "\ufeff", "NA"]
)
NAME = CELL.filter(lambda name: bool(name.strip()))


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    names = draw(st.lists(NAME, min_size=1, max_size=4, unique=True))
    row = st.lists(CELL, min_size=len(names), max_size=len(names))
    rows = draw(st.lists(row, min_size=1, max_size=6))
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    return pa.Table.from_arrays(columns, names)


def harmless(text: str) -> str:
    """What a table's cell becomes: the rule once more, in other words."""
    if not text or text[0] not in "=+-@\t\r\n＝＋－＠":
        return text
    digits = text[1:].replace(".", "", 1)
    plain = text[0] in "+-" and digits.isascii() and digits.isdigit()
    return text if plain else f"'{text}"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables(), st.sampled_from([(".csv", None), (".tsv", None), (".csv", ";"), (".csv", "a")]))
def test_any_table_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, table: pa.Table, how: tuple[str, str | None]
) -> None:
    path = tmp_path_factory.mktemp("written") / f"t{how[0]}"
    names = [harmless(name) for name in table.column_names]
    if len(set(names)) < len(names):
        return  # "=" and "'=" become one
    changed = write_table(path, table, how[1])
    rows = [[*row.values()] for row in table.to_pylist()]
    assert cells_of(path, delimiter=how[1]) == [names, *([harmless(c) for c in r] for r in rows)]
    everything = [*table.column_names, *(cell for row in rows for cell in row)]
    assert changed == sum(harmless(text) != text for text in everything)


@settings(max_examples=50, deadline=None)
@given(tables())
def test_python_reads_the_same(tmp_path_factory: pytest.TempPathFactory, table: pa.Table) -> None:
    path = tmp_path_factory.mktemp("written") / "t.csv"
    write_table(path, table)
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, strict=True))
    assert rows[0] == [harmless(name) for name in table.column_names]
    assert rows[1:] == [[harmless(cell) for cell in row.values()] for row in table.to_pylist()]


@settings(max_examples=50, deadline=None)
@given(tables())
def test_parquet_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, table: pa.Table
) -> None:
    path = tmp_path_factory.mktemp("written") / "t.parquet"
    assert write_table(path, table) == 0
    assert read_table(path).to_pylist() == table.to_pylist()


def test_only_what_needs_quotes_has_them(tmp_path: Path) -> None:
    table = pa.table({"a": ["x", "y z", 'q"'], "b": [0.5, None, -2.0], "c": [True, False, None]})
    assert write_table(tmp_path / "t.tsv", table) == 0
    written = (tmp_path / "t.tsv").read_text()
    assert written == 'a\tb\tc\nx\t0.5\ttrue\ny z\t\tfalse\n"q"""\t-2\t\n'


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+1+1", "'+1+1"),
        ("-2-3|cmd", "'-2-3|cmd"),
        ("-5", "-5"),
        ("+3.5", "+3.5"),
        ("-1e-7", "-1e-7"),
        ("-.5", "-.5"),
        ("a=b", "a=b"),
        ("＝1", "'＝1"),
    ],
)
def test_formulas_are_made_harmless(tmp_path: Path, cell: str, written: str) -> None:
    changed = write_table(tmp_path / "t.csv", pa.table({"a": [cell], "n": [-1]}))
    assert cells_of(tmp_path / "t.csv") == [["a", "n"], [written, "-1"]]
    assert changed == (cell != written)


def test_a_stream_is_written_piece_by_piece(tmp_path: Path) -> None:
    schema = pa.schema([("a", pa.string())])
    pieces = (pa.record_batch([pa.array([str(i), "=x"])], schema=schema) for i in range(3))
    reader = pa.RecordBatchReader.from_batches(schema, pieces)
    assert write_table(tmp_path / "t.csv", reader) == 3
    assert (tmp_path / "t.csv").read_text() == "a\n0\n'=x\n1\n'=x\n2\n'=x\n"


def test_a_table_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("before")
    with pytest.raises(BadOutput, match=r"column 'v' holds list.*write Parquet"):
        write_table(path, pa.table({"a": ["x"], "v": [[1]]}))
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


@pytest.mark.parametrize(
    ("name", "delimiter", "words"),
    [
        ("t.xlsx", None, "can't tell a format"),
        ("t", None, "can't tell a format"),
        ("t.csv.gz", ",", "can't tell a format"),
        ("t.txt", None, "can't tell a delimiter"),
        ("t.list", "|", "can't tell a format"),
        ("t.parquet", ",", "no delimiter"),
        ("none/t.csv", None, "folder does not exist"),
        (".", ",", "folder"),
    ],
)
def test_where_no_table_can_be_written(
    tmp_path: Path, name: str, delimiter: str | None, words: str
) -> None:
    with pytest.raises(BadOutput, match=words):
        write_table(tmp_path / name, pa.table({"a": ["x"]}), delimiter)


def test_other_names_need_a_delimiter(tmp_path: Path) -> None:
    write_table(tmp_path / "t.txt", pa.table({"a": ["x"], "b": ["y"]}), "pipe")
    assert (tmp_path / "t.txt").read_text() == "a|b\nx|y\n"
    check_table(tmp_path / "new.csv")
    with pytest.raises(BadOutput):
        check_table(tmp_path / "new.doc")


def test_a_table_of_texts_is_made_of_columns() -> None:
    names = [f"ä{number}" for number in range(20_000)]
    table = text_table({"name": names, "path": ["" for _ in names]})
    assert table.to_pydict() == {"name": names, "path": [""] * 20_000}
    assert text_table({"name": [], "path": []}).column_names == ["name", "path"]
