"""The commands `nexus suspicions`."""

from __future__ import annotations

from typing import Any

import click

from data_nexus.cli.options import EXCHANGE, SYMBOL, opened, output_options, settings_from
from data_nexus.cli.render import console, counted, print_json, print_table
from data_nexus.database.reader.findings import accept_suspicions, list_suspicions
from data_nexus.domain.planning.suspicion import ACCEPTABLE, Reason
from data_nexus.domain.symbol import exchange_code, parse_symbols


@click.group()
def suspicions() -> None:
    """Review what is in doubt, and accept it."""


@suspicions.command("list")
@click.option("--exchange", type=EXCHANGE, help="only this exchange")
@click.option("--accepted", is_flag=True, help="what was accepted, in place of what is open")
@output_options
def list_(exchange: str | None, accepted: bool, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """List what is suspected of assets, the next reading first."""
    settings = settings_from(options)
    chosen = exchange_code(exchange) if exchange else None
    with opened(settings, writes=False) as database:
        found = list_suspicions(database, chosen, accepted=accepted)
    if as_json:
        named = ({"symbol": row.pop("ticker"), **row} for row in found)
        print_json({"suspicions": list(named)})
        return
    if not found:
        console.print("Nothing was accepted." if accepted else "Nothing is suspected.")
        return
    last = "accepted_at" if accepted else "read_after"
    print_table(
        ("symbol", "reason", "session", "read", "accepted" if accepted else "next reading"),
        [
            (
                *(row["ticker"], row["reason"], row["session"], row["times"]),
                row[last] or "none: it is up to you",
            )
            for row in found
        ],
    )


@suspicions.command()
@click.argument("symbols", nargs=-1, required=True, type=SYMBOL)
@click.option(
    "--reason",
    type=click.Choice([each.value for each in ACCEPTABLE]),
    metavar="REASON",
    help="only this reason, as it is listed; by default all",
)
@output_options
def accept(symbols: tuple[str, ...], reason: str | None, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Accept what is suspected of assets: they are not read again for it.

    The same session does not raise it again; a later one may. What only the vendor's next answers
    can decide (last bars, a changed history) stays open: `nexus repair` reads at once.
    """
    settings = settings_from(options)
    wanted = parse_symbols(symbols)
    with opened(settings) as database:
        count = accept_suspicions(database, wanted, Reason(reason) if reason else None)
    if as_json:
        print_json({"accepted": count})
    else:
        console.print(f"{counted(count, 'suspicion')} accepted.")
