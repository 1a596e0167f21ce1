"""`nexus changes`: show what the vendor changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from data_nexus.cli.options import EXCHANGE, MOMENT, opened, output_options, settings_from
from data_nexus.cli.render import console, print_json, print_pairs, print_table, waiting
from data_nexus.database.reader.changes import Changes, changes_since
from data_nexus.database.reader.planning import require_exchange
from data_nexus.domain.symbol import exchange_code

_SHOWN = 20

_Row = dict[str, Any]


@click.command()
@click.option(
    "--since",
    type=MOMENT,
    default="7d",
    show_default=True,
    help="changes after then: 2026-11-01T12:00 (UTC), yesterday, 7d",
)
@click.option("--exchange", type=EXCHANGE, help="of one exchange only")
@output_options
def changes(
    since: datetime,
    exchange: str | None,
    as_json: bool,  # noqa: FBT001 - a flag of the command line
    **options: Any,  # noqa: ANN401
) -> None:
    """Show what the vendor changed: bars, actions, listings.

    Restated bars, withdrawn bars and actions, re-based histories, splits and dividends, appeared,
    vanished and renamed listings.

    Without --json the counts are complete, and the latest of each kind are shown.
    """
    settings = settings_from(options)
    code = exchange_code(exchange) if exchange is not None else None
    with opened(settings, writes=False) as database, waiting("reading the changes"):
        if code:
            require_exchange(database, code)
        found = changes_since(database, since, code, None if as_json else _SHOWN)
    if as_json:
        print_json({"since": found.since.isoformat(), "counts": found.counts, **found.listed})
    else:
        _show(found)


def _show(found: Changes) -> None:
    print_pairs((look.title, found.counts[kind]) for kind, look in _LOOKS.items())
    for kind, look in _LOOKS.items():
        rows = found.listed[kind]
        if not rows:
            continue
        console.print(f"\n{look.title}:")
        print_table(
            ("symbol", "found", *look.columns),
            [(row["ticker"], row["moment"], *look.cells(row)) for row in rows],
        )
        if len(rows) < found.counts[kind]:
            console.print(f"the latest {len(rows)} of {found.counts[kind]:,}; --json has all")


def _restated(row: _Row) -> tuple[str, ...]:
    old, new = row["old"], row["new"]
    changed = [
        f"{name.replace('_', ' ')} {old[name]:.10g} → {new[name]:.10g}"
        for name in old
        if old[name] != new[name]
    ]
    return str(row["date"]), ", ".join(changed)


def _withdrawn(row: _Row) -> tuple[str, ...]:
    return row["what"], str(row["date"]), _number(row["value"])


def _rebased(row: _Row) -> tuple[str, ...]:
    ratio = row["volume_ratio"]
    return (
        f"{_number(row['old_factor'])} → {_number(row['new_factor'])}",
        "—" if ratio is None else f"times {_number(ratio)}",
        f"{row['bars']:,}",
        f"{row['first_date']} to {row['last_date']}",
    )


def _split(row: _Row) -> tuple[str, ...]:
    return str(row["date"]), f"{_number(row['numerator'])} for {_number(row['denominator'])}"


def _dividend(row: _Row) -> tuple[str, ...]:
    return str(row["date"]), f"{_number(row['value'])} {row['currency'] or ''}"


def _listed(row: _Row) -> tuple[str, ...]:
    return row["asset_type"], row["name"]


def _renamed(row: _Row) -> tuple[str, ...]:
    return row["new_ticker"], row["name"], row["reason"]


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.6g}"


@dataclass(frozen=True, slots=True)
class _Look:
    """How a kind of change is shown, beside the symbol and the moment."""

    title: str
    columns: tuple[str, ...]
    cells: Callable[[_Row], tuple[str, ...]]


_LOOKS = {
    "restated": _Look("restated bars", ("date", "what changed"), _restated),
    "withdrawn": _Look("withdrawn", ("what", "date", "close, ratio or amount"), _withdrawn),
    "rebased": _Look(
        "re-based histories", ("factor of the oldest bar", "volumes", "bars", "dates"), _rebased
    ),
    "splits": _Look("new splits", ("ex-date", "shares"), _split),
    "dividends": _Look("new dividends", ("ex-date", "amount"), _dividend),
    "appeared": _Look("new symbols", ("type", "name"), _listed),
    "vanished": _Look("lost symbols", ("type", "name"), _listed),
    "renamed": _Look("renamed symbols", ("now", "name", "reason"), _renamed),
}
