"""One asset: its bars as a chart and as a table, what is missing, what changed, what was read."""

from __future__ import annotations

import asyncio
import warnings
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from importlib.util import find_spec
from typing import Any, get_args

from aiohttp import web

from data_nexus.dashboard.site import SITE, page, redirect
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.reader.overview.asset_pages import (
    ask_for_repair,
    read_asset,
    read_known_days,
    read_last_bars,
    read_revisions,
    read_syncs,
)
from data_nexus.domain.symbol import Symbol
from data_nexus.research.views import Adjust

SPANS = {"1y": 366, "5y": 5 * 366, "all": None}
_BARS, _ROWS, _SPANS_SHOWN = 60, 30, 100
_CHARTS_KEPT = 200
_EARLIEST = date(1990, 1, 1)


@dataclass(frozen=True, slots=True)
class ChartChoice:
    """What a person wants to see of an asset: how adjusted (None: as fits), how far back, as of."""

    adjust: Adjust | None
    span: str
    as_of: date | None

    @property
    def moment(self) -> datetime | None:
        """The end of the day as of which it is."""
        if self.as_of is None:
            return None
        return datetime.combine(self.as_of + timedelta(days=1), time(), UTC)


@dataclass(frozen=True, slots=True)
class DaySlider:
    """The days on which bars came or changed, the oldest first, and which one is chosen.

    The last `position` is beyond them: all that is known now.
    """

    days: list[date]
    position: int


@dataclass(slots=True)
class ChartsKept:
    """Charts that were drawn, the last used ones; one is drawn at a time."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    drawn: OrderedDict[Hashable, bytes] = field(default_factory=OrderedDict)

    def find(self, key: Hashable) -> bytes | None:
        """Return a chart that is kept."""
        if key in self.drawn:
            self.drawn.move_to_end(key)
        return self.drawn.get(key)

    def keep(self, key: Hashable, chart: bytes) -> None:
        """Keep a chart in place of the one used longest ago."""
        self.drawn[key] = chart
        while len(self.drawn) > _CHARTS_KEPT:
            self.drawn.popitem(last=False)


_CHARTS: web.AppKey[ChartsKept] = web.AppKey("charts", ChartsKept)


async def asset_page(request: web.Request) -> web.Response:
    """Show an asset."""
    site, asset = request.app[SITE], await _asset(request)
    choice = chart_choice(request.query)
    details = await site.read(_details, asset, choice)
    return page(
        request,
        "asset.html",
        asset=asset,
        choice=choice,
        adjustments=get_args(Adjust),
        spans=SPANS,
        can_draw=find_spec("vl_convert") is not None,
        asked_again="read" in request.query,
        **details,
    )


async def asset_chart(request: web.Request) -> web.Response:
    """Draw an asset's bars as SVG."""
    site, charts, asset = request.app[SITE], request.app[_CHARTS], await _asset(request)
    choice = chart_choice(request.query)
    state = (asset["last_synced"], asset["synced_through"], asset["settled_through"])
    key = (asset["asset_id"], *state, choice)
    if (drawn := charts.find(key)) is None:
        async with charts.turn:
            if (drawn := charts.find(key)) is None:
                drawn = await site.read(_drawn, _symbol(asset), choice)
                charts.keep(key, drawn)
    headers = {"Cache-Control": "private, max-age=60"}
    return web.Response(body=drawn, content_type="image/svg+xml", headers=headers)


async def read_again(request: web.Request) -> web.Response:
    """Let an asset's whole history be read again."""
    asset = await _asset(request)
    await request.app[SITE].write(ask_for_repair, [asset["asset_id"]])
    raise redirect(f"/assets/{asset['asset_id']}", read="again")


def add_asset(application: web.Application) -> None:
    """Add the page, its chart, and what its buttons do."""
    application[_CHARTS] = ChartsKept()
    router = application.router
    router.add_get(r"/assets/{asset_id:\d{1,10}}", asset_page)
    router.add_get(r"/assets/{asset_id:\d{1,10}}/chart.svg", asset_chart)
    router.add_post(r"/assets/{asset_id:\d{1,10}}/read-again", read_again)


def chart_choice(query: Any) -> ChartChoice:  # noqa: ANN401 - a mapping of texts
    """Return what the query of a URL wants to see; an unknown choice counts as none."""
    adjust = query.get("adjust")
    span = query.get("span", "1y")
    try:
        as_of = date.fromisoformat(query.get("as_of", ""))
    except ValueError:
        as_of = None
    if as_of and not _EARLIEST <= as_of <= datetime.now(UTC).date():
        as_of = None
    return ChartChoice(
        adjust if adjust in get_args(Adjust) else None, span if span in SPANS else "1y", as_of
    )


def slider_of(days: list[date], as_of: date | None) -> DaySlider:
    """Return a slider that shows what was known at the end of a day, or is now."""
    if as_of is None:
        return DaySlider(days, len(days))
    return DaySlider(days, max(0, bisect_right(days, as_of) - 1))


async def _asset(request: web.Request) -> dict[str, Any]:
    number = int(request.match_info["asset_id"])
    site = request.app[SITE]
    published = await site.published.get()
    found = await site.read(read_asset, number, published) if number < 2**31 else None
    if found is None:
        raise web.HTTPNotFound(text=f"there is no asset {number}")
    return found


def _symbol(asset: dict[str, Any]) -> Symbol:
    return Symbol(asset["code"], asset["exchange"])


def _details(
    database: PostgresConnection, asset: dict[str, Any], choice: ChartChoice
) -> dict[str, Any]:
    # These load numpy and pyarrow, which other pages do without.
    from data_nexus.research.actions import read_actions  # noqa: PLC0415
    from data_nexus.research.coverage import survey  # noqa: PLC0415

    with database.together() as one:
        number = asset["asset_id"]
        found: dict[str, Any] = {
            "bars": read_last_bars(one, number, most=_BARS),
            "revisions": read_revisions(one, number, _ROWS),
            "syncs": read_syncs(one, number, _ROWS),
            "slider": slider_of(read_known_days(one, number), choice.as_of),
            "missing": [],
            "actions": [],
        }
        # What has left its symbol to another asset is not found by it.
        if asset["retired_at"] is None and asset["last_date"] is not None:
            symbol = str(_symbol(asset))
            surveyed = survey(one, [symbol], datetime.now(UTC))
            found["missing"] = surveyed.missing[::-1][:_SPANS_SHOWN]
            actions = read_actions(one, [symbol], as_of=choice.moment).to_pylist()
            found["actions"] = actions[::-1][:_ROWS]
    return found


def _drawn(database: PostgresConnection, symbol: Symbol, choice: ChartChoice) -> bytes:
    from data_nexus.research.charts import altair_chart, chart, chart_source  # noqa: PLC0415

    now = datetime.now(UTC)
    days = SPANS[choice.span]
    last = choice.as_of or now.date()
    request = chart_source.ChartRequest(
        first=None if days is None else last - timedelta(days=days),
        adjust=choice.adjust,
        as_of=choice.moment,
        now=now,
    )
    with database.together() as one, warnings.catch_warnings():
        # The page itself says which actions are known.
        warnings.simplefilter("ignore")
        found = chart_source.read_histories(one, [symbol], request)
    drawn = altair_chart.candles_of(
        chart.chart_of(found.histories, chart.MOST_CANDLES), found.basis
    )
    return altair_chart.rendered(drawn, "svg", str(symbol))
