"""Draw a chart with Altair, and render it as PNG, SVG or a page of HTML.

Importing it raises `UsageError` where the libraries of the extra `plot` are missing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from data_nexus.domain.calendar.sessions import day_date
from data_nexus.domain.texts import counted
from data_nexus.research.charts.altair_layers import (
    WIDTH,
    Drawing,
    alt,
    html_page,
    price_scale,
    vl_convert,
    y_axis,
)
from data_nexus.research.charts.caption import Basis, gaps, growth, heading, prices, span
from data_nexus.research.charts.chart import (
    Candles,
    Chart,
    Line,
    Mark,
    NoteKind,
    Panel,
    rebased,
    spaced,
)

Form = Literal["png", "svg", "html"]
# A text on one side of a place is aligned to its other side.
_ALIGN = {"left": "right", "center": "center", "right": "left"}
_MANY_MARKS = 80
_LETTER = 6.0  # pixels of a letter
_HEIGHTS = {1: (360, 90), 2: (240, 60)}
_LOW_HEIGHTS = (180, 45)
_RISING, _FALLING = "#1b7f79", "#c8443f"
_GAP, _SPLIT, _DIVIDEND = "#e9a23b", "#6a3d9a", "#1f4e9e"
# The marks above bars: shape, colour, and how far below the upper edge.
_NOTES: dict[NoteKind, tuple[str, str, int]] = {
    "provisional": ("circle", "#b8500b", 5),
    "revised": ("square", "#5a5a5a", 12),
}
_LINES = ("#1f4e9e", "#c8443f", "#1b7f79", "#6a3d9a", "#b8860b", "#5a5a5a", "#d16ba5", "#4a90d9")
# SI writes G for 10^9, markets write B.
_VOLUME_LABEL = "replace(format(datum.value, '.3~s'), 'G', 'B')"


def candles_of(chart: Chart, basis: Basis, *, log: bool = False) -> alt.VConcatChart:
    """Return candles with volume below, one panel for each asset, actions and gaps marked."""
    drawing = Drawing(chart)
    parts = [part for panel in chart.panels for part in _panel(drawing, panel, basis, log=log)]
    return drawing.dressed(parts)


def comparison_of(chart: Chart, basis: Basis, *, log: bool = False) -> alt.VConcatChart:
    """Return the closes of all assets as lines that begin at 100."""
    lines = rebased(chart)
    drawing = Drawing(chart, first=int(lines[0].place[0]))
    return drawing.dressed([_growth(drawing, lines, basis, log=log)])


def rendered(picture: alt.VConcatChart, form: Form, title: str) -> bytes:
    """Return a chart as the content of a file; nothing is fetched for it."""
    spec = picture.to_dict()
    if form == "png":
        return vl_convert.vegalite_to_png(json.dumps(spec), scale=2, allowed_base_urls=[])
    if form == "svg":
        return vl_convert.vegalite_to_svg(json.dumps(spec), allowed_base_urls=[]).encode()
    return html_page(spec, title).encode()


def _panel(drawing: Drawing, panel: Panel, basis: Basis, *, log: bool) -> list[alt.LayerChart]:
    price_height, volume_height = _HEIGHTS.get(len(drawing.chart.panels), _LOW_HEIGHTS)
    rows = drawing.held(_rows(panel.candles))
    meanings = (
        "dashed line: split" if _of(panel, "split") else "",
        "diamond: dividend as paid" if _of(panel, "dividend") else "",
        f"shaded: {gaps(drawing.chart, panel)}" if panel.gaps else "",
        *(f"{shape}: {noted}" for shape, noted in _noted(panel)),
    )
    key = "; ".join(filter(None, meanings))
    said = [prices(drawing.chart, panel, basis), span(drawing.chart, basis), key]
    title = alt.TitleParams(heading(panel), subtitle=[line for line in said if line])
    parts = [_prices(drawing, panel, rows, log=log).properties(height=price_height, title=title)]
    if panel.marks:
        parts.append(_actions(drawing, panel))
    parts.append(_volumes(drawing, panel, rows).properties(height=volume_height))
    return [part.properties(width=WIDTH) for part in parts]


def _prices(drawing: Drawing, panel: Panel, rows: alt.NamedData, *, log: bool) -> alt.LayerChart:
    candles = panel.candles
    y = price_scale(candles.low, candles.high, log=log)
    wicks = (
        alt.Chart(rows)
        .mark_rule()
        .encode(
            drawing.x("place"), alt.Y("low:Q", scale=y, axis=y_axis()), y2="high", color=_color()
        )
    )
    # The stroke shows a candle with equal open and close.
    bodies = (
        alt.Chart(rows)
        .mark_rect(strokeWidth=0.8)
        .encode(
            drawing.x("left"),
            alt.Y("open:Q", scale=y, axis=y_axis()),
            x2="right",
            y2="close",
            color=_color(),
            stroke=alt.Stroke("rising:N", scale=_COLORS, legend=None),
        )
    )
    layers = [*_behind(drawing, panel), wicks, bodies, *_notes(drawing, panel)]
    return alt.LayerChart(layer=[*layers, _hover(drawing, rows)])


def _volumes(drawing: Drawing, panel: Panel, rows: alt.NamedData) -> alt.LayerChart:
    axis = y_axis(title="volume", titleX=-44, tickCount=3, labelExpr=_VOLUME_LABEL)
    most = float(panel.candles.volume.max()) or 1.0
    y = alt.Scale(domain=[0, most * 1.05], nice=False)
    bars = (
        alt.Chart(rows)
        .mark_rect()
        .encode(
            drawing.x("left", labels=True),
            alt.Y("volume:Q", scale=y, axis=axis),
            x2="right",
            y2=alt.datum(0),
            color=_color(),
        )
    )
    behind = _behind(drawing, panel, labels=True)
    return alt.LayerChart(layer=[*behind, bars, _hover(drawing, rows, labels=True)])


def _actions(drawing: Drawing, panel: Panel) -> alt.LayerChart:
    """Return the strip below the prices: a mark for each action, with its text if there is room."""
    places = len(drawing.chart.days)
    sides = spaced(panel.marks, places * _LETTER / WIDTH, places)
    rows = [
        {
            "place": mark.place,
            "kind": mark.kind,
            "date": str(mark.date),
            "text": mark.text,
            "label": mark.text if mark in sides else "",
            "align": _ALIGN[sides.get(mark, "center")],
        }
        for mark in sorted(panel.marks, key=lambda mark: mark.kind)  # splits are drawn last
    ]
    size = 45 if len(rows) < _MANY_MARKS else 14
    kinds = alt.Scale(domain=["split", "dividend"], range=[_SPLIT, _DIVIDEND])
    color = alt.Color("kind:N", scale=kinds, legend=None)
    shape = alt.Shape(
        "kind:N",
        scale=alt.Scale(domain=["split", "dividend"], range=["triangle-up", "diamond"]),
        legend=None,
    )
    tips = [alt.Tooltip(f"{name}:N") for name in ("kind", "date", "text")]
    marks = alt.Chart(drawing.held(rows)).encode(drawing.x("place"), color=color, tooltip=tips)
    points = [
        drawing.anchor(),
        marks.mark_point(filled=True, size=size, opacity=1, clip=True).encode(
            shape=shape, y=alt.value(8)
        ),
        marks.mark_text(
            fontSize=11, baseline="top", clip=True, align=alt.ExprRef("datum.align")
        ).encode(text="label:N", y=alt.value(15)),
    ]
    return alt.LayerChart(layer=points).properties(height=28)


def _behind(drawing: Drawing, panel: Panel, *, labels: bool = False) -> list[alt.Chart]:
    """Return the layers behind the candles: shaded gaps and the lines of splits."""
    layers = [drawing.anchor(labels=labels)]
    if panel.gaps:
        rows = [
            {
                "left": gap.place - 0.5,
                "right": gap.place + 0.5,
                "share": gap.missing / gap.expected,
                "gap": f"{gap.missing} of {gap.expected} without a bar",
                "date": drawing.day(gap.place),
            }
            for gap in panel.gaps
        ]
        shade = alt.Scale(domain=[0, 1], range=[0.15, 0.45])
        layers.append(
            alt.Chart(drawing.held(rows))
            .mark_rect(color=_GAP, clip=True)
            .encode(
                drawing.x("left", labels=labels),
                x2="right",
                opacity=alt.Opacity("share:Q", scale=shade, legend=None),
                tooltip=[alt.Tooltip("date:N"), alt.Tooltip("gap:N", title="sessions")],
            )
        )
    if splits := _of(panel, "split"):
        rows = [{"place": mark.place} for mark in splits]
        line = alt.Chart(drawing.held(rows)).mark_rule(color=_SPLIT, strokeDash=[5, 3], clip=True)
        layers.append(line.encode(drawing.x("place", labels=labels)))
    return layers


def _notes(drawing: Drawing, panel: Panel) -> list[alt.Chart]:
    """Return a mark above each place with bars that are provisional, and with revised ones."""
    layers = []
    for kind, (shape, color, height) in _NOTES.items():
        rows = [
            {"place": note.place, "date": drawing.day(note.place), "bars": f"{note.bars} {kind}"}
            for note in panel.notes
            if note.kind == kind
        ]
        if rows:
            size = 28 if len(rows) < _MANY_MARKS else 10
            marks = alt.Chart(drawing.held(rows)).mark_point(
                shape=shape, color=color, size=size, strokeWidth=1.4, opacity=1, clip=True
            )
            tips = [alt.Tooltip("date:N"), alt.Tooltip("bars:N")]
            layers.append(marks.encode(drawing.x("place"), y=alt.value(height), tooltip=tips))
    return layers


def _noted(panel: Panel) -> list[tuple[str, str]]:
    """Return the shape and the meaning of each kind of mark above the bars."""
    return [
        (shape, counted(many, f"{kind} bar"))
        for kind, (shape, *_) in _NOTES.items()
        if (many := panel.noted(kind))
    ]


def _hover(drawing: Drawing, rows: alt.NamedData, *, labels: bool = False) -> alt.Chart:
    """Return an invisible layer: the figures of the candle under the pointer."""
    tips = [alt.Tooltip("first:N", title="from"), alt.Tooltip("last:N", title="to")]
    if drawing.chart.period == "daily":
        tips = [alt.Tooltip("last:N", title="date")]
    names = ("open", "high", "low", "close", "volume")
    figures = [alt.Tooltip(f"{name}:Q", format=",.6~g") for name in names]
    drawn: alt.Chart = (
        alt.Chart(rows)
        .mark_rect(opacity=0)
        .encode(drawing.x("begin", labels=labels), x2="end", tooltip=[*tips, *figures])
    )
    return drawn


def _growth(drawing: Drawing, lines: Sequence[Line], basis: Basis, *, log: bool) -> alt.LayerChart:
    rows = []
    for line, panel in zip(lines, drawing.chart.panels, strict=True):
        start, end = int(line.place[0]), int(line.place[-1])
        broken = {gap.place for gap in panel.gaps} - {*line.place.tolist()}
        values = {place: None for place in broken if start < place < end}
        values |= dict(zip(line.place.tolist(), line.value.tolist(), strict=True))
        rows += [
            {"place": at, "value": values[at], "symbol": line.symbol, "date": drawing.day(at)}
            for at in sorted(values)
        ]
    shown = np.concatenate([line.value for line in lines])
    y = price_scale(shown, shown, log=log)
    colors = alt.Scale(domain=[line.symbol for line in lines], range=list(_LINES))
    legend = alt.Legend(title=None, orient="top", symbolStrokeWidth=3)
    title = alt.TitleParams(
        ", ".join(line.symbol for line in lines),
        subtitle=[growth(drawing.chart, basis), span(drawing.chart, basis, drawing.first)],
    )
    tips = [alt.Tooltip("symbol:N"), alt.Tooltip("date:N"), alt.Tooltip("value:Q", format=",.2f")]
    drawn = (
        alt.Chart(drawing.held(rows))
        .mark_line(strokeWidth=1.6, clip=True)
        .encode(
            drawing.x("place", labels=True),
            alt.Y("value:Q", scale=y, axis=y_axis()),
            color=alt.Color("symbol:N", scale=colors, legend=legend),
            tooltip=tips,
        )
    )
    hundred = alt.Chart(drawing.held([{"value": 100}])).mark_rule(color="#999999")
    hundred = hundred.encode(alt.Y("value:Q", scale=y, axis=y_axis()))
    return alt.LayerChart(layer=[drawing.anchor(labels=True), hundred, drawn]).properties(
        width=WIDTH, height=420, title=title
    )


_COLORS = alt.Scale(domain=[True, False], range=[_RISING, _FALLING])


def _color() -> alt.Color:
    return alt.Color("rising:N", scale=_COLORS, legend=None)


def _rows(candles: Candles) -> list[dict[str, Any]]:
    columns = {
        "place": candles.place.tolist(),
        "first": [str(day_date(day)) for day in candles.first.tolist()],
        "last": [str(day_date(day)) for day in candles.last.tolist()],
        "rising": (candles.close >= candles.open).tolist(),
        **{
            name: getattr(candles, name).tolist()
            for name in ("open", "high", "low", "close", "volume")
        },
        "left": (candles.place - 0.36).tolist(),
        "right": (candles.place + 0.36).tolist(),
        "begin": (candles.place - 0.5).tolist(),
        "end": (candles.place + 0.5).tolist(),
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _of(panel: Panel, kind: str) -> list[Mark]:
    return [mark for mark in panel.marks if mark.kind == kind]
