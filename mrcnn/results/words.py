"""What was found, in words."""

from collections import Counter
from collections.abc import Iterable, Sequence


def count_classes(class_ids: Iterable[int], class_names: Sequence[str]) -> Counter:
    """Return how many objects there are of each class, by name."""
    return Counter(class_names[class_id] for class_id in class_ids)


def counts_text(counts: Counter) -> str:
    """Return counts in words, the commonest class first: "17 AC Remote, 2 mug", or "nothing"."""
    return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "nothing"
