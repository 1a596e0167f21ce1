"""Owns the endpoint `eod-bulk-last-day`: one day of a whole exchange: bars, splits, dividends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

from data_nexus.sandbox.actions import dividend_row, ratio
from data_nexus.sandbox.asked import Asked, Invalid
from data_nexus.sandbox.market import US_VENUES
from data_nexus.sandbox.render import HTML, JSON, document, number, table
from data_nexus.sandbox.tape import Listing
from data_nexus.sandbox.vendor import NO_EXCHANGE, Vendor
from data_nexus.sandbox.wire import Answer

BAR_HEADER = ("Code", "Ex", "Date", "Open", "High", "Low", "Close", "Adjusted_close", "Volume")
CHANGE_HEADER = ("Prev_close", "Change", "Change_%")
Rows = list[dict[str, object]]


def bulk_last_day(vendor: Vendor, asked: Asked) -> Answer:
    """A day of an exchange, by default the last one published."""
    exchange = asked.subject.upper()
    if not vendor.market.holds(exchange):
        return NO_EXCHANGE
    kind = asked.query.get("type") or "bars"
    if kind not in _KINDS:
        raise Invalid("type", "The selected type is invalid.")
    rows, header = _KINDS[kind](vendor, asked, exchange)
    if asked.format("json") == "json":
        return Answer.of(document(rows), JSON, rows=len(rows))
    lines = [tuple(row.values()) for row in rows]
    return Answer.of(table(header, lines), HTML, rows=len(rows))


def _bars(vendor: Vendor, asked: Asked, exchange: str) -> tuple[Rows, tuple[str, ...]]:
    """Bars of the day; only without a `date` beside the close before it (recordings)."""
    day = asked.date("date")
    listings = list(_chosen(vendor, asked, exchange))
    if day is not None:
        return [row for each in listings for row in _on(vendor, each, day)], BAR_HEADER
    return [row for each in listings for row in _latest(vendor, each)], (
        *BAR_HEADER,
        *CHANGE_HEADER,
    )


def _on(vendor: Vendor, listing: Listing, day: date) -> Rows:
    rendered = vendor.bodies.window(listing.symbol, day, day)
    return [_named(listing, bar) for bar in _parsed(rendered)]
