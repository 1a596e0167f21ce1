"""A vendor shared by all tests of its counting; each test finds it as it started."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.vendor.sandbox import Sandbox, sandbox

NOON = "2026-11-20T12:00:00"


@pytest.fixture(scope="session")
def counting() -> Iterator[Sandbox]:
    """Six symbols with more than a year of bars each."""
    with sandbox(symbols=6, clean=True, bars_per_symbol=300, now=NOON) as running:
        yield running


@pytest.fixture
def vendor(counting: Sandbox) -> Sandbox:
    """The shared vendor at noon: nothing is used, nobody else spends."""
    counting.post("/spend", {"per_minute": 0, "calls_each": 1})
    counting.post("/clock", {"now": NOON})
    counting.post("/account", {"plan": "all-world"})
    counting.post("/limits", {"minute": 1000, "used": 0, "window": "fixed"})
    possible = counting.get("/")["choices"]
    counting.post("/choices", {name: values[0] for name, values in possible.items()})
    return counting
