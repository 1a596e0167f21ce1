"""What an operator can mend in the database or the system ends a command with 7 and one line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute, value
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.sandbox import Sandbox, sandbox

READERS = {
    "status": ("status",),
    "plan": ("plan",),
    "bars": ("bars", "S.US"),
    "changes": ("changes", "--since", "2020-01-01T00:00"),
    "listings": ("listings", "S.US"),
    "dead letters": ("dead-letters", "list"),
    "a snapshot": ("export", "lake", "--to", "lake"),
    "an export": ("export", "csv", "--exchange", "US", "--out", "csv"),
    "a chart": ("plot", "S.US"),
}
WRITERS = {
    "discover": ("discover", "--exchange", "US"),
    "backfill": ("backfill",),
    "update": ("update",),
    "dead letters": ("dead-letters", "retry", "--all"),
}


@pytest.fixture(scope="module")
def vendor() -> Iterator[Sandbox]:
    with sandbox(symbols=40, bars_per_symbol=5, clean=True, minute_limit=1_000_000) as running:
        yield running


@pytest.fixture(scope="module")
def powerless(
    cluster: Cluster, vendor: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Commands]:
    """Commands of a role that may look at the schema's version and at nothing else."""
    with cluster.fresh_database() as url:
        execute(
            url,
            "DROP ROLE IF EXISTS powerless_reader",
            "CREATE ROLE powerless_reader LOGIN",
            "GRANT SELECT ON alembic_version TO powerless_reader",
        )
        other = url.replace("//nexus@", "//powerless_reader@")
        yield commands_at(tmp_path_factory.mktemp("home"), vendor, other)
        execute(url, "DROP OWNED BY powerless_reader", "DROP ROLE powerless_reader")


@pytest.mark.parametrize("arguments", [*READERS.values(), *WRITERS.values()], ids=" ".join)
def test_a_missing_right_is_named_in_one_line(
    powerless: Commands, arguments: tuple[str, ...]
) -> None:
    done = powerless.run(*arguments)
    assert (done.code, done.stdout) == (7, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert "run as its owner: GRANT " in line


def test_too_few_files_end_a_load_in_words_and_leave_no_lease(
    vendor: Sandbox, tmp_path: Path, database_url: str
) -> None:
    commands = commands_at(tmp_path, vendor, database_url)
    assert commands.run("discover", "--exchange", "US").code == 0
    # A calendar is computed once, with files enough.
    assert commands.run("plan").code == 0
    lacking = replace(commands, environment={**commands.environment, "NEXUS_ATTEMPTS": "2"})
    for files in (20, 24):
        done = subprocess.run(
            [
                *("/bin/bash", "-c", f'ulimit -n {files}; exec "$@"', "bash"),
                *(sys.executable, "-m", "data_nexus", "backfill", "--concurrency", "30"),
                "--no-limit",
            ],
            cwd=tmp_path,
            env=lacking.environment_with({}),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode in (0, 3, 6, 7), done.stderr
        assert "a bug of ours" not in done.stderr
        assert "Traceback" not in done.stderr
        held = "SELECT count(*) FROM assets WHERE lease_owner IS NOT NULL"
        assert value(database_url, held) == 0
    assert commands.run("backfill", "--no-limit").code == 0
