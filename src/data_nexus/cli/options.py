"""Options for output and logs that all commands share, and the settings made from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, time
from typing import Any

import click

from data_nexus.app.calendar_files import keep_calendars_at_home
from data_nexus.cli.completing import EXCHANGE, SYMBOL, SYMBOLS, WATCHLIST
from data_nexus.config import Settings, load_settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.embedded import names_file
from data_nexus.database.open import open_database
from data_nexus.database.reader.listed.known_names import keep_names
from data_nexus.domain.dates import parse_day, parse_moment, relative_day
from data_nexus.observe.logs import set_up_logs
from data_nexus.observe.waiting import SteadyConsole, waiting_display

__all__ = [
    "DAY",
    "EXCHANGE",
    "MOMENT",
    "SYMBOL",
    "SYMBOLS",
    "WATCHLIST",
    "Decorated",
    "opened",
    "output_options",
    "settings_from",
]
Decorated = Callable[..., Any]


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


DAY, MOMENT = Day(), Moment()


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
    return settings
