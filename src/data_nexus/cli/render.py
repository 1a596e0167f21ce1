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
