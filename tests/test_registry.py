"""Descriptors by name, in a registry of the test's own."""

import pytest

from cbir import descriptors, registry
from cbir.errors import BadSpec


class First: ...


class Second: ...


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_classes", {})
    monkeypatch.setattr(registry, "_aliases", {})


@pytest.mark.usefixtures("empty")
class TestRegister:
    def test_gives_the_class_back_and_finds_it(self) -> None:
        assert registry.register("first")(First) is First
        assert registry.find("first") == ("first", First)
        assert registry.knows("first")
        assert not registry.knows("second")

    def test_aliases_lead_to_the_proper_name(self) -> None:
        registry.register("first", "one", "erster")(First)
        registry.register("second")(Second)
        assert registry.find("one") == ("first", First)
        assert registry.aliases("first") == ["erster", "one"]
        assert registry.aliases("second") == []
        assert registry.knows("erster")
        assert registry.names() == ["first", "second"]

    def test_names_are_sorted(self) -> None:
        for name in ("b", "a", "c"):
            registry.register(name)(type(name, (), {}))
        assert registry.names() == ["a", "b", "c"]

    def test_two_classes_of_one_name_are_refused(self) -> None:
        registry.register("first")(First)
        with pytest.raises(BadSpec, match="two descriptors are called 'first'"):
            registry.register("first")(Second)
        assert registry.find("first") == ("first", First)

    def test_the_same_class_may_register_again(self) -> None:
        """As when a plug-in's module registers itself, and is then found by its entry point."""
        registry.register("first")(First)
        registry.register("first")(First)
        assert registry.names() == ["first"]

    @pytest.mark.parametrize(
        ("typed", "hint"), [("frist", "did you mean first"), ("xyz", "choose one of first, one")]
    )
    def test_unknown_names_get_a_hint(self, typed: str, hint: str) -> None:
        registry.register("first", "one")(First)
        with pytest.raises(BadSpec, match=f"no descriptor is called '{typed}'.*{hint}"):
            registry.find(typed)

    def test_an_alias_can_not_take_over_a_name(self) -> None:
        registry.register("first")(First)
        with pytest.raises(BadSpec, match="two descriptors are called 'first'"):
            registry.register("second", "first")(Second)
        assert registry.find("first") == ("first", First)

    def test_a_name_can_not_be_another_ones_alias(self) -> None:
        registry.register("first", "one")(First)
        with pytest.raises(BadSpec, match="two descriptors are called 'one'"):
            registry.register("one")(Second)


def test_our_own_are_found_without_a_list() -> None:
    assert {"hsv", "hsv-regions"} <= set(descriptors.names())
    assert descriptors.names() == sorted(descriptors.names())
    name, cls = descriptors.find("hsv-regions")
    assert (name, cls.__name__) == ("hsv-regions", "HsvRegions")


@pytest.mark.parametrize(
    ("typed", "hint"), [("hvs", "did you mean hsv"), ("zzz", "choose one of .*hsv, hsv-regions")]
)
def test_unknown_descriptors_get_a_hint(typed: str, hint: str) -> None:
    with pytest.raises(BadSpec, match=f"no descriptor is called '{typed}'; {hint}"):
        descriptors.find(typed)
