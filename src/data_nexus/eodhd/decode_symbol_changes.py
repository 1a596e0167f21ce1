"""Decode `symbol-change-history`: bytes become symbol changes, or a typed error. Pure.

Keys: `exchange`, `old_symbol`, `new_symbol`, `company_name`, `effective` (vendor documentation);
US only, from 2022-07-22 on.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from data_nexus.domain.listings.listing import SymbolChange
from data_nexus.domain.symbol import is_code
from data_nexus.eodhd.answer import NOT_JSON, Row, read_rows, require_keys
from data_nexus.eodhd.decode_actions import date_of
from data_nexus.eodhd.decode_symbols import clean, code_text, line_text


@dataclass(frozen=True, slots=True)
class SymbolChanges:
    """A whole change history; `refused` counts the lines without two codes and a date."""

    changes: tuple[SymbolChange, ...]
    refused: int


class _Line(msgspec.Struct, gc=False):
    exchange: str | None = None
    old_symbol: str | None = None
    new_symbol: str | None = None
    effective: str | None = None
    company_name: str | None = None


_SUBJECT = "the change history"
_CODES = ("old_symbol", "new_symbol")
_KEYS = ("old_symbol", "new_symbol", "effective")
_lines = msgspec.json.Decoder(list[_Line])


def decode_symbol_changes(body: bytes) -> SymbolChanges:
    """Return the change history (JSON), in the order sent.

    Raises `BrokenAnswer` for what is not JSON, `NotAnAnswer` for JSON of another shape.
    """
    try:
        lines: list[_Line | None] = [*_lines.decode(body)]
    except NOT_JSON:
        rows = read_rows(body, _SUBJECT, "not an array of changes")
        require_keys(rows, _KEYS, _SUBJECT)
        lines = [None if row is None else _line_of(row) for row in rows]
    changes = tuple(change for line in lines if line and (change := _change_of(line)) is not None)
    return SymbolChanges(changes, len(lines) - len(changes))


def _line_of(row: Row) -> _Line | None:
    """Return a line with its numbers as texts; None if a value is neither."""
    try:
        codes = {key: code_text(row.get(key)) for key in _CODES}
        others = _Line.__struct_fields__
        return _Line(**{key: line_text(row.get(key)) for key in others} | codes)
    except TypeError:
        return None


def _change_of(line: _Line) -> SymbolChange | None:
    exchange = clean(line.exchange)
    old, new = (_code(text, exchange) for text in (line.old_symbol, line.new_symbol))
    effective = date_of(line.effective)
    if effective is None or not exchange or not is_code(old) or not is_code(new) or old == new:
        return None
    return SymbolChange(exchange, old, new, clean(line.company_name), effective)


def _code(text: str | None, exchange: str) -> str:
    return (text or "").strip().removesuffix(f".{exchange}")
