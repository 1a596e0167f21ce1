"""Compute what a chart shows: candles, marks of actions and gaps, on one axis of places. Pure.

Every day on which an asset of the chart has a bar, or should have one, is a place on the axis;
weekends and holidays take no room. Where there are more days than places, each place is a week, a
month, a quarter or a year, and its candle is made of all its bars.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.bars import Bars, Days, Floats, days
from data_nexus.domain.calendar.intervals import Numbers, Unit, numbered
from data_nexus.domain.calendar.sessions import day_date
from data_nexus.errors import UsageError

ActionKind = Literal["split", "dividend"]
NoteKind = Literal["provisional", "revised"]
Side = Literal["left", "center", "right"]
# How many days, months or years a place is wide, the finest first.
PERIODS: dict[str, tuple[Unit, int]] = {
    "daily": ("day", 1),
    "weekly": ("week", 1),
    "monthly": ("month", 1),
    "quarterly": ("month", 3),
    "yearly": ("year", 1),
}
_TICKS: tuple[tuple[Unit, int, str], ...] = (
    ("day", 1, "%Y-%m-%d"),
    ("week", 1, "%Y-%m-%d"),
    ("month", 1, "%Y-%m"),
    ("month", 3, "%Y-%m"),
    ("month", 6, "%Y-%m"),
    ("year", 1, "%Y"),
    ("year", 2, "%Y"),
    ("year", 5, "%Y"),
    ("year", 10, "%Y"),
)
MOST_ASSETS = 8
# In an image, two pixels for each: two years of days, ten of weeks, forty-five of months.
MOST_CANDLES = 550
_MANY = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChartHistory:
    """What a chart shows of an asset: bars (ascending, prices as adjusted), sessions and actions.

    `sessions` are the days on which a bar is expected, as far as this is certain; `revised` those
    whose bar had other values before. Bars after `settled_through` are provisional; None: none is.
    """

    symbol: str
    bars: Bars
    sessions: Days
    name: str = ""
    currency: str = ""
    splits: tuple[Split, ...] = ()
    dividends: tuple[Dividend, ...] = ()
    settled_through: dt.date | None = None
    revised: Days = field(default_factory=lambda: np.array([], np.int32))


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """Candles of one asset, by place; `first` and `last` are the days of the bars in each."""

    place: NDArray[np.intp]
    first: Days
    last: Days
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


@dataclass(frozen=True, slots=True)
class Mark:
    """The actions of one kind at a place, in words: `4:1`, `0.24`; `date` is the first ex-date."""

    place: int
    kind: ActionKind
    date: dt.date
    text: str


@dataclass(frozen=True, slots=True)
class Gap:
    """How many of the sessions expected at a place have no stored bar."""

    place: int
    missing: int
    expected: int


@dataclass(frozen=True, slots=True)
class BarNote:
    """How many bars at a place are provisional, or revised."""

    place: int
    kind: NoteKind
    bars: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """One asset of a chart."""

    symbol: str
    name: str
    currency: str
    bars: int
    candles: Candles
    marks: tuple[Mark, ...]
    gaps: tuple[Gap, ...]
    notes: tuple[BarNote, ...] = ()

    @property
    def missing(self) -> int:
        """Sessions without a bar, in all gaps together."""
        return sum(gap.missing for gap in self.gaps)

    def noted(self, kind: NoteKind) -> int:
        """Return how many bars are provisional, or revised."""
        return sum(note.bars for note in self.notes if note.kind == kind)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chart:
    """Panels over one axis; `days` is the first day of each place, `period` how wide a place is."""

    period: str
    days: Days
    panels: tuple[Panel, ...]

    @property
    def last(self) -> dt.date:
        """The last day that has a bar."""
        return max(day_date(int(panel.candles.last[-1])) for panel in self.panels)


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """The closes of one asset as multiples of its close at the line's first place, times 100."""

    symbol: str
    place: NDArray[np.intp]
    value: Floats


