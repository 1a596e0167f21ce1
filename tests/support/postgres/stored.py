"""Tables of stored bars and actions as the reading side takes them, made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from data_nexus.research.columns import ACTIONS_SCHEMA, STORED_SCHEMA

KNOWN_AT = datetime(2020, 1, 1, tzinfo=UTC)


def stored_bars(
    closes: Mapping[str, Mapping[date, float]],
    *,
    volumes: Sequence[float] | float = 1000.0,
    adjusted: Sequence[float] | None = None,
) -> pa.Table:
    """Bars by ticker; low and open one below the close, high two above it."""
    rows = [
        (number, ticker, day, close)
        for number, (ticker, by_day) in enumerate(sorted(closes.items()), start=1)
        for day, close in by_day.items()
    ]
    numbers = [volumes] * len(rows) if isinstance(volumes, float) else volumes
    sent = adjusted or [close for *_, close in rows]
    return pa.Table.from_pylist(
        [
            {
                "asset_id": number,
                "ticker": ticker,
                "date": day,
                "open": close - 1,
                "high": close + 2,
                "low": close - 1,
                "close": close,
                "adjusted_close": sent[at],
                "volume": numbers[at],
            }
            for at, (number, ticker, day, close) in enumerate(rows)
        ],
        schema=STORED_SCHEMA,
    )


def split(day: date, numerator: float, denominator: float, **facts: Any) -> dict[str, Any]:  # noqa: ANN401
    """A split of the first asset, with some facts replaced."""
    ratio = {"numerator": numerator, "denominator": denominator}
    return _action(day, "split") | ratio | facts


def dividend(day: date, paid: float, currency: str = "USD", **facts: Any) -> dict[str, Any]:  # noqa: ANN401
    """A dividend of the first asset, as paid, with some facts replaced."""
    told = {"value": paid, "unadjusted_value": paid, "currency": currency}
    return _action(day, "dividend") | told | facts


def actions_of(*actions: dict[str, Any]) -> pa.Table:
    """Actions as the reading side has them."""
    ordered = sorted(actions, key=lambda row: (row["asset_id"], row["date"]))
    return pa.Table.from_pylist(ordered, schema=ACTIONS_SCHEMA)


def _action(day: date, kind: str) -> dict[str, Any]:
    return {
        "asset_id": 1,
        "ticker": "A.US",
        "date": day,
        "kind": kind,
        "stored_at": KNOWN_AT,
        "asset_currency": "USD",
    }
