"""How files are damaged: as bytes, and, where they hold JSON or a table, as what they mean.

Every function takes a `random.Random`, so that a file can be made again.
"""

import copy
import csv
import io
import json
import struct
import zlib
from collections.abc import Sequence
from random import Random

NUMBERS = (0, 1, 2, 127, 128, 255, 256, 32767, 65535, 65536, 2**24 - 1, 2**31 - 1, 2**31, 2**32 - 1)
VALUES = (None, True, False, -1, 0, 0.5, 3, 7.0, 1e308, -1e308, 10**30, 2**63, 1e-320)
VALUES += (float("nan"), float("inf"), "", " ", "0", "-1", "1e999", "nan", "a.jpg", "x" * 300, "\0")
VALUES += (
    "\ud800",
    "../a.jpg",
    "/etc/passwd",
    "C:\\a.jpg",
    "data:image/png,",
    "file:///a.jpg",
    "é",
)
VALUES += (
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": None},
    {"name": "rect"},
    [1, 2, 3],
    [[0, 0, 9, 9, 0, 9]],
)


def in_bytes(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Damage a file in one to six places, half of them among its first 200 bytes.

    Pieces of `others` come into it.
    """
    data = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        at = random.randrange(min(len(data), 200 if random.random() < 0.5 else len(data)) + 1)
        end = at + random.choice((1, 2, 4, 8, 30, 200))
        kind = random.randrange(8)
        if kind < 2 and at < len(data):
            data[at] ^= 1 << random.randrange(8)
        elif kind == 2:
            data[at : at + 1] = random.choice((b"\0", b"\xff", b"\x7f", b"\x80", b"\1", b"9"))
        elif kind == 3:
            size = random.choice((2, 4, 8))
            number = random.choice(NUMBERS) % 2 ** (8 * size)
            data[at : at + size] = number.to_bytes(size, random.choice(("little", "big")))
        elif kind == 4:
            del data[at:end]
        elif kind == 5:
            data[at:at] = data[at:end] * random.choice((1, 2, 50))
        elif kind == 6 and random.random() < 0.3:
            del data[at:]
        elif kind == 7:
            other = random.choice(others)
            start = random.randrange(len(other))
            data[at:end] = other[start : start + end - at]
    return bytes(data)


def in_png(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Damage a file as bytes; where it is a PNG, half of the time with checksums that fit."""
    data = in_bytes(data, random, others)
    if data.startswith(b"\x89PNG\r\n\x1a\n") and random.random() < 0.5:
        made, at = bytearray(data), 8
        while at + 12 <= len(made):
            end = at + 8 + int.from_bytes(made[at : at + 4], "big")
            made[end : end + 4] = struct.pack(">I", zlib.crc32(made[at + 4 : end]))
            at = end + 4
        data = bytes(made)
    return data


def in_tree(tree: object, random: Random) -> object:
    """Change one to four values of a JSON document, which is spoilt by it."""
    root = [tree]
    for _ in range(random.choice((1, 1, 2, 4))):
        places = list(_places(root))
        holder, key = random.choice(places)
        kind = random.randrange(8)
        if kind < 3:
            holder[key] = copy.deepcopy(random.choice(VALUES))
        elif kind == 3 and holder is not root:
            del holder[key]
        elif kind == 4:
            other, place = random.choice(places)
            holder[key] = copy.deepcopy(other[place])
        elif kind == 5:
            holder[key] = random.choice(([holder[key]], {"name": holder[key]}, [holder[key]] * 30))
        elif kind == 6 and isinstance(holder, dict):
            other = random.choice(places)[1]
            holder[str(random.choice((other, "x", "", 7)))] = holder.pop(key)
        elif kind == 7 and isinstance(holder[key], int | float):
            holder[key] = holder[key] * random.choice((-1, 0.1, 1000, 10**6))
    return root[0]


def _places(holder):
    """Yield (list or dict, index or key) of every value below."""
    for key, value in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
        yield holder, key
        if isinstance(value, dict | list):
            yield from _places(value)


def in_text(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Damage JSON or a table in what it means, and one in five as bytes."""
    if random.random() < 0.2:
        return in_bytes(data, random, others)
    text = data.decode()
    if text.startswith(("{", "[")):
        tree = in_tree(json.loads(text), random)
        return json.dumps(tree, ensure_ascii=random.random() < 0.9).encode(errors="surrogatepass")
    rows = list(csv.reader(io.StringIO(text)))
    row = random.choice([row for row in rows if row])
    at = random.randrange(len(row))
    row[at] = _in_cell(row[at], random)
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue().encode(errors="surrogatepass")


def _in_cell(cell, random):
    try:
        return json.dumps(in_tree(json.loads(cell), random))
    except ValueError:
        return str(random.choice(VALUES))
