"""The photos that a run is to look at: searched while it runs, counted meanwhile."""

import argparse
import contextlib
import itertools
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from mrcnn.commands.arguments import detection_options
from mrcnn.commands.outputs import key
from mrcnn.commands.proposing import unannotated
from mrcnn.data.addresses import is_address
from mrcnn.data.seen import Seen
from mrcnn.data.sources import EXTENSIONS, resolved, search
from mrcnn.results.formats import FORMATS, LISTING
from mrcnn.results.photos import Writer
from mrcnn.results.resuming import check_note


class Photos:
    """Iterates over the photos of sources, but for those that are `done`.

    Arguments:
        sources: as `data.sources.search` takes them.
        arguments: of the command line.
        missing: gets a line for each source without photos.

    `listed` are all photos where a result asks for them, else (); `total` is their number, None
    until that is known. `taken` has the keys of files that no picture may be, and pictures that
    have changed since `since` (ns, as of `stat`) are those of photos that are done again. Memory
    does not grow with the photos, unless they are listed. Raises ValueError where there is none.
    """

    def __init__(self, sources: Sequence, arguments: argparse.Namespace, missing: list[str]):
        self._sources, self._arguments, self._missing = sources, arguments, missing
        self.say, self._silent = print, True
        self.done, self.since, self.total, self._ended = Seen(), None, None, False
        results = [path for each in FORMATS if (path := getattr(arguments, each))]
        self.taken = Seen(map(key, results))
        self._odd = any(path.suffix.lower() in EXTENSIONS for path in results if path.exists())
        found = search(sources, lambda line: self.say(line), self._lacks, apart=arguments.output)
        if arguments.uncertain or any(getattr(arguments, each) for each in LISTING):
            self.listed = list(found)
            if arguments.uncertain:
                count = len(self.listed)
                self.listed = unannotated(self.listed, sources, arguments.via)
                print(f"{len(self.listed)} of {count} photos are not annotated yet")
            self.total, self._found = len(self.listed), iter(self.listed)
        else:
            # The first is looked for now: without any there is nothing to do.
            self.listed, self._found = (), itertools.chain([next(found)], found)
        for line in missing:
            print(line, file=sys.stderr)
        self._silent = False

    def _lacks(self, line):
        self._missing.append(line)
        if not self._silent:
            self.say(line, sys.stderr)

    def __iter__(self) -> Iterator[Path | str]:
        return filter(self._is_left, self._found)

    def _is_left(self, path):
        return not self.done or resolved(path) not in self.done

    def _again(self):
        return search(self._sources, without=lambda line: None, apart=self._arguments.output)

    def harmed(self) -> Iterator[Path]:
        """Yield the files that results might be by mistake, and let no picture be one of them.

        What is not to be replaced is safe from that; so all photos are looked for only where
        something is.
        """
        yield from map(Path, self._sources)
        drawn = not self._arguments.no_pictures
        replaces = self._arguments.overwrite or (self._arguments.resume and drawn)
        if self.listed or replaces or self._odd:
            for path in self.listed or self._again():
                if is_address(path):
                    continue
                self.taken.add(key(path))
                yield path

    def go_on(self, form: type[Writer], result: Path, facts: dict) -> None:
        """Leave out the photos that are in a result; raises ValueError as of `check_note`."""
        self.since = check_note(result, facts)
        for name, picture in form.photos_in(result):
            self.done.add(resolved(name))
            if picture:
                self.taken.add(key(Path(picture)))

    def are_left(self) -> bool:
        """Tell whether there is a photo that is not done; it still is the next one then."""
        following = next(iter(self), None)
        if following is None:
            return False
        self._found = itertools.chain([following], self._found)
        return True

    @contextlib.contextmanager
    def counted(self, seconds: float) -> Iterator[None]:
        """Count the photos meanwhile, and wait for it so many seconds at most."""

        def count():
            total = 0
            with contextlib.suppress(OSError, ValueError):
                for path in self._again():
                    if self._ended:
                        return
                    total += self._is_left(path)
                self.total = total

        thread = threading.Thread(target=count, daemon=True)
        if self.total is None:
            thread.start()
            thread.join(seconds)
        try:
            yield
        finally:
            self._ended = True


def run_facts(arguments: argparse.Namespace, weights: Path, min_confidence: float) -> dict:
    """Return what two runs must share whose photos shall be in one result, of JSON's types."""
    options = detection_options(arguments) | {"min_confidence": min_confidence}
    options |= {"json_masks": arguments.json_masks, "no_pictures": arguments.no_pictures}
    options["output"] = None if arguments.no_pictures else str(arguments.output)
    del options["device"]
    facts = {f"--{name.replace('_', '-')}": value for name, value in options.items()}
    facts["--weights"], facts["size of the weights"] = (
        str(weights.resolve()),
        weights.stat().st_size,
    )
    facts["style"] = arguments.style and arguments.style.name
    return facts | {"working folder": str(Path.cwd())}
