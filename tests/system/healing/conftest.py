"""A vendor and a database that was loaded from it, to be damaged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.postgres.database import Cluster
from tests.support.programs.commands import Commands, commands_at
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.system.conftest import Placed

SYMBOLS = 12


@pytest.fixture(scope="module")
def vendor_once() -> Iterator[Sandbox]:
    options = {"symbols": SYMBOLS, "bars_per_symbol": 100, "clean": True}
    with sandbox(minute_limit=1_000_000, **options) as running:  # type: ignore[arg-type]
        yield running


@pytest.fixture
def vendor(vendor_once: Sandbox) -> Iterator[Sandbox]:
    yield vendor_once
    vendor_once.delete("/faults")
    vendor_once.post("/limits", {"daily": 100_000})


@pytest.fixture(scope="module")
def loaded_once(
    cluster: Cluster, vendor_once: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with cluster.fresh_database() as url:
        commands = commands_at(tmp_path_factory.mktemp("home"), vendor_once, url)
        assert commands.run("discover", "--exchange", "US").code == 0
        assert commands.run("backfill", "--no-limit").code == 0
        yield url


@pytest.fixture
def database_url(cluster: Cluster, loaded_once: str) -> Iterator[str]:
    with cluster.fresh_database(filled=loaded_once) as url:
        yield url


@pytest.fixture
def commands(vendor: Sandbox, commands_for: Placed) -> Commands:
    return commands_for(vendor)
