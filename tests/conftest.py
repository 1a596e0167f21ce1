"""Gives tests a database: `database_url`, migrated, empty and their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from data_nexus.database.upgrade import upgrade
from tests.support.database import Cluster, temporary_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with temporary_cluster(upgrade) as running:
        yield running


@pytest.fixture
def database_url(cluster: Cluster) -> Iterator[str]:
    with cluster.fresh_database() as url:
        yield url
