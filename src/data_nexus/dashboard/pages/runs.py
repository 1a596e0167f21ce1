"""Runs that were, each with a page of its own; and what the next update will cost."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from aiohttp import web

from data_nexus.app.planning import update_plan
from data_nexus.config import Settings
from data_nexus.dashboard.latest import Latest
from data_nexus.dashboard.site import SITE, page, whole_number
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.overview.overview import NEWEST, read_run_totals, read_runs
from data_nexus.database.reader.planning import known_quota
from data_nexus.domain.planning.plan import Plan

_PAGE = 50
_PLAN_SEC = 60.0
_AHEAD = timedelta(days=1)
_PLANS: web.AppKey[Latest[tuple[Plan, Plan]]] = web.AppKey("plans", Latest)
# The figures of a run that its list shows.
_FIGURES = ("synced", "failed", "parked", "total_rows", "calls", "duration_sec")


async def runs_page(request: web.Request) -> web.Response:
    """Show runs, the newest first."""
    before = whole_number(request.query.get("before"), NEWEST)
    found = await request.app[SITE].read(read_runs, before, _PAGE + 1)
    return page(
        request,
        "runs.html",
        runs=found[:_PAGE],
        has_more=len(found) > _PAGE,
        is_first=before == NEWEST,
        figures=_FIGURES,
    )


async def run_page(request: web.Request) -> web.Response:
    """Show a run with all its figures."""
    site, number = request.app[SITE], int(request.match_info["run_id"])
    found = await site.read(read_runs, NEWEST, 1, number) if number < NEWEST else []
    if not found:
        raise web.HTTPNotFound(text=f"there is no run {number}")
    run = found[0]
    plain = {k: v for k, v in run.figures.items() if not isinstance(v, dict | list)}
    nested = {
        name: json.dumps(value, indent=1, ensure_ascii=False)
        for name, value in run.figures.items()
        if isinstance(value, dict | list) and value
    }
    total = await site.read(read_run_totals, [run.run_id], run.started_at)
    return page(
        request, "run.html", run=run, plain=plain, nested=nested, total=total.get(run.run_id)
    )


async def plan_page(request: web.Request) -> web.Response:
    """Show what an update costs now, and what it will have cost a day from now."""
    site = request.app[SITE]
    now, ahead = await request.app[_PLANS].get()
    overview = await site.overview.get()
    return page(request, "plan.html", now=now, ahead=ahead, quota=overview.quota)


def read_plans(database: PostgresConnection, settings: Settings) -> tuple[Plan, Plan]:
    """Return the plan of an update now, and of one a day from now; nothing is spent."""
    with database.together() as one:
        known = known_quota(one, settings.token)
        later = replace(known, moment=known.moment + _AHEAD)
        return (
            update_plan(one, settings, known, None)[0],
            update_plan(one, settings, later, None)[0],
        )


def add_runs(application: web.Application) -> None:
    """Add the pages."""
    site = application[SITE]
    plans = Latest(lambda: read_plans(site.reader, site.settings), _PLAN_SEC)
    application[_PLANS] = plans
    application.router.add_get("/runs", runs_page)
    application.router.add_get(r"/runs/{run_id:\d{1,10}}", run_page)
    application.router.add_get("/plan", plan_page)
