"""Name files after symbols: hostile text stays a name. Pure."""

from __future__ import annotations

import hashlib
import re

# What every file system takes as it is: no separator, no lower case (two names that differ in
# case only are one file on some discs), no dot at an end.
_PLAIN = re.compile(r"[A-Z0-9](?:[A-Z0-9.-]{0,62}[A-Z0-9])?")
_DEVICES = re.compile(r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9])(?:\..*)?")
_SHOWN = 40


def file_name(text: str) -> str:
    """Return the name of a symbol's file, without an ending: `AAPL.US` for AAPL.US.

    A symbol of capitals, digits, `-` and `.` is its own name. Any other gets a readable rest
    between `_` and 16 hexadecimal digits of its SHA-256. Two symbols never share a name, not even
    on a disk that ignores case; no name is longer than 64 characters, leaves its folder, or is a
    device of Windows.
    """
    if _PLAIN.fullmatch(text) and not _DEVICES.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    rest = re.sub(r"[^A-Za-z0-9.-]+", "_", text)[:_SHOWN].strip("._-")
    return f"_{rest}~{digest}"
