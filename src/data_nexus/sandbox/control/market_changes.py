"""Change the market through the control port: a table of functions by path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from data_nexus.sandbox.market.behaviours import Behaviour
from data_nexus.sandbox.market.calendar import Departures
from data_nexus.sandbox.market.tape import FIELDS, Dividend, Listing
from data_nexus.sandbox.vendor import Vendor

Body = Mapping[str, Any]
Reply = dict[str, Any]
LISTING_TEXTS = ("name", "type", "country", "venue", "currency", "isin")
KINDS = ("bar", "split", "dividend")


class NotUnderstood(ValueError):
    """A request to the control port has no meaning there."""


def _clock(vendor: Vendor, body: Body) -> Reply:
    """`{"now": moment}` or `{"advance_sec": n}`."""
    clock = vendor.market.clock
    if "now" in body:
        clock.set(datetime.fromisoformat(body["now"]))
    clock.advance(float(body.get("advance_sec", 0)))
    return {"now": clock.now().isoformat()}


def _publish(vendor: Vendor, body: Body) -> Reply:
    """`{"exchange", "date"}`; the date null follows the clock again."""
    exchange, day = body.get("exchange", "US"), body["date"]
    vendor.market.publish(exchange, date.fromisoformat(day) if day else None)
    return {"published_through": str(vendor.market.published_through(exchange))}


def _actions(vendor: Vendor, body: Body) -> Reply:
    """`{"symbol", "date", "split": "4/1"}`, or `"dividend": 0.5` with its dates and period.

    With `"reported": false` it shows in the bars alone.
    """
    symbol, day = _known(vendor, body["symbol"]), date.fromisoformat(body["date"])
    reported = bool(body.get("reported", True))
    if "split" in body:
        new, _, old = body["split"].partition("/")
        vendor.market.split(symbol, day, float(new), float(old or 1), reported=reported)
        return {}
    dividend = Dividend(
        date=day,
        unadjusted=float(body["dividend"]),
        currency=body.get("currency", "USD"),
        declared=_maybe_date(body.get("declared")),
        recorded=_maybe_date(body.get("recorded")),
        paid=_maybe_date(body.get("paid")),
        period=body.get("period"),
        reported=reported,
    )
    vendor.market.pay(symbol, dividend)
    return {}


def _restate(vendor: Vendor, body: Body) -> Reply:
    """`{"symbol", "date", field: value, …}`."""
    values = {name: float(body[name]) for name in FIELDS if name in body}
    symbol = _known(vendor, body["symbol"])
    vendor.market.restate(symbol, date.fromisoformat(body["date"]), values)
    return {}


def _factor(vendor: Vendor, body: Body) -> Reply:
    """`{"symbol", "date", "factor": 0.97}`: for adjusted closes before the date; in no feed."""
    symbol, day = _known(vendor, body["symbol"]), date.fromisoformat(body["date"])
    vendor.market.scale(symbol, day, float(body["factor"]))
    return {}


def _hold(vendor: Vendor, body: Body) -> Reply:
    """`{"symbol", "date", "until"}`: the date's bar comes with the session of `until`."""
    symbol, day = _known(vendor, body["symbol"]), date.fromisoformat(body["date"])
    vendor.market.hold(symbol, day, date.fromisoformat(body["until"]))
    return {}


def _shrink(vendor: Vendor, body: Body) -> Reply:
    """`{"exchange", "share": 0.5}`; a share of 1 serves the whole list again."""
    vendor.market.shrink(body.get("exchange", "US"), float(body.get("share", 1)))
    return {}


def _list(vendor: Vendor, body: Body) -> Reply:
    """`{"symbol", "action": list | delist | rename | reuse | change | remove, …}`."""
    verb = _LIST_VERBS.get(body["action"])
    if verb is None:
        raise NotUnderstood(f"no action {body['action']!r}; there are {', '.join(_LIST_VERBS)}")
    return {"symbol": verb(vendor, body)}


def _add(vendor: Vendor, body: Body) -> str:
    code, _, exchange = body["symbol"].rpartition(".")
    texts = {name: body[name] for name in LISTING_TEXTS if name in body}
    listing = Listing(code=code, exchange=exchange, **{"name": code, **texts})
    vendor.market.list(listing, _day(vendor, body))
    return listing.symbol


def _delist(vendor: Vendor, body: Body) -> str:
    """The last bar is of `date`, by default the last day published."""
    symbol = _known(vendor, body["symbol"])
    through = vendor.market.published_through(symbol.rpartition(".")[2])
    vendor.market.delist(symbol, _day(vendor, body, through))
    return symbol


