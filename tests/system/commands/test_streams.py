"""A command whose output goes nowhere ends in order, with one line at most."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets, execute
from tests.support.programs.commands import Commands, Finished

FULL = "error: a file or a connection: No space left on device; free space on the disk\n"
# How a shell calls it, and how it ends: its code, and what it says.
CALLS = {
    "--help > /dev/full": (7, FULL),
    "status --json > /dev/full": (7, FULL),
    "bars AAPL.US --format csv > /dev/full": (7, FULL),
    "bars AAPL.US --format csv >&-": (0, ""),
    "--help >&-": (0, ""),
    "bars NOPE.US 2> /dev/full": (2, ""),
    "status <&- >&- 2>&-": (0, ""),
    "bars AAPL.US --format csv | head -1 > /dev/null": (0, ""),
}


@pytest.fixture(scope="module")
def ended(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Finished]]:
    """Each call's end, of several at once."""
    with cluster.fresh_database() as url, ThreadPoolExecutor(2) as some:
        add_assets(url, "AAPL")
        execute(
            url,
            "INSERT INTO market_data SELECT 1, date '1990-01-01' + n, 1, 1, 1, 1, 1, 1"
            " FROM generate_series(1, 9000) AS n",
        )
        folder = tmp_path_factory.mktemp("home")
        places = {"DATABASE_URL": url, "NEXUS_HOME": str(folder), "HOME": str(folder)}
        commands = Commands(folder, places)
        found = some.map(lambda call: called(commands, call), CALLS)
        yield dict(zip(CALLS, found, strict=True))


def called(commands: Commands, call: str) -> Finished:
    """Let a shell call `nexus`; of a pipe the code is that of `nexus`."""
    program = f"{sys.executable} -m data_nexus"
    script = f"set -o pipefail; {program} {call}"
    done = subprocess.run(
        ["/bin/bash", "-c", script],
        cwd=commands.folder,
        env={**commands.environment, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("call", CALLS)
def test_it_ends_in_order(ended: dict[str, Finished], call: str) -> None:
    done = ended[call]
    assert (done.code, done.stderr.replace("standard output", "a file or a connection")) == CALLS[
        call
    ]


def test_nothing_of_a_command_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    """Else what it prints would go to its connection to the database."""
    program = "from data_nexus.cli.streams import *; import os; open_closed_streams();"
    look = "print(os.open('/dev/null', os.O_RDONLY) > 2, file=open('seen', 'w'))"
    subprocess.run(
        ["/bin/bash", "-c", f'{sys.executable} -c "{program} {look}" <&- >&- 2>&-'],
        cwd=tmp_path,
        check=True,
    )
    assert (tmp_path / "seen").read_text() == "True\n"
