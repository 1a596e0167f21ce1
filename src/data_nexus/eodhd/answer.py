"""Owns what answers in JSON have in common: refusals, whose rows they are, excerpts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from data_nexus.domain.symbol import Symbol
from data_nexus.errors import BrokenAnswer, WrongSubject

Row = dict[str, object]

# What msgspec raises for what is no JSON: cut, HTML, empty, nested too deeply, not UTF-8.
NO_JSON = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
EXCERPT_CHARS = 500
# Where an answer's rows name a symbol: whose they are.
_SUBJECT_KEYS = ("code", "symbol", "ticker")

_loose = msgspec.json.Decoder()


def read_json(body: bytes, subject: object) -> object:
    """Return whatever JSON the body is; `subject` is whose it is, for the words of a refusal.

    Raises `BrokenAnswer` for what is no JSON.
    """
    try:
        return _loose.decode(body)
    except NO_JSON as error:
        raise no_json(subject, error) from None


def no_json(subject: object, error: Exception) -> BrokenAnswer:
    """Return the refusal of a body that a decoder choked on, without the text of it."""
    said = str(error).split(" - ")[0].splitlines()[0][:80] or type(error).__name__
    return BrokenAnswer(f"{subject}: no JSON: {said}")


def check_subject(rows: Iterable[Row], symbol: Symbol) -> None:
    """Raise `WrongSubject` if a row names another symbol than the one asked for."""
    accepted = {symbol.code, str(symbol)}
    for row in rows:
        named = {str(row[key]) for key in _SUBJECT_KEYS if row.get(key) is not None}
        if strangers := named - accepted:
            raise WrongSubject(f"{symbol}: the answer speaks of {min(strangers)[:40]!r}")


def texts_of(
    sent: Sequence[msgspec.Raw], rows: Iterable[int], redact: Callable[[str], str]
) -> list[str]:
    """Return the vendor's own text of the given rows, each bounded in length.

    `redact` sees each text whole: a cut through the token would show half of it.
    """
    return [redact(bytes(sent[row]).decode("utf-8", "replace"))[:EXCERPT_CHARS] for row in rows]