def _rename(vendor: Vendor, body: Body) -> str:
    """The new code is in `to`, with or without its exchange."""
    symbol = _known(vendor, body["symbol"])
    code = body["to"].removesuffix(f".{symbol.rpartition('.')[2]}")
    return vendor.market.rename(symbol, code, _day(vendor, body))


def _reuse(vendor: Vendor, body: Body) -> str:
    """A new listing takes the code, from `date` on; the former one is delisted as `CODE_old`."""
    symbol = _known(vendor, body["symbol"])
    through = vendor.market.published_through(symbol.rpartition(".")[2])
    vendor.market.delist_reused(symbol, through)
    return _add(vendor, body)


def _change(vendor: Vendor, body: Body) -> str:
    symbol = _known(vendor, body["symbol"])
    texts = {name: body[name] for name in (*LISTING_TEXTS, "delisted") if name in body}
    vendor.market.relist(symbol, **texts)
    return symbol


def _remove(vendor: Vendor, body: Body) -> str:
    symbol = _known(vendor, body["symbol"])
    vendor.market.remove(symbol)
    return symbol


_LIST_VERBS: dict[str, Callable[[Vendor, Body], str]] = {
    "list": _add,
    "delist": _delist,
    "rename": _rename,
    "reuse": _reuse,
    "change": _change,
    "remove": _remove,
}


def _withdraw(vendor: Vendor, body: Body) -> Reply:
    """`{"symbol", "date"}`: the bar is served no more; `"kind"`: bar, split or dividend."""
    symbol, kind = _known(vendor, body["symbol"]), body.get("kind", "bar")
    if kind not in KINDS:
        raise NotUnderstood(f"no kind {kind!r}; there are {', '.join(KINDS)}")
    vendor.market.withdraw(symbol, kind, date.fromisoformat(body["date"]))
    return {}


def _behaviours(vendor: Vendor, body: Body) -> Reply:
    """`{"name", "symbols": […], "share": 0.02, "sessions": 1, "since"}`: late or wrong with them.

    It concerns sessions and ex-dates after `since`, by default the last day published; null: all.
    Without symbols and share it ends. GET lists the names, and which symbols they concern.
    """
    symbols = frozenset(_known(vendor, symbol) for symbol in body.get("symbols", ()))
    through = max(map(vendor.market.published_through, vendor.market.exchanges))
    behaviour = Behaviour(
        symbols=symbols,
        share=float(body.get("share", 0)),
        sessions=int(body.get("sessions", 1)),
        since=_maybe_date(body["since"]) if "since" in body else through,
    )
    vendor.market.behave(body["name"], behaviour)
    return {"symbols": vendor.market.concerned(body["name"])}


def _sessions(vendor: Vendor, body: Body) -> Reply:
    """`{"exchange", "extra": [dates], "missing": [dates], "shut_from": date, "reopens": date}`.

    The exchange trades on the extra days and not on the missing ones; from `shut_from` on it is
    shut until the day of `reopens`, which may be given later. No calendar shows any of it.
    """
    exchange = body.get("exchange", "US")
    before = vendor.market.departures(exchange)
    closures = dict(before.closures)
    for text in body.get("missing", ()):
        closures[date.fromisoformat(text)] = date.fromisoformat(text) + timedelta(1)
    if "shut_from" in body:
        closures[date.fromisoformat(body["shut_from"])] = _maybe_date(body.get("reopens"))
    extra = before.extra | {date.fromisoformat(text) for text in body.get("extra", ())}
    vendor.market.depart(exchange, Departures(extra, tuple(sorted(closures.items()))))
    return {"last_session": str(vendor.market.last_session(exchange))}


CHANGES: dict[str, Callable[[Vendor, Body], Reply]] = {
    "/clock": _clock,
    "/publish": _publish,
    "/actions": _actions,
    "/restate": _restate,
    "/factor": _factor,
    "/hold": _hold,
    "/withdraw": _withdraw,
    "/behaviours": _behaviours,
    "/sessions": _sessions,
    "/shrink": _shrink,
    "/list": _list,
}


def _known(vendor: Vendor, symbol: str) -> str:
    if vendor.market.interval(symbol) is None:
        raise NotUnderstood(f"no symbol {symbol!r} in this market")
    return symbol


def _maybe_date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _day(vendor: Vendor, body: Body, default: date | None = None) -> date:
    if body.get("date"):
        return date.fromisoformat(body["date"])
    return default or vendor.market.clock.today()
