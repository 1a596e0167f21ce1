"""How complete exchanges are, year by year, and which assets lack sessions of a year."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from aiohttp import web

from data_nexus.dashboard.site import SITE, page, whole_number
from data_nexus.database.reader.overview.coverage import (
    MOST_MISSING,
    CountedYear,
    read_counted_years,
    read_gaps,
)

# What share must be there for each degree of completeness, the best first.
_DEGREES = ((1.0, 4), (0.99, 3), (0.9, 2), (0.0, 1))
_PAGE = 100


@dataclass(frozen=True, slots=True)
class HeatCell:
    """A year of an exchange: how complete, as a degree from 1 to 4 and as figures; 0 is nothing."""

    year: int
    degree: int
    counted: CountedYear | None


async def coverage_page(request: web.Request) -> web.Response:
    """Show exchanges by year."""
    found = await request.app[SITE].read(read_counted_years)
    by_exchange: defaultdict[str, dict[int, CountedYear]] = defaultdict(dict)
    for each in found:
        by_exchange[each.exchange][each.year] = each
    years = sorted({each.year for each in found}, reverse=True)
    years = [*range(years[0], years[-1] - 1, -1)] if years else []
    grid = {
        exchange: [heat_of(year, known.get(year)) for year in years]
        for exchange, known in sorted(by_exchange.items())
    }
    counted_at = min((each.counted_at for each in found), default=None)
    return page(request, "coverage.html", years=years, grid=grid, counted_at=counted_at)


async def gaps_page(request: web.Request) -> web.Response:
    """Show the assets of an exchange that lack sessions of a year, those with the most first."""
    exchange, year = request.match_info["exchange"], int(request.match_info["year"])
    after = whole_number(request.query.get("after"), 0)
    missing = whole_number(request.query.get("missing"), MOST_MISSING)
    found = await request.app[SITE].read(
        read_gaps, exchange, year, missing=missing, after=after, most=_PAGE + 1
    )
    has_more = len(found) > _PAGE
    return page(
        request,
        "gaps.html",
        exchange=exchange,
        year=year,
        gaps=found[:_PAGE],
        has_more=has_more,
        is_first=after == 0,
    )


def add_coverage(application: web.Application) -> None:
    """Add the pages."""
    application.router.add_get("/coverage", coverage_page)
    application.router.add_get(r"/coverage/{exchange:[A-Za-z0-9]{1,16}}/{year:\d{4}}", gaps_page)


def heat_of(year: int, counted: CountedYear | None) -> HeatCell:
    """Return the cell of a year; one without expected sessions is empty."""
    if counted is None or not counted.expected:
        return HeatCell(year, 0, None)
    there = 1 - counted.missing / counted.expected
    return HeatCell(year, next(d for least, d in _DEGREES if there >= least), counted)
