"""Read answers in JSON row by row: an odd value costs its row, never the answer. Pure.

An answer is decoded as a whole where that is possible. Where it is not (a number beyond a double,
a lone surrogate, a byte that is not UTF-8, `NaN`), its array is split into rows without reading
them, and each is read by itself, tolerantly. A body that was cut has no end of its array: it is
refused as a whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

import msgspec

from data_nexus.domain.symbol import Symbol, is_code
from data_nexus.domain.texts import Redact, excerpt
from data_nexus.errors import BrokenAnswer, NotAnAnswer, WrongSubject

Row = dict[str, object]

# What msgspec raises for what is not JSON: cut, HTML, empty, nested too deeply, not UTF-8.
NOT_JSON = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
EXCERPT_CHARS = 500
# The keys under which rows may name their symbol.
_SUBJECT_KEYS = ("code", "symbol", "ticker")

_loose = msgspec.json.Decoder()
_raw = msgspec.json.Decoder(list[msgspec.Raw])

_UNREADABLE = object()
_SPACE = b" \t\n\r"
_CLOSERS = {b"["[0]: b"]"[0], b"{"[0]: b"}"[0]}
_QUOTE, _COMMA = b'",'
# Far more than the rows of the largest answer; a body with more is not read row by row.
_MOST_TOKENS = 1_000_000
_TEXT = rb'"(?:[^"\\]++|\\.)*+'
_TOKEN = re.compile(
    # A text (without its end, the body was cut), a whole object without others in it, a bracket.
    _TEXT + rb'(?P<end>")?+|\{(?:[^"{}\[\]]++|' + _TEXT + rb'")*+\}|[\[\]{},]',
    re.DOTALL,
)
_CODE = re.compile(rb'"code"[ \t\n\r]*+:[ \t\n\r]*+"([^"\\]*+)"', re.IGNORECASE)


def read_rows(body: bytes, subject: object, kind: str) -> list[Row | None]:
    """Return the rows of an answer in the order sent, None for what is not a readable object.

    `subject` is the symbol or exchange, `kind` what the answer should be, for the text of an
    error. Raises `BrokenAnswer` for what is not JSON: the array has no end, or none of its rows can
    be read. Raises `NotAnAnswer` for JSON that is not an array, or holds no object.
    """
    try:
        answer = _loose.decode(body)
    except NOT_JSON as error:
        answer = [_read(raw) for raw in split_array(body) or ()]
        if all(row is _UNREADABLE for row in answer):
            raise _not_json(subject, error) from None
    if not isinstance(answer, list):
        found = "null" if answer is None else type(answer).__name__
        raise NotAnAnswer(f"{subject}: {kind}: {found} instead of an array")
    rows = [row if isinstance(row, dict) else None for row in answer]
    if rows and not any(row is not None for row in rows):
        raise NotAnAnswer(f"{subject}: {kind}: its rows are not objects")
    return rows


def read_object(body: bytes, subject: object) -> object:
    """Return the JSON of a body that is no array, read tolerantly; raise `BrokenAnswer` else."""
    found = _read(body)
    if found is _UNREADABLE:
        raise BrokenAnswer(f"{subject}: not JSON")
    return found


def require_keys(rows: Iterable[Row | None], keys: Sequence[str], said: str) -> None:
    """Raise `NotAnAnswer` for a key that no row has; the text begins with what is `said`."""
    readable = [row for row in rows if row is not None]
    for key in keys:
        if readable and not any(key in row for row in readable):
            raise NotAnAnswer(f"{said}: missing {key!r}")


def check_subject(rows: Iterable[Row | None], symbol: Symbol) -> None:
    """Raise `WrongSubject` if a row names another symbol than the one requested.

    The other name is quoted whole or not at all: only `excerpt`, which redacts, may cut.
    """
    accepted = {symbol.code, str(symbol)}
    for row in rows:
        values = (row.get(key) for key in _SUBJECT_KEYS) if row else ()
        named = {str(v) for v in values if isinstance(v, str | int) and not isinstance(v, bool)}
        if others := named - accepted:
            other = min(others)
            quoted = repr(other) if is_code(other) else "another symbol"
            raise WrongSubject(f"{symbol}: the answer is about {quoted}")


def notice_of(rows: Iterable[Row | None]) -> str | None:
    """Return the free plan's warning, as sent, if a row has one."""
    warnings = (row.get("warning") for row in rows if row)
    return next((text for text in warnings if text and isinstance(text, str)), None)


def sent_rows(body: bytes) -> Sequence[msgspec.Raw | bytes]:
    """Return the vendor's own bytes of each row of an answer that `read_rows` has read."""
    try:
        return _raw.decode(body)
    except NOT_JSON:
        return split_array(body) or ()


def row_in(raw: msgspec.Raw | bytes) -> Row | None:
    """Return a row from its bytes; None for what is not a readable object."""
    row = _read(bytes(raw))
    return row if isinstance(row, dict) else None


def code_in(raw: msgspec.Raw | bytes) -> str:
    """Return the code that an unreadable row seems to have; empty if there is none."""
    found = _CODE.search(bytes(raw))
    code = found[1].decode("utf-8", "replace").strip() if found else ""
    return code if is_code(code) else ""


def texts_of(sent: Sequence[msgspec.Raw | bytes], rows: Iterable[int], redact: Redact) -> list[str]:
    """Return the vendor's own text of the given rows, each bounded in length."""
    return [excerpt(bytes(sent[row]), EXCERPT_CHARS, redact) for row in rows]


def split_array(body: bytes) -> list[bytes] | None:
    """Return the elements of a JSON array, unread; None if it has no end, or anything follows it.

    Only texts, brackets and commas are looked at, once and without recursion.
    """
    begin = len(body) - len(body.lstrip(_SPACE))
    if body[begin : begin + 1] != b"[":
        return None
    found: list[bytes] = []
    closers = bytearray()
    for count, token in enumerate(_TOKEN.finditer(body, begin)):
        start, end = token.span()
        mark = body[start]
        if count > _MOST_TOKENS or (mark == _QUOTE and token["end"] is None):
            return None
        if mark == _QUOTE or (mark in _CLOSERS and end - start > 1):
            continue
        if mark in _CLOSERS:
            closers.append(_CLOSERS[mark])
            begin = end if len(closers) == 1 else begin
        elif mark == _COMMA:
            if len(closers) == 1:
                found.append(body[begin:start].strip(_SPACE))
                begin = end
        elif closers.pop() != mark:
            return None
        elif not closers:
            last = body[begin:start].strip(_SPACE)
            found += [last] if last or found else []
            return found if all(found) and not body[end:].strip(_SPACE) else None
    return None


def _read(raw: bytes) -> object:
    try:
        return _loose.decode(raw)
    except NOT_JSON:
        pass
    try:
        return _tolerant.decode(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return _UNREADABLE


def _whole_number(text: str) -> float:
    # `int` refuses texts of more than 4,300 digits; beyond 309 all are infinite as a double.
    return int(text) if len(text) < 1000 else float(text)


# `NaN` and `Infinity` become their names, as texts are not numbers to any rule.
_tolerant = json.JSONDecoder(strict=False, parse_int=_whole_number, parse_constant=str)


def _not_json(subject: object, error: Exception) -> BrokenAnswer:
    """Return the error for a body that a decoder refused: its words are the decoder's own."""
    said = str(error).split(" - ")[0].partition("\n")[0] or type(error).__name__
    return BrokenAnswer(f"{subject}: not JSON: {said}")
