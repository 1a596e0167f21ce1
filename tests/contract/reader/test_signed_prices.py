"""Prices of zero and below are read as they are, and never scaled into nonsense."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import get_args

import pytest

import data_nexus as nexus
from data_nexus.errors import AdjustmentRefused
from data_nexus.research.returns import ReturnKind
from data_nexus.research.views import Adjust, Direction
from tests.support.files.exports import Bar, Share, put
from tests.support.postgres.tables import execute

FIRST = date(2024, 1, 2)


def bars(closes: list[float]) -> dict[date, Bar]:
    """Bars of consecutive days whose prices are equal."""
    days = (FIRST + timedelta(n) for n in range(len(closes)))
    return {
        day: (close, close, close, close, close, 1000.0)
        for day, close in zip(days, closes, strict=True)
    }


@pytest.fixture
def db(database_url: str) -> Iterator[nexus.Nexus]:
    with nexus.connect(database_url) as opened:
        yield opened


@pytest.fixture
def yields(database_url: str) -> str:
    """A yield that falls below zero; an oil price that does, with a split after it; the URL."""
    oil = bars([18.27, -37.63, 10.01, 12.0])
    split = (FIRST + timedelta(3), 2.0, 1.0)
    put(
        database_url,
        Share("Y", bars([0.5, -0.5, 0.0, 0.4]), exchange="GBOND"),
        Share("OIL", oil, splits=(split,), exchange="COMM"),
    )
    return database_url


def test_a_yield_without_actions_is_the_same_in_every_view(yields: str, db: nexus.Nexus) -> None:
    del yields
    closes = [0.5, -0.5, 0.0, 0.4]
    for adjust in get_args(Adjust):
        for direction in get_args(Direction):
            shown = db.bars("Y.GBOND", adjust=adjust, direction=direction)
            assert shown["close"].to_pylist() == shown["open"].to_pylist() == closes
    for kind in get_args(ReturnKind):
        changes = db.returns("Y.GBOND", kind=kind)["return"].to_pylist()
        assert changes == [None, -2.0 if kind == "simple" else None, None, None]


def test_an_action_after_a_close_below_zero_is_refused_with_the_close(
    yields: str, db: nexus.Nexus
) -> None:
    del yields
    for adjust in ("splits", "total"):
        with pytest.raises(AdjustmentRefused, match=r"OIL\.COMM.*a close of -37\.63 on 2024-01-03"):
            db.bars("OIL.COMM", adjust=adjust)
    assert db.bars("OIL.COMM", FIRST + timedelta(3), adjust="total")["close"].to_pylist() == [12.0]
    assert db.bars("OIL.COMM")["close"].to_pylist() == [18.27, -37.63, 10.01, 12.0]


def test_an_adjusted_close_of_another_sign_is_not_shown_as_an_adjustment(
    yields: str, db: nexus.Nexus
) -> None:
    execute(yields, "UPDATE market_data SET adjusted_close = 0.5 WHERE close = -0.5")
    with pytest.raises(AdjustmentRefused, match=r"a close of -0\.5 with an adjusted close of 0\.5"):
        db.bars("Y.GBOND", adjust="vendor")
    assert len(db.bars("Y.GBOND", FIRST + timedelta(2), adjust="vendor")) == 2
