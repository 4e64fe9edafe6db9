"""The README speaks of what is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def tables():
    """Yield the rows of the README's tables, each as its cells."""
    for line in README.splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def test_every_file_that_a_table_names_is_there():
    missing = []
    for cells in tables():
        beside = [ROOT]
        for name in re.findall(r"`([\w./-]+(?:\.py|\.h5|/))`", " ".join(cells)):
            # After `mrcnn/config.py` in one row, `model.py` stands beside it or in it.
            paths = [folder / name for folder in beside if (folder / name).exists()]
            if not paths:
                missing.append(name)
                continue
            beside = [ROOT, paths[0].parent, paths[0]]
    assert not missing


@pytest.mark.parametrize(
    "subject",
    ["backbone", "loss", "annotation format", "result format", "export", "plan", "drawing"],
)
def test_it_tells_where_to_add(subject):
    rows = [cells for cells in tables() if re.match(rf"an? {subject}", cells[0])]
    assert len(rows) == 1
    assert "`mrcnn/" in rows[0][1]


def test_every_link_leads_to_a_file():
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]
