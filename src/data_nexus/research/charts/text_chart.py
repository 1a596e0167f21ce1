"""Draw a chart as text with plotext, for a terminal or a pipe.

Importing it raises `UsageError` where the library of the extra `plot` is missing.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isclose, log10

import numpy as np
from numpy.typing import NDArray

from data_nexus.domain.bars import Floats
from data_nexus.errors import UsageError
from data_nexus.research.charts.caption import Basis, gaps, growth, heading, prices, span
from data_nexus.research.charts.chart import Chart, Mark, Panel, price_bounds, rebased, ticks

try:
    import plotext
except ModuleNotFoundError as missing:
    raise UsageError(
        f'a chart in the terminal needs {missing.name}; run: pip install "data-nexus[plot]"'
    ) from None

LEAST_WIDTH = 40

_LABEL = 9  # letters for a number beside the vertical axis
_PRICE_ROWS, _ROWS_OF_MANY, _VOLUME_ROWS = 20, 13, 5
_LEAST_ROWS, _MOST_ROWS = 8, 30
_FEWEST_TICKS, _MOST_TICKS = 3, 5  # beside the vertical axis
_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
_TICK_COLUMNS = 11
_WIDEST_BODY = 5
_RISING, _FALLING, _WICK, _GAP = "░", "█", "│", "·"
_LETTERS = "abcdefgh"
_COLORS = ("blue", "red", "green", "magenta", "orange", "gray", "cyan", "white")
_NAMED = 4
_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "K"))


@dataclass(frozen=True, slots=True)
class Size:
    """How many columns and rows of text a screen has; of a pipe the rows are not known."""

    columns: int
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class _Axis:
    """The axis of `places` from `first` on, spread over all `columns` of the terminal."""

    first: int
    places: int
    columns: int
    labels: tuple[tuple[int, str], ...]

    @property
    def body(self) -> range:
        """How far left and right of its middle a candle's body reaches."""
        half = min(self.columns // self.places // 2, _WIDEST_BODY) // 2
        return range(-half, half + 1)

    def at(self, places: NDArray[np.intp] | Sequence[int]) -> list[int]:
        """Return the column in the middle of each place."""
        wide = self.columns / self.places
        return [int((int(place) - self.first + 0.5) * wide) for place in places]


def most_candles(width: int) -> int:
    """Return how many candles fit into a terminal `width` columns wide."""
    return max(width, LEAST_WIDTH) - _LABEL - 1


def candles_text(
    chart: Chart, basis: Basis, size: Size, *, is_colored: bool = False, log: bool = False
) -> str:
    """Return candles with volume below as lines of text, none wider than the screen.

    One asset fits the screen's height, if that has room for candles at all.
    """
    axis = _axis(chart, size.columns)
    texts = []
    for panel in chart.panels:
        said = [heading(panel), prices(chart, panel, basis), span(chart, basis)]
        words = _wrapped([*said, *_meanings(chart, panel)], size.columns)
        marks = _marks(axis, panel)
        rows = _ROWS_OF_MANY
        if len(chart.panels) == 1:
            others = len(words.splitlines()) + len(marks) + _VOLUME_ROWS
            rows = _fitting(size, others)
        parts = (words, _prices(axis, panel, rows, log=log), *marks, _volumes(axis, panel))
        texts.append("\n".join(parts))
    return _finished("\n\n".join(texts), is_colored=is_colored)


def _fitting(size: Size, others: int) -> int:
    """Return how many rows of prices a screen holds beside other ones and the next prompt."""
    if size.rows is None:
        return _PRICE_ROWS
    return min(max(size.rows - others - 1, _LEAST_ROWS), _MOST_ROWS)


def comparison_text(
    chart: Chart, basis: Basis, size: Size, *, is_colored: bool = False, log: bool = False
) -> str:
    """Return the closes of all assets, 100 at the first in common, as lines of text."""
    lines = rebased(chart)
    first = int(lines[0].place[0])
    names = [f"{letter} {line.symbol}" for letter, line in zip(_LETTERS, lines, strict=False)]
    said = ["  ".join(names), growth(chart, basis), span(chart, basis, first)]
    axis, text = _axis(chart, size.columns, first), _wrapped(said, size.columns)
    values = np.concatenate([line.value for line in lines])
    rows = _fitting(size, len(text.splitlines()))
    _open(axis, rows, price_bounds(values, values, log=log), log=log)
    for letter, color, line in zip(_LETTERS, _COLORS, lines, strict=False):
        heights = _scaled(line.value, log=log).tolist()
        plotext.plot(axis.at(line.place), heights, marker=letter, color=color)
    return _finished(f"{text}\n{_built()}", is_colored=is_colored)


def _axis(chart: Chart, width: int, first: int = 0) -> _Axis:
    room, places = most_candles(width), len(chart.days) - first
    labels = ticks(chart.days[first:], max(room // _TICK_COLUMNS, 1))
    return _Axis(
        first=first,
        places=places,
        columns=max(room, places),
        labels=tuple((at + first, text) for at, text in labels),
    )


def _prices(axis: _Axis, panel: Panel, rows: int, *, log: bool) -> str:
    candles = panel.candles
    low, high = price_bounds(candles.low, candles.high, log=log)
    _open(axis, rows, (low, high), log=log)
    held = {*candles.place.tolist()}
    span = _scaled(np.array([low, high]), log=log).tolist()
    for at in axis.at([gap.place for gap in panel.gaps if gap.place not in held]):
        plotext.plot([at, at], span, marker=_GAP, color="orange")
    columns = [
        _scaled(getattr(candles, name), log=log) for name in ("open", "high", "low", "close")
    ]
    for at, begun, top, bottom, ended in zip(axis.at(candles.place), *columns, strict=True):
        is_rising = ended >= begun
        color, body = ("green", _RISING) if is_rising else ("red", _FALLING)
        plotext.plot([at, at], [bottom, top], marker=_WICK, color=color)
        for column in (at + offset for offset in axis.body):
            plotext.plot([column, column], [begun, ended], marker=body, color=color)
    return _built()


def _volumes(axis: _Axis, panel: Panel) -> str:
    most = float(panel.candles.volume.max()) or 1.0
    _canvas(axis, _VOLUME_ROWS, (0.0, most))
    plotext.yticks([0.0, most], [f"{'vol 0':>{_LABEL}}", f"{_short(most):>{_LABEL}}"])
    plotext.xfrequency(0)
    for at, volume in zip(axis.at(panel.candles.place), panel.candles.volume, strict=True):
        for column in (at + offset for offset in axis.body):
            plotext.plot([column, column], [0.0, float(volume)], marker="█", color="gray")
    return _built()


def _marks(axis: _Axis, panel: Panel) -> list[str]:
    """Return a row for each kind of mark, below the axis."""
    kinds = (
        ("split", "S", [mark.place for mark in panel.marks if mark.kind == "split"]),
        ("dividend", "D", [mark.place for mark in panel.marks if mark.kind == "dividend"]),
        ("gap", "?", [gap.place for gap in panel.gaps]),
    )
    rows = []
    for name, letter, places in kinds:
        if places:
            row = [" "] * axis.columns
            for at in axis.at(places):
                row[at] = letter
            rows.append(f"{name:>{_LABEL}} {''.join(row)}")
    return rows


def _meanings(chart: Chart, panel: Panel) -> list[str]:
    said = [
        _listed(kind, [mark for mark in panel.marks if mark.kind == kind])
        for kind in ("split", "dividend")
    ]
    key = f"{_RISING} closed up, {_FALLING} closed down"
    missing = f"; {gaps(chart, panel)}" if panel.gaps else ""
    return [*filter(None, said), f"{key}{missing}"]


def _listed(kind: str, marks: Sequence[Mark]) -> str:
    """Return the last few actions in words."""
    if not marks:
        return ""
    more = f"{len(marks) - _NAMED:,} more, " if len(marks) > _NAMED else ""
    paid = " paid" if kind == "dividend" else ""
    return (
        f"{kind}s{paid}: {more}{', '.join(f'{mark.date} {mark.text}' for mark in marks[-_NAMED:])}"
    )


def _open(axis: _Axis, rows: int, bounds: tuple[float, float], *, log: bool) -> None:
    """Begin a canvas with labels of prices and of days."""
    low, high = _scaled(np.array(bounds), log=log).tolist()
    _canvas(axis, rows, (low, high))
    values = round_ticks(*bounds, log=log)
    decimals = max(map(_decimals, values))
    at = _scaled(np.array(values), log=log).tolist()
    plotext.yticks(at, [f"{value:>{_LABEL},.{decimals}f}" for value in values])
    plotext.xticks(axis.at([at for at, _ in axis.labels]), [text for _, text in axis.labels])


def _canvas(axis: _Axis, rows: int, bounds: tuple[float, float]) -> None:
    plotext.clear_figure()
    plotext.limit_size(width=False, height=False)
    plotext.theme("clear")
    plotext.plot_size(_LABEL + 1 + axis.columns, rows)
    plotext.xaxes(lower=True, upper=False)
    plotext.yaxes(left=True, right=False)
    plotext.xlim(0, max(axis.columns - 1, 1))
    plotext.ylim(*bounds)


def _built() -> str:
    return str(plotext.build()).rstrip("\n")


def _scaled(values: Floats, *, log: bool) -> Floats:
    return np.log10(values) if log else values


def round_ticks(low: float, high: float, *, log: bool) -> list[float]:
    """Return round numbers between two prices, at most five, to label an axis with."""
    if log:
        decades = range(floor(log10(low)), ceil(log10(high)) + 1)
        for digits in ((1, 2, 5), (1, 3), (1,)):
            found = [digit * 10.0**decade for decade in decades for digit in digits]
            inside = [value for value in found if low <= value <= high]
            if _FEWEST_TICKS <= len(inside) <= _MOST_TICKS:
                return inside
    size = 10.0 ** floor(log10((high - low) / _MOST_TICKS))
    for step in (size * each for each in _ROUND):
        first, last = ceil(low / step), floor(high / step)
        if last - first < _MOST_TICKS:
            break
    return [number * step for number in range(first, last + 1)]


def _decimals(value: float) -> int:
    """Return with how many decimals a round number is written, at most six."""
    return next((count for count in range(6) if isclose(value, round(value, count))), 6)


def _short(number: float) -> str:
    for size, unit in _UNITS:
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.3g}"


def _wrapped(lines: Sequence[str], width: int) -> str:
    return "\n".join(
        part for line in lines for part in textwrap.wrap(line, max(width, LEAST_WIDTH))
    )


def _finished(text: str, *, is_colored: bool) -> str:
    plotext.clear_figure()
    if is_colored:
        return text
    return "\n".join(line.rstrip() for line in str(plotext.uncolorize(text)).splitlines())
