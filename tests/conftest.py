"""Gives tests a database, `database_url`, migrated, empty and their own; and each its turn."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest

from data_nexus.database.upgrade import upgrade
from tests.support.database import Cluster, temporary_cluster
from tests.support.turn import turn


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test, its fixtures included, alone or beside those of the other processes."""
    with turn(alone=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with temporary_cluster(upgrade) as running:
        yield running


@pytest.fixture
def database_url(cluster: Cluster) -> Iterator[str]:
    with cluster.fresh_database() as url:
        yield url
