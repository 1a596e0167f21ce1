"""The commands `nexus db`: the database's URL, its tables, a shell."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import click
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from data_nexus.cli.options import output_options, settings_from
from data_nexus.cli.render import console, print_json
from data_nexus.config import without_password
from data_nexus.database.connection import conninfo
from data_nexus.database.embedded import embedded_server
from data_nexus.database.embedded.os_account import programs
from data_nexus.database.open import open_database
from data_nexus.database.upgrade import upgrade as upgrade_tables


@click.group()
def db() -> None:
    """Print the database's URL, migrate its tables, open psql."""


@db.command()
@output_options
def url(as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Print the database's URL, without its password."""
    settings = settings_from(options)
    if settings.database_url:
        found = without_password(settings.database_url)
    else:
        with embedded_server(settings.home) as own:
            found = own
    if as_json:
        print_json({"url": found, "is_embedded": settings.database_url is None})
    else:
        click.echo(found)


@db.command()
@output_options
def upgrade(as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Create the tables, or migrate them to this version."""
    settings = settings_from(options)
    if settings.database_url:
        upgrade_tables(settings.database_url, settings.schema)
    else:
        with open_database(None, settings.home, settings.schema):
            pass
    if as_json:
        print_json({"upgraded": True})
    else:
        console.print("The tables match this version.")


@db.command()
@output_options
def shell(as_json: bool, **options: Any) -> int:  # noqa: ANN401, FBT001
    """Open psql on the database."""
    del as_json
    settings = settings_from(options)
    with open_database(settings.database_url, settings.home, settings.schema, writes=False) as own:
        # A password must not stand on a command line: it goes through the environment.
        target = conninfo_to_dict(conninfo(own, settings.schema, role="shell"))
        parts = {key: str(value) for key, value in target.items()}
        password = {"PGPASSWORD": parts.pop("password")} if "password" in parts else {}
        psql = [str(programs() / "psql"), make_conninfo(**parts)]
        return subprocess.run(  # noqa: S603 - our own psql
            psql, env=os.environ | password, check=False
        ).returncode
