"""Put the dashboard together: its pages, what guards them, and the files that browsers fetch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from importlib.resources import files

from aiohttp import web

from data_nexus.app.commands.overview import read_overview
from data_nexus.config import Settings
from data_nexus.dashboard.access import log_in, log_out, require_login, show_errors, show_login
from data_nexus.dashboard.latest import Latest
from data_nexus.dashboard.login import read_password
from data_nexus.dashboard.pages.asset import add_asset
from data_nexus.dashboard.pages.assets import add_assets
from data_nexus.dashboard.pages.coverage import add_coverage
from data_nexus.dashboard.pages.dead_letters import add_dead_letters
from data_nexus.dashboard.pages.jobs import add_jobs
from data_nexus.dashboard.pages.overview import add_overview, overview_events
from data_nexus.dashboard.pages.runs import add_runs
from data_nexus.dashboard.pages.watchlists import add_watchlists
from data_nexus.dashboard.site import SITE, Site
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.connection.reading_pool import ReadingPool
from data_nexus.database.reader.overview.asset_pages import read_published
from data_nexus.errors import UsageError
from data_nexus.events import Observer, Warned
from data_nexus.observe.metrics import EventMetrics
from data_nexus.service.coverage_counts import keep_counting
from data_nexus.service.operations import Operations, add_operations
from data_nexus.service.rounds import Rounds
from data_nexus.service.serving import http_application, http_place, served

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_OVERVIEW_SEC, _PUBLISHED_SEC = 2.0, 20.0


@asynccontextmanager
async def dashboard(
    settings: Settings,
    url: str,
    observe: Observer,
    metrics: EventMetrics,
    rounds: Rounds | None = None,
) -> AsyncIterator[str]:
    """Serve the dashboard of the database at `url` while the block lasts; give its own URL.

    Monitors are answered as well: with `metrics` of this process, and whether `rounds` go on.

    Raises `UsageError` for an address that cannot be had, or that others can reach without a
    login, and for a password file that is not as it must be.
    """
    password = read_password(settings)
    place = http_place(settings, has_login=password is not None)
    reader = ReadingPool(url, settings.schema)
    try:
        site = Site(
            settings=settings,
            reader=reader,
            writer=PostgresConnection(url, settings.schema),
            password=password,
            overview=Latest(lambda: read_overview(reader, settings), _OVERVIEW_SEC),
            published=Latest(lambda: read_published(reader), _PUBLISHED_SEC),
        )
        application = http_application(place, streams=(overview_events,))
        add_pages(application, site)
        add_operations(application, Operations(settings, url, metrics, rounds=rounds))
        async with served(application, place) as own_url:
            counting = asyncio.create_task(keep_counting(site.writer, observe), name="counting")
            try:
                yield own_url
            finally:
                counting.cancel()
    finally:
        reader.close()


def dashboard_beside(
    settings: Settings, observe: Observer, metrics: EventMetrics, rounds: Rounds
) -> Callable[[str], AbstractAsyncContextManager[str | None]]:
    """Return what serves the dashboard of a database's URL beside a command's other work.

    An address that is taken, as by a second daemon of this machine, is reported, and it is not
    served. Raises `UsageError` at once for settings by which it never can be.
    """
    http_place(settings, has_login=read_password(settings) is not None)

    @asynccontextmanager
    async def beside(url: str) -> AsyncIterator[str | None]:
        async with AsyncExitStack() as stack:
            own_url = None
            try:
                own_url = await stack.enter_async_context(
                    dashboard(settings, url, observe, metrics, rounds)
                )
            except UsageError as error:
                observe(Warned("dashboard", f"not served: {error}"))
            yield own_url

    return beside


def add_pages(application: web.Application, site: Site) -> None:
    """Add all pages to an application."""
    application[SITE] = site
    application.middlewares.extend((show_errors, require_login))
    application.on_shutdown.append(_close_streams)
    router = application.router
    router.add_get("/login", show_login)
    router.add_post("/login", log_in)
    router.add_post("/logout", log_out)
    router.add_get("/static/{name}", _static(read_static_files()))
    add_overview(application)
    add_coverage(application)
    add_assets(application)
    add_asset(application)
    add_dead_letters(application)
    add_runs(application)
    add_jobs(application)
    add_watchlists(application)


def read_static_files() -> dict[str, bytes]:
    """Return the files that browsers fetch, by name."""
    folder = files("data_nexus.dashboard").joinpath("static")
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def _static(known: dict[str, bytes]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def static_file(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in known:
            raise web.HTTPNotFound
        kind = _TYPES[name.rpartition(".")[2]]
        headers = {"Cache-Control": "no-cache"}
        return web.Response(body=known[name], content_type=kind, charset="utf-8", headers=headers)

    return static_file


async def _close_streams(application: web.Application) -> None:
    application[SITE].closing.set()
