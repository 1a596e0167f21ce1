"""Read the vendor's key from the environment or a file, and refuse what cannot be one."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator, Mapping

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
    try:
        value = _trimmed(_content(name, file_variable).decode("utf-8"))
    except OSError as error:
        raise UsageError(f"{file_variable}: {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file_variable}: {name} is not UTF-8 text") from None
    if not value:
        raise UsageError(f"{file_variable}: {name} is empty")
    return value


def _content(name: str, file_variable: str) -> bytes:
    """Return the bytes of a small regular file; a pipe or a device is neither opened nor read."""
    descriptor = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{file_variable}: {name} is not a regular file")
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UsageError(f"{file_variable}: others can read {name}; run: chmod 600 {name}")
        content = os.read(descriptor, _LARGEST + 1)
    finally:
        os.close(descriptor)
    if len(content) > _LARGEST:
        raise UsageError(
            f"{file_variable}: {name} is larger than 4 kB; it must hold the secret alone"
        )
    return content


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
