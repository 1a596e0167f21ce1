"""The SQL of the house by name: statements stand in `.sql` files beside the modules that run them.

A statement begins with `-- name: claim_due` and a sentence that says what it is for. It takes
parameters only; nothing is ever formatted into it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

# Where statements stand, below this package.
FOLDERS = ("store", "reader")
_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def query(name: str) -> bytes:
    """Return the text of the statement `name`."""
    return _statements()[name]


def named_statements(text: str) -> Iterator[tuple[str, str]]:
    """Give each statement of a file with its name, in the file's order."""
    parts = _NAME.split(text)
    yield from zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True)


@cache
def _statements() -> dict[str, bytes]:
    package = files(__package__)
    return {
        name: text.encode()
        for folder in FOLDERS
        for file in package.joinpath(folder).iterdir()
        if file.name.endswith(".sql")
        for name, text in named_statements(file.read_text(encoding="utf-8"))
    }
