"""Decode a symbol list: bytes become a `SymbolList`, or a typed error. Pure.

A list is decoded whole or not at all: a cut list would look like many delistings, so nothing of it
is used before all of it has been read.
"""

from __future__ import annotations

import csv
import io

import msgspec

from data_nexus.domain.listings.listing import Listing, SymbolList
from data_nexus.domain.symbol import Symbol, is_code
from data_nexus.errors import BrokenAnswer, NotAnAnswer

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


def decode_symbols(body: bytes, exchange: str) -> SymbolList:
    """Return an exchange's symbol list (JSON, or CSV with the documented header).

    Raises `BrokenAnswer` for what is cut or neither, `NotAnAnswer` for JSON of another shape.
    """
    is_csv = body.startswith(",".join(CSV_HEADER).encode())
    lines = _read_csv(body, exchange) if is_csv else _read_json(body, exchange)
    listings: dict[str, Listing] = {}
    for line in lines:
        code = line.Code.strip()
        if is_code(code):
            listings[code] = _as_listing(line, code, exchange)
    return SymbolList(tuple(listings.values()), len(lines) - len(listings))


def _read_json(body: bytes, exchange: str) -> list[_Line]:
    try:
        return _lines.decode(body)
    except msgspec.ValidationError as error:
        raise NotAnAnswer(f"{exchange}: not a symbol list: {error}") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise BrokenAnswer(
            f"{exchange}: the symbol list is not JSON; it may have been cut"
        ) from None


def _read_csv(body: bytes, exchange: str) -> list[_Line]:
    try:
        rows = list(csv.reader(io.StringIO(body.decode()), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BrokenAnswer(f"{exchange}: the symbol list is not CSV: {error}") from None
    if not body.endswith(b"\n") or any(len(row) != len(CSV_HEADER) for row in rows):
        raise BrokenAnswer(f"{exchange}: the symbol list was cut")
    return [_Line(**dict(zip(CSV_HEADER, row, strict=True))) for row in rows[1:]]


def _as_listing(line: _Line, code: str, exchange: str) -> Listing:
    return Listing(
        symbol=Symbol(code, exchange),
        venue=_clean(line.Exchange),
        name=_clean(line.Name),
        asset_type=_clean(line.Type),
        country=_clean(line.Country),
        currency=_clean(line.Currency),
        isin=_clean(line.Isin),
    )


def _clean(text: str | None) -> str:
    """Return vendor text that a database, a line of a log and a page can hold.

    PostgreSQL stores no NUL; other control characters and lone surrogates do not belong in a name
    either. Names arrive with trailing spaces and with no-break spaces between words.
    """
    if not text:
        return ""
    plain = (c if c.isprintable() else " " if c.isspace() else "" for c in text)
    return "".join(plain).strip()
