"""Owns the plan: what a load or an update costs and how long it takes. Pure; spends nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from data_nexus.domain.cheapest import Way
from data_nexus.domain.cost import CALLS, Endpoint
from data_nexus.domain.quota import Quota, on_day, step

_DAY = timedelta(days=1)


class Kind(StrEnum):
    """What a step asks for: histories, or one part of sessions in bulk."""

    EOD = "eod"
    BULK = "bulk"
    SPLITS = "splits"
    DIVIDENDS = "dividends"
    SYMBOLS = "symbols"


class Purpose(StrEnum):
    """Why a step is taken: something is due, or histories are read again to be sure of them."""

    DUE = "due"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of request for one exchange, and how many assets it is for."""

    kind: Kind
    exchange: str
    assets: int
    calls: int
    requests: int
    purpose: Purpose = Purpose.DUE


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
    return _plan([_histories(*each) for each in due.items()], quota, moment)


def plan_update(
    ways: Mapping[str, Way],
    quota: Quota,
    moment: datetime,
    audits: Mapping[str, int] | None = None,
) -> Plan:
    """Plan an update: sessions in bulk and the assets that they do not suffice for, by exchange.

    `audits` are the histories that the audit reads after that, by exchange.
    An asset for which an action is told, or a gap in its bars is found, costs one call more; who
    they are is known only when the session has come.
    """
    steps: list[Step] = []
    for exchange, way in ways.items():
        sessions = len(way.sessions)
        if sessions:
            calls = sessions * CALLS[Endpoint.BULK]
            steps += [
                Step(kind, exchange, way.in_bulk, calls, sessions)
                for kind in (Kind.BULK, Kind.SPLITS, Kind.DIVIDENDS)
            ]
        if way.singly:
            steps.append(_histories(exchange, way.singly))
    for exchange, assets in (audits or {}).items():
        steps.append(_histories(exchange, assets, Purpose.AUDIT))
    return _plan(steps, quota, moment)


def _histories(exchange: str, assets: int, purpose: Purpose = Purpose.DUE) -> Step:
    return Step(Kind.EOD, exchange, assets, assets * CALLS[Endpoint.EOD], assets, purpose)


def _plan(steps: Sequence[Step], quota: Quota, moment: datetime) -> Plan:
    calls = sum(step.calls for step in steps)
    requests = sum(step.requests for step in steps)
    today = on_day(quota, moment.date())
    days = _quota_days(calls, today)
    eta = _eta(requests, calls, today, moment)
    return Plan(tuple(steps), calls, requests, today.left, days, eta)


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
