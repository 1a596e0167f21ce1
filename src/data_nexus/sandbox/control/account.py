"""Owns what the control port can change in the account: plan, limits, who else spends, choices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import date
from typing import TypeVar

from data_nexus.sandbox.account.plans import PLANS
from data_nexus.sandbox.account.windows import WINDOWS
from data_nexus.sandbox.control.market import BackfillScope, NotUnderstood, Reply
from data_nexus.sandbox.variants import chosen
from data_nexus.sandbox.vendor import Vendor

Entry = TypeVar("Entry")
COUNTERS = ("minute", "daily", "extra", "used")
# How the limiter answers when the minute is full: choices that `/limits` takes as well.
REFUSAL = ("retry_after", "refusal_body")


def _account(vendor: Vendor, wish: BackfillScope) -> Reply:
    """`{"plan": all-world | free}`: its limits come with it, what was used stays."""
    account, limits = vendor.account, vendor.account.limits
    plan = _entry(PLANS, "plan", wish["plan"])
    account.plan, limits.daily, limits.extra = plan, plan.day, plan.extra
    return {"plan": wish["plan"], "daily": limits.daily, "extra": limits.extra}


def _limits(vendor: Vendor, wish: BackfillScope) -> Reply:
    """`{"minute", "daily", "extra", "used", "used_on", "window", "minute_used", …}`, any of them.

    A limit that changes leaves what was counted. `used` counts for today, or for the ISO day
    `used_on`. `window`: fixed or sliding, begins empty; `minute_used`: how many requests it holds.
    `retry_after` and `refusal_body` as in `/choices`.
    """
    _understood(wish, *COUNTERS, *REFUSAL, "used_on", "window", "minute_used")
    limits = vendor.account.limits
    # All is read before anything is changed: a wish is granted whole or not at all.
    counters = {name: int(wish[name]) for name in COUNTERS if name in wish}
    used_on = date.fromisoformat(wish["used_on"]) if "used_on" in wish else limits.clock.today()
    window = _entry(WINDOWS, "window", wish["window"]) if "window" in wish else type(limits.window)
    held = int(wish.get("minute_used", 0))
    vendor.choices = chosen(vendor.choices, {name: wish[name] for name in REFUSAL if name in wish})
    for name, count in counters.items():
        setattr(limits, name, count)
    if wish.keys() & {"used", "used_on"}:
        limits.used_on, limits.extra_used = used_on, 0
    if wish.keys() & {"window", "minute_used"}:
        limits.window = window()
        limits.window.add(limits.clock.now(), held)
    names = (*COUNTERS, "remaining")
    return {name: getattr(limits, name) for name in names} | {"used_on": str(limits.used_on)}


def _spend(vendor: Vendor, wish: BackfillScope) -> Reply:
    """Somebody else spends the key: `{"requests", "calls"}` at once, as many as there are.

    `{"per_minute", "calls_each": 1}` goes on with the vendor's clock until it is 0 again.
    """
    _understood(wish, "requests", "calls", "per_minute", "calls_each")
    other = vendor.account.other
    other.spend(int(wish.get("requests", 0)), int(wish.get("calls", 0)))
    other.per_minute = float(wish.get("per_minute", other.per_minute))
    other.calls_each = int(wish.get("calls_each", other.calls_each))
    return other_spender(vendor)


def _choices(vendor: Vendor, wish: BackfillScope) -> Reply:
    """Any of the vendor's contradictions, by name; `{}` only tells them."""
    vendor.choices = chosen(vendor.choices, wish)
    return asdict(vendor.choices)


ACCOUNT_CHANGES: dict[str, Callable[[Vendor, BackfillScope], Reply]] = {
    "/account": _account,
    "/limits": _limits,
    "/spend": _spend,
    "/choices": _choices,
}


def other_spender(vendor: Vendor) -> Reply:
    """What somebody else has spent of the key so far, apart from the request log."""
    other = vendor.account.other
    names = ("requests", "calls", "refused", "per_minute", "calls_each")
    return {name: getattr(other, name) for name in names}


def _understood(wish: BackfillScope, *names: str) -> None:
    if unknown := wish.keys() - set(names):
        raise NotUnderstood(f"no {', '.join(sorted(unknown))} here; there are {', '.join(names)}")


def _entry(table: Mapping[str, Entry], kind: str, name: str) -> Entry:
    if name not in table:
        raise NotUnderstood(f"no {kind} {name!r}; there are {', '.join(table)}")
    return table[name]