def chart_of(histories: Sequence[ChartHistory], most: int) -> Chart:
    """Return the chart of assets with a bar each, with at most `most` places if possible.

    Gaps are the sessions without a bar. An action without a bar on its ex-date is shown at the
    next place; one before the first bar or after the last place is not shown. Raises `UsageError`
    for more assets than a chart has room for.
    """
    if len(histories) > MOST_ASSETS:
        raise UsageError(f"a chart shows at most {MOST_ASSETS} symbols, not {len(histories)}")
    shown = np.unique(np.concatenate([np.union1d(h.bars.date, h.sessions) for h in histories]))
    # The first period that fits, or the widest one.
    for name, width in PERIODS.items():
        period = name
        buckets, at = np.unique(numbered(shown, *width), return_index=True)
        if len(buckets) <= most:
            break
    panels = tuple(_panel(history, buckets, width) for history in histories)
    return Chart(period=period, days=shown[at].astype(np.int32), panels=panels)


def rebased(chart: Chart) -> tuple[Line, ...]:
    """Return the closes of all panels, each 100 at the first place at which all have a candle.

    Raises `UsageError` without such a place, or if a close there is 0 or below.
    """
    shared = set.intersection(*({*panel.candles.place.tolist()} for panel in chart.panels))
    if not shared:
        symbols = ", ".join(panel.symbol for panel in chart.panels)
        raise UsageError(f"{symbols} have no bar in common to compare from; choose other dates")
    start = min(shared)
    return tuple(_line(panel, start) for panel in chart.panels)


def price_bounds(lows: Floats, highs: Floats, *, log: bool) -> tuple[float, float]:
    """Return the ends of a price axis, with a little room at both.

    Raises `UsageError` for a price of 0 or below on a logarithmic axis.
    """
    low, high = float(lows.min()), float(highs.max())
    if not log:
        margin = (high - low or abs(high) or 1.0) * 0.04
        return low - margin, high + margin
    if low <= 0:
        raise UsageError(f"a logarithmic axis cannot show a price of {low:g}; leave out --log")
    factor = (high / low) ** 0.04 if high > low else 1.04
    return low / factor, high * factor


def ticks(places: Days, most: int) -> list[tuple[int, str]]:
    """Return where to label an axis of places, and with what: at most `most` labels.

    A label marks where a week, a month, … begins; the first place is labelled if there is room.
    """
    for unit, width, written in _TICKS:
        form = written
        buckets = numbered(places, unit, width)
        begins = [0, *(np.flatnonzero(np.diff(buckets)) + 1).tolist()]
        if len(begins) <= most:
            break
    room = len(places) / max(most, 1) * 0.8
    if len(begins) > 1 and begins[1] < room:
        del begins[0]
    return [(at, f"{day_date(int(places[at])):{form}}") for at in begins]


def spaced(marks: Sequence[Mark], letter: float, places: int) -> dict[Mark, Side]:
    """Return the marks whose text has room, and to which side of the mark it goes.

    A letter is `letter` places wide, the axis `places`. Texts are centred; at an end of the axis
    they turn inward. Splits come first, then dividends by place.
    """
    sides: dict[Mark, Side] = {}
    taken: list[tuple[float, float]] = []
    for mark in sorted(marks, key=lambda mark: (mark.kind == "dividend", mark.place)):
        width = len(mark.text) * letter
        side: Side = "center"
        if mark.place < width / 2:
            side = "right"
        elif mark.place > places - 1 - width / 2:
            side = "left"
        left = mark.place - width * {"center": 0.5, "right": 0.0, "left": 1.0}[side]
        if all(left >= end + letter or left + width + letter <= begin for begin, end in taken):
            sides[mark] = side
            taken.append((left, left + width))
    return sides


