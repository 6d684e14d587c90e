"""Sheets of results: their sizes, what stands where, and names that fit."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cbir import plots
from cbir.errors import BadOutput
from cbir.plots import ACCENT, GAP, MARGIN, PANEL, TILE, Tile, elide, search_sheet, write_image
from cbir.sources.drawings import MARK
from tests.conftest import picture

CELL = TILE + plots.CAPTION
LEFT = MARGIN + TILE + 2 * GAP


def tile(seed: int = 0, name: str = "boot.jpg") -> Tile:
    return Tile(picture(seed), "1", "0.1234", name)


def missing(name: str = "gone.jpg") -> Tile:
    return Tile(None, "1", "0.1234", name)


@pytest.mark.parametrize(
    ("results", "lines", "columns"),
    [(0, 1, 1), (1, 1, 1), (3, 1, 3), (5, 1, 5), (6, 2, 5), (12, 3, 5)],
)
def test_a_sheet_is_as_large_as_its_results_need(results: int, lines: int, columns: int) -> None:
    sheet = search_sheet([(tile(), [tile(i) for i in range(results)])])
    height = 2 * MARGIN + lines * CELL + (lines - 1) * GAP
    width = LEFT + columns * TILE + (columns - 1) * GAP + MARGIN
    assert sheet.shape == (height, width, 3)
    assert sheet.dtype == np.uint8


def test_several_queries_are_rows_of_one_width() -> None:
    rows = [(tile(), [tile()] * count) for count in (3, 0, 1)]
    sheet = search_sheet(rows)
    assert sheet.shape == (3 * (2 * MARGIN + CELL), LEFT + 3 * TILE + 2 * GAP + MARGIN, 3)


def test_no_queries_make_an_empty_sheet() -> None:
    sheet = search_sheet([])
    assert sheet.size
    assert (sheet == 255).all()


def has_colour(image: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((image == colour).all(axis=-1).any())


def test_the_query_is_set_apart() -> None:
    """By a border in a colour that no result has, and a line between them."""
    sheet = search_sheet([(missing("query.jpg"), [missing(), missing()])])
    query, results = sheet[:, : MARGIN + TILE + GAP - 5], sheet[:, LEFT:]
    assert has_colour(query, ACCENT)
    assert not has_colour(results, ACCENT)
    line = sheet[MARGIN : MARGIN + TILE, MARGIN + TILE + GAP]
    assert (line == plots.LINE).all()


def test_a_picture_is_shown_whole_in_the_middle_of_its_tile() -> None:
    red = np.full((100, 200, 3), (255, 0, 0), np.uint8)
    sheet = search_sheet([(missing(), [Tile(red, "1", "", "red")])])
    shown = sheet[MARGIN : MARGIN + TILE, LEFT : LEFT + TILE]
    assert (shown[TILE // 4 + 2 : 3 * TILE // 4 - 2] == (255, 0, 0)).all()
    assert (shown[: TILE // 4 - 2] == PANEL).all()
    assert (shown[3 * TILE // 4 + 2 :] == PANEL).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 3000), (3000, 1), (224, 224), (7, 5)])
def test_pictures_of_any_shape_fit(height: int, width: int) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    sheet = search_sheet([(Tile(image, "query", "", "q"), [])])
    assert has_colour(sheet[MARGIN : MARGIN + TILE, MARGIN : MARGIN + TILE], (0, 0, 0))


def test_a_picture_that_is_not_there_has_a_placeholder_that_says_so() -> None:
    sheet = search_sheet([(tile(), [missing()])])
    panel = sheet[MARGIN : MARGIN + TILE, LEFT : LEFT + TILE]
    text = (panel != PANEL).any(axis=-1)
    assert 50 < text.sum() < 2000
    assert not text[: TILE // 3].any()


def test_without_results_it_says_so() -> None:
    sheet = search_sheet([(tile(), [])])
    assert (sheet[MARGIN : MARGIN + TILE, LEFT:] != 255).any()


def test_names_stay_within_their_tiles() -> None:
    """No name is drawn over its neighbour's."""
    name = "a very long name of a picture, much longer than its tile.jpg"
    sheet = search_sheet([(missing(name), [missing(name), missing(name)])])
    between = sheet[:, LEFT + TILE + 2 : LEFT + TILE + GAP - 2]
    assert (between == 255).all()


