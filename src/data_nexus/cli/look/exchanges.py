"""`nexus exchanges`: list the vendor's exchanges, and what the database holds of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from data_nexus.app.runs import run_exchanges
from data_nexus.cli.options import opened, output_options, settings_from
from data_nexus.cli.render import console, counted, print_fitting, print_json
from data_nexus.database.reader.listed.exchange_list import held_exchanges
from data_nexus.domain.listings.exchange_lists import (
    KnownExchange,
    ListedExchange,
    known_exchanges,
)
from data_nexus.observe.logs import log_event

# What a narrow screen does without, the least needed first.
_SPARED = ("currency", "last bar", "with bars")


@click.command()
@click.option("--search", help="words of the code, the name or the country: germany")
@click.option("--offline", is_flag=True, help="only those in the database: no call")
@output_options
def exchanges(
    search: str | None,
    offline: bool,  # noqa: FBT001 - a flag of the command line
    as_json: bool,  # noqa: FBT001
    **options: Any,  # noqa: ANN401
) -> None:
    """List the exchanges there are, ours first.

    Example: nexus exchanges --search germany

    Costs one call; without a key, or with --offline, only the exchanges in the database are shown.
    """
    settings = settings_from(options)
    is_offline = offline or settings.token is None
    listed: Sequence[ListedExchange] = ()
    calls = 0
    if not is_offline:
        listed, calls = run_exchanges(settings, log_event)
    with opened(settings, writes=False) as database:
        found = known_exchanges(listed, held_exchanges(database))
    words = (search or "").casefold().split()
    chosen = [each for each in found if all(word in _haystack(each) for word in words)]
    if as_json:
        print_json({"exchanges": [asdict(each) for each in chosen], "calls": calls})
        return
    if chosen:
        named = ("name", "country", "currency") if listed else ()
        print_fitting([_row(each, named) for each in chosen], _SPARED)
    console.print(_summary(chosen, calls))
    if is_offline:
        why = "With --offline" if offline else "Without a key (EODHD_API_KEY)"
        console.print(f"{why} only the exchanges in the database are shown.")


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
