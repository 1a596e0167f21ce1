"""Read symbols from a file: one a line, a column of a CSV file, or what comes on standard input."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from data_nexus.domain.symbol import Symbol, parse_symbol
from data_nexus.errors import UsageError

# Headings of a column that holds symbols, and of one that holds their exchanges.
_SYMBOLS, _EXCHANGES = ("symbol", "ticker", "code"), ("exchange", "market")
# The first of those that part the first line equally often is taken.
_SEPARATORS = (",", ";", "\t")
_MOST_BYTES = 10_000_000


def read_symbols(path: str, column: str | None = None) -> list[Symbol]:
    """Return the symbols of a file, each once; `-` is standard input.

    Without a heading each line begins with a symbol, or holds several of an exchange; `#` begins a
    comment. With one, as of a CSV file, they are in `column`, or else in that called symbol, ticker
    or code, with exchange beside it if codes stand alone. Columns are parted by commas, semicolons
    or tabs. Raises `UsageError` for a file that cannot be read, has none, or has
    something else in its place.
    """
    rows = _rows([_uncommented(line) for line in _text(path).splitlines()])
    heading = [each.strip().casefold() for each in rows[0][1]] if rows else []
    at = _place(heading, (column.casefold(),) if column else _SYMBOLS)
    if column and at is None:
        named = ", ".join(rows[0][1]) if rows else "none"
        raise UsageError(f"{path}: no column {column!r}; there are: {named}")
    found = list(dict.fromkeys(_symbols(path, rows, heading, at)))
    if not found:
        raise UsageError(f"{path}: no symbols; write one a line, like AAPL.US")
    return found


def _uncommented(line: str) -> str:
    """Return a line without its comment; a `#` behind a quote is a part of a name."""
    before = line.partition("#")[0]
    return before if not before.strip() or (before[-1].isspace() and '"' not in before) else line


def _rows(lines: list[str]) -> list[tuple[int, list[str]]]:
    """Return the rows that are not empty, each with the number of the line in which it ends."""
    first = next(filter(str.strip, lines), "")
    reader = csv.reader(lines, delimiter=max(_SEPARATORS, key=first.count))
    try:
        return [(reader.line_num, row) for row in reader if any(map(str.strip, row))]
    except csv.Error:
        # A cell of more than 128 kB, as behind a quote that is never closed.
        return []


def _text(path: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}; name a file of symbols") from None
    if len(raw) > _MOST_BYTES:
        raise UsageError(f"{path}: {len(raw):,} bytes are no list of symbols")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8; save it as UTF-8 text") from None


def _symbols(
    path: str, rows: list[tuple[int, list[str]]], heading: list[str], at: int | None
) -> Iterator[Symbol]:
    exchange_at = _place(heading, _EXCHANGES)
    for number, row in rows[at is not None :]:
        text = row[at or 0].strip() if len(row) > (at or 0) else ""
        if not text:
            continue
        if at is not None and exchange_at is not None and len(row) > exchange_at:
            ending = f".{row[exchange_at].strip()}"
            text += "" if text.casefold().endswith(ending.casefold()) else ending
        try:
            symbol = parse_symbol(text)
        except UsageError as error:
            raise UsageError(f"{path}, line {number}: {error}") from None
        yield symbol
        if at is None:
            yield from _others(row[1:], symbol.exchange)


def _others(cells: list[str], exchange: str) -> list[Symbol]:
    """Return the symbols of a line after its first; none if one is no symbol of the exchange."""
    texts = [cell.strip() for cell in cells if cell.strip()]
    try:
        found = [parse_symbol(text) for text in texts]
    except UsageError:
        return []
    return found if all(symbol.exchange == exchange for symbol in found) else []


def _place(heading: list[str], names: tuple[str, ...]) -> int | None:
    return next((heading.index(name) for name in names if name in heading), None)
