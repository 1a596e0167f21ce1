"""Describe a chart in words: which bars, how adjusted, as known when. Pure.

Names and currencies are the vendor's: characters that cannot be printed are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from data_nexus.domain.calendar.sessions import day_date
from data_nexus.domain.texts import counted
from data_nexus.research.charts.chart import Chart, Panel
from data_nexus.research.views import Adjust

_PRICES = {
    "raw": "raw prices, as traded",
    "splits": "prices adjusted for splits",
    "total": "prices adjusted for splits and dividends",
    "vendor": "prices adjusted as the vendor's adjusted_close",
}
_LONGEST_NAME = 60
PLACES = {
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
    "quarterly": "quarter",
    "yearly": "year",
}


@dataclass(frozen=True, slots=True)
class Basis:
    """What the prices of a chart are based on: their adjustment, and as known at which moment."""

    adjust: Adjust
    moment: datetime


def chosen_adjustment(adjust: Adjust | None, *, compare: bool) -> Adjust | None:
    """Return the adjustment: as asked for, or for all actions in a comparison.

    None leaves it to what is shown: whether a split lies within.
    """
    return adjust or ("total" if compare else None)


def heading(panel: Panel) -> str:
    """Return the title of a panel: `AAPL.US · Apple Inc`."""
    return " · ".join(filter(None, (panel.symbol, printable(panel.name))))


def prices(chart: Chart, panel: Panel, basis: Basis) -> str:
    """Return what the candles are: `weekly candles of 1,250 bars in USD, raw prices, as traded`."""
    made_of = "" if chart.period == "daily" else f" of {panel.bars:,} bars"
    # The vendor writes Unknown for crypto and others.
    is_known = panel.currency.lower() not in ("", "unknown")
    unit = f" in {printable(panel.currency)}" if is_known else ""
    return f"{chart.period} candles{made_of}{unit}, {_PRICES[basis.adjust]}"


def growth(chart: Chart, basis: Basis) -> str:
    """Return what the lines of a comparison are."""
    return f"{chart.period} closes, the first one in common = 100, {_PRICES[basis.adjust]}"


def span(chart: Chart, basis: Basis, place: int = 0) -> str:
    """Return the dates from a place (by default the first) to the end, and as known when."""
    moment = f"{basis.moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    first = day_date(int(chart.days[place]))
    return f"{first} to {chart.last}, as known at {moment}"


def gaps(chart: Chart, panel: Panel) -> str:
    """Return what the marks of gaps mean; empty if there is no gap."""
    if not panel.gaps:
        return ""
    sessions = f"{counted(panel.missing, 'session')} without a bar"
    if chart.period == "daily":
        return sessions
    return f"{sessions}, in {counted(len(panel.gaps), PLACES[chart.period])}"


def printable(text: str) -> str:
    """Return a name of the vendor's on one line, at most 60 characters long."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return clean if len(clean) <= _LONGEST_NAME else f"{clean[: _LONGEST_NAME - 1]}…"
