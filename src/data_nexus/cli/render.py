"""Owns how answers look: one JSON document, or tables and sentences for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import click
from rich.console import Console
from rich.table import Table

console = Console(highlight=False)
error_console = Console(stderr=True, highlight=False)


def print_json(answer: Mapping[str, Any]) -> None:
    """Print the one JSON document of a command on stdout."""
    click.echo(json.dumps(answer, indent=2, default=str))


def print_error(message: str, exit_code: int, *, as_json: bool) -> None:
    """Say in one line on stderr what is wrong; with `--json` also as the document on stdout."""
    click.echo(f"error: {message}", err=True)
    if as_json:
        print_json({"error": message, "exit_code": exit_code})


def print_pairs(pairs: Iterable[tuple[str, object]]) -> None:
    """Print facts as two columns."""
    table = Table.grid(padding=(0, 2))
    for name, value in pairs:
        table.add_row(name, shown(value))
    console.print(table)


def shown(value: object) -> str:
    """Return a value as a person reads it."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def is_terminal() -> bool:
    """Say whether a person is watching stderr."""
    return sys.stderr.isatty()


def print_lists(found: Iterable[Mapping[str, Any]]) -> None:
    """Print what each symbol list changed."""
    for one in found:
        kind = " delisted" if one["delisted"] else ""
        console.print(
            f"{one['exchange']}{kind}: {one['added']:,} added,"
            f" {one['reactivated']:,} reactivated, {one['deactivated']:,} deactivated,"
            f" {one['updated']:,} updated, {one['unchanged']:,} unchanged"
        )
        for move in one["moves"]:
            arrow = f" → {move['to']}" if move["to"] else ""
            console.print(f"  {move['from']}{arrow}: {move['reason']}")


def print_run(figures: Mapping[str, Any], *, is_cut_short: bool) -> None:
    """Print a run's figures as sentences."""
    asked = figures["total_assets"] + figures["actions"] + figures["actions_failed"]
    if not asked:
        console.print("No asset was asked for." if is_cut_short else "Nothing is due.")
        return
    if figures["total_assets"]:
        _print_histories(figures)
    if figures["actions"] or figures["actions_failed"]:
        console.print(
            f"{figures['actions']:,} assets' splits and dividends read,"
            f" {figures['actions_failed']:,} failed; {figures['findings']:,} leave adjusted closes"
            " unexplained"
        )
    for title, counts in (("odd", figures["flagged"]), ("rejected", figures["rejected_by_rule"])):
        for rule, count in sorted(counts.items()):
            console.print(f'  {title}: {count:,} rows break the rule "{rule}"')
    seconds = figures["duration_sec"]
    console.print(
        f"{figures['calls']:,} calls in {figures['requests']:,} requests, {seconds:.1f} s"
        f" ({figures['total_rows'] / max(seconds, 0.001):,.0f} rows/s)"
    )


def _print_histories(figures: Mapping[str, Any]) -> None:
    console.print(
        f"{figures['synced']:,} assets synced, {figures['absent']:,} without bars,"
        f" {figures['failed']:,} failed, {figures['parked']:,} parked"
    )
    console.print(
        f"{figures['total_rows']:,} rows received: {figures['inserted']:,} inserted,"
        f" {figures['revised']:,} revised, {figures['unchanged']:,} unchanged,"
        f" {figures['rejected']:,} rejected"
    )
    if figures["reread"]:
        console.print(
            f"{figures['reread']:,} histories read again as a whole: their last bars had changed"
        )
