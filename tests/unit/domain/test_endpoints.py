"""One table of costs: the planner, the ledger and the simulated vendor agree on every price."""

from __future__ import annotations

from data_nexus.domain.endpoints import CALLS, MEANINGS, Endpoint
from data_nexus.sandbox.endpoints.table import costs


def test_every_endpoint_that_the_engine_reads_has_a_price_and_a_meaning() -> None:
    assert CALLS.keys() == MEANINGS.keys() == set(Endpoint)


def test_the_sandbox_asks_the_same_prices() -> None:
    asked = costs()
    assert {endpoint: asked[endpoint] for endpoint in CALLS} == CALLS
