"""Where workers follow the calendar: a session is out that a loaded database lacks."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from data_nexus.events import ignore
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.nightly.worker import work
from data_nexus.ingestion.reports.run_report import RunReport
from tests.support.postgres.tables import execute, value
from tests.support.programs.commands import Commands
from tests.support.programs.forked_commands import forked_worker, set_clock
from tests.support.vendor.nights import settings_of
from tests.support.vendor.update_field import MORNING_AFTER, TUESDAY, UpdateField

# So many assets of an exchange are worth a session in bulk, so many are not.
IN_BULK, SINGLY = 740, 120
NOW = MORNING_AFTER[TUESDAY]
SETTINGS: dict[str, object] = {
    "poll_seconds": 0.05,
    "batch_rows": 50,
    "audit_share": 0,
    "list_days": 36_500,
}
QUIET_SEC = 2.0
LATE = "SELECT count(*) FROM exchange_requests WHERE request = 'late'"
LACKING = (
    "SELECT count(*) FROM assets WHERE coalesce(synced_through, '-infinity') < %s"
    " OR lease_owner IS NOT NULL"
)


@contextmanager
def begun(field: UpdateField) -> Iterator[Commands]:
    """A round whose assets were answered before Tuesday's session was out."""
    field.vendor.post("/publish", {"exchange": "US", "date": TUESDAY})
    with field.round() as commands:
        execute(field.url, "UPDATE assets SET last_synced = last_synced - interval '9 days'")
        yield commands


@contextmanager
def at_work(
    commands: Commands, workers: int, folder: Path, **settings: object
) -> Iterator[list[ForkServerProcess]]:
    """Workers by whose clock all of Tuesday is out; at the end of the block they are drained."""
    clock = folder / "clock"
    set_clock(clock, NOW)
    with ExitStack() as stack:
        started = [
            stack.enter_context(forked_worker(commands, clock, **SETTINGS, **settings))
            for _ in range(workers)
        ]
        yield started
        for worker in started:
            assert worker.pid
            os.kill(worker.pid, signal.SIGTERM)
        for worker in started:
            worker.join(30)
        assert [worker.exitcode for worker in started] == [75] * workers


def histories(field: UpdateField, since: int) -> Counter[tuple[str, str]]:
    """How often each history was requested, by its asset and its first day ("" for a whole one)."""
    return Counter(
        (each["symbol"], each["query"].get("from", ""))
        for each in field.asked(since)
        if each["endpoint"] == "eod"
    )


def in_bulk(field: UpdateField, since: int) -> int:
    """How many requests in bulk there were."""
    return [each["endpoint"] for each in field.asked(since)].count("eod-bulk-last-day")


def limit_calls(field: UpdateField, daily: int, used: int) -> None:
    """Let the vendor count so many calls of the database's day."""
    day = value(field.url, "SELECT (now() AT TIME ZONE 'UTC')::date::text")
    field.vendor.post("/limits", {"daily": daily, "used": used, "used_on": day})


def run_until_quiet(
    field: UpdateField, clock: Callable[[], datetime] = lambda: NOW, **values: object
) -> RunReport:
    """Run a worker in this process until it has requested nothing for many passes."""

    async def run() -> RunReport:
        drain = Drain(ignore)
        settings = settings_of(field.vendor, field.url, poll_seconds=0.05, **values)
        worker = asyncio.create_task(work(settings, None, ignore, drain, clock))
        async with asyncio.timeout(60):
            before = -1
            while (sent := await asyncio.to_thread(field.requests)) != before:
                before = sent
                await asyncio.sleep(QUIET_SEC)
            drain.request("test")
            return await worker

    return asyncio.run(run())


def an_hour_later(field: UpdateField) -> None:
    """Let all that was answered and requested be older."""
    execute(
        field.url,
        "UPDATE assets SET last_synced = last_synced - interval '1 hour'",
        "UPDATE exchange_requests SET requested_at = requested_at - interval '1 hour'",
    )