@pytest.mark.parametrize(
    ("name", "most"), [("a.png", plots.TALLEST), ("a.webp", plots.TALLEST_WEBP)]
)
def test_as_many_queries_fit_as_the_format_can_hold(name: str, most: int) -> None:
    row = 2 * MARGIN + CELL
    count = most // row
    assert plots.fits([5] * count, Path(name))
    assert not plots.fits([5] * (count + 1), Path(name))
    assert plots.fits([plots.MOST_SHOWN], Path(name))


def test_a_sheet_is_as_high_as_was_reckoned() -> None:
    for count in (0, 1, 5, 6, 11):
        sheet = search_sheet([(missing(), [missing()] * count)])
        assert len(sheet) == plots._height(plots._lines(count))


anything = st.text(st.characters(), max_size=120)
# A cluster of each kind that a terminal or a font may measure otherwise than one expects.
SCRIPTS = ["漢字", "한국어", "עברית", "العربية", "नमस्ते", "𒐫", "﷽", "ﷺ", "W", "i", "…", "/"]
JOINED = ["👩\u200d👩\u200d👧", "🇩🇪", "e\u0301", "\u0301"]
INVISIBLE = ["\u202eabc", "\u200b", "\x1b[31m", "\n", "\0", "\t", "\ud800"]
clusters = st.sampled_from([*SCRIPTS, *JOINED, *INVISIBLE])


def is_cut_in_the_middle(shown: str, text: str) -> bool:
    """Whether it is both ends of the text, as much of one as of the other, and … between."""
    end = (len(shown) - 1) // 2
    start = len(shown) - 1 - end
    whole = shown[:start] + text[start : len(text) - end] + shown[len(shown) - end :]
    return shown[start] == "…" and whole == text and start + end < len(text)


@settings(deadline=None, max_examples=200)
@given(
    anything | st.lists(clusters, max_size=60).map("".join),
    st.integers(40, 600),
    st.sampled_from([12, 14, 17]),
)
@example("﷽" * 300, 224, 14)
def test_any_name_is_made_to_fit(text: str, width: int, size: int) -> None:
    shown = elide(text, width, size)
    assert plots._width(shown, size) <= width
    assert shown.isprintable()
    visible = "".join(c if c.isprintable() else "·" for c in text)
    assert shown == visible or is_cut_in_the_middle(shown, visible)


def test_a_name_that_fits_is_left_alone() -> None:
    assert elide("boot.jpg", TILE, 14) == "boot.jpg"
    assert elide("", TILE, 14) == ""


def test_what_is_cut_is_the_middle() -> None:
    name = "shelf-" + "x" * 200 + "-0042.jpg"
    shown = elide(name, TILE, 14)
    assert shown.startswith("shelf-")
    assert shown.endswith("-0042.jpg")
    assert shown.count("…") == 1


def test_as_much_of_a_name_is_kept_as_fits() -> None:
    name = "n" * 300
    shown = elide(name, TILE, 14)
    assert plots._width(shown + "n", 14) > TILE


@pytest.mark.parametrize("suffix", [".jpg", ".JPG", ".jpeg", ".png", ".webp"])
def test_images_are_written_as_their_name_says(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"new/folder/sheet{suffix}"
    image = np.full((40, 60, 3), (200, 30, 30), np.uint8)
    write_image(path, image)
    start = path.read_bytes()[:12]
    assert start.startswith((b"\xff\xd8", b"\x89PNG")) or start[8:] == b"WEBP"
    read = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    assert np.abs(read.astype(int) - image).max() < 12
    assert sorted(p.name for p in path.parent.iterdir()) == [MARK, path.name]
    write_image(tmp_path / f"mine/sheet{suffix}", image)
    assert (tmp_path / f"mine/sheet{suffix}").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["sheet", "sheet.gif", "sheet.pdf", "sheet.jpg.txt", ".jpg", ""])
def test_other_suffixes_are_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadOutput, match=r"must end in \.jpg, \.jpeg, \.png, \.webp"):
        write_image(tmp_path / "new" / name, picture())
    assert list(tmp_path.iterdir()) == []


def test_what_a_format_can_not_hold_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadOutput, match="can't be encoded"):
        write_image(tmp_path / "tall.webp", np.zeros((20_000, 8, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_not_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadOutput, match="can't make the folder"):
        write_image(tmp_path / "file/sheet.jpg", picture())
    (tmp_path / "sheet.jpg").mkdir()
    with pytest.raises(BadOutput, match="that is a folder"):
        write_image(tmp_path / "sheet.jpg", picture())
