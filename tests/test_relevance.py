"""What is right for each query, by item, folder, label file or edit; and what can't be told."""

import os
import tracemalloc
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbir.errors import BadSource
from cbir.evaluation.labels import by_class, by_edits, from_file, relevance_of
from cbir.evaluation.relevance import Level, Relevance, Sides
from cbir.evaluation.verdicts import left_out
from cbir.items import item_rule
from tests.conftest import ROOT

ITEM = item_rule()
GALLERY = ["bag_1.jpg", "bag_2.jpg", "boot_1.jpg", "boot_2.jpg", "boot_3.jpg", "hat_1.jpg"]
QUERIES = ["bag_q.jpg", "boot_q.jpg"]
SIDES = Sides(QUERIES, GALLERY)
ITSELF = Sides(GALLERY, GALLERY, same=True)


def right(relevance: Relevance) -> dict[str, dict[str, int]]:
    """Everything that is right, by name, with its grade."""
    found = {}
    for number, query in enumerate(relevance.queries):
        grades = relevance.grades(number)
        assert grades.shape == (len(relevance.gallery),)
        assert grades.dtype == np.int64
        found[query] = {relevance.gallery[n]: int(grades[n]) for n in np.flatnonzero(grades)}
    return found


def excluded(relevance: Relevance) -> list[list[int]]:
    return [relevance.excluded(number).tolist() for number in range(len(relevance.queries))]


def labels(folder: Path, text: str | bytes) -> Path:
    path = folder / "labels.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


# Items and folders


def test_pictures_of_the_same_item() -> None:
    found = by_class(SIDES, ITEM)
    assert right(found) == {
        "bag_q.jpg": {"bag_1.jpg": 1, "bag_2.jpg": 1},
        "boot_q.jpg": {"boot_1.jpg": 1, "boot_2.jpg": 1, "boot_3.jpg": 1},
    }
    assert found.classes == ["bag", "boot"]
    assert found.item_of is None
    assert excluded(found) == [[], []]


def test_a_picture_is_no_answer_to_itself() -> None:
    found = by_class(ITSELF, ITEM)
    assert list(found.queries) == GALLERY[:5]
    assert right(found)["boot_2.jpg"] == {"boot_1.jpg": 1, "boot_3.jpg": 1}
    assert excluded(found) == [[0], [1], [2], [3], [4]]
    assert found.left_out == ["hat_1.jpg"]
    assert left_out(found) == "1 query has no right answer and is left out: 'hat_1.jpg'"


def test_numbers_stay_right_when_a_query_in_the_middle_is_left_out() -> None:
    queries = ["bag_q.jpg", "cap_q.jpg", "hat_q.jpg"]
    contents = {id: id.encode() for id in GALLERY} | {"hat_2.jpg": b"hat_q.jpg"}
    sides = Sides(queries, [*GALLERY, "hat_2.jpg"], False, {q: q.encode() for q in queries})
    found = by_class(Sides(**{**vars(sides), "gallery_contents": contents}), ITEM)
    assert (found.queries, found.classes) == (["bag_q.jpg", "hat_q.jpg"], ["bag", "hat"])
    assert right(found)["hat_q.jpg"] == {"hat_1.jpg": 1}
    assert excluded(found) == [[], [6]]


def test_the_same_bytes_under_another_name_are_no_answer() -> None:
    contents = {"bag_1.jpg": b"a", "bag_2.jpg": b"b", "boot_1.jpg": b"c", "hat_1.jpg": b"a"}
    found = by_class(Sides(QUERIES, GALLERY, False, {"bag_q.jpg": b"a"}, contents), ITEM)
    assert right(found)["bag_q.jpg"] == {"bag_2.jpg": 1}
    assert excluded(found) == [[0, 5], []]
    found = by_class(Sides(GALLERY, GALLERY, True, contents, contents), ITEM)
    assert excluded(found)[:2] == [[0, 5], [1]]


