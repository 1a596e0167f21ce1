"""Read answers in JSON: check that they parse and name the symbol, and cut excerpts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from data_nexus.domain.symbol import Symbol
from data_nexus.errors import BrokenAnswer, WrongSubject

Row = dict[str, object]

# What msgspec raises for what is not JSON: cut, HTML, empty, nested too deeply, not UTF-8.
NOT_JSON = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
EXCERPT_CHARS = 500
# The keys under which rows may name their symbol.
_SUBJECT_KEYS = ("code", "symbol", "ticker")

_loose = msgspec.json.Decoder()


def read_json(body: bytes, subject: object) -> object:
    """Return the JSON of a body; `subject` is the symbol or exchange for the text of an error.

    Raises `BrokenAnswer` for what is not JSON.
    """
    try:
        return _loose.decode(body)
    except NOT_JSON as error:
        raise not_json(subject, error) from None


def not_json(subject: object, error: Exception) -> BrokenAnswer:
    """Return the error for a body that a decoder refused, without quoting the body."""
    said = str(error).split(" - ")[0].splitlines()[0][:80] or type(error).__name__
    return BrokenAnswer(f"{subject}: not JSON: {said}")


def check_subject(rows: Iterable[Row], symbol: Symbol) -> None:
    """Raise `WrongSubject` if a row names another symbol than the one requested."""
    accepted = {symbol.code, str(symbol)}
    for row in rows:
        named = {str(row[key]) for key in _SUBJECT_KEYS if row.get(key) is not None}
        if others := named - accepted:
            raise WrongSubject(f"{symbol}: the answer is about {min(others)[:40]!r}")


def texts_of(
    sent: Sequence[msgspec.Raw], rows: Iterable[int], redact: Callable[[str], str]
) -> list[str]:
    """Return the vendor's own text of the given rows, each bounded in length.

    `redact` sees each text whole: a cut through the token would show half of it.
    """
    return [redact(bytes(sent[row]).decode("utf-8", "replace"))[:EXCERPT_CHARS] for row in rows]
