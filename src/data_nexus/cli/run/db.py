"""The commands `nexus db`: the database's URL, its tables, a shell, its origin."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import click
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from data_nexus.cli.options import opened, output_options, settings_from
from data_nexus.cli.render import console, print_json, waiting
from data_nexus.config import without_password
from data_nexus.database.connection import conninfo
from data_nexus.database.embedded import embedded_server, trust_cluster
from data_nexus.database.embedded.os_account import programs
from data_nexus.database.open import open_database
from data_nexus.database.upgrade import upgrade as upgrade_tables
from data_nexus.errors import UsageError


@click.group()
def db() -> None:
    """Print the URL, migrate the tables, open psql, accept a copy."""


@db.command()
@output_options
def url(as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Print the database's URL, without its password."""
    settings = settings_from(options)
    if settings.database_url:
        found = without_password(settings.database_url)
    else:
        with waiting("starting the database"), embedded_server(settings.home) as own:
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
    with waiting("bringing the tables to this version"):
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
    with opened(settings, writes=False) as database:
        # A password must not stand on a command line: it goes through the environment.
        target = conninfo_to_dict(conninfo(database.url, settings.schema, role="shell"))
        parts = {key: str(value) for key, value in target.items()}
        password = {"PGPASSWORD": parts.pop("password")} if "password" in parts else {}
        psql = [str(programs() / "psql"), make_conninfo(**parts)]
        return subprocess.run(  # noqa: S603 - our own psql
            psql, env=os.environ | {"PGTZ": "UTC", "PGDATESTYLE": "ISO"} | password, check=False
        ).returncode


@db.command()
@output_options
def trust(as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Accept a database that was copied or unpacked.

    A database can run programs under your name. One that Data Nexus did not make here for you is
    refused until you say by this command that you know who made it; it then stays accepted.
    """
    settings = settings_from(options)
    if settings.database_url:
        raise UsageError("DATABASE_URL is set: this command is for the embedded database")
    cluster = trust_cluster(settings.home)
    if as_json:
        print_json({"trusted": str(cluster)})
    else:
        console.print(f"Accepted: {cluster}")
