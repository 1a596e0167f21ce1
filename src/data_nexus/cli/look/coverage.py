"""`nexus coverage`: show year by year how complete histories are, and which sessions they lack."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click
from rich.cells import cell_len

from data_nexus.cli.options import (
    EXCHANGE,
    SYMBOL,
    WATCHLIST,
    opened,
    output_options,
    settings_from,
)
from data_nexus.cli.render import (
    NOTHING_DISCOVERED,
    console,
    counted,
    print_json,
    print_table,
    shown,
    waiting,
)
from data_nexus.database.reader.listed.asset_list import ChosenAssets
from data_nexus.domain.symbol import exchange_code, parse_symbols
from data_nexus.errors import UsageError
from data_nexus.research.coverage import By, MissingSpan, Survey, YearCount, survey
from data_nexus.research.universe import read_assets

_SHOWN = 40
_SPANS = 12
_NARROWEST = 20
_PIPE_WIDTH = 100
# The share of a year's sessions that are there, and how that looks.
_SHADES = ((1.0, "█"), (0.9, "▓"), (0.5, "▒"), (0.0, "░"))
_KINDS = ("stored", "absent", "missing")
_NOTHING = "·"
_LEGEND = "█ complete  ▓ 90 % or more  ▒ half or more  ░ less  · nothing expected"

Years = Mapping[int, YearCount]


@click.command()
@click.argument("symbols", nargs=-1, type=SYMBOL)
@click.option("--watchlist", type=WATCHLIST, help="the assets of this watchlist")
@click.option("--exchange", type=EXCHANGE, help="only this exchange")
@click.option("--missing", "names_missing", is_flag=True, help="name the missing sessions")
@output_options
def coverage(
    symbols: tuple[str, ...],
    watchlist: str | None,
    exchange: str | None,
    names_missing: bool,  # noqa: FBT001 - a flag of the command line
    as_json: bool,  # noqa: FBT001
    **options: Any,  # noqa: ANN401
) -> None:
    """Show how complete histories are, year by year.

    Example: nexus coverage AAPL.US MSFT.US --missing

    Without symbols or a watchlist, by exchange: that reads the dates of all bars, about a minute
    for a hundred million. Complete is a year whose sessions are all stored, or known to have no
    bar.
    """
    settings = settings_from(options)
    if sum(map(bool, (symbols, watchlist, exchange))) > 1:
        raise UsageError("name symbols, or a --watchlist, or an --exchange")
    by: By = "ticker" if symbols or watchlist else "exchange"
    code = exchange_code(exchange) if exchange else None
    named = [str(each) for each in parse_symbols(symbols)]
    with opened(settings, writes=False) as database, waiting("reading the dates of the bars"):
        chosen = named or read_assets(database, ChosenAssets(exchange=code, watchlist=watchlist))
        found = survey(database, chosen, datetime.now(UTC), by=by)
    if as_json:
        listed = {"missing": [asdict(each) for each in found.missing]} if names_missing else {}
        print_json({"by": by, "years": [asdict(each) for each in found.years], **listed})
    elif not len(chosen):
        console.print(NOTHING_DISCOVERED)
    elif not found.years:
        console.print("No bars yet; run: nexus backfill")
    else:
        _show(found, "symbol" if by == "ticker" else "exchange")
        if names_missing:
            _name(found.missing)


def _show(found: Survey, heading: str) -> None:
    """Print a row of years for each name; of many names those that lack the most."""
    by_name: dict[str, dict[int, YearCount]] = defaultdict(dict)
    for each in found.years:
        by_name[each.name][each.year] = each
    names = sorted(by_name, key=lambda name: -_sum(by_name[name], "missing"))[:_SHOWN]
    first, last = min(each.year for each in found.years), max(each.year for each in found.years)
    counts = [_counts(by_name[name]) for name in names]
    width = -(-(last - first + 1) // _room((heading, *names), counts))
    starts = range(first - first % width, last + 1, width)
    print_table(
        (heading, _axis(starts, width), *_KINDS),
        [_row(name, by_name[name], starts, width) for name in sorted(names)],
    )
    console.print(_LEGEND)
    if width > 1:
        console.print(f"Each place is {width} years.")
    if len(names) < len(by_name):
        console.print(
            f"The {len(names)} with the most missing sessions of {counted(len(by_name), heading)};"
            " --json writes all."
        )


def _row(name: str, years: Years, starts: Sequence[int], width: int) -> tuple[object, ...]:
    cells = "".join(_shade(years, range(start, start + width)) for start in starts)
    return (name, cells, *_counts(years))


def _counts(years: Years) -> list[int]:
    return [_sum(years, kind) for kind in _KINDS]


def _room(names: Iterable[str], counts: Iterable[Sequence[int]]) -> int:
    """Return how many places for years there are beside names and counts."""
    columns = [
        names,
        *(
            [kind, *map(shown, each)]
            for kind, each in zip(_KINDS, zip(*counts, strict=True), strict=True)
        ),
    ]
    beside = sum(max(map(cell_len, column)) + len("  ") for column in columns)
    return max(_NARROWEST, (console.width if console.is_terminal else _PIPE_WIDTH) - beside)


def _shade(years: Years, span: Iterable[int]) -> str:
    """Return the character for some years."""
    counts = [years[year] for year in span if year in years]
    expected = sum(each.expected for each in counts)
    if not expected:
        return _NOTHING
    there = 1 - sum(each.missing for each in counts) / expected
    return next(shade for share, shade in _SHADES if there >= share)


def _sum(years: Years, kind: str) -> int:
    return sum(getattr(each, kind) for each in years.values())


def _axis(starts: Sequence[int], width: int) -> str:
    """Return the years in which decades begin, each over its place, as far as there is room."""
    line = ""
    for place, start in enumerate(starts):
        decade = -(-start // 10) * 10
        if decade < start + width and (not line or len(line) < place):
            line = f"{line:<{place}}{decade}"
    return line or str(starts[0])


def _name(missing: Sequence[MissingSpan]) -> None:
    """Print the missing sessions of each symbol, those in a row as from-to."""
    console.print()
    if not missing:
        console.print("No session is missing.")
        return
    spans: dict[str, list[MissingSpan]] = defaultdict(list)
    for each in missing:
        spans[each.ticker].append(each)
    tickers = sorted(spans, key=lambda ticker: (-sum(s.sessions for s in spans[ticker]), ticker))
    rows = [
        (ticker, sum(each.sessions for each in spans[ticker]), _dates(spans[ticker]))
        for ticker in tickers[:_SHOWN]
    ]
    print_table(("symbol", "missing", "sessions"), rows)
    if len(tickers) > _SHOWN:
        console.print(f"The first {_SHOWN} of {len(tickers):,} symbols; --json writes all.")


def _dates(spans: Sequence[MissingSpan]) -> str:
    named = [
        str(each.first) if each.sessions == 1 else f"{each.first} to {each.last}"
        for each in spans[-_SPANS:]
    ]
    earlier = len(spans) - len(named)
    return ", ".join([f"{earlier:,} earlier", *named] if earlier else named)
