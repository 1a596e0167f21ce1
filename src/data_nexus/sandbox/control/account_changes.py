"""Change the account through the control port: plan, limits, other user, choices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date
from typing import TypeVar

from data_nexus.sandbox.account.plans import PLANS
from data_nexus.sandbox.account.windows import WINDOWS
from data_nexus.sandbox.control.market_changes import Body, NotUnderstood, Reply
from data_nexus.sandbox.variants import chosen
from data_nexus.sandbox.vendor import Vendor

Entry = TypeVar("Entry")
COUNTERS = ("minute", "daily", "extra", "used")
# How the limiter answers when the minute is full: choices that `/limits` takes as well.
REFUSAL = ("retry_after", "refusal_body")


def _account(vendor: Vendor, body: Body) -> Reply:
    """`{"plan": all-world | free}`: with its limits; the counts stay."""
    account, limits = vendor.account, vendor.account.limits
    plan = _entry(PLANS, "plan", body["plan"])
    account.plan, limits.daily, limits.extra = plan, plan.day, plan.extra
    return {"plan": body["plan"], "daily": limits.daily, "extra": limits.extra}


def _limits(vendor: Vendor, body: Body) -> Reply:
    """`{"minute", "daily", "extra", "used", "used_on", "window", "minute_used", …}`, any of them.

    A changed limit leaves the counts. `used` counts for today, or for the ISO day
    `used_on`. `window`: fixed or sliding, begins empty; `minute_used`: how many requests it holds.
    `retry_after` and `refusal_body` as in `/choices`.
    """
    _understood(body, *COUNTERS, *REFUSAL, "used_on", "window", "minute_used")
    limits = vendor.account.limits
    # All is read before anything is changed: a change is applied whole or not at all.
    counters = {name: int(body[name]) for name in COUNTERS if name in body}
    used_on = date.fromisoformat(body["used_on"]) if "used_on" in body else limits.clock.today()
    window = _entry(WINDOWS, "window", body["window"]) if "window" in body else type(limits.window)
    held = int(body.get("minute_used", 0))
    vendor.choices = chosen(vendor.choices, {name: body[name] for name in REFUSAL if name in body})
    for name, count in counters.items():
        setattr(limits, name, count)
    if body.keys() & {"used", "used_on"}:
        limits.used_on, limits.extra_used = used_on, 0
    if body.keys() & {"window", "minute_used"}:
        limits.window = window()
        limits.window.add(limits.clock.now(), held)
    names = (*COUNTERS, "remaining")
    return {name: getattr(limits, name) for name in names} | {"used_on": str(limits.used_on)}


def _spend(vendor: Vendor, body: Body) -> Reply:
    """Another user spends the key: `{"requests", "calls"}` at once, up to what is left.

    `{"per_minute", "calls_each": 1}` continues with the vendor's clock until it is 0 again.
    """
    _understood(body, "requests", "calls", "per_minute", "calls_each")
    other = vendor.account.other
    other.spend(int(body.get("requests", 0)), int(body.get("calls", 0)))
    other.per_minute = float(body.get("per_minute", other.per_minute))
    other.calls_each = int(body.get("calls_each", other.calls_each))
    return other_spender(vendor)


def _choices(vendor: Vendor, body: Body) -> Reply:
    """Any of the vendor's contradictions, by name; `{}` only lists them."""
    vendor.choices = chosen(vendor.choices, body)
    return asdict(vendor.choices)


ACCOUNT_CHANGES: dict[str, Callable[[Vendor, Body], Reply]] = {
    "/account": _account,
    "/limits": _limits,
    "/spend": _spend,
    "/choices": _choices,
}


def other_spender(vendor: Vendor) -> Reply:
    """What the other user has spent so far; the request log does not show it."""
    other = vendor.account.other
    names = ("requests", "calls", "refused", "per_minute", "calls_each")
    return {name: getattr(other, name) for name in names}


def _understood(body: Body, *names: str) -> None:
    if unknown := body.keys() - set(names):
        raise NotUnderstood(f"no {', '.join(sorted(unknown))} here; there are {', '.join(names)}")


def _entry(table: Mapping[str, Entry], kind: str, name: str) -> Entry:
    if name not in table:
        raise NotUnderstood(f"no {kind} {name!r}; there are {', '.join(table)}")
    return table[name]
