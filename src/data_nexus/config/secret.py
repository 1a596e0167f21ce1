"""Hold a token so that no text shows it. Pure."""

from __future__ import annotations

import base64
import re
from functools import cache

_SHORTEST_SECRET = 16


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

    def redact_body(self, body: bytes) -> bytes:
        """Return an answer's body with the token replaced by ***, however it is spelled there.

        A token too short to be secret, as the vendor's `demo`, is part of other words and stays.
        """
        if len(self._value) < _SHORTEST_SECRET:
            return body
        plain, pattern = _spellings_in_bytes(self._value)
        # Spelled otherwise it needs one of two signs, which histories do not have.
        if b"%" in body or b"\\u00" in body or any(form in body for form in plain):
            return pattern.sub(b"***", body)
        return body

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


@cache
def _spellings(token: str) -> re.Pattern[str]:
    """Return what finds a token: as it is, percent-encoded or escaped anywhere, in base64."""
    plain = "".join(
        f"(?:{re.escape(c)}|{''.join(f'(?i:%(?:25)*{byte:02x})' for byte in c.encode())}"
        rf"|\\u(?i:{ord(c):04x}))"
        for c in token
    )
    longer = {form for form in _encoded_forms(token) if len(form) >= 8}
    return re.compile("|".join([plain, *map(re.escape, sorted(longer, key=len, reverse=True))]))


def _encoded_forms(token: str) -> set[str]:
    """Return what base64 of any text with the token in it shows of the token."""
    raw = token.encode()
    # Inside a longer text base64 has three alignments; the first and last characters of each
    # depend on the neighbours and are left out.
    return {
        base64.b64encode(b"\0" * shift + raw).decode()[4 if shift else 0 : -4] for shift in range(3)
    }


@cache
def _spellings_in_bytes(token: str) -> tuple[list[bytes], re.Pattern[bytes]]:
    """Return the forms of a token that can be searched for as they are, and what finds all."""
    plain = [token.encode(), *(form.encode() for form in _encoded_forms(token))]
    return plain, re.compile(_spellings(token).pattern.encode())
