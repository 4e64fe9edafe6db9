"""Which attribute carries the class, and the labels it gives."""

import pytest

from mrcnn.annotation.labels import LabelError, clean, find_attribute, label_of, lookalikes


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
    assert label_of({"class": value}, "class") == label


@pytest.mark.parametrize("value", ["", "  ", None, {}, {"a": False}, True, []])
def test_no_label(value):
    with pytest.raises(LabelError, match="no label"):
        label_of({"class": value}, "class")


def test_absent_attribute_is_no_label():
    with pytest.raises(LabelError, match="'class' is empty"):
        label_of({"other": "x"}, "class")


def test_several_ticked_boxes_are_no_class():
    with pytest.raises(LabelError, match="2 labels"):
        label_of({"class": {"a": True, "b": True}}, "class")


def test_values_that_via_fills_in_are_no_label():
    for name, value in (("name", "not_defined"), ("type", "unknown")):
        with pytest.raises(LabelError):
            label_of({name: value}, name)
    assert label_of({"class": "unknown"}, "class") == "unknown"


def test_no_attribute_is_one_class():
    assert find_attribute([{}, {}], {}) == (None, [])
    assert find_attribute([], {}) == (None, [])


def test_attribute_without_values_is_told():
    attribute, warnings = find_attribute([{"object": ""}], {"kind": "radio"})
    assert attribute is None
    assert "'kind', 'object'" in warnings[0]


def test_the_only_attribute_needs_no_known_name():
    assert find_attribute([{"bsf": "larvae"}, {}], {}) == ("bsf", [])


def test_commonest_attribute_wins_over_a_rare_one():
    regions = [{"zz": "a"}] * 5 + [{"class": "b"}]
    assert find_attribute(regions, {}) == ("zz", [])


def test_usual_names_win_and_the_others_are_told():
    attribute, warnings = find_attribute([{"court": "near", "class": "ready"}] * 3, {})
    assert attribute == "class"
    assert "'court' (values: 1)" in warnings[0]


def test_declared_dropdown_wins_over_text():
    regions = [{"name": f"no {i}", "type": "bird"} for i in range(4)]
    assert find_attribute(regions, {"name": "text", "type": "dropdown"})[0] == "type"
    assert find_attribute(regions, {})[0] == "name"


def test_attribute_of_several_ticked_boxes_is_taken_last():
    regions = [{"quality": {"good": True, "sharp": True}, "thing": "a"}] + [
        {"quality": {"good": True, "sharp": True}}
    ] * 9
    assert find_attribute(regions, {})[0] == "thing"
    assert find_attribute([*regions, *[{"quality": {"good": True}}] * 4], {})[0] == "thing"
    assert find_attribute([{"quality": {"good": True, "sharp": True}}], {})[0] == "quality"


def test_lookalikes():
    (warning,) = lookalikes(["License", "license", "mug", "###"])
    assert "'License' and 'license'" in warning
    assert lookalikes(["a", "b"]) == []


def test_clean_keeps_inner_words():
    assert clean("\tAC\u00a0 Remote ") == "AC Remote"
