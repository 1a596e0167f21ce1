"""Tabulate what the vendor changed: a row for each value that became another. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from data_nexus.research.columns import MOMENT, NUMBERS, table_of

CHANGES_SCHEMA = pa.schema(
    [
        ("moment", MOMENT),
        ("kind", pa.string()),
        ("ticker", pa.string()),
        ("date", pa.date32()),
        ("field", pa.string()),
        ("old", pa.float64()),
        ("new", pa.float64()),
        ("text", pa.string()),
    ]
)
_Row = dict[str, Any]
# Field, old, new, text.
_Change = tuple[str, float | None, float | None, str | None]


def changes_table(listed: dict[str, list[_Row]]) -> pa.Table:
    """Return listed changes, by kind, as `CHANGES_SCHEMA`, the oldest first.

    A restated bar has a row for each value that differs; what was withdrawn one with its last
    close, ratio or amount as `old`; a re-based history one with its factors
    before and after, dated by its last bar; an action its new numbers; a listing its name or its
    new symbol as `text`.
    """
    rows: list[tuple[Any, ...]] = [
        (row["moment"], kind, row["ticker"], row.get("date", row.get("last_date")), *change)
        for kind, found in listed.items()
        for row in found
        for change in _CHANGES[kind](row)
    ]
    ordered = sorted(rows, key=lambda row: row[:3])
    return table_of(ordered, CHANGES_SCHEMA)


def _restated(row: _Row) -> Iterator[_Change]:
    old, new = row["old"], row["new"]
    for name in NUMBERS:
        if old[name] != new[name]:
            yield name, old[name], new[name], None


def _withdrawn(row: _Row) -> Iterator[_Change]:
    yield row["what"], row["value"], None, None


def _rebased(row: _Row) -> Iterator[_Change]:
    yield "factor", row["old_factor"], row["new_factor"], f"{row['bars']} bars"


def _split(row: _Row) -> Iterator[_Change]:
    ratio = row["numerator"] / row["denominator"] if row["denominator"] else None
    yield "split", None, ratio, f"{row['numerator']:g} for {row['denominator']:g}"


def _dividend(row: _Row) -> Iterator[_Change]:
    yield "dividend", None, row["unadjusted_value"] or row["value"], row["currency"]


def _listing(row: _Row) -> Iterator[_Change]:
    yield "name", None, None, row["name"]


def _renamed(row: _Row) -> Iterator[_Change]:
    yield "symbol", None, None, row["new_ticker"]


_CHANGES: dict[str, Callable[[_Row], Iterator[_Change]]] = {
    "restated": _restated,
    "withdrawn": _withdrawn,
    "rebased": _rebased,
    "splits": _split,
    "dividends": _dividend,
    "appeared": _listing,
    "vanished": _listing,
    "renamed": _renamed,
}
