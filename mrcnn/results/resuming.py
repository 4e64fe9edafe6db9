"""What a run notes beside its results, so that one like it can go on with them."""

import json
from pathlib import Path

from mrcnn.atomic import write_json


def note_path(result: Path) -> Path:
    """Return where the note of a result is: `found.jsonl.run.json`, or `_run.json` in a folder."""
    return result / "_run.json" if result.is_dir() else result.with_name(f"{result.name}.run.json")


def is_begun(result: Path) -> bool:
    """Tell whether there is a result, or the note of one, to go on with."""
    return result.exists() and (not result.is_dir() or any(result.iterdir()))


def write_note(result: Path, facts: dict) -> None:
    """Note the facts of a run, of JSON's types, for `check_note`."""
    write_json(note_path(result), facts)


def check_note(result: Path, facts: dict) -> int:
    """Return when the run began that made a result, in ns as of `stat`.

    Raises ValueError where there is no note of it, or other facts are in it: which, and what to do.
    """
    path = note_path(result)
    anew = "begin anew with --overwrite"
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
        begun = path.stat().st_mtime_ns
        before.keys()
    except (OSError, ValueError, AttributeError):
        raise ValueError(
            f"{path}, which tells how {result} was made, is not there or damaged: {anew}"
        ) from None
    # As JSON gives them back.
    facts = json.loads(json.dumps(facts))
    for name in facts | before:
        if facts.get(name) != before.get(name):
            was, is_now = (_text(each.get(name)) for each in (before, facts))
            raise ValueError(
                f"{result} was made with another {name}, {was} and not {is_now}: give the same, or "
                f"{anew}"
            )
    return begun


def _text(value):
    return "none" if value is None else str(value)
