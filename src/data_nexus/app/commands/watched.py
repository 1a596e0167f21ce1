"""Run a worker that a monitor can watch, if a port is set for that."""

from __future__ import annotations

from contextlib import AsyncExitStack

from data_nexus import __version__
from data_nexus.app.signals import draining_on_signals
from data_nexus.config import Settings
from data_nexus.events import Observer, observers
from data_nexus.ingestion.fetching.drain import Drain
from data_nexus.ingestion.nightly.worker import work
from data_nexus.ingestion.reports.run_report import RunReport
from data_nexus.ingestion.wiring import open_database_async


async def watched_worker(
    settings: Settings, exchange: str | None, observe: Observer, watchlist: str | None
) -> RunReport:
    """Keep an exchange, or all, or a watchlist, fresh until a signal drains the worker.

    Meanwhile it answers monitors on `NEXUS_METRICS_PORT`, also while the database is away.
    """
    drain = Drain(observe)
    with draining_on_signals(drain):
        async with AsyncExitStack() as stack:
            if settings.metrics_port:
                observe = observers(observe, await _answering(stack, settings, drain))
            return await work(settings, exchange, observe, drain, watchlist=watchlist)


async def _answering(stack: AsyncExitStack, settings: Settings, drain: Drain) -> Observer:
    """Answer monitors until the stack ends; return what counts the events."""
    # Only a watched worker needs a server and Prometheus' library.
    from data_nexus.observe.metrics import EventMetrics  # noqa: PLC0415
    from data_nexus.service.metrics_listener import answering_monitors  # noqa: PLC0415
    from data_nexus.service.operations import Operations  # noqa: PLC0415

    metrics = EventMetrics(__version__)
    url = settings.database_url
    if url is None:
        url = await stack.enter_async_context(open_database_async(settings))
    operations = Operations(settings, url, metrics, drain=drain)
    listener = answering_monitors(operations, settings.metrics_host, settings.metrics_port)
    await stack.enter_async_context(listener)
    return metrics.note
