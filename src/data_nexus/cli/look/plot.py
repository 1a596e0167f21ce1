"""`nexus plot`: draw a chart to a file, or as text in the terminal."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from data_nexus.cli.options import (
    DAY,
    MOMENT,
    SYMBOL,
    WATCHLIST,
    opened,
    output_options,
    settings_from,
)
from data_nexus.cli.render import console, counted, print_json, waiting, warnings_as_notes
from data_nexus.database.reader.watchlists.watchlists import list_members
from data_nexus.domain.calendar.sessions import day_date
from data_nexus.domain.symbol import parse_symbols
from data_nexus.errors import UsageError
from data_nexus.research.charts.caption import PLACES, Basis, chosen_adjustment
from data_nexus.research.charts.chart import MOST_CANDLES, Chart, ChartHistory, Panel, chart_of
from data_nexus.research.charts.chart_source import ChartRequest, read_histories
from data_nexus.research.exports.target import whole_file
from data_nexus.research.views import Adjust

if TYPE_CHECKING:
    from data_nexus.research.charts.altair_chart import Form

_FORMS: dict[str, Form] = {".png": "png", ".svg": "svg", ".html": "html"}
_PIPE_WIDTH = 80


@click.command()
@click.argument("symbols", nargs=-1, type=SYMBOL)
@click.option(
    "--watchlist", type=WATCHLIST, help="the assets of this watchlist in place of symbols"
)
@click.option("--from", "first", type=DAY, help="first date; also yesterday, 7d, 2y")
@click.option("--to", "last", type=DAY, help="last date")
@click.option(
    "--adjust",
    type=click.Choice(get_args(Adjust)),
    help="how prices are adjusted; by default raw, or splits if one is drawn; --compare: total",
)
@click.option("--as-of", type=MOMENT, help="as known then: 2026-11-01T12:00 (UTC), yesterday, 7d")
@click.option("--compare", is_flag=True, help="closes as lines that all begin at 100")
@click.option("--log", is_flag=True, help="a logarithmic price axis")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="the file to write: .png, .svg or .html; without it, text",
)
@output_options
def plot(
    symbols: tuple[str, ...],
    first: date | None,
    last: date | None,
    adjust: Adjust | None,
    as_of: datetime | None,
    **options: Any,  # noqa: ANN401
) -> None:
    """Draw candles, volume, actions and gaps.

    Example: nexus plot AAPL.US --out aapl.png
    """
    shape = {name: options.pop(name) for name in ("compare", "log", "out", "as_json")}
    watchlist: str | None = options.pop("watchlist")
    if bool(symbols) == bool(watchlist):
        raise UsageError("name symbols, like AAPL.US MSFT.US, or a --watchlist")
    settings = settings_from(options)
    form = _form(shape["out"]) if shape["out"] else None
    request = ChartRequest(
        first=first,
        last=last,
        adjust=chosen_adjustment(adjust, compare=shape["compare"]),
        as_of=as_of,
        now=datetime.now(UTC),
    )
    with (
        warnings_as_notes(),
        opened(settings, writes=False) as database,
        waiting("reading the bars"),
    ):
        if watchlist:
            symbols = tuple(each.symbol for each in list_members(database, watchlist))
        charted = read_histories(database, parse_symbols(symbols), request)
    _draw(charted.histories, charted.basis, form, **shape)


def _draw(
    histories: list[ChartHistory],
    basis: Basis,
    form: Form | None,
    *,
    out: Path | None,
    as_json: bool,
    compare: bool,
    log: bool,
) -> None:
    if out and form:
        with waiting("drawing"):
            # Altair takes a second to load.
            from data_nexus.research.charts import altair_chart  # noqa: PLC0415

            chart = chart_of(histories, MOST_CANDLES)
            draw = altair_chart.comparison_of if compare else altair_chart.candles_of
            title = ", ".join(panel.symbol for panel in chart.panels)
            _write(out, altair_chart.rendered(draw(chart, basis, log=log), form, title))
        if as_json:
            print_json(_figures(chart, basis) | {"out": str(out)})
        else:
            drawn = PLACES[chart.period]
            shape = "lines" if compare else "candles"
            console.print(f"Drawn to {out}: {shape} for {counted(len(chart.days), drawn)}.")
        return
    if as_json:
        print_json(_figures(chart_of(histories, MOST_CANDLES), basis))
        return
    from data_nexus.research.charts import text_chart  # noqa: PLC0415

    size = text_chart.Size(_PIPE_WIDTH)
    if console.is_terminal:
        size = text_chart.Size(console.width, console.height)
    chart = chart_of(histories, text_chart.most_candles(size.columns))
    draw_text = text_chart.comparison_text if compare else text_chart.candles_text
    is_colored = console.is_terminal and not console.no_color and not console.is_dumb_terminal
    click.echo(draw_text(chart, basis, size, is_colored=is_colored, log=log), color=is_colored)


def _form(out: Path) -> Form:
    """Return the form of a file, by its ending; raise `UsageError` before any work is done."""
    form = _FORMS.get(out.suffix.lower())
    if form is None:
        raise UsageError(f"--out {out}: unknown ending; use one of {', '.join(_FORMS)}")
    if not out.parent.is_dir():
        raise UsageError(f"--out {out}: the folder {out.parent} does not exist; create it first")
    return form


def _write(path: Path, content: bytes) -> None:
    """Put a file in place at once: a reader sees the old one or the new one."""
    try:
        with whole_file(path) as draft:
            draft.write_bytes(content)
    except OSError as error:
        raise UsageError(f"--out {path}: cannot be written: {error.strerror}") from None


def _figures(chart: Chart, basis: Basis) -> dict[str, Any]:
    return {
        "period": chart.period,
        "adjust": basis.adjust,
        "as_of": basis.moment.isoformat(),
        "panels": [_panel(chart, panel) for panel in chart.panels],
    }


def _panel(chart: Chart, panel: Panel) -> dict[str, Any]:
    return {
        "symbol": panel.symbol,
        "bars": panel.bars,
        "candles": len(panel.candles.place),
        "first_date": day_date(int(panel.candles.first[0])),
        "last_date": day_date(int(panel.candles.last[-1])),
        "marks": [{"kind": m.kind, "date": m.date, "text": m.text} for m in panel.marks],
        "missing": panel.missing,
        "gaps": [
            {"date": day_date(int(chart.days[gap.place])), "missing": gap.missing}
            for gap in panel.gaps
        ],
    }
