"""That an asset has no actions at all is believed only if its bars need none."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from data_nexus.database.store.actions import VendorActions, believed
from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.adjustment.findings import KnownActions
from tests.support.postgres.workers import bars_from

# Their adjusted closes are half of the closes.
BARS = bars_from(date(2023, 1, 2), 4.0, 5.0, 6.0)
SPLIT = Split(date(2023, 1, 5), 2.0, 1.0)
PAID = Dividend(date=date(2023, 1, 4), value=2.5, unadjusted_value=2.5, currency="USD")
NOTHING = VendorActions(splits=(), dividends=())


def test_a_split_that_explains_the_bars_stays() -> None:
    known = KnownActions(splits=(SPLIT,), currency="USD")
    found = believed(NOTHING, known, BARS)
    assert (found.splits, found.dividends, found.kept) == ((SPLIT,), (), (SPLIT.date,))
    assert found.unfit.startswith("the vendor sent no splits, although")


def test_a_dividend_that_explains_the_bars_stays() -> None:
    bars = replace(BARS, adjusted_close=BARS.close * [0.5, 0.5, 1.0])
    known = KnownActions(dividends=(PAID,), currency="USD")
    found = believed(NOTHING, known, bars)
    assert (found.splits, found.dividends, found.kept) == ((), (PAID,), (PAID.date,))
    assert found.unfit.startswith("the vendor sent no dividends, although")


def test_a_split_that_is_lacking_among_others_stays_if_the_bars_need_it() -> None:
    later = Split(date(2023, 1, 9), 3.0, 1.0)
    known = KnownActions(splits=(SPLIT,), currency="USD")
    found = believed(VendorActions(splits=(later,), dividends=()), known, BARS)
    assert found.splits == (SPLIT, later)
    assert found.unfit.startswith("the vendor sent fewer splits, although")


def test_an_action_that_the_bars_do_not_need_any_more_is_withdrawn() -> None:
    bars = replace(BARS, adjusted_close=BARS.close)
    received = VendorActions(splits=(), dividends=())
    known = KnownActions(splits=(SPLIT,), dividends=(PAID,), currency="USD")
    assert believed(received, known, bars) is received


@pytest.mark.parametrize(
    ("received", "known"),
    [
        (NOTHING, KnownActions(splits=(replace(SPLIT, numerator=3.0),), currency="USD")),
        (NOTHING, KnownActions(currency="USD")),
        (replace(NOTHING, splits=(SPLIT,)), KnownActions(splits=(SPLIT,), currency="USD")),
        (VendorActions(), KnownActions(splits=(SPLIT,), currency="USD")),
        (replace(NOTHING, are_all=False), KnownActions(splits=(SPLIT,), currency="USD")),
    ],
    ids=["it explains nothing", "none is stored", "it was sent", "not found", "one year only"],
)
def test_any_other_answer_is_taken_as_it_is(received: VendorActions, known: KnownActions) -> None:
    assert believed(received, known, BARS) is received
