"""The place of the measurements: a PostgreSQL of their own, and fresh databases in it.

It is the embedded server with the settings that users get, `fsync` included. Autovacuum alone is
off: it would wake in some rounds and not in others.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from data_nexus.app.vendor import SandboxVendor, sandbox_vendor
from data_nexus.config import load_settings
from data_nexus.database.embedded import embedded_server, remove
from data_nexus.database.upgrade import upgrade

# Nobody meets the sandbox's limits here, and every day's run reads the same rows.
_ENDLESS = ("--minute-limit", "1000000", "--daily-limit", "1000000000")
_SAME_DAY = ("--now", "2025-01-01T12:00:00")
_PATIENCE_SEC = 10.0


@dataclass(frozen=True, slots=True)
class Place:
    """A running server: `folder` for files and as working folder, `url` of its first database."""

    folder: Path
    url: str
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @contextmanager
    def template(self, fill: Callable[[str], object]) -> Iterator[str]:
        """Give the name of a database with our tables, filled by `fill(url)`, to copy from."""
        with self._database() as name:
            upgrade(self._url_of(name))
            fill(self._url_of(name))
            self._wait_until_left(name)
            yield name

    @contextmanager
    def copy_of(self, template: str) -> Iterator[str]:
        """Give the URL of a fresh copy; no write of an earlier one is still to be paid for."""
        with self._database("TEMPLATE {} STRATEGY FILE_COPY", template) as name:
            self.execute("CHECKPOINT")
            yield self._url_of(name)

    def wal_position(self) -> int:
        """Return how many bytes of log the server has written so far."""
        return int(self.answer("SELECT pg_current_wal_insert_lsn() - '0/0'"))

    def transactions(self, database: str) -> int:
        """Return how many transactions were committed in a database, once all have left it."""
        name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
        self._wait_until_left(str(name))
        counted = "SELECT pg_stat_get_db_xact_commit(oid) FROM pg_database WHERE datname = %s"
        return int(self.answer(counted, name))

    def answer(self, question: LiteralString, *parameters: object) -> Any:  # noqa: ANN401
        """Return the first value of an answer from the first database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            row = connection.execute(question, parameters).fetchone()
        return row and row[0]

    def execute(self, statement: LiteralString, *names: str) -> None:
        """Execute a statement in the first database, with names in its braces."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    @contextmanager
    def _database(self, how: LiteralString = "", *names: str) -> Iterator[str]:
        name = f"bench_{next(self._numbers)}"
        self.execute("CREATE DATABASE {} " + how, name, *names)
        try:
            yield name
        finally:
            self.execute("DROP DATABASE {} WITH (FORCE)", name)

    def _url_of(self, name: str) -> str:
        return self.url.replace("@/nexus?", f"@/{name}?")

    def _wait_until_left(self, name: str) -> None:
        """Wait until no session is left: a server process outlives its client by a moment."""
        deadline = time.monotonic() + _PATIENCE_SEC
        seated = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
        while self.answer(seated, name) and time.monotonic() < deadline:
            time.sleep(0.02)


@contextmanager
def temporary_place() -> Iterator[Place]:
    """Give a place while the block lasts; nothing of it stays."""
    folder = Path(tempfile.mkdtemp(prefix="nexus-bench-"))
    try:
        with embedded_server(folder) as url:
            place = Place(folder, url)
            place.execute("ALTER SYSTEM SET autovacuum = off")
            place.execute("SELECT pg_reload_conf()")
            yield place
    finally:
        remove(folder)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def endless_sandbox(place: Place, *options: str | Path) -> Iterator[SandboxVendor]:
    """Give a sandbox whose limits nobody meets, unless options set others."""
    settings = load_settings(environ={"NEXUS_HOME": str(place.folder)}, folder=place.folder)
    with sandbox_vendor(settings, [*_ENDLESS, *_SAME_DAY, *map(str, options)]) as vendor:
        yield vendor


@contextmanager
def warmed_sandbox(place: Place, *options: str | Path) -> Iterator[SandboxVendor]:
    """Give a sandbox that has every answer ready, so that serving costs the engine least."""
    with endless_sandbox(place, *options) as vendor:
        vendor.ask("/warm", {})
        yield vendor