def _panel(history: ChartHistory, buckets: Numbers, width: tuple[Unit, int]) -> Panel:
    return Panel(
        symbol=history.symbol,
        name=history.name,
        currency=history.currency,
        bars=len(history.bars),
        candles=_candles(
            history.bars, np.searchsorted(buckets, numbered(history.bars.date, *width))
        ),
        marks=tuple(_marks(history, buckets, width)),
        gaps=tuple(_gaps(history, buckets, width)),
        notes=tuple(_notes(history, buckets, width)),
    )


def _candles(bars: Bars, places: NDArray[np.intp]) -> Candles:
    place, begin = np.unique(places, return_index=True)
    end = np.append(begin[1:], len(places)) - 1
    return Candles(
        place,
        bars.date[begin],
        bars.date[end],
        bars.open[begin],
        np.maximum.reduceat(bars.high, begin),
        np.minimum.reduceat(bars.low, begin),
        bars.close[end],
        np.add.reduceat(bars.volume, begin),
    )


def _gaps(history: ChartHistory, buckets: Numbers, width: tuple[Unit, int]) -> list[Gap]:
    places = np.searchsorted(buckets, numbered(history.sessions, *width))
    expected = np.bincount(places, minlength=len(buckets))
    is_missing = ~np.isin(history.sessions, history.bars.date)
    missing = np.bincount(places[is_missing], minlength=len(buckets))
    return [Gap(int(at), int(missing[at]), int(expected[at])) for at in np.flatnonzero(missing)]


def _notes(history: ChartHistory, buckets: Numbers, width: tuple[Unit, int]) -> list[BarNote]:
    held, settled = history.bars.date, history.settled_through
    kinds: dict[NoteKind, Days] = {
        "provisional": held[:0] if settled is None else held[held > days(settled)],
        "revised": held[np.isin(held, history.revised)],
    }
    notes = []
    for kind, noted in kinds.items():
        places = np.searchsorted(buckets, numbered(noted, *width))
        counts = np.bincount(places, minlength=len(buckets))
        notes += [BarNote(int(at), kind, int(counts[at])) for at in np.flatnonzero(counts)]
    return notes


def _marks(history: ChartHistory, buckets: Numbers, width: tuple[Unit, int]) -> list[Mark]:
    grouped: dict[tuple[int, ActionKind], list[tuple[dt.date, float, str]]] = {}
    actions: list[tuple[ActionKind, dt.date, float, str]] = [
        *(
            ("split", s.date, s.factor, f"{s.numerator:g}:{s.denominator:g}")
            for s in history.splits
        ),
        *(("dividend", d.date, *_paid(d, history.currency)) for d in history.dividends),
    ]
    for kind, day, amount, text in sorted(actions):
        place = int(np.searchsorted(buckets, numbered(np.array([days(day)]), *width)[0]))
        if place < len(buckets) and days(day) >= history.bars.date[0]:
            grouped.setdefault((place, kind), []).append((day, amount, text))
    return [
        Mark(place, kind, min(day for day, _, _ in each), _joined(kind, each))
        for (place, kind), each in grouped.items()
    ]


def _paid(dividend: Dividend, currency: str) -> tuple[float, str]:
    paid = dividend.unadjusted_value or dividend.value
    foreign = dividend.currency or currency
    return paid, f"{paid:.6g}" + (f" {foreign}" if foreign != currency else "")


def _joined(kind: ActionKind, actions: list[tuple[dt.date, float, str]]) -> str:
    if len(actions) <= _MANY:
        return " + ".join(text for _, _, text in actions)
    if kind == "split":
        return f"{len(actions)} splits"
    return f"{sum(amount for _, amount, _ in actions):.6g} ({len(actions)} paid)"


def _line(panel: Panel, start: int) -> Line:
    candles = panel.candles
    shown = candles.place >= start
    close = candles.close[shown]
    if close[0] <= 0:
        raise UsageError(
            f"{panel.symbol} begins with a close of {close[0]:g} and cannot be compared; choose"
            " other dates"
        )
    return Line(panel.symbol, candles.place[shown], close / close[0] * 100)
