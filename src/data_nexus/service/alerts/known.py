"""Gather what alerts are decided by; no statement reads the table of bars."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from data_nexus.config import Settings
from data_nexus.database.store import Store
from data_nexus.database.store.alerts.alerts import AlertTable
from data_nexus.domain.alerting.conditions import (
    DiskSpace,
    Freshness,
    JobRecord,
    Known,
    QuotaOutlook,
)
from data_nexus.domain.alerting.patience import last_hour
from data_nexus.domain.calendar.learned import Calendars
from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.planning.due import (
    PROBED_AFTER,
    Queued,
    behind_by_exchange,
    fetch_plans,
    published_at,
)
from data_nexus.domain.planning.schedules import due_run, parse_schedule
from data_nexus.errors import UsageError

FreeShare = Callable[[Path], float]
# What is published so shortly before the hour need not be stored by then.
_FETCHED_WITHIN = timedelta(hours=1)
# A backup that was due so long ago, and is not done, is missing.
_OVERDUE_AFTER = timedelta(hours=6)


def free_share(folder: Path) -> float:
    """Return the share of a folder's disk that is free to this user."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    return usage.free / usage.total if usage.total else 1.0


async def gather_known(
    table: AlertTable, store: Store, settings: Settings, now: datetime, free: FreeShare
) -> Known:
    """Return what is known at a moment."""
    calendars = await store.calendars.read()
    queued = [each for each in await store.sessions.queued(None, now) if each.cursor]
    records = await table.job_records()
    return Known(
        jobs=await asyncio.to_thread(lambda: [_record(each, now) for each in records]),
        exchanges=await asyncio.to_thread(_freshness, queued, settings, now, calendars),
        quota=await _quota(table, store, settings, queued, calendars, now),
        dead_letters=await table.dead_letters(),
        suspicions=await table.suspicions(),
        failing=await table.failing_endpoints(),
        disk=DiskSpace(
            f"{socket.gethostname()}:{settings.home}",
            await asyncio.to_thread(free, settings.home),
        ),
    )


def _record(row: Mapping[str, Any], now: datetime) -> JobRecord:
    """Return a job and its last run, from their row."""
    row = dict(row)
    schedule, since, done = row.pop("schedule"), row.pop("since"), row.pop("done_due_at")
    is_overdue = False
    if row["action"] == "backup":
        try:
            due = due_run(parse_schedule(schedule), max(since, done or since), now - _OVERDUE_AFTER)
            is_overdue = due is not None
        except UsageError:
            is_overdue = True
    return JobRecord(
        **row
        | {
            "earlier_brought": row["earlier_brought"] or (),
            "earlier_seconds": row["earlier_seconds"] or (),
            "is_overdue": is_overdue,
        }
    )


def _freshness(
    queued: list[Queued], settings: Settings, now: datetime, calendars: Calendars
) -> list[Freshness]:
    """Return how fresh exchanges were to be by the last hour at which all is to be fresh."""
    hour = last_hour(settings.alert_fresh_by, now)
    if hour is None:
        return []
    published = published_at({each.segment for each in queued}, hour - _FETCHED_WITHIN, calendars)
    assets = Counter[str]()
    for each in queued:
        assets[each.segment.exchange] += each.assets
    behind = behind_by_exchange(queued, published)
    return [
        Freshness(
            exchange,
            max(group.published for group in groups),
            assets[exchange],
            sum(group.assets for group in groups),
        )
        for exchange, groups in behind.items()
    ]


async def _quota(
    table: AlertTable,
    store: Store,
    settings: Settings,
    queued: list[Queued],
    calendars: Calendars,
    now: datetime,
) -> QuotaOutlook | None:
    """Return what jobs may still spend today, and what all that is out by its end will cost."""
    found = await table.quota(settings.token)
    if found is None or settings.token is None:
        return None
    quota, moment = found
    refused = await store.quota(settings.token).refused(Endpoint.BULK, moment - PROBED_AFTER)

    def need() -> int:
        midnight = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
        published = published_at({each.segment for each in queued}, midnight, calendars)
        behind = behind_by_exchange(queued, published)
        plans = fetch_plans(
            behind, refused, quota.calls_a_day, quota.left, settings.look_back, (), calendars
        )
        return sum(plan.calls for plan in plans.values())

    kept = int((quota.day_limit or 0) * settings.reserve)
    left = None if quota.left is None else max(0, quota.left - kept)
    return QuotaOutlook(left, await asyncio.to_thread(need))
