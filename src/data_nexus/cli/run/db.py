"""The commands `nexus db`: URL, tables, a shell, other programs, a move, a new start."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from data_nexus.app.signals import ended_by_signal
from data_nexus.cli.options import opened, output_options, settings_from
from data_nexus.cli.render import (
    console,
    counted,
    error_console,
    print_json,
    print_table,
    waiting,
)
from data_nexus.cli.run.backups import COMMANDS as BACKUP_COMMANDS
from data_nexus.config import Settings, without_password
from data_nexus.database.connection import PostgresConnection, conninfo
from data_nexus.database.embedded import (
    embedded_server,
    has_cluster,
    loopback_server,
    remove,
    server_log,
    trust_cluster,
)
from data_nexus.database.embedded.os_account import programs
from data_nexus.database.embedded.settings import LOOPBACK
from data_nexus.database.open import open_database
from data_nexus.database.reader.server.guests import GUEST, admitted_guests
from data_nexus.database.store.transfer.copying import (
    TableCopied,
    copy_tables,
    other_tables,
    require_vacant,
)
from data_nexus.database.upgrade import TABLES, check_schema
from data_nexus.database.upgrade import upgrade as upgrade_tables
from data_nexus.errors import NexusError, StorageUnavailable, UsageError

# How often `db serve` looks whether the server is still there.
_LOOK_SEC = 5.0


@click.group()
def db() -> None:
    """Print the URL, migrate, open psql, serve, copy, back up, reset."""


for _command in BACKUP_COMMANDS:
    db.add_command(_command)


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
        if settings.database_url is None and sys.stdout.isatty():
            error_console.print("It is up while a command runs; `nexus db serve` keeps it up.")


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
    settings = _embedded(options)
    cluster = trust_cluster(settings.home)
    if as_json:
        print_json({"trusted": str(cluster)})
    else:
        console.print(f"Accepted: {cluster}")


@db.command()
@click.option(
    "--port",
    type=click.IntRange(1024, 65_535),
    help="port on 127.0.0.1, by default any free one",
)
@output_options
def serve(port: int | None, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Keep the embedded server up for other programs.

    Prints a socket and a URL on 127.0.0.1 that psql, DBeaver, Grafana, R and Metabase take, for a
    user that can only read. Its password is made for this run, shown once and void afterwards.
    Ctrl-C ends it; the server goes on while other commands use it. One that runs already cannot
    begin to listen: start this first.
    """
    settings = _embedded(options)
    chosen = _free_port(port)
    with loopback_server(settings.home, chosen) as own:
        upgrade_tables(own, settings.schema)
        database = PostgresConnection(own, settings.schema)
        with admitted_guests(database) as password, ended_by_signal() as ended:
            _show_access(own, chosen, password, as_json=as_json)
            _watch(database, ended, server_log(settings.home))
    if not as_json:
        error_console.print("Ended: the password is void.")


def _embedded(options: dict[str, Any]) -> Settings:
    """Return the settings of a command that is for the embedded database alone."""
    settings = settings_from(options)
    if settings.database_url:
        raise UsageError("DATABASE_URL is set: this command is for the embedded database")
    return settings


def _free_port(wanted: int | None) -> int:
    """Return a port of the loopback address on which nothing listens."""
    with socket.socket() as trial:
        # A port of connections that have ended is free.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((LOOPBACK, wanted or 0))
        except OSError as error:
            raise UsageError(
                f"--port {wanted}: {error.strerror}; name another, or none for a free one"
            ) from None
        found: int = trial.getsockname()[1]
        return found


def _show_access(own: str, port: int, password: str, *, as_json: bool) -> None:
    place = conninfo_to_dict(own)
    base, folder = place["dbname"], quote(str(place["host"]), safe="")
    loopback = f"postgresql://{GUEST}:{quote(password, safe='')}@{LOOPBACK}:{port}/{base}"
    by_socket = f"postgresql://{GUEST}@/{base}?host={folder}&port={port}"
    parts = {"host": LOOPBACK, "port": port, "database": base, "user": GUEST}
    if as_json:
        print_json({"url": loopback, "socket_url": by_socket, **parts, "password": password})
    else:
        # Never broken into lines: they are copied.
        console.print(f"URL       {loopback}", soft_wrap=True)
        console.print(f"socket    {by_socket}", soft_wrap=True)
        for name, part in (parts | {"password": password}).items():
            console.print(f"{name:<8}  {part}", soft_wrap=True)
        console.print("The password is shown once. Ctrl-C ends it.")
    sys.stdout.flush()


