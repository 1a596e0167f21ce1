"""What the tests of the embedded PostgreSQL share: commands that use it, and looks at it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from data_nexus.database.embedded.directory import (
    cluster_folder,
    known_directory,
    make_directory,
    make_postgres_folder,
    record_directory,
)
from data_nexus.database.embedded.os_account import programs_for

# Uses the server until its input ends, as a command does that works for a while. Root may say as
# whom: only then, for another user need not have the right to read the Python that runs.
_COMMAND = """
import os, sys
from pathlib import Path
from data_nexus.database.embedded import embedded_server

for account in map(int, sys.argv[2:]):
    os.setgroups([]), os.setgid(account), os.setuid(account)
with embedded_server(Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def lay_cluster(home: Path, cluster: Path) -> None:
    """Gives a new home a copy of a stopped server's data, as if it had been made there."""
    make_postgres_folder(home)
    site = make_directory(home)
    subprocess.run(["cp", "-a", cluster, site.cluster], check=True)  # noqa: S607
    record_directory(home, site)


def start_command(
    home: Path, *account: int, env: dict[str, str] | None = None, new_session: bool = False
) -> subprocess.Popen[str]:
    """Starts a process that uses the home's server; `url_from` waits until it does.

    `account` is the user id that it takes on, if any; `env` is added to the environment.
    """
    return subprocess.Popen(
        [sys.executable, "-c", _COMMAND, home, *map(str, account)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        stderr=subprocess.DEVNULL if new_session else None,
        env=os.environ | (env or {}),
        start_new_session=new_session,
    )


def url_from(command: subprocess.Popen[str]) -> str:
    """The URL that the command was given, once its server runs."""
    assert command.stdout is not None
    url = command.stdout.readline().strip()
    assert url, "the command ended without a server"
    return url


@contextmanager
def command_using(
    home: Path, *account: int, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Yields a process that uses the home's server; it leaves at the end."""
    command = start_command(home, *account, env=env)
    try:
        url_from(command)
        yield command
    finally:
        command.communicate()


def server_pid(home: Path) -> int | None:
    """The process id of the home's server; None when it was stopped in order."""
    try:
        return int((cluster_folder(home) / "cluster" / "postmaster.pid").read_text().split()[0])
    except FileNotFoundError:
        return None


def answer(url: str, query: str) -> Any:  # noqa: ANN401 - whatever PostgreSQL answers
    """The first value of a query's answer, in a connection and a transaction of its own."""
    with psycopg.connect(url) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
        return row and row[0]


def stop_at_once(home: Path) -> None:
    """Stops the home's server without a checkpoint; the next start recovers."""
    site = known_directory(home)
    assert site
    pg_ctl = programs_for(site.account) / "pg_ctl"
    options = ("-D", site.cluster.name, "-m", "immediate", "-w", "-s")
    assert site.account.run(pg_ctl, "stop", *options, cwd=site.folder, stdin="")[0] == 0
