"""The endpoints `div`, `splits` and `symbol-change-history`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Protocol, TypeVar

from data_nexus.sandbox.answers.render import CSV, JSON, document, number, table
from data_nexus.sandbox.answers.wire import Answer, Served
from data_nexus.sandbox.endpoints.history import symbol_in
from data_nexus.sandbox.market.tape import Dividend, Split
from data_nexus.sandbox.vendor import NO_SYMBOL, Vendor
from data_nexus.sandbox.vendor_request import VendorRequest


class Dated(Protocol):
    """Anything that happens on a day."""

    @property
    def date(self) -> date:
        """The day."""


Event = TypeVar("Event", bound=Dated)


def dividends(vendor: Vendor, request: VendorRequest) -> Answer:
    """The symbol's dividends; `value` is split-adjusted."""
    history = vendor.market.history(symbol_in(request))
    if history is None:
        return NO_SYMBOL
    values = {id(dividend): value for dividend, value in history.dividends}
    found = within(request, [dividend for dividend, _ in history.dividends])
    if request.format("csv") == "json":
        rows = [dividend_row(each, values[id(each)]) for each in found]
        return Answer.of(document(rows), JSON, served=Served(len(rows)))
    lines = [(each.date, number(values[id(each)])) for each in found]
    return Answer.of(table(("Date", "Dividends"), lines), CSV, served=Served(len(lines)))


def dividend_row(dividend: Dividend, value: float) -> dict[str, object]:
    """A dividend with the keys of the JSON recording, in its order."""
    return {
        "date": str(dividend.date),
        "declarationDate": day_text(dividend.declared),
        "recordDate": day_text(dividend.recorded),
        "paymentDate": day_text(dividend.paid),
        "period": dividend.period,
        "value": number(value),
        "unadjustedValue": number(dividend.unadjusted),
        "currency": dividend.currency,
    }


def splits(vendor: Vendor, request: VendorRequest) -> Answer:
    """The symbol's splits, as `new/old` with six decimals."""
    history = vendor.market.history(symbol_in(request))
    if history is None:
        return NO_SYMBOL
    found = [(str(split.date), ratio(split)) for split in within(request, history.splits)]
    if request.format("csv") == "json":
        rows = [{"date": day, "split": text} for day, text in found]
        return Answer.of(document(rows), JSON, served=Served(len(rows)))
    return Answer.of(table(("Date", "Stock Splits"), found), CSV, served=Served(len(found)))


def ratio(split: Split) -> str:
    """A split as the vendor writes it: `4.000000/1.000000`."""
    return f"{split.new:.6f}/{split.old:.6f}"


def symbol_change_history(vendor: Vendor, request: VendorRequest) -> Answer:
    """The renamed symbols of all exchanges, by the day from which the new name counts."""
    first, last = request.date("from") or date.min, request.date("to") or date.max
    rows = [
        {
            "exchange": change.exchange,
            "old_symbol": change.old,
            "new_symbol": change.new,
            "company_name": change.name,
            "effective": str(change.effective),
        }
        for change in vendor.market.symbol_changes()
        if first <= change.effective <= min(last, vendor.market.clock.today())
    ]
    return Answer.of(document(rows), JSON, served=Served(len(rows)))


def within(request: VendorRequest, events: Iterable[Event]) -> list[Event]:
    """The events between `from` and `to`, both included."""
    first, last = request.date("from") or date.min, request.date("to") or date.max
    return [event for event in events if first <= event.date <= last]


def day_text(day: date | None) -> str | None:
    """A date as text; null where there is none."""
    return None if day is None else str(day)
