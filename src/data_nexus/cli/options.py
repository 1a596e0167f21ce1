"""Options for output and logs that all commands share, and the settings made from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from data_nexus.app.calendar_files import keep_calendars_at_home
from data_nexus.config import Settings, load_settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.open import open_database
from data_nexus.observe.logs import set_up_logs

Decorated = Callable[..., Any]


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
    with open_database(settings.database_url, home, schema, writes=writes) as url:
        database = PostgresConnection(url, schema)
        yield database
        database.close()


def settings_from(options: dict[str, Any]) -> Settings:
    """Return the settings of a command, `options` first among their sources; set up its logs."""
    settings = load_settings(options)
    keep_calendars_at_home(settings)
    set_up_logs(settings.log_format, settings.log_level, settings.token)
    return settings
