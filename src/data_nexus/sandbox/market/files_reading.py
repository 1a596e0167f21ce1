"""Read files, Parquet or CSV (also `.gz`), into listings, actions and tapes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from data_nexus.sandbox.market.exchanges import exchange_facts
from data_nexus.sandbox.market.tape import RAW, Dividend, Listing, Split, Tape

TEXTS = ("symbol", "ticker", "exchange", "ratio_text", "basis")
LISTING_TEXTS = ("Code", "Name", "Type", "Country", "Exchange", "Currency", "Isin")
NUMBERS = ("open", "high", "low", "close", "adjusted_close", "volume", "ratio", "value")
_TYPES = (
    {name: pa.string() for name in (*TEXTS, *LISTING_TEXTS)}
    | {name: pa.float64() for name in NUMBERS}
    | {"date": pa.date32()}
)


class NotReadable(ValueError):
    """A file lacks required columns."""


def read_bars(path: Path, exchange: str) -> Iterator[tuple[str, Tape]]:
    """The tapes of a bars file by symbol; without `adjusted_close` it is the close."""
    table = _sorted(_read(path, ("symbol", "date", *RAW), ("exchange", "adjusted_close")))
    columns = {name: _floats(table, name) for name in RAW}
    adjusted = _floats(
        table, "adjusted_close" if "adjusted_close" in table.schema.names else "close"
    )
    days = table["date"].to_numpy()
    symbols = table["symbol"]
    for code, start, end in _runs(symbols):
        rows = slice(start, end)
        home = table["exchange"][start].as_py() if "exchange" in table.schema.names else exchange
        yield (
            f"{code}.{home}",
            Tape(
                date=days[rows],
                open=columns["open"][rows],
                high=columns["high"][rows],
                low=columns["low"][rows],
                close=columns["close"][rows],
                volume=columns["volume"][rows],
                adjusted_close=adjusted[rows],
            ),
        )


def read_splits(path: Path, exchange: str) -> Iterator[tuple[str, Split]]:
    """The splits of a file; `ratio` is new shares for one old, `ratio_text` says it in whole."""
    for row in _read(path, ("symbol", "date", "ratio"), ("exchange", "ratio_text")).to_pylist():
        new, _, old = (row.get("ratio_text") or "").partition(":")
        if not old:
            new, old = _in_shares(row["ratio"])
        yield _symbol(row, exchange), Split(row["date"], float(new), float(old))


def read_dividends(path: Path, exchange: str) -> Iterator[tuple[str, Dividend]]:
    """The dividends of a file; a `basis` that begins with `raw` says that they are unadjusted."""
    for row in _read(path, ("symbol", "date", "value"), ("exchange", "basis")).to_pylist():
        value = row["value"]
        stated = None if (row.get("basis") or "").startswith("raw") else value
        yield _symbol(row, exchange), Dividend(date=row["date"], unadjusted=value, stated=stated)


def read_listings(path: Path, exchange: str) -> Iterator[Listing]:
    """The listings of a file; its `Exchange` is a venue of the exchange, or another exchange."""
    for row in _read(path, LISTING_TEXTS, ("delisted",)).to_pylist():
        venue = row["Exchange"]
        yield Listing(
            code=row["Code"],
            exchange=exchange if venue in exchange_facts(exchange).venues else venue,
            name=row["Name"] or "",
            type=row["Type"],
            country=row["Country"],
            venue=venue,
            currency=row["Currency"],
            isin=row["Isin"] or None,
            delisted=bool(row.get("delisted")),
        )


def _read(path: Path, needed: tuple[str, ...], optional: tuple[str, ...]) -> pa.Table:
    if path.suffix == ".parquet":
        table = pq.read_table(path)
    else:
        options = pa.csv.ConvertOptions(column_types=_TYPES)
        table = pa.csv.read_csv(path, convert_options=options)
    if "ticker" in table.schema.names and "symbol" in needed:
        table = table.rename_columns({"ticker": "symbol"})
    missing = [name for name in needed if name not in table.schema.names]
    if missing:
        raise NotReadable(f"{path.name} has no column {', '.join(missing)}")
    return table.select([*needed, *(name for name in optional if name in table.schema.names)])


def _sorted(table: pa.Table) -> pa.Table:
    """The table by symbol and date; one that is sorted already is not copied."""
    codes = _codes(table["symbol"])
    days = table["date"].to_numpy().astype(np.int64)
    same = codes[1:] == codes[:-1]
    is_grouped = np.count_nonzero(~same) + 1 == len(np.unique(codes))
    if is_grouped and bool((days[1:] >= days[:-1])[same].all()):
        return table
    # A stable order by NumPy, so that rows of the same day stay as they are in the file.
    return table.take(pa.array(np.lexsort((days, codes))))


def _runs(symbols: pa.ChunkedArray) -> Iterator[tuple[str, int, int]]:
    """Each symbol with the rows where its run begins and ends."""
    codes = _codes(symbols)
    starts = np.flatnonzero(np.append(len(codes) > 0, codes[1:] != codes[:-1])).tolist()
    for start, end in zip(starts, [*starts[1:], len(codes)], strict=bool(starts)):
        yield symbols[start].as_py(), start, end


def _codes(symbols: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.int32]]:
    codes: np.ndarray[Any, np.dtype[np.int32]] = pc.dictionary_encode(
        symbols.combine_chunks()
    ).indices.to_numpy()
    return codes


def _floats(table: pa.Table, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    floats: np.ndarray[Any, np.dtype[np.float64]] = pc.cast(table[name], pa.float64()).to_numpy()
    return floats


def _symbol(row: dict[str, Any], exchange: str) -> str:
    return f"{row['symbol']}.{row.get('exchange') or exchange}"


def _in_shares(ratio: float) -> tuple[float, float]:
    """New and old shares: below 1 a ratio is that of a reverse split, 1 for n."""
    return (ratio, 1.0) if ratio >= 1 or ratio <= 0 else (1.0, round(1 / ratio, 6))
