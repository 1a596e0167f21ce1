"""Read the vendor's key from the environment or a file, and refuse what cannot be one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from data_nexus.config.private_files import read_private
from data_nexus.config.secret import Secret
from data_nexus.errors import UsageError

TOKEN_VARIABLES = ("EODHD_API_KEY", "EODHD_API_KEY_FILE")
_LARGEST = 4096
_BOM = "\ufeff"
_QUOTES = "\"'`\u2018\u2019\u201c\u201d"
_ASSIGNED = re.compile(r"(?:export\s+)?EODHD_API_(?:KEY|TOKEN)\s*=", re.IGNORECASE)


def read_key(environ: Mapping[str, str]) -> Secret | None:
    """Return the key, None if none is set; raise `UsageError` for what is no key alone."""
    variable, file_variable = TOKEN_VARIABLES
    if value := _trimmed(environ.get(variable, "")):
        return Secret(_proven(value, variable))
    name = environ.get(file_variable)
    if not name:
        return None
    return Secret(_proven(read_secret(name, file_variable), f"{file_variable}: {name}"))


def read_secret(name: str, file_variable: str) -> str:
    """Return the text of a file that its owner alone can read; raise `UsageError` for another."""
    value = _trimmed(read_private(file_variable, name, "the secret"))
    if not value:
        raise UsageError(f"{file_variable}: {name} is empty")
    return value


def _trimmed(text: str) -> str:
    # Editors of another system begin a file with a byte order mark.
    return text.strip().removeprefix(_BOM).strip()


def _proven(value: str, source: str) -> str:
    """Return a key that can be one; what is refused is never shown."""
    for fault, remedy in _faults(value):
        raise UsageError(f"{source}: {fault}; {remedy}")
    return value


def _faults(value: str) -> Iterator[tuple[str, str]]:
    if len(value) > _LARGEST:
        yield f"it has {len(value):,} characters", "copy the key again, and nothing else"
        return
    if _ASSIGNED.match(value):
        yield "it assigns a variable", "write the key alone, without the name and ="
    if len(value.splitlines()) > 1:
        yield "it has more than one line", "write the key alone"
    if value[0] in _QUOTES or value[-1] in _QUOTES:
        yield "the key is in quotation marks", "write it without them"
    if not (value.isascii() and value.isprintable()) or " " in value:
        yield "a character cannot be part of a key", "copy the key again, without spaces"
