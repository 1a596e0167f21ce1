"""The search for a secret in bytes: plain, or in the disguises in which secrets leak. Pure.

House law 7 is tested with it: a canary token goes through the product, and what the product wrote
is searched. A token should be at least 16 letters and digits long, or chance finds it too.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import unquote_to_bytes

SHORTEST_TOKEN = 16


def disguises(content: bytes, token: str) -> list[str]:
    """Name every form in which `content` shows the token, or half of it; empty when clean."""
    assert len(token) >= SHORTEST_TOKEN, "chance would find a token this short"
    return [name for name, shows in FORMS.items() if shows(content, token.encode())]


def leaks(paths: Iterable[Path], token: str) -> dict[Path, list[str]]:
    """Search files, and folders with all that is in them; the clean ones are left out."""
    found = {
        file: disguises(file.read_bytes(), token)
        for path in paths
        for file in (path, *path.rglob("*"))
        if file.is_file()
    }
    return {file: names for file, names in found.items() if names}


def _plain(content: bytes, token: bytes) -> bool:
    return token in content


def _percent_encoded(content: bytes, token: bytes) -> bool:
    """Whichever bytes are encoded, and however often: `%41`, `%2541`."""
    while (decoded := unquote_to_bytes(content)) != content:
        content = decoded
        if token in content:
            return True
    return False


def _base64(content: bytes, token: bytes) -> bool:
    """At each of the three places in a group, in both alphabets, in broken lines too."""
    content = re.sub(rb"\s|\\[rn]", b"", content).translate(bytes.maketrans(b"-_", b"+/"))
    return any(_core(token, place) in content for place in range(3))


def _core(token: bytes, place: int) -> bytes:
    """The part of the token's base64 that its neighbours do not touch.

    A group turns 3 bytes into 4 letters of 6 bits: with `place` bytes before the token, the
    letters that hold bits of those bytes, or of the bytes after the token, are cut off.
    """
    encoded = base64.b64encode(bytes(place) + token)
    first = -(-place * 8 // 6)
    last = (place + len(token)) * 8 // 6
    return encoded[first:last]


def _hexadecimal(content: bytes, token: bytes) -> bool:
    return token.hex().encode() in content.lower()


def _reversed(content: bytes, token: bytes) -> bool:
    return token[::-1] in content


def _split(content: bytes, token: bytes) -> bool:
    """Cut in two anywhere, a token leaves one piece of at least half its length."""
    half = len(token) // 2
    pieces = (token[at : at + half] for at in range(len(token) - half + 1))
    return token not in content and any(piece in content for piece in pieces)


FORMS: dict[str, Callable[[bytes, bytes], bool]] = {
    "plain": _plain,
    "percent-encoded": _percent_encoded,
    "base64": _base64,
    "hexadecimal": _hexadecimal,
    "reversed": _reversed,
    "split": _split,
}
