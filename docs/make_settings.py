#!/usr/bin/env python3
"""Write docs/settings.md from the comments of mrcnn/config.py and the rules of mrcnn/rules.py.

    python docs/make_settings.py

A setting's comment says what it is, in brackets its unit, and after "Change:" when to change it.
"""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "settings.md"
SOURCE = ROOT / "mrcnn" / "config.py"
SECTION = re.compile(r"# -- (.*?) -+$")
UNIT = re.compile(r" ?\[([^\[\]]+)\]$")
HEAD = """# Settings

Every attribute of a `Config` (`mrcnn/config.py`), with its default. Set them in a subclass, or by
the option of the commands that a row names; the Config of the commands is `CustomConfig` in
`custom_training.py`, which sets NAME to "object" and STEPS_PER_EPOCH and VALIDATION_STEPS to None.
Pixels are those of the image as the network sees it. A
weights file brings its settings along: what the network was trained with counts wherever nothing
else is said. `python docs/make_settings.py` writes this page from the source.
"""
COMPUTED = """
## Computed

When a Config is made, these follow; they cannot be set.

| | follows from |
|---|---|
"""


def settings() -> list[tuple[str, str, str, str, str]]:
    """Return (section, name, meaning, unit, when to change it) of each setting in the source.

    Raises ValueError for a setting whose comment does not say both.
    """
    source = SOURCE.read_text(encoding="utf-8")
    lines, section, found = source.splitlines(), "General", []
    (body,) = (node.body for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    last = 0
    for node in body:
        comment = [line.strip() for line in lines[last : node.lineno - 1]]
        last = node.end_lineno
        section = next((m[1] for line in comment if (m := SECTION.match(line))), section)
        if not isinstance(node, ast.Assign):
            continue
        name = node.targets[0].id
        words = [line[2:] for line in comment if line.startswith("# ") and not SECTION.match(line)]
        meaning, change = [], []
        for line in words:
            (change if change or line.startswith("Change: ") else meaning).append(line)
        if not meaning or not change:
            raise ValueError(f"{name}: its comment must say what it is and, after Change:, when to")
        # Lines of a list stand each for itself.
        listed = [re.sub(r"^(\w+) {2,}", r"<br>`\1`: ", line) for line in meaning]
        text = re.sub(r"(<br>[^<]*?) (?=With none)", r"\1<br>", " ".join(listed).strip())
        unit = UNIT.search(text)
        text = UNIT.sub("", text).removeprefix("<br>").replace(" <br>", "<br>")
        changed = " ".join(change).removeprefix("Change: ")
        found.append((section, name, text, unit[1] if unit else "", changed))
    return found


def page() -> str:
    """Return the page."""
    sys.path.insert(0, str(ROOT))
    from mrcnn import rules
    from mrcnn.config import Config

    parts, last = [HEAD], None
    for section, name, meaning, unit, change in settings():
        if section != last:
            heads = (
                "| setting | default | unit | meaning | when to change it |\n|---|---|---|---|---|"
            )
            parts.append(f"\n## {section}\n\n{heads}\n")
            last = section
        default = getattr(Config, name)
        default = default.tolist() if hasattr(default, "tolist") else default
        must = rules.RULES[name].words
        cells = (f"`{name}`", f"`{default!r}`", unit, f"{meaning} Must be {must}.", change)
        parts.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |\n")
    parts.append(COMPUTED)
    for name, needed in rules.COMPUTED.items():
        parts.append(f"| `{name}` | {', '.join(f'`{each}`' for each in needed)} |\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Written: {PAGE}")
