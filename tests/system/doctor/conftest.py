"""A vendor, and what `nexus doctor` says of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.programs.commands import Commands
from tests.support.vendor.sandbox import Sandbox, sandbox
from tests.system.conftest import Placed


@pytest.fixture(scope="module")
def vendor() -> Iterator[Sandbox]:
    with sandbox(symbols=3, bars_per_symbol=20, clean=True) as running:
        yield running


@pytest.fixture
def commands(vendor: Sandbox, commands_for: Placed) -> Commands:
    return commands_for(vendor)
