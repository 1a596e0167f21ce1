"""The answer that files of bars must give, judged apart from the engine.

Read with pyarrow and judged with numpy by the words of the rules in docs/reference/rules.md; no
code is shared with the engine, or one misreading would pass twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

COLUMNS = ("date", "open", "high", "low", "close", "adjusted_close", "volume")
ROW = np.dtype([("date", "<i4"), *((name, "<f8") for name in COLUMNS[1:])])
_PRICES = COLUMNS[1:6]
_PLACEHOLDER = 999999.9999
_FIRST_ASKED = (np.datetime64("1700-01-01", "D") - np.datetime64(0, "D")).astype(int)

Rows = NDArray[np.void]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Expected:
    """What must become of a symbol's rows: stored, put aside by date and rule, or flagged."""

    stored: Rows
    rejected: frozenset[tuple[int, str]]
    flagged: Counter[str]


def read_files(paths: Iterable[Path]) -> dict[tuple[str, str], Rows]:
    """Return all rows by code and exchange; of files that share a symbol, the first has it.

    Raises `ValueError` for a symbol with two rows of one date: there is no rule for that here.
    """
    found: dict[tuple[str, str], Rows] = {}
    for path in paths:
        for name, rows in _read_file(path):
            if len(np.unique(rows["date"])) < len(rows):
                raise ValueError(f"{path.name}: {'.'.join(name)} has two rows of one date")
            found.setdefault(name, rows)
    return found


def judge(rows: Rows) -> Expected:
    """Return what must become of the rows that a vendor sends of one symbol."""
    rejected: set[tuple[int, str]] = set()
    for rule, keeps in _rejecting(rows):
        broken = rows[~keeps]
        fresh = {int(day) for day in broken["date"]} - {day for day, _ in rejected}
        rejected |= {(day, rule) for day in fresh}
    aside = np.array([day for day, _ in rejected], np.int32)
    stored = np.sort(rows[~np.isin(rows["date"], aside)], order="date")
    stored["volume"] = np.nan_to_num(stored["volume"], nan=0.0)
    return Expected(stored, frozenset(rejected), Counter(dict(_flags(stored))))


def _read_file(path: Path) -> Iterator[tuple[tuple[str, str], Rows]]:
    table = pq.read_table(path)
    if "exchange" not in table.column_names:
        table = table.append_column("exchange", pa.array(["US"] * len(table)))
    rows = np.empty(len(table), ROW)
    rows["date"] = table["date"].cast(pa.int32()).to_numpy()
    for name in COLUMNS[1:]:
        rows[name] = table[name].cast(pa.float64()).to_numpy()
    codes, homes = table["symbol"].to_numpy(), table["exchange"].to_numpy()
    starts = np.flatnonzero((codes[1:] != codes[:-1]) | (homes[1:] != homes[:-1])) + 1
    for first, last in zip([0, *starts], [*starts, len(rows)], strict=True):
        yield (str(codes[first]), str(homes[first])), rows[first:last]


def _rejecting(rows: Rows) -> Iterator[tuple[str, Mask]]:
    """Each rejecting rule in the order of the page, with the rows that keep it."""
    prices: NDArray[np.float64] = np.array([rows[name] for name in _PRICES])
    tomorrow = (datetime.now(UTC) + timedelta(hours=14)).date().toordinal() - 719163
    yield "date is not in the future", rows["date"] <= tomorrow
    yield "date lies in the window", rows["date"] >= _FIRST_ASKED
    yield "prices are present", np.all(~np.isnan(prices), axis=0)
    yield "prices are finite", np.all(~np.isinf(prices), axis=0)
    yield "prices are not negative", np.all(~(prices < 0), axis=0)
    yield "close is above zero", rows["close"] != 0
    yield "no price is the placeholder", np.all(prices != _PLACEHOLDER, axis=0)
    yield "volume is not negative", ~(rows["volume"] < 0)
    yield "volume is finite", ~np.isinf(rows["volume"])


def _flags(rows: Rows) -> Iterator[tuple[str, int]]:
    """Each flagging rule with the number of rows that break it, if there are any."""
    opens = np.where(rows["open"] == 0, rows["close"], rows["open"])
    ceiling = np.max([opens, rows["close"], rows["low"]], axis=0)
    ground = np.min([opens, rows["close"], rows["high"]], axis=0)
    breaks: dict[str, Any] = {
        "open is above zero": rows["open"] <= 0,
        "low is above zero": rows["low"] <= 0,
        "adjusted close is above zero": rows["adjusted_close"] <= 0,
        "high is highest": rows["high"] < ceiling,
        "low is lowest": rows["low"] > ground,
        "volume is above zero": rows["volume"] <= 0,
    }
    for rule, broken in breaks.items():
        if broken.any():
            yield rule, int(broken.sum())
