"""Print answers: one JSON document, or tables and sentences for people.

Names, reasons and excerpts are the vendor's. What is printed is text alone: no markup, no link, no
emoji code and no character that a terminal obeys; styles are given beside a text, never in it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from data_nexus.domain.texts import visible


class PlainConsole(Console):
    """A console that prints every text as it is, with marks for what cannot be seen."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401
        """Return a text to be printed; every one that is not styled comes through here."""
        return super().render_str(visible(text), **options)


console = PlainConsole()
error_console = PlainConsole(stderr=True)


def print_json(answer: Mapping[str, Any]) -> None:
    """Print the one JSON document of a command on stdout."""
    click.echo(json.dumps(answer, indent=2, default=str))


def print_error(message: str, exit_code: int, *, as_json: bool) -> None:
    """Print an error as one line on stderr; with `--json` also as the document on stdout."""
    click.echo(f"error: {visible(message)}", err=True)
    if as_json:
        print_json({"error": message, "exit_code": exit_code})


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: 1 asset, 2 assets."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


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
    """Return whether stderr is a terminal."""
    return sys.stderr.isatty()
