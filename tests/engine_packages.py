"""Prints what the tests of an engine need besides requirements.txt, a package a line."""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTING = ("pytest", "hypothesis", "pycocotools")


def packages(engine: str) -> list[str]:
    """Return the engine's of pyproject.toml, and those of requirements-dev.txt for tests."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = (ROOT / "requirements-dev.txt").read_text().splitlines()
    wanted = [line for line in lines if line.startswith(TESTING)]
    return extras["optional-dependencies"][engine] + wanted


if __name__ == "__main__":
    print("\n".join(packages(sys.argv[1])))
