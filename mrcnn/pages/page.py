"""A page as text: its template, its style and its script in one, and data that cannot break out.

A page is what stands before its photos, the photos, and what stands behind them; so it can grow
photo by photo. Styles and scripts of the page run by their hashes alone (Content-Security-Policy):
whatever a name of a file or a class says, it is never code, and nothing is loaded from elsewhere.
"""

import base64
import functools
import hashlib
from pathlib import Path

from mrcnn.atomic import as_json
from mrcnn.drawing.colors import class_color, to_bytes

FOLDER = Path(__file__).parent
# Where the photos go. Values are escaped, so that none of them can be it.
PLACE = "<!-- photos -->"
# The scripts of every page, which those of one kind follow.
SCRIPTS = ("elements.js", "overlay.js", "lightbox.js", "gallery.js")


@functools.cache
def _templates():
    import jinja2  # which no command loads before a page is asked for

    loader = jinja2.FileSystemLoader(FOLDER / "templates")
    strict = {"undefined": jinja2.StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    return jinja2.Environment(loader=loader, autoescape=True, **strict)


def around(kind: str, title: str, class_names: list[str], facts: dict) -> tuple[str, str]:
    """Return what stands before the photos of a page and what stands behind them.

    Arguments:
        kind: "evaluation" or "predictions", the name of its template and its scripts.
        title: what the browser's tab says.
        class_names: the background's first; each gets its colour.
        facts: what the script must know, ready for JSON.
    """
    names = {"evaluation": ("charts.js", "judging.js"), "predictions": ()}[kind]
    script = "".join(_source(name) for name in (*SCRIPTS, *names, f"{kind}.js"))
    script = f'(() => {{\n"use strict";\n{script}}})();\n'
    style = _source("page.css")
    colors = [color(class_id) for class_id in range(1, len(class_names))]
    facts = {"class_names": class_names, "colors": ["#888888", *colors], **facts}
    text = (
        _templates()
        .get_template(f"{kind}.html")
        .render(
            title=title,
            place=PLACE,
            style=style,
            script=script,
            policy=f"default-src 'none'; img-src data: file: 'self'; style-src '{_hash(style)}'; "
            f"script-src '{_hash(script)}'",
            facts=embedded(facts, id="facts"),
        )
    )
    before, behind = text.split(PLACE)
    return before, behind


def color(class_id: int) -> str:
    """Return the colour of a class as CSS writes it."""
    return "#" + bytes(to_bytes(class_color(class_id))).hex()


def _source(name):
    return (FOLDER / name).read_text(encoding="utf-8")


def _hash(text):
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def embedded(document, **attributes: str) -> str:
    """Return a document as an element of a page that holds it as JSON.

    No text in it can end the element: `<`, `>` and `&` are written as JSON's escapes.
    """
    text = as_json(document)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    named = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<script type="application/json"{named}>{text}</script>\n'