def _watch(database: PostgresConnection, ended: threading.Event, log: Path) -> None:
    """Wait for the end; raise `StorageUnavailable` if the server ends before."""
    while not ended.wait(_LOOK_SEC):
        try:
            with database.connect():
                pass
        except NexusError:
            raise StorageUnavailable(
                f"the embedded server has ended; look at its log, {log}, then run it again"
            ) from None


@db.command()
@click.option("--to", required=True, metavar="URL", help="database of a PostgreSQL server")
@output_options
def copy(to: str, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Copy all tables to a server and compare them.

    The target must hold no rows of Data Nexus; its tables are made first. It receives all rows, as
    they are when the copy begins, or none: stop other commands before. Then counts and checksums
    of each table are compared. A password is better given by PGPASSWORD or ~/.pgpass than in the
    URL, which other users of this machine can see.
    """
    settings, begun = settings_from(options), time.monotonic()
    target = PostgresConnection(to, settings.schema)
    with opened(settings, writes=False) as source:
        with _about_target():
            require_vacant(target, TABLES)
            upgrade_tables(to, settings.schema)
            check_schema(to, settings.schema)
        copied = copy_tables(source, target, TABLES, _quiet if as_json else _announce)
        left_out = other_tables(source, TABLES)
    target.close()
    seconds = time.monotonic() - begun
    if as_json:
        tables = {each.name: {"rows": each.rows, "checksum": each.checksum} for each in copied}
        answer = {"tables": tables, "left_out": left_out, "duration_sec": round(seconds, 3)}
        print_json({"to": without_password(to), **answer})
    else:
        _show_copy(copied, left_out, str(without_password(to)), seconds)


def _announce(table: str) -> None:
    error_console.print(f"copying {table}")


def _quiet(_: str) -> None:
    """Announce nothing."""


@contextmanager
def _about_target() -> Iterator[None]:
    """Let an error about the target name the option that named it."""
    try:
        yield
    except NexusError as error:
        error.args = (str(error).replace("DATABASE_URL", "--to"),)
        raise


def _show_copy(copied: list[TableCopied], left_out: list[str], to: str, seconds: float) -> None:
    print_table(("table", "rows"), [(each.name, each.rows) for each in copied if each.rows])
    rows = sum(each.rows for each in copied)
    all_rows, tables = counted(rows, "row"), counted(len(copied), "table")
    console.print(f"{all_rows} in {tables}, equal by count and checksum, in {seconds:,.1f} s.")
    if left_out:
        console.print(f"Not of Data Nexus, and not copied: {', '.join(left_out)}")
    shown = f"Use it from now on: export DATABASE_URL={shlex.quote(to)}"
    console.print(shown, soft_wrap=True)


def _typed_path() -> str:
    """Return what a person types; Ctrl-C and the end of input delete nothing, and say so."""
    try:
        typed: str = click.prompt(
            "Type that path to confirm", err=True, default="", show_default=False
        )
    except click.Abort:
        # What was typed, and ^C, stand on the line.
        click.echo("\nnothing was deleted", err=True)
        raise
    return typed


@db.command()
@click.option("--yes", metavar="PATH", help="confirm without a question: the path of the home")
@output_options
def reset(yes: str | None, as_json: bool, **options: Any) -> None:  # noqa: ANN401, FBT001
    """Delete the embedded database and start over.

    You confirm it by typing the path of its home. All that was loaded is deleted for good;
    snapshots and exports stay. Refused while a command uses it.
    """
    settings = _embedded(options)
    home = settings.home.expanduser().resolve()
    if not has_cluster(settings.home):
        raise UsageError(f"{home} has no database: nothing to delete")
    if yes is None and not sys.stdin.isatty():
        raise UsageError(f"nothing was deleted; confirm by: nexus db reset --yes {home}")
    if yes is None:
        error_console.print(f"This deletes the database of {home} with all that was loaded.")
        yes = _typed_path()
    if not yes or Path(yes).expanduser().resolve() != home:
        raise UsageError(f"nothing was deleted; the path is {home}")
    remove(settings.home)
    if as_json:
        print_json({"deleted": str(home)})
    else:
        console.print(f"Deleted. The next command makes a new database in {home}.")
