"""Hold a token so that no text shows it. Pure."""

from __future__ import annotations

import base64
import re
from functools import cache


class Secret:
    """A token that no text shows: `reveal()` is the only way to read it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the token itself; call it only where the request is built."""
        return self._value

    def redact(self, text: str) -> str:
        """Return `text` with the token replaced by ***, however it is spelled there."""
        return _spellings(self._value).sub("***", text)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


@cache
def _spellings(token: str) -> re.Pattern[str]:
    """Return what finds a token: as it is, percent-encoded in part or whole, in base64."""
    plain = "".join(
        f"(?:{re.escape(c)}|{''.join(f'(?i:%(?:25)*{byte:02x})' for byte in c.encode())})"
        for c in token
    )
    raw = token.encode()
    # Inside a longer text base64 has three alignments; the first and last characters of each
    # depend on the neighbours and are left out.
    in_base64 = {
        base64.b64encode(b"\0" * shift + raw).decode()[4 if shift else 0 : -4] for shift in range(3)
    }
    longer = {form for form in in_base64 if len(form) >= 8}
    return re.compile("|".join([plain, *map(re.escape, sorted(longer, key=len, reverse=True))]))
