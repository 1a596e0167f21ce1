"""Provide what all charts share in Altair: named rows, axes, the style.

Importing it raises `UsageError` where the libraries of the extra `plot` are missing.
"""

from __future__ import annotations

import html
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from data_nexus.domain.bars import Floats
from data_nexus.domain.calendar.sessions import day_date
from data_nexus.errors import UsageError
from data_nexus.research.charts.chart import Chart, price_bounds, ticks
from data_nexus.research.charts.page import page

try:
    import altair as alt
    import vl_convert
except ModuleNotFoundError as missing:
    raise UsageError(f'a chart needs {missing.name}; run: pip install "data-nexus[plot]"') from None

__all__ = [
    "INK",
    "WIDTH",
    "Drawing",
    "OfflineChart",
    "alt",
    "html_page",
    "price_scale",
    "vl_convert",
    "y_axis",
]

WIDTH, INK = 1100, "#333333"
_MOST_TICKS = 14
_ZOOMED_TICKS = 9
_ZOOM = "zoom"

# What a chart takes below and above its panels, and between two, in pixels.
_AROUND, _BETWEEN = 130, 12

_Rows = list[dict[str, Any]]


class OfflineChart(alt.VConcatChart):
    """A chart that a notebook shows without a network: a page of its own in a frame.

    Whoever has enabled another of Altair's renderers gets that one.
    """

    def _repr_mimebundle_(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as Altair's
        if alt.renderers.active != "default":
            return super()._repr_mimebundle_(*args, **options)
        spec = self.to_dict()
        heights = [part.get("height", 0) for part in spec["vconcat"]]
        height = _AROUND + sum(heights) + _BETWEEN * len(heights)
        framed = html.escape(html_page(spec, "chart"))
        style = f"width: 100%; height: {height}px; border: 0"
        return {
            "text/html": f'<iframe sandbox="allow-scripts allow-downloads" style="{style}"'
            f' srcdoc="{framed}"></iframe>',
            "text/plain": "<a chart; chart.save('chart.png') writes it>",
        }


def html_page(spec: dict[str, Any], title: str) -> str:
    """Return a chart as a page that fetches nothing."""
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return page({key: spec[key] for key in spec if key != "$schema"}, title, bundle)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart being drawn, and the rows that its layers refer to by name.

    `first` is the place at which the axis begins.
    """

    chart: Chart
    first: int = 0
    rows: dict[str, _Rows] = field(default_factory=dict)

    def held(self, rows: _Rows) -> alt.NamedData:
        """Keep rows for a layer, by name: Altair copies a layer's own rows again and again."""
        name = f"rows_{len(self.rows)}"
        self.rows[name] = rows
        return alt.NamedData(name)

    def day(self, place: int) -> str:
        """Return the first day of a place."""
        return str(day_date(int(self.chart.days[place])))

    def x(self, name: str, *, labels: bool = False) -> alt.X:
        """Return the axis of places; zoomed in, it is labelled with days."""
        days = [self.day(place) for place in range(len(self.chart.days))]
        names = dict(ticks(self.chart.days[self.first :], _MOST_TICKS))
        names = {place + self.first: text for place, text in names.items()}
        near = f"{_ZOOM}.place && span({_ZOOM}.place) < {len(days) - self.first} / 2"
        step = f"max(1, ceil(span({_ZOOM}.place) / {_ZOOMED_TICKS}))"
        fine = f"sequence(ceil({_ZOOM}.place[0]), {_ZOOM}.place[1], {step})"
        text = f"{near} ? {json.dumps(days)}[datum.value] : {json.dumps(names)}[datum.value]"
        axis = alt.Axis(
            values=alt.ExprRef(f"{near} ? {fine} : {json.dumps([*names])}"),
            labels=labels,
            ticks=labels,
            labelExpr=text if labels else alt.Undefined,
            labelOverlap="greedy",
            title=None,
        )
        scale = alt.Scale(domain=[self.first - 0.5, len(days) - 0.5], nice=False, zero=False)
        return alt.X(f"{name}:Q", axis=axis, scale=scale)

    def anchor(self, *, labels: bool = False) -> alt.Chart:
        """Return an invisible layer whose field the zoom refers to."""
        drawn: alt.Chart = (
            alt.Chart(self.held([{"place": self.first}]))
            .mark_point(opacity=0)
            .encode(self.x("place", labels=labels))
        )
        return drawn

    def dressed(self, parts: Sequence[alt.LayerChart]) -> alt.VConcatChart:
        """Return the parts below one another, in one style, zoomed together."""
        zoom = alt.selection_interval(name=_ZOOM, bind="scales", encodings=["x"])
        with warnings.catch_warnings():
            # One zoom for all panels is intended; Altair warns that it merged them.
            warnings.filterwarnings("ignore", "Automatically deduplicated selection parameter")
            zoomed = OfflineChart(vconcat=parts, spacing=8).add_params(zoom)
        dressed: alt.VConcatChart = (
            zoomed.resolve_scale(color="independent", shape="independent", opacity="independent")
            .configure(
                font="Liberation Sans, Arial, Helvetica, sans-serif", background="white", aria=False
            )
            .configure_view(stroke="#cccccc")
            .configure_axis(
                labelColor=INK,
                titleColor=INK,
                titleFontWeight="normal",
                gridColor="#eeeeee",
                domainColor="#999999",
                tickColor="#999999",
            )
            .configure_title(
                anchor="start", color=INK, fontSize=16, subtitleColor=INK, subtitleFontSize=12
            )
            .properties(datasets=self.rows)
        )
        return dressed


def y_axis(**options: Any) -> alt.Axis:  # noqa: ANN401 - whatever Altair takes
    """Return a vertical axis; all are equally wide, so that the panels are aligned."""
    return alt.Axis(**{"title": None, "minExtent": 56, "maxExtent": 56, **options})


def price_scale(lows: Floats, highs: Floats, *, log: bool) -> alt.Scale:
    """Return a scale with room for all prices; raise `UsageError` for 0 on a logarithmic one."""
    domain = price_bounds(lows, highs, log=log)
    return alt.Scale(type="log" if log else "linear", domain=domain, nice=False, zero=False)