def test_equal_names_on_two_sides_are_two_pictures() -> None:
    found = by_class(Sides(GALLERY[:2], GALLERY), ITEM)
    assert right(found)["bag_1.jpg"] == {"bag_1.jpg": 1, "bag_2.jpg": 1}


def test_folders() -> None:
    gallery = ["dress/1.jpg", "dress/2.jpg", "hat/1.jpg"]
    found = relevance_of("folders", Sides(["dress/9.jpg", "hat/9.jpg"], gallery))
    assert right(found) == {
        "dress/9.jpg": {"dress/1.jpg": 1, "dress/2.jpg": 1},
        "hat/9.jpg": {"hat/1.jpg": 1},
    }
    assert found.classes == ["dress", "hat"]


@pytest.mark.parametrize("between", [",", ", ", ";", "\t", " | "])
def test_labels_with_any_usual_delimiter(tmp_path: Path, between: str) -> None:
    rows = (
        ["query", "item", "grade"],
        ["bag_q.jpg", "bag_1.jpg", "2"],
        ["boot_q.jpg", "boot", "1"],
    )
    path = labels(tmp_path, "".join(between.join(row) + "\n" for row in rows))
    if between == " | ":  # blanks after a cell are of it, but for the header's
        path = labels(tmp_path, "query | item\nbag_q.jpg| bag_1.jpg\nboot_q.jpg| boot\n")
    found = right(from_file(path, SIDES))
    assert set(found["bag_q.jpg"]) == {"bag_1.jpg"}
    assert set(found["boot_q.jpg"]) == {"boot_1.jpg", "boot_2.jpg", "boot_3.jpg"}


