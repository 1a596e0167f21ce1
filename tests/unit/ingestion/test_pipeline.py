"""An answer becomes a batch: how long an asset rests that has no bars, or no new ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from data_nexus.database.store.batch import Batch, RejectedRow
from data_nexus.domain.bars import NO_BARS
from data_nexus.domain.planning.cursor import Reach
from data_nexus.domain.planning.lease import Lease
from data_nexus.domain.symbol import Symbol
from data_nexus.errors import NotAnAnswer, NotListed
from data_nexus.ingestion.fetching.requester import FetchState
from data_nexus.ingestion.histories.pipeline import absent_batch, doubt_of, resting, with_reach
from tests.support.postgres.workers import WINDOW, bars_from, batch_for

LAST_BAR = date(2024, 1, 2)
SESSION = LAST_BAR + timedelta(1)
RESTS = {0: None, 2: None, 3: None, 4: 1.0, 5: 2.0, 6: 4.0, 10: 64.0, 90: 64.0}


def up_to_session(batch: Batch, session: date) -> Batch:
    """The batch of an answer that covers all sessions up to one."""
    return resting(with_reach(batch, Reach(session, None)))


def lease(times_empty: int) -> Lease:
    """A loaded asset that brought no new bar so many times in a row."""
    return Lease(7, Symbol("A", "US"), 1, LAST_BAR, times_empty, is_first=False, last_bar=LAST_BAR)


@pytest.mark.parametrize(("times_empty", "days"), [(0, 1), (1, 2), (2, 4), (3, 8), (9, 64)])
def test_each_absence_in_a_row_rests_twice_as_long(times_empty: int, days: float) -> None:
    assert absent_batch(lease(times_empty), WINDOW, FetchState()).absent_days == days


@pytest.mark.parametrize(("times_empty", "days"), RESTS.items())
def test_who_brings_no_new_bar_is_fetched_as_ever_four_times_and_then_less_and_less(
    times_empty: int, days: float | None
) -> None:
    quiet = batch_for(lease(times_empty), bars_from(LAST_BAR, 1.0))
    assert up_to_session(quiet, SESSION).absent_days == days
    assert up_to_session(quiet, SESSION).passes_to == SESSION


def test_an_answer_of_which_nothing_can_be_stored_is_in_doubt_with_its_rules() -> None:
    rejects = [RejectedRow(0, rule, "") for rule in ("b", "a", "b")]
    doubt = doubt_of(batch_for(lease(0), NO_BARS, *rejects))
    assert (type(doubt), str(doubt)) == (NotAnAnswer, "A.US: all rows break a rule (a, b)")
    good = bars_from(date(2024, 1, 2), 1.0)
    assert doubt_of(batch_for(lease(0), good, *rejects)) is None


def test_no_bars_are_in_doubt_where_there_were_some() -> None:
    assert isinstance(doubt_of(batch_for(lease(0))), NotListed)
    assert doubt_of(batch_for(replace(lease(0), last_bar=None))) is None


def test_a_new_bar_ends_the_rest() -> None:
    news = batch_for(lease(90), bars_from(LAST_BAR, 1.0, 2.0))
    assert up_to_session(news, SESSION).absent_days is None


def test_no_session_has_passed_since_the_last_bar() -> None:
    as_before = batch_for(lease(90), bars_from(LAST_BAR, 1.0))
    assert up_to_session(as_before, LAST_BAR).absent_days is None
