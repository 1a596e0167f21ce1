"""Decode lists of symbols and of exchanges: bytes become values, or a typed error. Pure.

Nothing of a symbol list is used before all of it has been read: a cut list would look like many
delistings. A line that cannot be read is counted, and its code does not count as missing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from data_nexus.domain.listings.exchange_lists import ListedExchange
from data_nexus.domain.listings.listing import Listing, SymbolList
from data_nexus.domain.symbol import Symbol, is_code
from data_nexus.eodhd.answer import NOT_JSON, Row, code_in, read_rows, require_keys, sent_rows
from data_nexus.errors import BrokenAnswer

EXCHANGE_KEYS = ("Code", "Name", "Country", "Currency", "OperatingMIC")
CSV_HEADER = ["Code", "Name", "Country", "Exchange", "Currency", "Type", "Isin"]


class _Line(msgspec.Struct, gc=False):
    Code: str
    Exchange: str | None = None
    Name: str | None = None
    Type: str | None = None
    Country: str | None = None
    Currency: str | None = None
    Isin: str | None = None


_lines = msgspec.json.Decoder(list[_Line])


@dataclass(frozen=True, slots=True)
class _RefusedLine:
    """A line that cannot be a listing, with its code as far as that can be read."""

    code: str


def decode_symbols(body: bytes, exchange: str) -> SymbolList:
    """Return an exchange's symbol list (JSON, or CSV with the documented header).

    Raises `BrokenAnswer` for what is cut or neither, `NotAnAnswer` for JSON of another shape.
    """
    is_csv = body.startswith(",".join(CSV_HEADER).encode())
    lines = _read_csv(body, exchange) if is_csv else _read_json(body, exchange)
    listings: dict[str, Listing] = {}
    refused: list[str] = []
    for line in lines:
        if isinstance(line, _RefusedLine):
            refused.append(line.code)
        elif is_code(code := line.Code.strip()):
            listings[code] = _as_listing(line, code, exchange)
    return SymbolList(
        listings=tuple(listings.values()),
        refused=len(lines) - len(listings),
        refused_codes=frozenset(refused) - {"", *listings},
        unread=refused.count(""),
    )


def decode_exchanges(body: bytes) -> tuple[ListedExchange, ...]:
    """Return the vendor's exchanges in the order sent; a line without a code is left out.

    Raises `BrokenAnswer` for what is cut, `NotAnAnswer` for JSON of another shape.
    """
    said = "not a list of exchanges"
    rows = read_rows(body, "exchanges", said)
    require_keys(rows, ("Code", "Name"), f"exchanges: {said}")
    found = (ListedExchange(*(_cell(row, key) for key in EXCHANGE_KEYS)) for row in rows if row)
    return tuple({each.code: each for each in found if each.code}.values())


def _cell(row: Row, key: str) -> str:
    """Return the text of a value of a line; empty for what is neither a text nor a number."""
    try:
        return clean(line_text(row.get(key)))
    except TypeError:
        return ""


def _read_json(body: bytes, exchange: str) -> Sequence[_Line | _RefusedLine]:
    try:
        return _lines.decode(body)
    except NOT_JSON:
        rows = read_rows(body, exchange, "not a symbol list")
    require_keys(rows, ("Code",), f"{exchange}: not a symbol list")
    sent = sent_rows(body) if None in rows else ()
    return [
        _RefusedLine(code_in(sent[at])) if row is None else _line_of(row)
        for at, row in enumerate(rows)
    ]


def _line_of(row: Row) -> _Line | _RefusedLine:
    """Return a row as a line: numbers as texts, a value of any other type refuses it."""
    try:
        code = code_text(row.get("Code"))
    except TypeError:
        code = None
    if code is None:
        return _RefusedLine("")
    try:
        return _Line(**{key: line_text(row.get(key)) or "" for key in CSV_HEADER} | {"Code": code})
    except TypeError:
        return _RefusedLine(code.strip())


def line_text(value: object) -> str | None:
    """Return the text of a value of a line, that of a number too; raise `TypeError` for others."""
    if value is None or isinstance(value, str):
        return value
    # No number of a list has more digits, and Python refuses to write those of some.
    if isinstance(value, float | int) and not isinstance(value, bool) and abs(value) < 1e20:
        return str(value)
    raise TypeError


def code_text(value: object) -> str | None:
    """Return a code, that of a whole number too; raise `TypeError` for others.

    A number with a fraction or an exponent is not a code that was sent: `1e5` is no `100000.0`.
    """
    if isinstance(value, float):
        raise TypeError
    return line_text(value)


def clean(text: str | None) -> str:
    """Return vendor text that a database, a line of a log and a page can hold.

    PostgreSQL stores no NUL; other control characters and lone surrogates do not belong in a name
    either. Names arrive with trailing spaces and with no-break spaces between words.
    """
    if not text:
        return ""
    plain = (c if c.isprintable() else " " if c.isspace() else "" for c in text)
    return "".join(plain).strip()


def _read_csv(body: bytes, exchange: str) -> list[_Line]:
    try:
        rows = list(csv.reader(io.StringIO(body.decode("utf-8", "replace")), strict=True))
    except csv.Error as error:
        raise BrokenAnswer(f"{exchange}: the symbol list is not CSV: {error}") from None
    if not body.endswith(b"\n") or any(len(row) != len(CSV_HEADER) for row in rows):
        raise BrokenAnswer(f"{exchange}: the symbol list was cut")
    return [_Line(**dict(zip(CSV_HEADER, row, strict=True))) for row in rows[1:]]


def _as_listing(line: _Line, code: str, exchange: str) -> Listing:
    return Listing(
        symbol=Symbol(code, exchange),
        venue=clean(line.Exchange),
        name=clean(line.Name),
        asset_type=clean(line.Type),
        country=clean(line.Country),
        currency=clean(line.Currency),
        isin=clean(line.Isin),
    )
