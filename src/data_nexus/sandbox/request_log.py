"""Log each request with its answer and its cost, without the token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TextIO

Entry = dict[str, Any]


class RequestLog:
    """The log in memory, and as JSON lines in a file, flushed with every request."""

    def __init__(self, path: Path | None = None) -> None:
        self.entries: list[Entry] = []
        self._lines: TextIO | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._lines = path.open("a", encoding="utf-8")

    def add(self, entry: Entry) -> None:
        """Log one request."""
        self.entries.append(entry)
        if self._lines is not None:
            self._lines.write(json.dumps(entry) + "\n")
            self._lines.flush()

    def close(self) -> None:
        """Close the file."""
        if self._lines is not None:
            self._lines.close()
