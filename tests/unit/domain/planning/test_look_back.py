"""What a look back costs, and what gives way where calls are short."""

from __future__ import annotations

import pytest

from data_nexus.domain.planning.look_back import NO_LOOK_BACK, LookBack, affordable

PRICES, FULL = LookBack(actions=0), LookBack(actions=2)


def test_a_session_of_prices_costs_one_bulk_request_and_one_of_actions_two() -> None:
    assert (NO_LOOK_BACK.calls, PRICES.calls, FULL.calls) == (0, 100, 500)


@pytest.mark.parametrize(
    ("calls", "us", "lse"),
    [
        (None, FULL, FULL),
        (1000, FULL, FULL),
        (999, FULL, LookBack(actions=1)),
        (600, LookBack(actions=1), LookBack(actions=1)),
        (400, LookBack(actions=1), PRICES),
        (399, PRICES, PRICES),
        (200, PRICES, PRICES),
        (199, PRICES, NO_LOOK_BACK),
        (0, NO_LOOK_BACK, NO_LOOK_BACK),
        (-50, NO_LOOK_BACK, NO_LOOK_BACK),
    ],
)
def test_older_actions_give_way_first_and_prices_last(
    calls: int | None, us: LookBack, lse: LookBack
) -> None:
    granted = affordable(["US", "LSE"], calls, 2)
    expected = {"US": us, "LSE": lse}
    assert granted == expected
    assert calls is None or sum(each.calls for each in granted.values()) <= max(calls, 0)
