"""COCO's run lengths as they stand in a file: plain, or compressed to text."""

from mrcnn.annotation.records import ShapeError, brief

MAX_RLE_PIXELS = 200_000_000


def read_rle(words: dict) -> dict:
    """Return `{"size", "counts"}` with counts as a list; raises ShapeError."""
    size, counts = words.get("size"), words.get("counts")
    if not (isinstance(size, list) and len(size) == 2 and all(type(n) is int for n in size)):
        raise ShapeError("value", f"the size of its run lengths is {brief(size)}")
    if min(size) < 1 or size[0] * size[1] > MAX_RLE_PIXELS:
        raise ShapeError("value", f"the size of its run lengths is {size[0]} x {size[1]}")
    if isinstance(counts, str):
        counts = decompress_counts(counts)
    if not isinstance(counts, list) or not all(type(n) is int and n >= 0 for n in counts):
        raise ShapeError("value", f"its run lengths are {brief(counts)}")
    if sum(counts) != size[0] * size[1]:
        reason = f"its run lengths add up to {sum(counts)}, not {size[0]} x {size[1]}"
        raise ShapeError("value", reason)
    if not any(counts[1::2]):
        raise ShapeError("zero area", "its mask is empty")
    return {"size": size, "counts": counts}


def decompress_counts(text: str) -> list[int]:
    """Return the run lengths in COCO's compressed text.

    Each number is a little-endian chain of characters: five bits and a flag "more follow" above
    48; the last one's top bit is the sign. From the fourth on, they are differences to the
    number two places before. Raises ShapeError.
    """
    counts, value, shift = [], 0, 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ShapeError("value", f"its run lengths are damaged near {character!r}")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value, shift = 0, 0
    if shift:
        raise ShapeError("value", "its run lengths break off")
    return counts


def compress_counts(counts: list[int]) -> str:
    """Return run lengths as COCO's compressed text; undoes `decompress_counts`."""
    text = []
    for index, count in enumerate(counts):
        value = count - counts[index - 2] if index > 2 else count
        while True:
            bits, value = value & 31, value >> 5
            # The last one's top bit is the sign.
            more = value != (-1 if bits & 16 else 0)
            text.append(chr(48 + bits + 32 * more))
            if not more:
                break
    return "".join(text)
