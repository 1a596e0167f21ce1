"""`nexus exchanges`: list the vendor's exchanges, and what the database holds of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from data_nexus.app.commands.runs import run_exchanges
from data_nexus.cli.options import opened, output_options, settings_from
from data_nexus.cli.render import console, counted, print_fitting, print_json, waiting
from data_nexus.config import Settings
from data_nexus.database.reader.listed.exchange_list import ExchangeList, exchange_list
from data_nexus.domain.listings.exchange_lists import KnownExchange
from data_nexus.errors import UsageError
from data_nexus.observe.logs import log_event
from data_nexus.observe.waiting import span

# What a narrow screen does without, the least needed first.
_SPARED = ("currency", "last bar", "with bars")


@click.command()
@click.option("--search", help="words of the code, the name or the country: germany")
@click.option("--refresh", is_flag=True, help="have the vendor list them again: 1 call")
@click.option("--offline", is_flag=True, help="no call, even if no list was stored yet")
@output_options
def exchanges(
    search: str | None,
    refresh: bool,  # noqa: FBT001 - a flag of the command line
    offline: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    **options: Any,  # noqa: ANN401
) -> None:
    """List the exchanges there are, ours first.

    Example: nexus exchanges --search germany

    The vendor's list costs one call the first time and is stored: later it needs no call and no
    network, until --refresh. Without a list, as without a key, only the exchanges in the database
    are shown.
    """
    if refresh and offline:
        raise UsageError("--refresh sends a request and --offline sends none: give one of them")
    settings = settings_from(options)
    found, calls = _read(settings), 0
    if refresh or not (found.listed_at or offline or settings.token is None):
        with waiting("asking for the list of exchanges"):
            calls = run_exchanges(settings, log_event)
        found = _read(settings)
    words = (search or "").casefold().split()
    chosen = [each for each in found.exchanges if all(word in _haystack(each) for word in words)]
    if as_json:
        moment = found.listed_at and found.listed_at.isoformat()
        shown = [asdict(each) for each in chosen]
        print_json({"exchanges": shown, "calls": calls, "listed_at": moment})
        return
    if chosen:
        named = ("name", "country", "currency") if found.listed_at else ()
        print_fitting([_row(each, named) for each in chosen], _SPARED)
    console.print(_summary(chosen, calls))
    if found.age is None:
        why = "With --offline" if offline else "Without a key (EODHD_API_KEY)"
        console.print(f"{why} only the exchanges in the database are shown.")
    elif not calls:
        age = span(found.age.total_seconds())
        console.print(f"As the vendor listed them {age} ago; again: --refresh (1 call)")


def _read(settings: Settings) -> ExchangeList:
    with opened(settings, writes=False) as database:
        return exchange_list(database)


def _haystack(exchange: KnownExchange) -> str:
    return f"{exchange.code} {exchange.name} {exchange.country}".casefold()


def _row(exchange: KnownExchange, named: Sequence[str]) -> dict[str, object]:
    """Return what is shown of an exchange; without assets nothing is said of them."""
    row: dict[str, object] = {name: getattr(exchange, name) for name in ("code", *named)}
    if not exchange.assets:
        return row | {"assets": "", "with bars": "", "last bar": ""}
    own = {"assets": exchange.assets, "with bars": exchange.with_bars}
    return row | own | {"last bar": exchange.last_bar}


def _summary(chosen: Sequence[KnownExchange], calls: int) -> str:
    ours = sum(1 for each in chosen if each.assets)
    cost = f", for {counted(calls, 'call')}" if calls else ""
    return f"{counted(len(chosen), 'exchange')}, {ours:,} of them in the database{cost}."
