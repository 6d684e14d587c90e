"""Items of pictures, by each rule, and what is said of rules that are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cbir.errors import BadSource, BadSpec
from cbir.items import RULES, item_rule


@pytest.mark.parametrize(
    ("rule", "id", "item"),
    [
        ("underscore", "stick1_1.jpg", "stick1"),
        ("underscore", "stick1_2_b.jpg", "stick1"),
        ("underscore", "helmet.large.jpg", "helmet"),
        ("underscore", "helmet", "helmet"),
        ("underscore", "a_b.c/stick_1.jpg", "stick"),
        ("underscore", "https://shop.example/p_1/stick_1.jpg", "stick"),
        ("underscore", "_MG_1234.JPG", "_MG"),
        ("underscore", "__.jpg", "__.jpg"),
        ("underscore", "Schläger-ж图_3.png", "Schläger-ж图"),
        ("folder", "dress/1.jpg", "dress"),
        ("folder", "women/dress/1.jpg", "women/dress"),
        ("folder", "1.jpg", "."),
        ("stem", "women/dress_1.b.jpg", "dress_1.b"),
        ("stem", "dress", "dress"),
        ("[a-z]+", "burger1_resized.jpeg", "burger"),
        (r"([a-z]+)\d", "test/burger1.jpeg", "burger"),
        (r"^[^/]+/(\d+)-", "x/77-b.jpg", "77"),
        (r"(?:a|b)+", "xxabab.jpg", "abab"),
    ],
)
def test_item_of_a_picture(rule: str, id: str, item: str) -> None:
    assert item_rule(rule)(id) == item


def test_the_default_is_the_name_up_to_the_underscore() -> None:
    assert item_rule()("stick1_1.jpg") == "stick1"


@given(st.text(min_size=1).filter(lambda id: not id.endswith("/")))
def test_named_rules_give_every_picture_an_item(id: str) -> None:
    for rule in RULES.values():
        assert rule(id)


@pytest.mark.parametrize(("rule", "id"), [("[0-9]+", "a.jpg"), ("(x)?a", "a.jpg"), ("z*", "a.jpg")])
def test_a_picture_without_an_item_is_named(rule: str, id: str) -> None:
    with pytest.raises(BadSource, match=r"finds no item in its name, 'a\.jpg'") as error:
        item_rule(rule)(id)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("folders", "did you mean folder"),
        ("brand", "underscore, folder, stem"),
        ("", "underscore, folder, stem"),
        ("(a", "no regular expression"),
        ("[z-a]", "no regular expression"),
        ("(" * 5000, "no regular expression"),
        ("a{99999999999999999999}", "no regular expression"),
        ("(\n[", "no regular expression"),
    ],
)
def test_what_is_no_rule(rule: str, said: str) -> None:
    with pytest.raises(BadSpec, match=said) as error:
        item_rule(rule)
    assert "\n" not in str(error.value)
