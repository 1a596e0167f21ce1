"""Gives the store's tests a worker on a database of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.workers import Worker, worker_on


@pytest.fixture
def worker(database_url: str) -> Iterator[Worker]:
    with worker_on(database_url) as running:
        yield running
