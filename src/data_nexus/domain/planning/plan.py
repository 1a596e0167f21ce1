"""Plan a load or an update: what it costs and how long it takes. Pure; spends nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby

from data_nexus.domain.endpoints import CALLS, Endpoint
from data_nexus.domain.limits.quota import Quota, on_day, step
from data_nexus.domain.listings.symbol_lists import KnownList
from data_nexus.domain.planning.bulk_or_single import CALLS_A_SESSION, FetchPlan

_DAY = timedelta(days=1)


class StepKind(StrEnum):
    """What a step fetches: histories, actions, one part of sessions in bulk, or symbol lists."""

    EOD = "eod"
    BULK = "bulk"
    SPLITS = "splits"
    DIVIDENDS = "dividends"
    SYMBOLS = "symbols"


_ACTIONS = {StepKind.SPLITS: Endpoint.SPLITS, StepKind.DIVIDENDS: Endpoint.DIVIDENDS}


class Purpose(StrEnum):
    """Why a step is taken: something is due, or what is stored is fetched again to be sure."""

    DUE = "due"
    PROBE = "probe"
    LOOK_BACK = "look back"
    SUSPICION = "suspicion"
    SAMPLE = "sample"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Step:
    """One kind of request for one exchange, and how many assets it is for.

    `sessions` of the whole exchange are fetched in bulk; with none, each asset individually.
    """

    kind: StepKind
    exchange: str
    assets: int
    calls: int
    requests: int
    sessions: int = 0
    purpose: Purpose = Purpose.DUE


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps, what they cost together, and the time they take.

    `quota_left` and `days` (on which calls are spent) are None while the vendor has not reported
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


def plan_update(  # noqa: PLR0913 - each is a step of its own
    fetch_plans: Mapping[str, FetchPlan],
    quota: Quota,
    moment: datetime,
    *,
    lists: Iterable[KnownList] = (),
    probes: Mapping[str, int] | None = None,
    wanting: Mapping[str, int] | None = None,
    suspected: Mapping[str, int] | None = None,
    sampled: Mapping[str, int] | None = None,
    audits: Mapping[str, int] | None = None,
) -> Plan:
    """Plan an update: symbol lists, sessions in bulk, and the assets that these do not cover.

    The lists are counted with the renames, which are fetched only if symbols disappeared and
    appeared. `probes` is how many assets of exchanges in bulk are read before the rest, where the
    calendar may be wrong; `wanting` is how many assets' actions are to be fetched, `suspected` how
    many are read again because of a doubt, `sampled` of how many the actions are read by chance,
    `audits` how many histories the audit reads after that.
    An asset that is new on a list, has an action or a gap in its bars costs one call more, and a
    session that the calendar lacks its own; which ones is known only when they are received.
    """
    steps = [_lists(name, list(each)) for name, each in groupby(lists, lambda one: one.exchange)]
    for exchange, assets in (probes or {}).items():
        steps.append(_histories(exchange, assets, Purpose.PROBE))
    for exchange, fetch_plan in fetch_plans.items():
        sessions = len(fetch_plan.sessions)
        if sessions:
            of_actions = sessions + len(fetch_plan.shut)
            steps += [
                _in_bulk(kind, exchange, fetch_plan.in_bulk, count)
                for kind, count in (
                    (StepKind.BULK, sessions),
                    (StepKind.SPLITS, of_actions),
                    (StepKind.DIVIDENDS, of_actions),
                )
            ]
            steps += _looking_back(exchange, fetch_plan)
        if fetch_plan.individually:
            steps.append(_histories(exchange, fetch_plan.individually))
    steps += _actions(wanting or {})
    for exchange, assets in (suspected or {}).items():
        steps.append(_histories(exchange, assets, Purpose.SUSPICION))
    steps += _actions(sampled or {}, Purpose.SAMPLE)
    for exchange, assets in (audits or {}).items():
        steps.append(_histories(exchange, assets, Purpose.AUDIT))
    return _plan(steps, quota, moment)


def _in_bulk(
    kind: StepKind, exchange: str, assets: int, count: int, purpose: Purpose = Purpose.DUE
) -> Step:
    return Step(kind, exchange, assets, count * CALLS[Endpoint.BULK], count, count, purpose)


def _lists(exchange: str, lists: Sequence[KnownList]) -> Step:
    asked = [CALLS[endpoint] for each in lists for endpoint in each.endpoints]
    listed = sum(each.listed for each in lists)
    return Step(StepKind.SYMBOLS, exchange, listed, sum(asked), len(asked))


def _looking_back(exchange: str, fetch_plan: FetchPlan) -> Iterator[Step]:
    """Give the steps that fetch sessions before the new ones again."""
    back = fetch_plan.look_back
    sessions = {
        StepKind.BULK: back.prices,
        StepKind.SPLITS: back.actions,
        StepKind.DIVIDENDS: back.actions,
    }
    for kind, count in sessions.items():
        if count:
            yield _in_bulk(kind, exchange, fetch_plan.in_bulk, count, Purpose.LOOK_BACK)


def _histories(exchange: str, assets: int, purpose: Purpose = Purpose.DUE) -> Step:
    return Step(
        StepKind.EOD, exchange, assets, assets * CALLS[Endpoint.EOD], assets, purpose=purpose
    )


def _actions(counts: Mapping[str, int], purpose: Purpose = Purpose.DUE) -> Iterator[Step]:
    for exchange, assets in counts.items():
        for kind, endpoint in _ACTIONS.items():
            calls = assets * CALLS[endpoint]
            yield Step(kind, exchange, assets, calls, assets, purpose=purpose)


def _plan(steps: Sequence[Step], quota: Quota, moment: datetime) -> Plan:
    calls = sum(step.calls for step in steps)
    requests = sum(step.requests for step in steps)
    today = on_day(quota, moment.date())
    usable = _usable(steps, today.left)
    days = _quota_days(calls, usable, today.day_limit)
    eta = _eta(requests, calls, usable, today, moment)
    return Plan(tuple(steps), calls, requests, today.left, days, eta)


def _usable(steps: Sequence[Step], left: int | None) -> int | None:
    """Return which calls are of use today: no bulk session is begun that they do not pay for."""
    individually = sum(step.calls for step in steps if not step.sessions)
    if left is None or left >= CALLS_A_SESSION or individually == sum(step.calls for step in steps):
        return left
    return min(left, individually)


def _quota_days(calls: int, left: int | None, day_limit: int | None) -> int | None:
    if left is None:
        return None
    if calls <= left:
        return int(calls > 0)
    if not day_limit:
        return None
    return int(left > 0) + _later_days(calls, left, day_limit)


def _later_days(calls: int, left: int, day_limit: int) -> int:
    return math.ceil((calls - left) / day_limit)


def _eta(requests: int, calls: int, left: int | None, quota: Quota, moment: datetime) -> float:
    pace = step(quota.minute_limit)
    if left is None or calls <= left or not quota.day_limit:
        return (requests * pace).total_seconds()
    last_day = (calls - left - 1) % quota.day_limit + 1
    waiting = quota.resets_at - moment + (_later_days(calls, left, quota.day_limit) - 1) * _DAY
    return (waiting + last_day * pace).total_seconds()
