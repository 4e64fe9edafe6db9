"""Give damaged files to all that reads files, and keep those at which a reader fails."""

import argparse
import os
import sys
from pathlib import Path

from tests.fuzz.readers import READERS
from tests.fuzz.running import run


def main() -> int:
    """Run what the arguments say; return 1 where a reader failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("readers", nargs="*", default=[], help=f"of {', '.join(READERS)}; all")
    parser.add_argument("--inputs", type=int, default=250_000, metavar="N", help="for each reader")
    parser.add_argument("--seed", type=int, default=0, help="another one makes other files")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes at a time")
    parser.add_argument("--keep", type=Path, default=Path("fuzz"), help="where files stay")
    given = parser.parse_args()
    names = given.readers or list(READERS)
    if unknown := set(names) - READERS.keys():
        parser.error(f"no reader {', '.join(unknown)}: there are {', '.join(READERS)}")
    return 1 if run(names, given.inputs, given.seed, given.keep, given.jobs) else 0


sys.exit(main())
