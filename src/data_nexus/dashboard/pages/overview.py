"""The first page: is all well, what runs, what is to come; and the events that keep it new."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from aiohttp import web

from data_nexus.app.commands.overview import HOURS, INTERVAL, MOST_COUNTED, LiveOverview
from data_nexus.dashboard.site import LOGIN, SITE, page, rendered
from data_nexus.database.reader.alerts.alerts import ListedAlert
from data_nexus.domain.alerting.conditions import Condition
from data_nexus.domain.texts import counted
from data_nexus.errors import NexusError

# The parts of the page that events renew, each a template of its own.
PARTS = ("verdict", "alerts", "running", "throughput", "quota", "jobs", "runs", "exchanges")
EVERY_SEC = 2.0
# So many alerts are shown.
_ALERTS = 20
# Where a person sees what an alert is about: of an exchange, of something else than a job, of none.
_OF_EXCHANGE = {
    Condition.NOT_FRESH: "/assets?state=stale&exchange=",
    Condition.DEAD_LETTERS: "/dead-letters?exchange=",
}
_ELSEWHERE = {Condition.QUOTA: "/plan", Condition.FINDINGS: "", Condition.DISK: ""}
# So many browsers may watch at once.
_MOST_STREAMS = 50
_STREAMS: web.AppKey[set[web.StreamResponse]] = web.AppKey("streams", set)


@dataclass(frozen=True, slots=True)
class Health:
    """Whether all is well, in a word for the eye and sentences for the reader."""

    kind: str
    title: str
    sentences: Sequence[str]


@dataclass(frozen=True, slots=True)
class ThroughputBar:
    """What was stored in five minutes, as a bar: its place and height, in units of the picture."""

    label: str
    rows: int
    answers: int
    calls: int
    place: int
    height: float


async def overview_page(request: web.Request) -> web.Response:
    """Show how all stands."""
    overview = await request.app[SITE].overview.get()
    return page(request, "overview.html", **_context(overview))


async def overview_events(request: web.Request) -> web.StreamResponse:
    """Send the parts of the page that have changed, again and again, as server-sent events."""
    site, streams = request.app[SITE], request.app[_STREAMS]
    if len(streams) >= _MOST_STREAMS:
        raise web.HTTPServiceUnavailable(text="too many browsers watch; close one")
    stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await stream.prepare(request)
    streams.add(stream)
    shown: dict[str, str] = {}
    try:
        while not site.closing.is_set() and _may_watch(request):
            try:
                parts = _parts(request, await site.overview.get())
            except NexusError:
                await stream.write(b"event: away\ndata: {}\n\n")
            else:
                changed = {name: text for name, text in parts.items() if shown.get(name) != text}
                shown = parts
                await stream.write(f"event: parts\ndata: {json.dumps(changed)}\n\n".encode())
            with suppress(TimeoutError):
                await asyncio.wait_for(site.closing.wait(), EVERY_SEC)
    except ConnectionResetError:
        pass  # the browser has left
    finally:
        streams.discard(stream)
    return stream


def add_overview(application: web.Application) -> None:
    """Add the page and its events."""
    application[_STREAMS] = set()
    application.router.add_get("/", overview_page)
    application.router.add_get("/events/overview", overview_events)


def health_of(overview: LiveOverview) -> Health:
    """Return whether all is well."""
    counts = overview.counts
    if not counts["total"]:
        return Health("empty", "Nothing is discovered yet", ["Run: nexus discover --exchange US"])
    if not counts["with_bars"]:
        return Health("empty", "No bars yet", ["Run: nexus backfill"])
    sentences = []
    if counts["stale"]:
        oldest = f"; the one furthest behind ends on {overview.oldest}" if overview.oldest else ""
        of_all = f"{counts['stale']:,} of {counted(counts['with_bars'], 'asset')} with bars"
        sentences.append(f"{of_all} are not fresh{oldest}.")
    if lasting := len(overview.unsilenced):
        sentences.append(f"{counted(lasting, 'alert')} not over.")
    if overview.dead_letters:
        sentences.append(f"{_many(overview.dead_letters)} wait for a person.")
    if failed := [job.name for job in overview.jobs if job.outcome == "failed"]:
        sentences.append(f"Failed at its last run: {', '.join(failed)}.")
    if overview.quota.left == 0:
        sentences.append("The calls of the day are used up.")
    if sentences:
        return Health("attention", "Something needs attention", sentences)
    fresh = f"All {counted(counts['with_bars'], 'asset')} with bars are fresh."
    if not overview.behind:
        return Health("well", "All is well", [fresh])
    unread = f"{counted(overview.behind, 'asset')} more wait for their first bars."
    return Health("well", "What is loaded is fresh", [fresh, unread])


def bars_of(overview: LiveOverview) -> list[ThroughputBar]:
    """Return the last hours as bars, those without anything included; the highest is 100."""
    known = {each.since: each for each in overview.throughput}
    count = int(timedelta(hours=HOURS) / INTERVAL)
    begin = overview.moment.replace(second=0, microsecond=0)
    begin -= timedelta(minutes=begin.minute % 5) + INTERVAL * (count - 1)
    most = max((each.rows for each in overview.throughput), default=0) or 1
    bars = []
    for place in range(count):
        since = begin + INTERVAL * place
        found = known.get(since)
        rows, answers, calls = (found.rows, found.answers, found.calls) if found else (0, 0, 0)
        height = round(100 * rows / most, 1)
        bars.append(ThroughputBar(f"{since:%H:%M}", rows, answers, calls, place, height))
    return bars


def place_of(alert: ListedAlert) -> str:
    """Return the path of the page that shows what an alert is about; "" if none does."""
    condition = Condition(alert.condition)
    if start := _OF_EXCHANGE.get(condition):
        return start + quote(alert.subject.partition(" ")[0], safe="")
    return _ELSEWHERE.get(condition, "/jobs")


def _may_watch(request: web.Request) -> bool:
    """Return whether who began to watch is still logged in, where there is a login."""
    login = request.get(LOGIN)
    return login is None or request.app[SITE].logins.is_live(login)


def _many(letters: int) -> str:
    more = "more than " if letters >= MOST_COUNTED else ""
    return f"{more}{counted(letters, 'dead letter')}"


def _context(overview: LiveOverview) -> dict[str, Any]:
    return {
        "overview": overview,
        "parts": PARTS,
        "verdict": health_of(overview),
        "bars": bars_of(overview),
        "hours": HOURS,
        "alerts": [(place_of(each), each) for each in overview.alerts[:_ALERTS]],
        "more_alerts": max(0, len(overview.alerts) - _ALERTS),
    }


def _parts(request: web.Request, overview: LiveOverview) -> dict[str, str]:
    context = _context(overview)
    parts = {name: rendered(request, f"parts/{name}.html", **context) for name in PARTS}
    return parts | {"as-of": f"{overview.moment:%Y-%m-%d %H:%M:%S}"}
