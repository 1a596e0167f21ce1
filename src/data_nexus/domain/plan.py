"""Owns the plan: what a load would cost and how long it would take. Pure; nothing is spent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from data_nexus.domain.cost import CALLS, Endpoint
from data_nexus.domain.quota import Quota, on_day, step

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of request for one exchange."""

    kind: Endpoint
    exchange: str
    assets: int
    calls: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps, what they cost together, and the time they take.

    `quota_left` and `days` (on which calls are spent) are None while the vendor has not told
    the limit; `eta_sec` then assumes that the quota suffices.
    """

    steps: tuple[Step, ...]
    calls: int
    requests: int
    quota_left: int | None
    days: int | None
    eta_sec: float


def plan_histories(due: Mapping[str, int], quota: Quota, moment: datetime) -> Plan:
    """Plan one history request for each due asset, by exchange."""
    price = CALLS[Endpoint.EOD]
    steps = tuple(
        Step(Endpoint.EOD, exchange, assets, assets * price) for exchange, assets in due.items()
    )
    calls = sum(step.calls for step in steps)
    requests = sum(step.assets for step in steps)
    today = on_day(quota, moment.date())
    days = _quota_days(calls, today)
    return Plan(steps, calls, requests, today.left, days, _eta(requests, calls, today, moment))


def _quota_days(calls: int, quota: Quota) -> int | None:
    if quota.left is None:
        return None
    if calls <= quota.left:
        return int(calls > 0)
    if not quota.day_limit:
        return None
    return int(quota.left > 0) + _later_days(calls, quota.left, quota.day_limit)


def _later_days(calls: int, left: int, day_limit: int) -> int:
    return math.ceil((calls - left) / day_limit)


def _eta(requests: int, calls: int, quota: Quota, moment: datetime) -> float:
    pace, left = step(quota.minute_limit), quota.left
    if left is None or calls <= left or not quota.day_limit:
        return (requests * pace).total_seconds()
    last_day = (calls - left - 1) % quota.day_limit + 1
    waiting = quota.resets_at - moment + (_later_days(calls, left, quota.day_limit) - 1) * _DAY
    return (waiting + last_day * pace).total_seconds()
