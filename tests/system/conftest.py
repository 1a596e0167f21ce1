"""Gives system tests a vendor for a module's tests, and commands on a database of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import execute
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.actions import SUNDAY_NOON, vendor_on_friday, wanted
from tests.support.vendor.nights import load_all, update_at
from tests.support.vendor.sandbox import Sandbox

Placed = Callable[[Sandbox], Commands]


@pytest.fixture
def commands_for(tmp_path: Path, database_url: str) -> Placed:
    """Make commands that ask the given vendor and fill this test's database."""
    return lambda vendor: commands_at(tmp_path, vendor, database_url)


@pytest.fixture(scope="session")
def all_bars(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database that holds all bars of such a vendor, the dead ones' included."""
    with cluster.fresh_database() as url, vendor_on_friday() as vendor:
        commands = commands_at(tmp_path_factory.mktemp("home"), vendor, url)
        for exchange in ("US", "LSE"):
            assert commands.run("discover", "--exchange", exchange, "--delisted").code == 0
        load_all(vendor, url)
        execute(url, "DELETE FROM quota_ledger")
        yield url


@pytest.fixture
def unread(cluster: Cluster, all_bars: str) -> Iterator[str]:
    """The URL of a copy of it: no action is read yet."""
    with cluster.fresh_database(filled=all_bars) as url:
        yield url


@pytest.fixture(scope="session")
def all_read(cluster: Cluster, all_bars: str) -> Iterator[str]:
    """Such a database that holds all actions as well."""
    with cluster.fresh_database(filled=all_bars) as url, vendor_on_friday() as vendor:
        update_at(SUNDAY_NOON, vendor, url)
        assert wanted(url) == 0
        execute(url, "DELETE FROM quota_ledger")
        yield url


@pytest.fixture
def read(cluster: Cluster, all_read: str) -> Iterator[str]:
    """The URL of a copy of it."""
    with cluster.fresh_database(filled=all_read) as url:
        yield url
