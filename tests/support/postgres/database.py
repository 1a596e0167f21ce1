"""The PostgreSQL of the tests: one embedded cluster a run, a migrated template, quick copies.

A run's cluster lies in a temporary home of its own, so that runs side by side do not meet. It
is deleted at the end of the run, and by a second process when the run is killed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from data_nexus.database.embedded import embedded_server
from tests.support.files.memory import folder_in_memory

_TEMPLATE = "migrated"
_NUMBERS = count(1)

# Waits for the end of its input, which comes with the end of the run, however that ends.
_UNDERTAKER = """
import shutil, sys, time
from pathlib import Path
from data_nexus.database.embedded import remove
from data_nexus.errors import StorageUnavailable

sys.stdin.read()
home = Path(sys.argv[1])
for _ in range(300):
    try:
        remove(home)
        break
    except StorageUnavailable:  # a command that the run started still uses it
        time.sleep(0.2)
shutil.rmtree(home, ignore_errors=True)
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster with one migrated database that others are copied from."""

    url: str

    @contextmanager
    def fresh_database(self, filled: str | None = None) -> Iterator[str]:
        """Yields the URL of a migrated database of its own, and drops it afterwards.

        It is empty, or a copy of the `filled` one at that URL, which nobody may be using.
        """
        name = f"test_{next(_NUMBERS)}"
        # With fsync off, copying files takes half the time of copying by the log.
        template = psycopg.conninfo.conninfo_to_dict(filled)["dbname"] if filled else _TEMPLATE
        self._execute("CREATE DATABASE {} TEMPLATE {} STRATEGY = FILE_COPY", name, str(template))
        try:
            yield self.url_of(name)
        finally:
            self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def url_of(self, name: str) -> str:
        """The URL of another database of the cluster."""
        return self.url.replace("@/nexus?", f"@/{name}?")

    def make_template(self, upgrade: Callable[[str], None]) -> None:
        """Makes the template by migrating an empty database; nobody connects to it later."""
        self._execute("CREATE DATABASE {}", _TEMPLATE)
        upgrade(self.url_of(_TEMPLATE))
        self._execute("ALTER DATABASE {} ALLOW_CONNECTIONS false", _TEMPLATE)

    def hurry(self) -> None:
        """Gives up what only a power cut can take; killed servers and clients lose nothing."""
        self._execute("ALTER SYSTEM SET fsync = off")
        self._execute("ALTER SYSTEM SET full_page_writes = off")
        self._execute("SELECT pg_reload_conf()")

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            query = sql.SQL(statement).format(*map(sql.Identifier, names))
            connection.execute(query)


@contextmanager
def temporary_cluster(upgrade: Callable[[str], None]) -> Iterator[Cluster]:
    """Yields a cluster in a home of its own, whose template was made by `upgrade(url)`."""
    home = Path(tempfile.mkdtemp(prefix="nexus-test-", dir=folder_in_memory()))
    home.chmod(0o711)  # root's server runs as another account
    with _buried_at_last(home), embedded_server(home) as url:
        cluster = Cluster(url)
        cluster.hurry()
        cluster.make_template(upgrade)
        yield cluster


@contextmanager
def _buried_at_last(home: Path) -> Iterator[None]:
    """Deletes the home and its database in the end, even if this process is killed."""
    undertaker = subprocess.Popen(
        [sys.executable, "-c", _UNDERTAKER, home], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        yield
    finally:
        undertaker.communicate()
