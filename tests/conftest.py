"""Gives tests a database: `database_url`, migrated, empty and their own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from tempfile import TemporaryDirectory

import pytest

from data_nexus.database.upgrade import upgrade
from tests.support.campaign import is_campaign
from tests.support.files.memory import folder_in_memory
from tests.support.postgres.database import Cluster, temporary_cluster


def pytest_configure() -> None:
    """Have temporary folders made in memory, by this process and by those that it starts."""
    if "TMPDIR" not in os.environ and (folder := folder_in_memory()):
        os.environ["TMPDIR"] = str(folder)
        tempfile.tempdir = None  # as if it had not been asked for


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave to `make campaign` what only it runs."""
    if is_campaign():
        return
    left_out = [item for item in items if item.get_closest_marker("campaign")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("campaign")]


@pytest.fixture(scope="session", autouse=True)
def allowed_by_nobody() -> Iterator[None]:
    """The run has a list of its own of what its user allowed, and leaves the real one alone."""
    before = os.environ.get("XDG_CONFIG_HOME")
    with TemporaryDirectory(prefix="nexus-test-config-") as folder:
        os.environ["XDG_CONFIG_HOME"] = folder
        yield
    os.environ.pop("XDG_CONFIG_HOME")
    if before is not None:
        os.environ["XDG_CONFIG_HOME"] = before


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with temporary_cluster(upgrade) as running:
        yield running


@pytest.fixture
def database_url(cluster: Cluster) -> Iterator[str]:
    with cluster.fresh_database() as url:
        yield url
