"""Owns what the control port can change in the market: a table from path to verb."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from data_nexus.sandbox.market.tape import FIELDS, Dividend, Listing
from data_nexus.sandbox.vendor import Vendor

BackfillScope = Mapping[str, Any]
Reply = dict[str, Any]
LISTING_TEXTS = ("name", "type", "country", "venue", "currency", "isin")


class NotUnderstood(ValueError):
    """The control port was told something that means nothing to it."""


def _clock(vendor: Vendor, wish: BackfillScope) -> Reply:
    """`{"now": moment}` or `{"advance_sec": n}`."""
    clock = vendor.market.clock
    if "now" in wish:
        clock.set(datetime.fromisoformat(wish["now"]))
    clock.advance(float(wish.get("advance_sec", 0)))
    return {"now": clock.now().isoformat()}


def _publish(vendor: Vendor, wish: BackfillScope) -> Reply:
    """`{"exchange", "date"}`; the date null follows the clock again."""
    exchange, day = wish.get("exchange", "US"), wish["date"]
    vendor.market.publish(exchange, date.fromisoformat(day) if day else None)
    return {"published_through": str(vendor.market.published_through(exchange))}


def _actions(vendor: Vendor, wish: BackfillScope) -> Reply:
    """`{"symbol", "date", "split": "4/1"}`, or `"dividend": 0.5` with its dates and period.

    With `"told": false` it shows in the bars alone.
    """
    symbol, day = _known(vendor, wish["symbol"]), date.fromisoformat(wish["date"])
    told = bool(wish.get("told", True))
    if "split" in wish:
        new, _, old = wish["split"].partition("/")
        vendor.market.split(symbol, day, float(new), float(old or 1), told=told)
        return {}
    dividend = Dividend(
        date=day,
        unadjusted=float(wish["dividend"]),
        currency=wish.get("currency", "USD"),
        declared=_maybe_date(wish.get("declared")),
        recorded=_maybe_date(wish.get("recorded")),
        paid=_maybe_date(wish.get("paid")),
        period=wish.get("period"),
        told=told,
    )
    vendor.market.pay(symbol, dividend)
    return {}


def _restate(vendor: Vendor, wish: BackfillScope) -> Reply:
    """`{"symbol", "date", field: value, …}`."""
    values = {name: float(wish[name]) for name in FIELDS if name in wish}
    symbol = _known(vendor, wish["symbol"])
    vendor.market.restate(symbol, date.fromisoformat(wish["date"]), values)
    return {}


def _factor(vendor: Vendor, wish: BackfillScope) -> Reply:
    """`{"symbol", "date", "factor": 0.97}`: for adjusted closes before the date; no feed tells."""
    symbol, day = _known(vendor, wish["symbol"]), date.fromisoformat(wish["date"])
    vendor.market.scale(symbol, day, float(wish["factor"]))
    return {}


def _hold(vendor: Vendor, wish: BackfillScope) -> Reply:
    """`{"symbol", "date", "until"}`: the date's bar comes with the session of `until`."""
    symbol, day = _known(vendor, wish["symbol"]), date.fromisoformat(wish["date"])
    vendor.market.hold(symbol, day, date.fromisoformat(wish["until"]))
    return {}


def _shrink(vendor: Vendor, wish: BackfillScope) -> Reply:
    """`{"exchange", "share": 0.5}`; a share of 1 undoes it."""
    vendor.market.shrink(wish.get("exchange", "US"), float(wish.get("share", 1)))
    return {}


def _list(vendor: Vendor, wish: BackfillScope) -> Reply:
    """`{"symbol", "action": list | delist | rename | reuse | change | remove, …}`."""
    verb = _LIST_VERBS.get(wish["action"])
    if verb is None:
        raise NotUnderstood(f"no action {wish['action']!r}; there are {', '.join(_LIST_VERBS)}")
    return {"symbol": verb(vendor, wish)}


def _add(vendor: Vendor, wish: BackfillScope) -> str:
    code, _, exchange = wish["symbol"].rpartition(".")
    texts = {name: wish[name] for name in LISTING_TEXTS if name in wish}
    listing = Listing(code=code, exchange=exchange, **{"name": code, **texts})
    vendor.market.list(listing, _day(vendor, wish))
    return listing.symbol


def _delist(vendor: Vendor, wish: BackfillScope) -> str:
    """The last bar is of `date`, by default the last day published."""
    symbol = _known(vendor, wish["symbol"])
    through = vendor.market.published_through(symbol.rpartition(".")[2])
    vendor.market.delist(symbol, _day(vendor, wish, through))
    return symbol


def _rename(vendor: Vendor, wish: BackfillScope) -> str:
    """The new code is in `to`, with or without its exchange."""
    symbol = _known(vendor, wish["symbol"])
    code = wish["to"].removesuffix(f".{symbol.rpartition('.')[2]}")
    return vendor.market.rename(symbol, code, _day(vendor, wish))


def _reuse(vendor: Vendor, wish: BackfillScope) -> str:
    """A newcomer takes the code, from `date` on; its former bearer is dead, as `CODE_old`."""
    symbol = _known(vendor, wish["symbol"])
    through = vendor.market.published_through(symbol.rpartition(".")[2])
    vendor.market.bury(symbol, through)
    return _add(vendor, wish)


def _change(vendor: Vendor, wish: BackfillScope) -> str:
    symbol = _known(vendor, wish["symbol"])
    texts = {name: wish[name] for name in (*LISTING_TEXTS, "delisted") if name in wish}
    vendor.market.relist(symbol, **texts)
    return symbol


def _remove(vendor: Vendor, wish: BackfillScope) -> str:
    symbol = _known(vendor, wish["symbol"])
    vendor.market.remove(symbol)
    return symbol


_LIST_VERBS: dict[str, Callable[[Vendor, BackfillScope], str]] = {
    "list": _add,
    "delist": _delist,
    "rename": _rename,
    "reuse": _reuse,
    "change": _change,
    "remove": _remove,
}

CHANGES: dict[str, Callable[[Vendor, BackfillScope], Reply]] = {
    "/clock": _clock,
    "/publish": _publish,
    "/actions": _actions,
    "/restate": _restate,
    "/factor": _factor,
    "/hold": _hold,
    "/shrink": _shrink,
    "/list": _list,
}


def _known(vendor: Vendor, symbol: str) -> str:
    if vendor.market.place(symbol) is None:
        raise NotUnderstood(f"no symbol {symbol!r} in this market")
    return symbol


def _maybe_date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _day(vendor: Vendor, wish: BackfillScope, default: date | None = None) -> date:
    if wish.get("date"):
        return date.fromisoformat(wish["date"])
    return default or vendor.market.clock.today()
