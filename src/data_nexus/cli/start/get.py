"""The command `nexus get`."""

from __future__ import annotations

from typing import Any

import click

from data_nexus.app.commands.runs import run_get
from data_nexus.cli.exit_codes import exit_code_of
from data_nexus.cli.options import SYMBOL, opened, output_options, settings_from
from data_nexus.cli.render import (
    console,
    counted,
    error_console,
    print_json,
    print_note,
    print_table,
)
from data_nexus.database.reader.assets import asset_ids_of, bar_ranges
from data_nexus.database.reader.watchlists.follows import kept_out
from data_nexus.domain.symbol import parse_symbols
from data_nexus.events import observers
from data_nexus.observe.logs import log_event
from data_nexus.observe.progress import progress_display
from data_nexus.research.bars import read_view
from data_nexus.research.views import View

_SHOWN = 5


@click.command()
@click.argument("symbols", nargs=-1, required=True, type=SYMBOL)
@output_options
def get(symbols: tuple[str, ...], as_json: bool, **options: Any) -> int:  # noqa: ANN401, FBT001
    """Load symbols from nothing, and show their last bars.

    Example: nexus get AAPL.US MSFT.US

    Symbols that the database lacks are looked up in the list of their exchange, for one call an
    exchange; nothing else of the list is stored. Each history costs one call more, and two where it
    shows splits or dividends. What was loaded in the last day costs nothing.
    """
    settings = settings_from(options)
    wanted = parse_symbols(symbols)
    with progress_display(error_console) as progress:
        observe = observers(log_event, progress)
        report = run_get(settings, wanted, observe, error_console.print)
    with opened(settings, writes=False) as database:
        ranges = bar_ranges(database, wanted)
        left_out = kept_out(database, asset_ids_of(database, wanted))
        last = read_view(database, [each.ticker for each in ranges if each.last], View())
    rows, code = last.to_pylist(), exit_code_of(report) or (3 if left_out else 0)
    for each in left_out:
        print_note(f"warning: {each}")
    if as_json:
        shown = {
            each.ticker: [r for r in rows if r["ticker"] == each.ticker][-1:] for each in ranges
        }
        print_json(report.as_dict() | {"last_bars": shown, "not_loaded": list(map(str, left_out))})
        return code
    for bars in ranges:
        own = [row for row in rows if row["ticker"] == bars.ticker]
        console.print(f"{bars.ticker}, {counted(len(own), 'bar')}")
        if own:
            headings = [name for name in own[0] if name != "ticker"]
            print_table(headings, [[row[name] for name in headings] for row in own[-_SHOWN:]])
        console.print()
    first = next((each.ticker for each in ranges if each.last), None)
    if first is None:
        console.print(f"{counted(report.calls, 'call')}.")
        return code
    console.print(f"{counted(report.calls, 'call')}. All bars: nexus bars {first} --format csv")
    console.print(f"As a picture: nexus plot {first}. Kept fresh: nexus update, once a day")
    return code
