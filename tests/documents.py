"""What the README and the pages of docs/ hold: their links, their blocks, their commands."""

import argparse
import re
import runpy
import shlex
import sys
import textwrap
from pathlib import Path

import pytest

from mrcnn.commands import process

ROOT = Path(__file__).parent.parent
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
}
# Programs that are not this project's.
ELSEWHERE = ["apt", "cd", "cp", "curl", "docker", "export", "for", "git", "jupyter", "mkdir", "mv"]
ELSEWHERE += ["rm"]


def links(page: str) -> list[str]:
    """Return where the links and pictures of a page lead, but for those into the web."""
    text = re.sub(r"^( *)```.*?^\1```$", "", PAGES[page], flags=re.M | re.S)
    return re.findall(r"\]\((?!https?:)([^)]+)\)", text)


def headings(page: str) -> list[str]:
    """Return the names that GitHub gives a page's headings in links."""
    found = re.findall(r"^#+ (.*)$", PAGES[page], re.M)
    return [re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in found]


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of a language, "" for commands of a shell."""
    fenced = re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", PAGES[page], re.M | re.S)
    return [textwrap.dedent(text) for _, name, text in fenced if name == language]


def languages(page: str) -> set[str]:
    """Return the languages of a page's blocks, "" for commands of a shell."""
    return set(re.findall(r"^ *```(\w*)$", PAGES[page], re.M)[::2])


def commands(page: str) -> list[str]:
    """Return the lines of a page's commands, each whole and without its comment."""
    lines = "\n".join(blocks(page, "")).replace("\\\n", " ").splitlines()
    parts = (each for line in lines for each in re.sub(r"\s+# .*", "", line).split("&&"))
    return [part.strip() for part in parts if part.strip()]


class Parsed(Exception):
    """A command line was understood."""


def understood(words: list[str], monkeypatch) -> bool:
    """Parse the arguments of a script as it would; stop before it does anything."""
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(self, *arguments, **options):
        parse(self, *arguments, **options)
        raise Parsed

    def stop(*_):
        raise Parsed

    if (ROOT / words[0]).parent == ROOT:
        monkeypatch.setattr(process, "run", stop)
    else:
        monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)
    monkeypatch.setattr(sys, "argv", [str(ROOT / words[0]), *words[1:]])
    with pytest.raises(Parsed):
        runpy.run_path(str(ROOT / words[0]), run_name="__main__")
    return True


def holds(page: str, command: str, monkeypatch) -> bool:
    """Tell whether a command of a page is understood, or that of a program not of this project."""
    program, *words = shlex.split(command)
    if program == "make":
        return bool(re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(), re.M))
    if program in ("pip", "python3", "."):
        return all((ROOT / word).exists() for word in words if word.endswith(".txt"))
    if program != "python":
        return program in ELSEWHERE
    if words[0] == "-m":
        module = ROOT / words[1].replace(".", "/")
        if (module / "__main__.py").exists():
            return True
        return understood([f"{module.relative_to(ROOT)}.py", *words[2:]], monkeypatch)
    # A script that stands in the page.
    return f"as `{words[0]}`" in PAGES[page] or understood(words, monkeypatch)
