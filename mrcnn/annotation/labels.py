"""Which region attribute carries the class, and what a region's label is.

VIA lets everyone name attributes as they like and writes their values as text (text, dropdown,
radio) or as a dict of ticked boxes (checkbox). Nothing in the file says which attribute is the
class, so it is inferred here, and every doubt is put into words.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

# Names that people give to the class, likeliest first; compared in lower case.
USUAL_NAMES = ("class", "class_name", "label", "category", "object", "object_name", "name", "type")
# What VIA fills in itself when nobody chose a value.
UNSET = {("name", "not_defined"), ("type", "unknown")}
ONE_CHOICE = ("dropdown", "radio")


class LabelError(ValueError):
    """A region has no label, or more than one."""


def clean(text: str) -> str:
    """Return a label with outer and repeated white space and unprintable characters removed."""
    folded = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(character for character in folded if character.isprintable())


def label_of(attributes: Mapping, attribute: str) -> str:
    """Return the label that a region's attributes give.

    Raises LabelError where the attribute is missing or empty, or several boxes are ticked.
    """
    ticked = [value for value in _values(attributes.get(attribute)) if value]
    if not ticked or (attribute, ticked[0]) in UNSET:
        raise LabelError(f"it has no label: its attribute {attribute!r} is empty")
    if len(ticked) > 1:
        listed = ", ".join(ticked)
        raise LabelError(f"it has {len(ticked)} labels ({listed}) in {attribute!r}, one is needed")
    return ticked[0]


def find_attribute(
    regions: Sequence[Mapping], declared: Mapping[str, str]
) -> tuple[str | None, list[str]]:
    """Return the attribute that carries the class and warnings about the choice.

    Arguments:
        regions: the attributes of every region of the file.
        declared: types of attributes ("text", "dropdown", "radio", "checkbox") by name, where
            the file declares them.

    None means that no region has a value in any attribute: the file knows one class. Otherwise
    the choice is, in this order: an attribute whose regions mostly have one value, not several
    ticked boxes; one that at least half as many regions have as have the commonest; a dropdown
    or radio; a usual name; the one that most regions have; the one with the fewest values.
    """
    single, several, values = Counter(), Counter(), {}
    for attributes in regions:
        for name in attributes:
            try:
                values.setdefault(name, set()).add(label_of(attributes, name))
                single[name] += 1
            except LabelError:
                if sum(map(bool, _values(attributes[name]))) > 1:
                    several[name] += 1
    names = single.keys() | several.keys()
    if not names:
        return None, _unused(regions, declared)
    most = max(single.values(), default=0)

    def order(name):
        usual = name.strip().lower()
        return (
            single[name] < several[name],
            single[name] * 2 < most,
            declared.get(name) not in ONE_CHOICE,
            USUAL_NAMES.index(usual) if usual in USUAL_NAMES else len(USUAL_NAMES),
            -single[name],
            len(values.get(name, ())),
            name,
        )

    chosen, *others = sorted(names, key=order)
    rivals = [name for name in others if not any(order(name)[:2])]
    if not rivals:
        return chosen, []
    listed = ", ".join(f"{name!r} (values: {len(values[name])})" for name in rivals)
    return chosen, [f"the class is read from {chosen!r}; the regions also have {listed}"]


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Return class names alphabetically, whatever their case."""
    return tuple(sorted(labels, key=lambda label: (label.casefold(), label)))


def lookalikes(names: Sequence[str]) -> list[str]:
    """Return a warning for each group of class names that differ only in case or punctuation."""
    groups = {}
    for name in names:
        key = "".join(filter(str.isalnum, name.casefold())) or name
        groups.setdefault(key, []).append(name)
    return [
        f"{' and '.join(map(repr, group))} count as {len(group)} classes: is it one?"
        for group in groups.values()
        if len(group) > 1
    ]


def _values(value):
    """Return the label texts in an attribute's value; several where boxes are ticked."""
    if isinstance(value, dict):
        return [clean(str(name)) for name, on in value.items() if on is True or on == "true"]
    if isinstance(value, list):
        return [clean(str(item)) for item in value]
    return [] if value is None or isinstance(value, bool) else [clean(str(value))]


def _unused(regions, declared):
    empty = sorted({name for attributes in regions for name in attributes} | set(declared))
    if not regions or not empty:
        return []
    names = ", ".join(map(repr, empty))
    return [f"no region has a value in {names}: all regions are one class"]
