"""Hold a token so that no text shows it. Pure."""

from __future__ import annotations

import base64
import hmac
import re
from functools import cache
from html.entities import html5

_SHORTEST_SECRET = 16
# No token holds these, and a text may hide them: control characters, and all that is not ASCII.
_SHOWN = frozenset("\t\n\r" + bytes(range(0x20, 0x7F)).decode())
_FOREIGN = bytes(each for each in range(256) if chr(each) not in _SHOWN)
_ENTITY = re.compile(rb"&(?:#|[A-Za-z]{2,31};)")
# The same, escaped for JSON, a URL or a page: what may stand between two characters of a token.
_BETWEEN = (
    r"(?:(?i:\\u(?!00[2-7])[0-9a-f]{4}|%(?:25)*[0189a-f][0-9a-f]|&(?:amp;)*#?\w{2,31};)){0,8}?"
)


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
        pattern = _spellings(self._value)
        if text.isascii() and text.isprintable():
            return pattern.sub("***", text)
        return _sub_between(pattern, text)

    def redact_body(self, body: bytes) -> bytes:
        """Return an answer's body with the token replaced by ***, however it is spelled there.

        A token too short to be secret, as the vendor's `demo`, is part of other words and stays.
        """
        if len(self._value) < _SHORTEST_SECRET:
            return body
        plain, pattern = _spellings_in_bytes(self._value)
        bare = body.translate(None, _FOREIGN)
        # Spelled otherwise it needs one of these signs, which histories do not have.
        is_spelled = b"%" in bare or b"\\u" in bare or _ENTITY.search(bare)
        if not is_spelled and not any(form in bare for form in plain):
            return body
        if not pattern.search(bare):
            return body
        # Each byte is a character, so that those which are not ASCII are left out alike.
        text = _sub_between(_spellings(self._value), body.decode("latin-1"))
        return text.encode("latin-1")

    def __eq__(self, other: object) -> bool:
        """Say whether both are the same token, in a time that does not say how far they agree."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")


def _sub_between(pattern: re.Pattern[str], text: str) -> str:
    """Return `text` without what a pattern finds in it once invisible characters are left out."""
    kept = [at for at, c in enumerate(text) if c in _SHOWN]
    bare, end, pieces = "".join([text[at] for at in kept]), 0, list[str]()
    for found in pattern.finditer(bare):
        pieces += [text[end : kept[found.start()]], "***"]
        end = kept[found.end() - 1] + 1
    return "".join([*pieces, text[end:]])


@cache
def _spellings(token: str) -> re.Pattern[str]:
    """Return what finds a token: as it is, in base64, or with any character in another spelling.

    That is percent-encoded, escaped as JSON or as HTML, with escaped foreign characters between.
    """
    plain = _BETWEEN.join(map(_spelled, token))
    longer = {form for form in _encoded_forms(token) if len(form) >= 8}
    return re.compile("|".join([plain, *map(re.escape, sorted(longer, key=len, reverse=True))]))


def _spelled(c: str) -> str:
    """Return what finds one character of a token."""
    percent = "".join(f"%(?:25)*{byte:02x}" for byte in c.encode())
    names = {name.removesuffix(";") for name, text in html5.items() if text == c}
    entity = "|".join([f"#0*{ord(c)}", f"#x0*{ord(c):x}", *sorted(names)])
    return rf"(?:{re.escape(c)}|(?i:{percent}|\\u{ord(c):04x}|&(?:amp;)*(?:{entity});))"


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
