"""A backfill that a monitor watches: its events are counted, it is asked every second. A program.

`python watched.py`, with the environment of a command. It does what `nexus backfill --no-limit
--json` does, and answers `/metrics` meanwhile, as a worker does. `python watched.py unwatched` does
neither count nor answer. `cpu_sec` is the CPU time of the backfill alone.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import suppress

import aiohttp

from data_nexus.cli.options import settings_from
from data_nexus.cli.render import error_console
from data_nexus.config import Settings
from data_nexus.events import Observer, observers
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.history_loader import BackfillScope, backfill
from data_nexus.ingestion.reports.run_report import RunReport
from data_nexus.observe.logs import log_event
from data_nexus.observe.metrics import EventMetrics
from data_nexus.observe.progress import progress_display
from data_nexus.service.metrics_listener import answering_monitors
from data_nexus.service.operations import Operations

_EVERY_SEC = 1.0


async def unwatched(settings: Settings, observe: Observer) -> tuple[RunReport, int]:
    """Load all that is due; return the report, and no answers."""
    url = settings.database_url or ""
    return await backfill(settings, url, BackfillScope(limit=None), observe, Drain(observe)), 0


async def watched(settings: Settings, observe: Observer) -> tuple[RunReport, int]:
    """Load all that is due; return the report, and how many answers the monitor got."""
    metrics, url = EventMetrics("measured"), settings.database_url or ""
    answers: list[int] = []
    async with answering_monitors(Operations(settings, url, metrics), "127.0.0.1", 0) as port:
        asking = asyncio.create_task(_ask(f"http://127.0.0.1:{port}/metrics", answers))
        observe = observers(observe, metrics.note)
        report = await backfill(settings, url, BackfillScope(limit=None), observe, Drain(observe))
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
    return report, len(answers)


async def _ask(url: str, answers: list[int]) -> None:
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.get(url) as answer:
                answers.append(len(await answer.read()))
            await asyncio.sleep(_EVERY_SEC)


if __name__ == "__main__":
    chosen = settings_from({})
    load = unwatched if sys.argv[1:] == ["unwatched"] else watched
    begun = time.process_time()
    with progress_display(error_console) as progress:
        done, asked = asyncio.run(load(chosen, observers(log_event, progress)))
    used = {"asked": asked, "cpu_sec": time.process_time() - begun}
    sys.stdout.write(json.dumps(done.as_dict() | used))
