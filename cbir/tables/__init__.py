"""Tables of texts from anywhere: read with every check, written whole and harmless."""

from cbir.tables.delimiters import delimiter_of, is_guessed
from cbir.tables.formats import SUFFIXES, check_table, is_table
from cbir.tables.reading import left_out, picture_column, read_open_table, read_table
from cbir.tables.text import text_table
from cbir.tables.writing import check_textual, like_a_formula, write_table, write_text

__all__ = [
    "SUFFIXES",
    "check_table",
    "check_textual",
    "delimiter_of",
    "is_guessed",
    "is_table",
    "left_out",
    "like_a_formula",
    "picture_column",
    "read_open_table",
    "read_table",
    "text_table",
    "write_table",
    "write_text",
]
