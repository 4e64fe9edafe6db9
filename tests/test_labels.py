"""Which attribute carries the class, and the labels it gives."""

import pytest

from mrcnn.annotation.labels import (
    LabelError,
    clean,
    find_attribute,
    label_of,
    lookalikes,
    named_attributes,
)
from mrcnn.annotation.raw import Declared


@pytest.mark.parametrize(
    "value, label",
    [
        ("mug", "mug"),
        (" License\n", "License"),
        ("AC  Remote", "AC Remote"),
        (321, "321"),
        (["cat"], "cat"),
        ({"window": False, "building": True}, "building"),
        ({"window": "true", "door": "false"}, "window"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("a\x1b[31mb", "a[31mb"),
    ],
)
def test_label_of(value, label):
    assert label_of({"class": value}, ("class",)) == label


@pytest.mark.parametrize("value", ["", "  ", None, {}, {"a": False}, True, []])
def test_no_label(value):
    with pytest.raises(LabelError, match="no label"):
        label_of({"class": value}, ("class",))


def test_absent_attribute_is_no_label():
    with pytest.raises(LabelError, match="no attribute 'class', but 'other' is 'x'"):
        label_of({"other": "x"}, ("class",))


def test_several_ticked_boxes_are_no_class():
    with pytest.raises(LabelError, match="2 labels"):
        label_of({"class": {"a": True, "b": True}}, ("class",))


def test_values_that_via_fills_in_are_no_label():
    for name, value in (("name", "not_defined"), ("type", "unknown")):
        with pytest.raises(LabelError, match=f"its '{name}' is '{value}', what VIA fills in"):
            label_of({name: value}, (name,))
        own = {name: Declared("dropdown", ("other",))}
        assert label_of({name: value}, (name,), own) == value
    assert label_of({"class": "unknown"}, ("class",)) == "unknown"


def test_no_attribute_is_one_class():
    names, (warning,) = find_attribute([{}, {}])
    assert names == () and "no region has an attribute: all regions are one class" in warning
    assert find_attribute([]) == ((), [])


def test_attribute_without_values_is_told():
    attribute, warnings = find_attribute([{"object": ""}], {"kind": Declared("radio")})
    assert attribute == ()
    assert "'kind', 'object'" in warnings[0]


def test_the_only_attribute_needs_no_known_name():
    assert find_attribute([{"bsf": "larvae"}, {}]) == (("bsf",), [])


def test_commonest_attribute_wins_over_a_rare_one():
    regions = [{"zz": "a"}] * 5 + [{"class": "b"}]
    assert find_attribute(regions) == (("zz",), [])


def test_usual_names_win_and_the_others_are_told():
    attribute, warnings = find_attribute([{"court": "near", "class": "ready"}] * 3)
    assert attribute == ("class",)
    assert "'court' (values: 1)" in warnings[0]


def test_declared_dropdown_wins_over_text():
    regions = [{"name": f"no {i % 2}", "type": "bird"} for i in range(4)]
    declared = {"name": Declared("text"), "type": Declared("dropdown")}
    assert find_attribute(regions, declared)[0] == ("type",)
    assert find_attribute(regions)[0] == ("name",)


def test_the_first_attribute_wins_where_nothing_else_tells():
    regions = [{"food": food, "taste": "sweet"} for food in ("ice cream", "gulab jamun", "cake")]
    attribute, (warning,) = find_attribute(regions)
    assert attribute == ("food",) and warning.endswith("from another: --attribute taste")
    declared = {"taste": Declared("text"), "food": Declared("text")}
    assert find_attribute(regions, declared)[0] == ("taste",)


def test_values_that_name_each_region_are_no_class():
    regions = [{"id": str(i), "food": "pie" if i else "cake"} for i in range(4)]
    assert find_attribute(regions)[0] == ("food",)
    assert find_attribute(regions[:3])[0] == ("id",), "three regions tell nothing"
    alone = [{"id": str(i)} for i in range(10)]
    assert find_attribute(alone[:9])[0] == ("id",)
    attribute, (warning,) = find_attribute(alone)
    assert attribute == () and "--attribute id" in warning and "one class" in warning
    assert find_attribute([*alone, *alone])[0] == ("id",)


def test_an_attribute_for_each_class():
    regions = [{"dent": "Dent", "deep": "yes"}, {"rear_bumper": "rear bumper"}, {"dent": "dent"}]
    attribute, warnings = find_attribute(regions)
    assert (attribute, warnings) == (("dent", "rear_bumper"), [])
    assert [label_of(region, attribute) for region in regions] == ["Dent", "rear bumper", "dent"]
    with pytest.raises(LabelError, match=r"2 labels \(dent, scratch\) in 'dent', 'scratch'"):
        label_of({"dent": "dent", "scratch": "scratch"}, ("dent", "scratch"))
    both = [{"dent": "dent", "scratch": "scratch"}, {"dent": "dent"}]
    assert find_attribute(both)[0] == ("dent",)


def test_an_attribute_is_named_by_a_person():
    regions = [{"Food": "pie", "a, b": "x"}, {"taste": "sweet"}]
    assert named_attributes(regions, "food") == ("Food",)
    assert named_attributes(regions, "a, b") == ("a, b",)
    assert named_attributes(regions, "taste, Food,none") == ("taste", "Food")
    assert named_attributes(regions, "none") == ()


def test_attribute_of_several_ticked_boxes_is_taken_last():
    regions = [{"quality": {"good": True, "sharp": True}, "thing": "a"}] + [
        {"quality": {"good": True, "sharp": True}}
    ] * 9
    assert find_attribute(regions)[0] == ("thing",)
    assert find_attribute([*regions, *[{"quality": {"good": True}}] * 4])[0] == ("thing",)
    assert find_attribute([{"quality": {"good": True, "sharp": True}}])[0] == ("quality",)


def test_lookalikes():
    (warning,) = lookalikes(["License", "license", "mug", "###"])
    assert "'License' and 'license'" in warning
    assert lookalikes(["a", "b"]) == []


def test_clean_keeps_inner_words():
    assert clean("\tAC\u00a0 Remote ") == "AC Remote"
