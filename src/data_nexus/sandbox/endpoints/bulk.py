"""The endpoint `eod-bulk-last-day`: one day of a whole exchange: bars, splits, dividends."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta

from data_nexus.sandbox.answers.render import HTML, JSON, document, number, table, unpacked
from data_nexus.sandbox.answers.wire import Answer, Served
from data_nexus.sandbox.endpoints.actions import day_text, ratio
from data_nexus.sandbox.market.market import US_VENUES
from data_nexus.sandbox.market.tape import FIELDS, Listing
from data_nexus.sandbox.vendor import NO_EXCHANGE, Vendor
from data_nexus.sandbox.vendor_request import Invalid, VendorRequest

Row = dict[str, object]

BAR_HEADER = ("Code", "Ex", "Date", "Open", "High", "Low", "Close", "Adjusted_close", "Volume")
CHANGE_HEADER = ("Prev_close", "Change", "Change_%")
SPLIT_HEADER = ("Code", "Ex", "Date", "Split")
DIVIDEND_HEADER = (
    *("Code", "Ex", "Date", "Dividend", "Currency", "DeclarationDate", "RecordDate"),
    *("PaymentDate", "Period", "UnadjustedValue"),
)
A_WHILE = timedelta(14)


def bulk_last_day(vendor: Vendor, request: VendorRequest) -> Answer:
    """A day of an exchange, by default the last one published."""
    exchange = request.subject.upper()
    if not vendor.market.holds(exchange):
        return NO_EXCHANGE
    requested_day = request.date("date")
    day = requested_day or _last_session(vendor, exchange)
    kind = request.query.get("type") or "bars"
    header: tuple[str, ...]
    if kind == "splits":
        rows, header = _splits(vendor, request, exchange, day), SPLIT_HEADER
    elif kind == "dividends":
        rows, header = _dividends(vendor, request, exchange, day), DIVIDEND_HEADER
    elif kind != "bars":
        raise Invalid("type", "The selected type is invalid.")
    elif requested_day:
        rows = [_bar(each, bars[-1]) for each, bars in _traded(vendor, request, exchange, day)]
        header = BAR_HEADER
    else:
        rows = [_change(each, bars) for each, bars in _traded(vendor, request, exchange, day)]
        header = (*BAR_HEADER, *CHANGE_HEADER)
    served = Served(len(rows), str(day), str(day))
    if request.format("json") == "json":
        return Answer.of(document(rows), JSON, served=served)
    return Answer.of(table(header, [tuple(row.values()) for row in rows]), HTML, served=served)


def _last_session(vendor: Vendor, exchange: str) -> date:
    return vendor.market.last_session("US" if exchange in US_VENUES else exchange)


def _chosen(vendor: Vendor, request: VendorRequest, exchange: str) -> list[Listing]:
    """The requested listings: with `symbols` only those, of any exchange (recording)."""
    market = vendor.market
    names = [name for name in request.query.get("symbols", "").split(",") if name]
    if not names:
        return [*market.listings(exchange), *market.listings(exchange, delisted=True)]
    home = "US" if exchange in US_VENUES else exchange
    intervals = [market.interval(name if "." in name else f"{name}.{home}") for name in names]
    return [interval.listing for interval in intervals if interval]


def _traded(
    vendor: Vendor, request: VendorRequest, exchange: str, day: date
) -> list[tuple[Listing, list[Row]]]:
    """The listings with a bar on the day, each with the bars of the two weeks up to it."""
    found = []
    for listing in _chosen(vendor, request, exchange):
        bars = _up_to(vendor, listing.symbol, day)
        if bars and bars[-1]["date"] == str(day):
            found.append((listing, bars))
    return found


def _up_to(vendor: Vendor, symbol: str, day: date) -> list[Row]:
    """The bars of two weeks, none doubled; this renders no history that is not rendered yet."""
    if vendor.bodies.keeps(symbol):
        rendered = vendor.bodies.window(symbol, day - A_WHILE, day)
        rows: list[Row] = json.loads(unpacked(rendered.gzip)) if rendered else []
        is_doubled = len(rows) > 1 and rows[-1]["date"] == rows[-2]["date"]
        return rows[:-1] if is_doubled else rows
    history = vendor.market.history(symbol)
    if history is None:
        return []
    bars = history.bars.between(day - A_WHILE, day)
    columns = [[number(value) for value in getattr(bars, name).tolist()] for name in FIELDS]
    return [
        {"date": str(when), **dict(zip(FIELDS, values, strict=True))}
        for when, *values in zip(bars.date, *columns, strict=True)
    ]


def _bar(listing: Listing, bar: Row) -> Row:
    return {"code": listing.code, "exchange_short_name": listing.exchange, **bar}


def _change(listing: Listing, bars: list[Row]) -> Row:
    """The last bar beside the close before it."""
    close = bars[-1]["close"]
    before = bars[-2]["close"] if len(bars) > 1 else close
    known = isinstance(close, int | float) and isinstance(before, int | float)
    change = round(close - before, 4) if known else None  # type: ignore[operator]
    share = round(100 * change / before, 4) if change is not None and before else 0
    return {
        **_bar(listing, bars[-1]),
        "prev_close": before,
        "change": number(change),
        "change_p": number(share),
    }


def _splits(vendor: Vendor, request: VendorRequest, exchange: str, day: date) -> list[Row]:
    """All splits of the day: `symbols` is ignored (recording)."""
    everyone = replace(request, query={})
    codes = {listing.symbol: listing for listing in _chosen(vendor, everyone, exchange)}
    return [
        {
            "code": codes[symbol].code,
            "exchange": codes[symbol].exchange,
            "date": str(day),
            "split": ratio(split),
        }
        for symbol, split in vendor.actions.splits(day)
        if symbol in codes
    ]


def _dividends(vendor: Vendor, request: VendorRequest, exchange: str, day: date) -> list[Row]:
    """The dividends of the day, amounts as strings (recording)."""
    codes = {listing.symbol: listing for listing in _chosen(vendor, request, exchange)}
    return [
        {
            "code": codes[symbol].code,
            "exchange": codes[symbol].exchange,
            "date": str(day),
            "dividend": f"{dividend.unadjusted:.5f}",
            "currency": dividend.currency,
            "declarationDate": day_text(dividend.declared),
            "recordDate": day_text(dividend.recorded),
            "paymentDate": day_text(dividend.paid),
            "period": dividend.period,
            "unadjustedValue": f"{dividend.unadjusted:.10f}",
        }
        for symbol, dividend in vendor.actions.dividends(day)
        if symbol in codes
    ]
