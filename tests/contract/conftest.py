"""Gives the store's tests a worker on a database of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data_nexus.database.embedded import embedded_server, remove
from data_nexus.database.embedded.directory import cluster_folder
from tests.support.postgres.workers import Worker, worker_on


@pytest.fixture(scope="session")
def made_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data of an embedded server that was started once: to be copied, not to be used."""
    home = tmp_path_factory.mktemp("made")
    with embedded_server(home):
        pass
    yield cluster_folder(home) / "cluster"
    remove(home)


@pytest.fixture
def worker(database_url: str) -> Iterator[Worker]:
    with worker_on(database_url) as running:
        yield running
