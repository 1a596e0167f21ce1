"""Load SQL statements by name from the `.sql` files beside the modules that run them.

A statement begins with `-- name: claim_due` and a sentence that says what it is for. It takes
parameters only; nothing is formatted into it at run time. A line `{lease_candidates}` stands for
another statement's text, put there when the statements are loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

# The folders of this package with statements.
FOLDERS = ("store", "reader")
_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_INCLUDED = re.compile(r"^\{(\w+)\}$", re.MULTILINE)


def query(name: str) -> bytes:
    """Return the text of the statement `name`."""
    return _statements()[name]


def named_statements(text: str) -> Iterator[tuple[str, str]]:
    """Give each statement of a file with its name, in the file's order."""
    parts = _NAME.split(text)
    yield from zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True)


def included(text: str) -> list[str]:
    """Return the names of the statements whose texts a statement includes."""
    return _INCLUDED.findall(text)


@cache
def _statements() -> dict[str, bytes]:
    package = files(__package__)
    texts = {
        name: text
        for folder in FOLDERS
        for file in package.joinpath(folder).iterdir()
        if file.name.endswith(".sql")
        for name, text in named_statements(file.read_text(encoding="utf-8"))
    }
    return {
        name: _INCLUDED.sub(lambda line: texts[line[1]], text).encode()
        for name, text in texts.items()
    }
