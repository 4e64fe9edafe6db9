"""Which region attribute carries the class, and what a region's label is.

VIA lets everyone name attributes as they like and writes their values as text (text, dropdown,
radio) or as a dict of ticked boxes (checkbox). Nothing in the file says which attribute is the
class, so it is inferred here, and every doubt is put into words.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from mrcnn.annotation.predicted import PREDICTED
from mrcnn.annotation.raw import Declared
from mrcnn.tables import few

# Names that people give to the class, likeliest first; compared in lower case.
USUAL_NAMES = ("class", "class_name", "label", "category", "object", "object_name", "name", "type")
# Regions of an image with one label and one value of this attribute are parts of one object.
PART_OF = "part_of"
# What no region has for its class.
ASIDE = frozenset({PART_OF, PREDICTED})
# What VIA fills in itself when nobody chose a value, unless the file declares other defaults.
UNSET = {("name", "not_defined"), ("type", "unknown")}
ONE_CHOICE = ("dropdown", "radio")
# Values that differ in each of so many regions are rather no classes, and surely none.
FEW_REGIONS, MANY_REGIONS = 4, 10
ONE = "all regions are one class"
NOTHING_DECLARED = MappingProxyType({})


class LabelError(ValueError):
    """A region has no label, or more than one."""


def clean(text: str) -> str:
    """Return a label with outer and repeated white space and unprintable characters removed."""
    folded = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(character for character in folded if character.isprintable())


def label_of(
    attributes: Mapping, names: Sequence[str], declared: Mapping[str, Declared] = NOTHING_DECLARED
) -> str:
    """Return the label that a region's attributes give.

    `names` are the attributes of which one has it: one in most files, else one for each class.
    Raises LabelError where none has a value, or there are several.
    """
    ticked = [value for name in names for value in _chosen(attributes, name, declared)]
    if not ticked:
        raise LabelError(f"it has no label: {_why_none(attributes, names, declared)}")
    if len(ticked) > 1:
        where = few(map(repr, names))
        raise LabelError(f"it has {len(ticked)} labels ({few(ticked)}) in {where}, one is needed")
    return ticked[0]


def find_attribute(
    regions: Sequence[Mapping], declared: Mapping[str, Declared] = NOTHING_DECLARED
) -> tuple[tuple[str, ...], list[str]]:
    """Return the attributes that carry the class, see `label_of`, and warnings about the choice.

    Arguments:
        regions: the attributes of every region of the file.
        declared: what the file says of attributes, in its order.

    None at all means that the file knows one class: no region has a value in any attribute, or
    only such as name each region apart. Several are attributes that each have their own name as
    only value. Otherwise the choice is, in this order: an attribute whose regions mostly have
    one value, not several ticked boxes; one that at least half as many regions have as have the
    commonest; one whose values repeat; a dropdown or radio; a usual name; the first.
    """
    single, several, values = Counter(), Counter(), {}
    for attributes in regions:
        for name in attributes:
            chosen = _chosen(attributes, name, declared)
            single[name] += len(chosen) == 1
            several[name] += len(chosen) > 1
            values.setdefault(name, set()).update(chosen)
    names = [name for name in dict.fromkeys((*declared, *values)) if values.get(name)]
    names = [name for name in names if name not in ASIDE]
    if not names:
        return (), _unused(regions, declared)
    most = max(single.values())
    own = [name for name in names if {*map(_letters, values[name])} == {_letters(name)}]
    apart = not any(sum(bool(each.get(name)) for name in own) > 1 for each in regions)
    if len(own) > 1 and apart and 2 * sum(single[name] for name in own) >= most:
        return tuple(own), []

    def differ(name, least):
        return single[name] >= least and len(values[name]) * 10 > single[name] * 9

    def order(name):
        usual = name.strip().lower()
        return (
            single[name] < several[name],
            single[name] * 2 < most,
            differ(name, FEW_REGIONS),
            name not in declared or declared[name].kind not in ONE_CHOICE,
            USUAL_NAMES.index(usual) if usual in USUAL_NAMES else len(USUAL_NAMES),
            names.index(name),
        )

    classes = sorted((name for name in names if not differ(name, MANY_REGIONS)), key=order)
    if not classes:
        listed = few(map(repr, names))
        text = f"hardly a value of {listed} stands in two regions: they name regions, not classes"
        return (), [f"{text}; to read it from there all the same: {_option(names[0])}; else {ONE}"]
    chosen, *others = classes
    rivals = [name for name in others if not any(order(name)[:2])]
    if not rivals:
        return (chosen,), []
    listed = few(f"{name!r} (values: {len(values[name])})" for name in rivals)
    return (chosen,), [
        f"the class is read from {chosen!r}; the regions also have {listed}; to read the class "
        f"from another: {_option(rivals[0])}"
    ]


def named_attributes(regions: Iterable[Mapping], text: str) -> tuple[str, ...]:
    """Return the attributes of the regions that a person names, whatever their case.

    `text` is the name of one, or several with commas, of which each carries a class. The result
    is empty where no region has any of them.
    """
    present = {name for attributes in regions for name in attributes}
    wanted = [text] if text in present else [part.strip() for part in text.split(",")]
    alike = {name.casefold(): name for name in sorted(present)}
    found = (name if name in present else alike.get(name.casefold()) for name in [text, *wanted])
    return tuple(dict.fromkeys(name for name in found if name is not None))


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Return class names alphabetically, whatever their case."""
    return tuple(sorted(labels, key=lambda label: (label.casefold(), label)))


def lookalikes(names: Sequence[str]) -> list[str]:
    """Return a warning for each group of class names that differ only in case or punctuation."""
    groups = {}
    for name in names:
        groups.setdefault(_letters(name), []).append(name)
    return [
        f"{' and '.join(map(repr, group))} count as {len(group)} classes: is it one?"
        for group in groups.values()
        if len(group) > 1
    ]


def _option(name):
    return f'--attribute "{name}"' if " " in name else f"--attribute {name}"


def _letters(name):
    return "".join(filter(str.isalnum, name.casefold())) or name


def _values(value):
    """Return the label texts in an attribute's value; several where boxes are ticked."""
    if isinstance(value, dict):
        return [clean(str(name)) for name, on in value.items() if on is True or on == "true"]
    if isinstance(value, list):
        return [clean(str(item)) for item in value]
    return [] if value is None or isinstance(value, bool) else [clean(str(value))]


def _chosen(attributes, name, declared):
    """Return the values of an attribute that a person chose."""
    return [
        value
        for value in _values(attributes.get(name))
        if value and not _filled_in(name, value, declared)
    ]


def _filled_in(name, value, declared):
    return (name, value) in UNSET and (name not in declared or value in declared[name].defaults)


def _why_none(attributes, names, declared):
    """Say what a region has in place of a label."""
    for name in names:
        value = next(filter(None, _values(attributes.get(name))), None)
        if value:
            return f"its {name!r} is {value!r}, what VIA fills in"
    here = [name for name in names if name in attributes]
    listed = few(map(repr, here or names))
    why = f"its attribute {listed} is empty" if here else f"it has no attribute {listed}"
    others = {name: _chosen(attributes, name, declared) for name in attributes if name not in ASIDE}
    told = few(f"{name!r} is {values[0]!r:.40}" for name, values in others.items() if values)
    return f"{why}, but {told}" if told else why


def _unused(regions, declared):
    named = {name for attributes in regions for name in attributes} | set(declared)
    empty = sorted(named - ASIDE)
    if not regions:
        return []
    listed = f"a value in {few(map(repr, empty))}" if empty else "an attribute"
    return [f"no region has {listed}: {ONE}"]
