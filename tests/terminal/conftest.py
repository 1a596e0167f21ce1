"""Gives the tests of terminals a vendor, and commands on a database that is loaded from it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import rows
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.faults import status
from tests.support.vendor.sandbox import Sandbox, sandbox

PARKED = "TSLA.US"
# Wider than any screen, and with wide characters.
LONG_NAME = "The Incorporated Company of Very Long and Winding Names " * 4 + "株式会社" * 8
RENAME = "UPDATE assets SET name = %s WHERE symbol = 'MSFT'"


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """A shell lets what it starts in the background ignore SIGINT, and so would each command."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def vendor() -> Iterator[Sandbox]:
    options = {"symbols": 12, "bars_per_symbol": 300, "clean": True, "minute_limit": 1_000_000}
    with sandbox(**options) as running:  # type: ignore[arg-type]
        yield running


@pytest.fixture
def loaded(loaded_once: Commands) -> Commands:
    """The same commands, the long name given again: a discovery takes it away."""
    rows(loaded_once.environment["DATABASE_URL"], RENAME, LONG_NAME)
    return loaded_once


@pytest.fixture(scope="session")
def loaded_once(
    vendor: Sandbox, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Commands]:
    """Commands on a database with something of all that they show."""
    with cluster.fresh_database() as url:
        commands = commands_at(tmp_path_factory.mktemp("home"), vendor, url)
        assert commands.run("discover").code == 0
        vendor.post("/faults", {**status(422), "symbol": PARKED, "endpoint": "eod"})
        assert commands.run("backfill", "--no-limit").code == 3
        vendor.delete("/faults")
        assert commands.run("watchlist", "create", "mine", "AAPL.US", "MSFT.US").code == 0
        assert commands.run("pause", "AMZN.US").code == 0
        yield commands
