"""What a machine answers that looks at photos for another one, and what that one does with it.

An answer has, of JSON's types, `file`, the photo's name, the `record`, the `line` that says what
was found, and what scored `below`; or `file` and the `reason` why there is no record,
and the `place` of a photo that could not be reached.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from mrcnn.commands.outcome import Outcome, found_text, reason_of
from mrcnn.commands.photo_run import read_ahead
from mrcnn.data.images import Unreachable, read_image
from mrcnn.progress import Progress
from mrcnn.results.photos import PhotoResult, Writer
from mrcnn.results.records import photo_record


def answers(
    detector, names: Iterable[str], class_names: Sequence[str], masks: str
) -> Iterator[dict]:
    """Yield the answer to each photo; `masks` is as of `photo_record`."""

    def answer(name, reading):
        try:
            image = reading.result()
            (found,) = detector.detect([image])
            record = photo_record(PhotoResult(name, found, None, 0, image), class_names, masks)
            line = found_text(name, found, class_names, detector.max_instances)
        except Unreachable as error:
            return {"file": name, "reason": str(error), "place": error.place}
        except Exception as error:
            return {"file": name, "reason": reason_of(name, error)}
        below = [(score, class_names[number], name) for score, number in found.below]
        return {"file": name, "record": record, "line": line, "below": below}

    with ThreadPoolExecutor(1) as pool:
        yield from itertools.starmap(answer, read_ahead(names, pool, read_image))


def take(answer: dict, outcome: Outcome, progress: Progress, writers: Sequence[Writer]) -> None:
    """Count an answer, say it, and write it with `writers`, of `formats.RESUMED`."""
    if "place" in answer:
        outcome.leave(answer["place"], answer["reason"], progress)
        return
    if "reason" in answer:
        outcome.fail(answer, progress, writers)
        return
    for writer in writers:
        writer.take(answer["record"])
    counts = Counter(each["class"] for each in answer["record"]["objects"])
    outcome.add(counts, answer["below"])
    progress.update(answer["line"])
