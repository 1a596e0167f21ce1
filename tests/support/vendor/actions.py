"""The stage of the actions' tests: a vendor, its databases, and what is stored there.

Whether actions reproduce the adjusted closes is computed here once more, bar by bar.
"""

from __future__ import annotations

import base64
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, LiteralString

from tests.support.postgres.tables import Row, rows, value
from tests.support.vendor.sandbox import Sandbox, sandbox

FRIDAY, MONDAY = "2026-11-06", "2026-11-09"
SUNDAY_NOON = datetime(2026, 11, 8, 12, tzinfo=UTC)
TUESDAY_MORNING = datetime(2026, 11, 10, 12, tzinfo=UTC)
UNEXPLAINED = "actions explain the adjusted close"
# Of histories that begin in 2023; the tapes have actions of their own besides.
POSTED: tuple[dict[str, Any], ...] = (
    {"symbol": "AAPL.US", "date": "2024-05-15", "split": "1398/1000"},
    {"symbol": "AAPL.US", "date": "2025-05-14", "split": "1/15"},
    {"symbol": "AAPL.US", "date": "2026-05-13", "dividend": 0.00125, "period": "Quarterly"},
    {"symbol": "MSFT.US", "date": "2025-07-05", "dividend": 1.5, "period": "Special"},
    {"symbol": "MSFT.US", "date": "2025-07-09", "split": "0.000000/1.000000"},
    {"symbol": "VTI.US", "date": "1999-01-04", "split": "7/1"},
    {"symbol": "VTI.US", "date": "2026-11-06", "dividend": 0.5, "currency": "USD"},
)


@contextmanager
def vendor_on_friday() -> Iterator[Sandbox]:
    """A vendor of two exchanges with some odd listings, up to a Friday."""
    options = {"symbols": 16, "years": 3, "exchange": ["US", "LSE"], "minute_limit": 1_000_000}
    with sandbox(now="2026-11-10T22:00:00", **options) as running:  # type: ignore[arg-type]
        for action in POSTED:
            running.post("/actions", action)
        publish(running, FRIDAY)
        yield running


def publish(vendor: Sandbox, day: str) -> None:
    for exchange in ("US", "LSE"):
        vendor.post("/publish", {"exchange": exchange, "date": day})


def wanted(url: str) -> int:
    """Of how many assets the actions are to be asked for still."""
    return int(value(url, "SELECT count(*) FROM assets WHERE actions_wanted_at IS NOT NULL"))


def asked(vendor: Sandbox, since: int) -> Counter[str]:
    """The requests since a number of them, by endpoint."""
    return Counter(entry["endpoint"] for entry in vendor.log()[since:])


def named(vendor: Sandbox, since: int, endpoint: str = "div") -> set[str]:
    """The symbols that an endpoint was asked about since then."""
    return {e["symbol"] for e in vendor.log()[since:] if e["endpoint"] == endpoint}


def finding(url: str, ticker: str) -> Row | None:
    """How the asset's actions leave its bars unexplained: first and last date, bars, worst."""
    found = rows(
        url,
        "SELECT first_date::text, last_date::text, count, worst, detail FROM findings f"
        " JOIN assets a ON a.id = f.asset_id"
        " WHERE symbol || '.' || exchange = %s AND rule = 'actions explain the adjusted close'",
        ticker,
    )
    return found[0] if found else None


@dataclass(frozen=True)
class Shelf:
    """What is stored of one asset: bars by date, and actions."""

    currency: str
    bars: list[Row]
    splits: list[Row]
    dividends: list[Row]

    def is_reproduced(self) -> bool:
        """Whether walking back from the last bar gives each adjusted close, to the tolerance."""
        factor, after = 1.0, date.max
        for day, close, adjusted in reversed(self.bars):
            if after < date.max:
                for ex_date, new, old in self.splits:
                    factor *= old / new if day < ex_date <= after else 1.0
                paid = [d for d in self.dividends if day < d[0] <= after]
                if any(currency != self.currency for _, _, currency in paid):
                    return False
                factor *= 1 - sum(amount for _, amount, _ in paid) / close
            if abs(adjusted - close * factor) > 1e-4 * close * factor + 0.5e-4 * (1 + factor):
                return False
            after = day
        return True


def shelves(url: str) -> dict[str, Shelf]:
    """Everything that is stored of each asset with bars, by ticker."""
    with_bars: LiteralString = (
        "SELECT symbol || '.' || exchange, id, currency FROM assets WHERE last_bar IS NOT NULL"
    )
    queries: tuple[LiteralString, ...] = (
        "SELECT asset_id, date, close, adjusted_close FROM market_data ORDER BY date",
        "SELECT asset_id, date, numerator, denominator FROM splits",
        "SELECT asset_id, date, unadjusted_value, currency FROM dividends",
    )
    bars, splits, paid = (_by_asset(rows(url, query)) for query in queries)
    return {
        ticker: Shelf(currency, bars[number], splits[number], paid[number])
        for ticker, number, currency in rows(url, with_bars)
    }


def _by_asset(found: list[Row]) -> dict[int, list[Row]]:
    shelved = defaultdict[int, list[Row]](list)
    for number, *columns in found:
        shelved[number].append(tuple(columns))
    return shelved


def assert_the_law(url: str) -> tuple[set[str], set[str]]:
    """Each asset is reproduced or has a finding, and none both; who is which."""
    stored = shelves(url)
    reproduced = {ticker for ticker, shelf in stored.items() if shelf.is_reproduced()}
    found = rows(
        url,
        "SELECT symbol || '.' || exchange FROM findings f JOIN assets a ON a.id = f.asset_id"
        " WHERE rule = 'actions explain the adjusted close'",
    )
    flagged = {ticker for (ticker,) in found} & set(stored)
    assert reproduced | flagged == set(stored)
    assert reproduced & flagged == set()
    return reproduced, flagged


def tell(vendor: Sandbox, endpoint: str, body: bytes, symbol: str = "AAPL.US") -> None:
    """Let an endpoint answer with a body, whatever it is."""
    fault = {"kind": "hostile_json", "endpoint": endpoint, "symbol": symbol}
    vendor.post("/faults", {**fault, "body_base64": base64.b64encode(body).decode()})
