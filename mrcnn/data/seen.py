"""A set of texts that takes no more memory the more there are."""

import os
import sqlite3
import threading
from collections.abc import Iterable


class Seen:
    """A set of texts in a temporary file, which goes with it; threads may share one.

    Of that file 256 KB are in memory.
    """

    def __init__(self, texts: Iterable[str] = ()):
        self._lock, self.count = threading.Lock(), 0
        self._table = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._table.execute("PRAGMA journal_mode = OFF")
        self._table.execute("PRAGMA cache_size = -256")
        self._table.execute("CREATE TABLE seen (text BLOB PRIMARY KEY) WITHOUT ROWID")
        self._table.execute("BEGIN")
        for text in texts:
            self.add(text)

    def add(self, text: str) -> bool:
        """Add a text; return whether it was not there yet."""
        with self._lock:
            # File names that are no UTF-8 hold surrogates, which are no text for a database.
            row = (os.fsencode(text),)
            new = self._table.execute("INSERT OR IGNORE INTO seen VALUES (?)", row).rowcount > 0
            self.count += new
        return new

    def __contains__(self, text: str) -> bool:
        with self._lock:
            row = (os.fsencode(text),)
            found = self._table.execute("SELECT 1 FROM seen WHERE text = ?", row).fetchone()
        return found is not None

    def __len__(self):
        return self.count
