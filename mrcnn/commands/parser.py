"""A command line's parser that answers a mistake in one sentence, and guesses what was meant."""

import argparse
import difflib
import re

from mrcnn.commands.process import as_called

CHOICE = re.compile(r"argument (\S+): invalid choice: '(.*)' \(choose from (.*)\)")


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` whose complaints begin with the sentence that matters.

    Below it stands in one line how the command at hand is called, not each of its options. Words
    that it does not know are said with the one that is nearest to them. `add_subparsers` makes
    parsers of this kind too.
    """

    def __init__(self, *args, description: str | None = None, **options):
        super().__init__(*args, description=description and as_called(description), **options)

    def parse_known_args(self, args=None, namespace=None):
        """Parse as ever, but end the program where something is left: a command tells its own."""
        arguments, left = super().parse_known_args(args, namespace)
        if left:
            self.error(self._unknown(left))
        return arguments, left

    def _unknown(self, words) -> str:
        word = words[0].partition("=")[0]
        if not word.startswith("-"):
            return f"{word} is one word too many"
        return f"no option {word}{meant(word, self._option_string_actions)}"

    def error(self, message: str):
        """Print what is wrong, and how the command is called; end the program with code 2."""
        if choice := CHOICE.match(message):
            name, word, known = choice.groups()
            known = [each.strip("' ") for each in known.split(",")]
            text = meant(word, known) or f": there are {', '.join(known)}"
            kind = f"{name}: there is no" if name.startswith("-") else f"there is no {name.lower()}"
            message = f"{kind} {word}{text}"
        self.exit(2, f"{self.prog}: error: {message.removeprefix('argument ')}\n{self._call()}\n")

    def _call(self) -> str:
        """Return the usage in a line, its options left to `--help`."""
        usage = " ".join(self.format_usage().split()).partition(self.prog)[2]
        places = re.sub(r"\[-[^\[\]]*(\[[^\[\]]*\][^\[\]]*)*\]", "", usage).split()
        call = " ".join([self.prog, "[options]", *places])
        return f"usage: {call} (`--help` lists the options)"


def meant(word: str, known) -> str:
    """Return ": did you mean X?" for the word of `known` that is nearest, "" where none is near."""
    near = difflib.get_close_matches(word, list(known), 1)
    return f": did you mean {near[0]}?" if near else ""
