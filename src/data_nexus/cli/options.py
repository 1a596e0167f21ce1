"""Types of values and options that commands share, and the settings made from them.

A shell that completes a word is given names of the database in use: soon, or none, and without a
word. No server is started for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, time
from typing import Any

import click
from click.shell_completion import CompletionItem

from data_nexus.app.calendar_files import keep_calendars_at_home
from data_nexus.config import TOKEN_VARIABLES, Settings, load_settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.embedded import names_file
from data_nexus.database.open import open_database
from data_nexus.database.reader.listed.known_names import (
    KnownNames,
    keep_names,
    kept_names,
    names_in_time,
)
from data_nexus.domain.dates import parse_day, parse_moment, relative_day
from data_nexus.errors import NexusError
from data_nexus.observe.context import current_facts, in_command
from data_nexus.observe.logs import set_up_logs
from data_nexus.observe.waiting import SteadyConsole, waiting_display

Decorated = Callable[..., Any]
# So many names are shown at most.
_SHOWN = 200


class Day(click.ParamType[date]):
    """A date: 2026-11-01, today, yesterday, or 7d, 3w, 6m and 2y ago."""

    name = "YYYY-MM-DD"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> date:
        """Return the date; fail with what may be written."""
        del param, ctx
        today = datetime.now(UTC).date()
        return value if isinstance(value, date) else parse_day(str(value), today)


class Moment(click.ParamType[datetime]):
    """A moment: 2026-11-01T12:00 in UTC, or what `Day` takes, at its first instant."""

    name = "MOMENT"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> datetime:
        """Return the moment; fail with what may be written."""
        del param, ctx
        if isinstance(value, datetime):
            return value
        text = str(value)
        day = relative_day(text, datetime.now(UTC).date())
        return parse_moment(text) if day is None else datetime.combine(day, time(), UTC)


class Name(click.ParamType[str]):
    """A text that names something in the database; `among` gives the names of its kind."""

    def __init__(self, metavar: str, among: Callable[[KnownNames], list[str]]) -> None:
        self.name = metavar
        self._among = among

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """Return the text; whether there is such a thing is for the command to say."""
        del param, ctx
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the names that begin as the word does."""
        del ctx, param
        return [CompletionItem(each) for each in self.fitting(incomplete)]

    def fitting(self, word: str) -> list[str]:
        """Return what the word may become."""
        return beginning_with(word, self._among(_known_names()))


class NameList(Name):
    """Names with commas between them; the last one is completed."""

    def fitting(self, word: str) -> list[str]:
        """Return what the word may become."""
        before, comma, last = word.rpartition(",")
        return [f"{before}{comma}{each}" for each in super().fitting(last)]


def beginning_with(word: str, names: Sequence[str], most: int = _SHOWN) -> list[str]:
    """Return the names that begin with a word, in capitals or not.

    Of too many an even choice that holds the first and the last one: all begin alike as far as
    these two do, and that far a shell completes the word.
    """
    start = word.casefold()
    found = [name for name in names if name.casefold().startswith(start)]
    if len(found) <= most:
        return found
    return [found[place * (len(found) - 1) // (most - 1)] for place in range(most)]


def _known_names() -> KnownNames:
    """Return the names that the database in use knows; none if it does not answer soon."""
    environ = {name: text for name, text in os.environ.items() if name not in TOKEN_VARIABLES}
    try:
        settings = load_settings(environ=environ)
        if settings.database_url is None:
            return kept_names(names_file(settings.home))
        return names_in_time(PostgresConnection(settings.database_url, settings.schema))
    except NexusError:
        return KnownNames()


DAY, MOMENT = Day(), Moment()
EXCHANGE = Name("CODE", lambda names: names.exchanges)
SYMBOL = Name("SYMBOL", lambda names: names.symbols)
SYMBOLS = NameList("SYMBOL,…", lambda names: names.symbols)
WATCHLIST = Name("NAME", lambda names: names.watchlists)


def output_options(command: Decorated) -> Decorated:
    """Add `--json`, `--log-format` and `--log-level` to a command."""
    for option in (
        click.option("--log-level", help="debug, info, warning or error (on stderr)"),
        click.option("--log-format", type=click.Choice(["json", "text"]), help="log format"),
        click.option("--json", "as_json", is_flag=True, help="print one JSON document"),
    ):
        command = option(command)
    return command


@contextmanager
def opened(settings: Settings, *, writes: bool = True) -> Iterator[PostgresConnection]:
    """Give the database of a command that sends no request; close it at the end."""
    home, schema = settings.home, settings.schema
    with ExitStack() as stack:
        with waiting_display(SteadyConsole(stderr=True), "opening the database"):
            context = open_database(settings.database_url, home, schema, writes=writes)
            url = stack.enter_context(context)
        database = PostgresConnection(url, schema)
        yield database
        if writes and settings.database_url is None:
            keep_names(database, names_file(home))
        database.close()


def settings_from(options: dict[str, Any]) -> Settings:
    """Return the settings of a command, `options` first among their sources; set up its logs."""
    settings = load_settings(options)
    keep_calendars_at_home(settings)
    set_up_logs(settings.log_format, settings.log_level, settings.token)
    called = click.get_current_context(silent=True)
    if called is not None and not current_facts():  # else its settings are read once more
        called.with_resource(in_command(called.command_path.partition(" ")[2]))
    return settings