def test_what_is_drawn_together() -> None:
    """Pictures of an item, and edits of a picture; but not the few kinds that there are."""
    many = [f"item{n // 2:02}_{n % 2}.jpg" for n in range(40)]
    itself = Sides(many, many, same=True)
    together = by_class(itself, ITEM).together
    assert together is not None
    assert together.tolist() == [n // 2 for n in range(40)]
    some = by_class(itself, ITEM).only(np.arange(39))
    assert some.together is not None
    assert some.together.tolist() == [n // 2 for n in range(39)]
    assert by_class(Sides(many[:38], many[:38], same=True), ITEM).together is None
    alone = Sides(many[::2], many)
    assert by_class(alone, ITEM).together is None  # each query is an item's only one
    edits = [f"{kind}/{id}" for kind in ("blur", "crop") for id in many]
    together = by_edits(Sides(edits, many)).together
    assert together is not None
    assert together.tolist() == [*range(40), *range(40)]


def test_items_by_a_rule_of_ones_own() -> None:
    found = relevance_of("items", Sides(["fries9.jpg"], ["fries1.jpg", "soup1.jpg"]), rule=letters)
    assert right(found) == {"fries9.jpg": {"fries1.jpg": 1}}


def letters(id: str) -> str:
    return item_rule("[a-z]+")(id)


def test_items_rather_than_pictures() -> None:
    found = by_class(SIDES, ITEM, "item")
    assert found.gallery == ["bag", "boot", "hat"]
    assert found.item_of is not None
    assert found.item_of.tolist() == [0, 0, 1, 1, 1, 2]
    assert right(found) == {"bag_q.jpg": {"bag": 1}, "boot_q.jpg": {"boot": 1}}


def test_an_item_without_another_picture_is_not_ranked() -> None:
    """The query's own picture does not stand for its item."""
    found = by_class(ITSELF, ITEM, "item")
    assert found.left_out == ["hat_1.jpg"]
    assert excluded(found) == [[0], [1], [2], [3], [4]]
    assert [found.unranked(number).tolist() for number in range(5)] == [[]] * 5
    contents = {"boot_q.jpg": b"x", "hat_1.jpg": b"x", "bag_1.jpg": b"x"}
    found = by_class(Sides(["boot_q.jpg"], GALLERY, False, contents, contents), ITEM, "item")
    assert excluded(found) == [[0, 5]]
    assert found.unranked(0).tolist() == [2]


@given(st.data())
def test_items_against_the_plain_words(data: st.DataObject) -> None:
    """Right is another picture, with other bytes, of the same item."""
    names = st.builds("{}_{}".format, st.sampled_from("abc"), st.integers(0, 9))
    gallery = sorted(data.draw(st.sets(names, min_size=1)))
    same = data.draw(st.booleans())
    queries = gallery if same else sorted(data.draw(st.sets(names, min_size=1)))
    contents = st.sampled_from([b"1", b"2", b"3", b"4"])
    here = {id: data.draw(contents) for id in gallery}
    there = here if same else {id: data.draw(contents) for id in queries}
    expected = {
        query: {
            id: 1
            for id in gallery
            if id[0] == query[0] and here[id] != there[query] and not (same and id == query)
        }
        for query in queries
    }
    others = {query: sum(here[id] != there[query] for id in gallery) for query in queries}
    asked = [query for query in queries if expected[query]]
    sides = Sides(queries, gallery, same, there, here)
    if all(len(expected[query]) == others[query] for query in asked):
        with pytest.raises(BadSource, match="one class only" if asked else "no query"):
            by_class(sides, ITEM)
        return
    found = by_class(sides, ITEM)
    assert right(found) == {query: expected[query] for query in asked}
    assert found.left_out == [query for query in queries if query not in asked]


def test_a_large_gallery_takes_little_memory() -> None:
    """1,000 × 50,000: nothing is held for each pair."""
    gallery = sorted(f"{number % 20}_{number}.jpg" for number in range(50_000))
    queries = [f"{number % 20}_q{number}.jpg" for number in range(1000)]
    tracemalloc.start()
    found = by_class(Sides(queries, gallery), ITEM)
    assert np.count_nonzero(found.grades(999)) == 2500
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 << 20


# Label files


@pytest.mark.parametrize(
    "text",
    [
        "query,item\nbag_q.jpg,bag_1.jpg\nboot_q.jpg,boot\n",
        "query,item,grade\nbag_q.jpg,bag_1.jpg,1\nbag_q.jpg,bag_2.jpg,0\nboot_q.jpg,boot,1.0\n",
        '\ufeffItem , Query,note\r\n"bag_1.jpg",bag_q.jpg,x\r\n\r\nboot,"boot_q.jpg"\r\n',
        "query,item,grade\nbag_q.jpg,bag_1.jpg,\nboot_q.jpg,boot,\nboot_q.jpg,hat,-1",
        "# qrels\nbag_q.jpg 0 bag_1.jpg 1\nboot_q%2Ejpg\tQ0\tboot 1\r\n\nboot_q.jpg 0 hat_1.jpg 0",
    ],
)
def test_what_a_label_file_says(tmp_path: Path, text: str) -> None:
    found = relevance_of(str(labels(tmp_path, text)), SIDES)
    assert right(found) == {
        "bag_q.jpg": {"bag_1.jpg": 1},
        "boot_q.jpg": {"boot_1.jpg": 1, "boot_2.jpg": 1, "boot_3.jpg": 1},
    }


def test_grades_and_names_with_commas_and_line_breaks(tmp_path: Path) -> None:
    sides = Sides(["a, b\n.jpg"], ["x y.jpg", "100%.jpg", "z.jpg"])
    text = 'query,item,grade\n"a, b\n.jpg",x y.jpg,3\n"a, b\n.jpg",100%.jpg,2\n'
    expected = {"a, b\n.jpg": {"x y.jpg": 3, "100%.jpg": 2}}
    assert right(from_file(labels(tmp_path, text), sides)) == expected
    text = "a,%20b%0A.jpg 0 x%20y.jpg 3\na,%20b%0A.jpg 0 100%25.jpg 2\n"
    assert right(from_file(labels(tmp_path, text), sides)) == expected


def test_the_highest_grade_counts(tmp_path: Path) -> None:
    text = "query,item,grade\nboot_q.jpg,boot,1\nboot_q.jpg,boot_2.jpg,3\nboot_q.jpg,boot,2\n"
    path = labels(tmp_path, text)
    expected = {"boot_1.jpg": 2, "boot_2.jpg": 3, "boot_3.jpg": 2}
    assert right(from_file(path, SIDES)) == {"boot_q.jpg": expected}
    assert right(from_file(path, SIDES, "item")) == {"boot_q.jpg": {"boot": 3}}


def test_a_name_is_a_picture_before_it_is_an_item(tmp_path: Path) -> None:
    sides = Sides(["q.jpg"], ["bag", "bag_2", "hat"])
    path = labels(tmp_path, "query,item\nq.jpg,bag\n")
    assert right(from_file(path, sides)) == {"q.jpg": {"bag": 1}}


@pytest.mark.parametrize("level", ["picture", "item"])
def test_a_query_among_the_pictures_is_no_answer(tmp_path: Path, level: Level) -> None:
    path = labels(tmp_path, "query,item\nhat_1.jpg,hat\nhat_1.jpg,bag_1.jpg\nbag_1.jpg,bag\n")
    found = from_file(path, ITSELF, level)
    bag, other = ("bag", "bag") if level == "item" else ("bag_1.jpg", "bag_2.jpg")
    assert right(found) == {"hat_1.jpg": {bag: 1}, "bag_1.jpg": {other: 1}}
    assert len(found.left_out) == 4


@pytest.mark.parametrize("name", ["boot_9.jpg", "cap_1.jpg", "cap"])
def test_what_could_not_be_described_is_passed_over(tmp_path: Path, name: str) -> None:
    """It is listed as a failure; the labels are not to blame."""
    text = f"query,item\nbag_q.jpg,bag\nboot_q.jpg,{name}\nboot_q.jpg,boot\nlost.jpg,bag\n"
    path = labels(tmp_path, text)
    sides = Sides(QUERIES, GALLERY, failed=["boot_9.jpg", "cap_1.jpg", "lost.jpg"])
    assert right(from_file(path, sides)) == right(by_class(SIDES, ITEM))


def test_labels_of_a_broken_picture_say_so(tmp_path: Path) -> None:
    path = labels(tmp_path, "query,item\nbag_q.jpg,cap_1.jpg\n")
    with pytest.raises(BadSource, match=r"'cap_1\.jpg', which it names, could not be used"):
        from_file(path, Sides(QUERIES, GALLERY, failed=["cap_1.jpg"]))


def test_the_labels_of_the_sample_set() -> None:
    gallery = sorted(path.name for path in (ROOT / "data/dataset/shop").iterdir())
    queries = sorted(path.name for path in (ROOT / "queries").glob("*.jpg"))
    sides = Sides(queries, gallery)
    found = from_file(ROOT / "queries/relevance.csv", sides)
    assert len(found.queries) == 12
    assert right(found) == right(by_class(sides, ITEM))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("query,item\nbag_q.jpg,cap\n", "line 2: the picture or item 'cap' is not there$"),
        (
            "query,item\nbag_q.jpg,bag\nbag_q.jpg,x\nboot_q.jpg,y\nboot_q.jpg,x\n",
            "line 3: .*'x' is not there, nor are 1 more",
        ),
        ("query,item\nbag_q.jpg,bag\nq.jpg,bag\n", "line 3: the query 'q.jpg' is not there$"),
        ("query,item\n", "has no labels"),
        ("", "has no labels"),
        ("\n\n", "has no labels"),
        ("bag_q.jpg,bag\n", "line 1: labels are CSV with the header query,item"),
        ("query,picture\nbag_q.jpg,bag\n", "line 1: labels are CSV with the header query,item"),
        ("bag_q.jpg 0 bag_1.jpg 1\nbag_q.jpg 0\n", "line 2: labels are CSV"),
        ("bag_q.jpg 0 bag_1.jpg one\n", "line 1: 'one' is no grade"),
        ("query,item,grade\nbag_q.jpg,bag,0.5\n", "line 2: '0.5' is no grade"),
        ("query,item,grade\nbag_q.jpg,bag,nan\n", "line 2: 'nan' is no grade"),
        ("query,item,grade\nbag_q.jpg,bag,inf\n", "line 2: 'inf' is no grade"),
        ("query,item,grade\nbag_q.jpg,bag,1e9\n", "line 2: '1e9' is no grade"),
        ("query,item\nbag_q.jpg\n", "line 2: there must be a query and an item"),
        ("query,item\n,bag\n", "line 2: there must be a query and an item"),
        ('query,item\nbag_q.jpg,"bag\n', "line 2: unexpected end"),
        ("query,item\nbag_q.jpg," + "x" * 200_000, "line 2: field larger"),
        ("query,item,grade\nbag_q.jpg,bag_1.jpg,0\n", "no query has a right answer"),
        ("query,item\nbag_q.jpg,bag\nbag_q.jpg,boot\nbag_q.jpg,hat\n", "one class only"),
        (b"query,item\n\xff\xfe,bag\n", "not UTF-8"),
        ("query,item\nbag_q.jpg,bag\n".encode("utf-16"), "not UTF-8"),
        (b"\x00" * 1000, "line 1: labels are CSV"),
    ],
)
def test_bad_label_files_get_one_clear_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    path = labels(tmp_path, text)
    with pytest.raises(BadSource, match=said) as error:
        from_file(path, SIDES)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_labels_that_are_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for name, said in (("pipe.csv", "a pipe"), ("", "a folder")):
        with pytest.raises(BadSource, match=f"can't read the labels .*{said}"):
            relevance_of(str(tmp_path / name), SIDES)
    with pytest.raises(BadSource, match="no labels 'item'; did you mean items"):
        relevance_of("item", SIDES)


