"""Gives system tests a vendor for a module's tests, and commands on a database of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import Commands, commands_at
from tests.support.sandbox import Sandbox

Placed = Callable[[Sandbox], Commands]


@pytest.fixture
def commands_for(tmp_path: Path, database_url: str) -> Placed:
    """Make commands that ask the given vendor and fill this test's database."""
    return lambda vendor: commands_at(tmp_path, vendor, database_url)
