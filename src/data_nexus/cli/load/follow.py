"""The command `nexus follow`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from data_nexus.cli.options import EXCHANGE, WATCHLIST, opened, output_options, settings_from
from data_nexus.cli.render import NOTHING_DISCOVERED, console, print_json, print_table, waiting
from data_nexus.database.reader.planning import require_exchange
from data_nexus.database.reader.watchlists.follows import (
    FollowedExchange,
    follow_exchange,
    follow_watchlist,
    list_followed,
)
from data_nexus.database.reader.watchlists.watchlists import member_ids
from data_nexus.domain.symbol import exchange_code
from data_nexus.errors import UsageError


@click.command()
@click.option("--watchlist", type=WATCHLIST, help="follow the assets of this watchlist")
@click.option("--only", is_flag=True, help="and no others of their exchanges")
@click.option("--exchange", type=EXCHANGE, help="follow all assets of this exchange again")
@output_options
def follow(
    watchlist: str | None,
    only: bool,  # noqa: FBT001 - a flag of the command line
    exchange: str | None,
    as_json: bool,  # noqa: FBT001
    **options: Any,  # noqa: ANN401
) -> None:
    """Choose which assets of an exchange are kept up to date.

    Example: nexus follow --watchlist sp500 --only

    At first an exchange follows all its assets. With --only it follows those of the watchlist: the
    others, also those that a discovery adds, are not due and cost no call. Nothing is deleted.
    Without options, shows what each exchange follows.
    """
    if (watchlist and exchange) or (only and not watchlist):
        raise UsageError("give --watchlist NAME, with --only or without, or else --exchange CODE")
    code = exchange_code(exchange) if exchange else None
    with (
        opened(settings_from(options), writes=bool(watchlist or code)) as database,
        waiting("marking what is followed"),
    ):
        if watchlist:
            member_ids(database, watchlist)
            follow_watchlist(database, watchlist, only=only)
        elif code:
            require_exchange(database, code)
            follow_exchange(database, code)
        found = list_followed(database)
    if as_json:
        print_json({"exchanges": [asdict(each) for each in found]})
    elif found:
        headings = ("exchange", "follows", "followed", "paused", "assets")
        print_table(headings, [_row(each) for each in found])
    else:
        console.print(NOTHING_DISCOVERED)


def _row(each: FollowedExchange) -> tuple[object, ...]:
    follows = ", ".join(each.watchlists) or "all"
    return (each.exchange, follows, each.followed, each.paused, each.assets)