# Edits


def test_the_original_of_an_edit_is_right() -> None:
    sides = Sides(["blur/bag_1.jpg", "crop/bag_1.jpg", "crop/hat_1.jpg"], GALLERY)
    found = relevance_of("edits", sides)
    assert right(found) == {
        "blur/bag_1.jpg": {"bag_1.jpg": 1},
        "crop/bag_1.jpg": {"bag_1.jpg": 1},
        "crop/hat_1.jpg": {"hat_1.jpg": 1},
    }
    assert found.classes == ["blur", "crop", "crop"]
    assert right(by_edits(sides, "item"))["crop/hat_1.jpg"] == {"hat": 1}


def test_a_copy_of_the_original_is_as_right() -> None:
    contents = {id: sha256(id[:3].encode()).digest() for id in GALLERY}
    found = by_edits(Sides(["blur/bag_2.jpg"], GALLERY, gallery_contents=contents))
    assert right(found) == {"blur/bag_2.jpg": {"bag_1.jpg": 1, "bag_2.jpg": 1}}


def test_edits_of_what_is_not_searched() -> None:
    with pytest.raises(BadSource, match=r"'blur/cap\.jpg' is an edit of a picture"):
        by_edits(Sides(["blur/cap.jpg"], GALLERY))


# What can't be compared


@pytest.mark.parametrize(
    ("queries", "gallery", "said"),
    [
        ([], GALLERY, "no queries"),
        (QUERIES, [], "no pictures to search"),
        (["cap_1.jpg"], GALLERY, "no query has a right answer .* 'cap_1.jpg' is taken for 'cap'"),
        (["bag_1.jpg"], ["bag_2.jpg", "bag_3.jpg"], "one class only"),
        (["bag_1.jpg", "cap_1.jpg"], ["bag_2.jpg", "bag_3.jpg"], "one class only"),
    ],
)
def test_one_clear_line(queries: list[str], gallery: list[str], said: str) -> None:
    for level in ("picture", "item"):
        with pytest.raises(BadSource, match=said) as error:
            by_class(Sides(queries, gallery), ITEM, level)  # type: ignore[arg-type]
        assert "\n" not in str(error.value)


def test_one_item_searched_in_itself_is_one_class() -> None:
    with pytest.raises(BadSource, match="one class only"):
        by_class(Sides(GALLERY[:2], GALLERY[:2], same=True), ITEM)
