"""Read symbols from a file: one a line, a column of a CSV file, or what comes on standard input."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from data_nexus.domain.symbol import Symbol, parse_symbol
from data_nexus.errors import UsageError

# Headings of a column that holds symbols, and of one that holds their exchanges.
_SYMBOLS, _EXCHANGES = ("symbol", "ticker", "code"), ("exchange", "market")
_MOST_BYTES = 10_000_000


def read_symbols(path: str, column: str | None = None) -> list[Symbol]:
    """Return the symbols of a file, each once; `-` is standard input.

    Without a heading each line begins with a symbol; `#` begins a comment. With one, as of a CSV
    file, they are in `column`, or else in that called symbol, ticker or code, with exchange beside
    it if codes stand alone. Raises `UsageError` for a file that cannot be read, has none, or has
    something else in its place.
    """
    lines = [line for line in _text(path).splitlines() if line.partition("#")[0].strip()]
    rows = list(csv.reader(io.StringIO("\n".join(line.partition("#")[0] for line in lines))))
    heading = [each.strip().casefold() for each in rows[0]] if rows else []
    at = _place(heading, (column.casefold(),) if column else _SYMBOLS)
    if column and at is None:
        raise UsageError(f"{path}: no column {column!r}; there are: {', '.join(rows[0])}")
    found = list(dict.fromkeys(_symbols(path, rows, heading, at)))
    if not found:
        raise UsageError(f"{path}: no symbols; write one a line, like AAPL.US")
    return found


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
    path: str, rows: list[list[str]], heading: list[str], at: int | None
) -> Iterator[Symbol]:
    exchange_at = _place(heading, _EXCHANGES)
    for number, row in enumerate(rows[at is not None :], 1 + (at is not None)):
        text = row[at or 0].strip() if len(row) > (at or 0) else ""
        if not text:
            continue
        if at is not None and exchange_at is not None and "." not in text:
            text = f"{text}.{row[exchange_at].strip()}"
        try:
            yield parse_symbol(text)
        except UsageError as error:
            raise UsageError(f"{path}, line {number}: {error}") from None


def _place(heading: list[str], names: tuple[str, ...]) -> int | None:
    return next((heading.index(name) for name in names if name in heading), None)
