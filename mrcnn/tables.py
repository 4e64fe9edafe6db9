"""Tables: rows of cells as aligned text or HTML, and the rows that tell about weights."""

import html
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

import numpy as np

LONGEST_NAME = 28
# Weights are small: from here on something has gone wrong.
OVERFLOW = 1000


def as_lines(rows: Sequence[Sequence], left: int | None = None) -> list[str]:
    """Return a line a row, its cells below those of the row before.

    The first `left` columns, by default all, stand to the left, the others to the right.
    """
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    left = len(widths) if left is None else left
    lines = []
    for row in rows:
        to_left = map(str.ljust, row[:left], widths)
        to_right = map(str.rjust, row[left:], widths[left:])
        lines.append("  ".join([*to_left, *to_right]).rstrip())
    return lines


def shortened(name: str) -> str:
    """Return a name that leaves room for other columns."""
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def few(names: Iterable, most: int = 5) -> str:
    """Return names in one line; of more than `most` only the first, and how many there are."""
    names = list(map(str, names))
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])}, ... ({len(names)} in all)"


def as_html(rows: Sequence[Sequence]) -> str:
    """Return a `<table>`."""
    lines = ("".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) for row in rows)
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def in_notebook() -> bool:
    """Tell whether this code runs in a notebook, without importing IPython to find out."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return hasattr(shell, "kernel")


def weight_rows(layers) -> Iterator[list[str]]:
    """Yield name, shape, least, greatest, spread and a remark of each weight of Keras layers.

    The remark marks what looks wrong: values that are not finite, over 1000 in size ("overflow?"),
    or a kernel whose values are all the same ("dead?").
    """
    for layer in layers:
        for variable, values in zip(layer.weights, layer.get_weights(), strict=True):
            low, high = values.min(), values.max()
            note = ""
            if not np.isfinite(values).all():
                note = "not finite"
            elif max(-low, high) > OVERFLOW:
                note = "overflow?"
            elif values.ndim > 1 and low == high:
                note = "dead?"
            name = f"{layer.name}/{variable.name.split('/')[-1]}"
            numbers = (f"{number:+.4f}" for number in (low, high, values.std()))
            yield [name, str(values.shape), *numbers, note]
