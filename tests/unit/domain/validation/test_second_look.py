"""A session that is compared again: restated, late, unsent, and what stays open."""

from __future__ import annotations

from datetime import date

import numpy as np

from data_nexus.domain.bars import Bars, days
from data_nexus.domain.validation.bulk_session import BulkSession
from data_nexus.domain.validation.second_look import SecondLook, StoredSession, look_again

SESSION = date(2026, 11, 9)
NONE = float("nan")


def bars(*closes: float, volume: float = 100.0, factor: float = 1.0) -> Bars:
    """Flat bars of the session."""
    close = np.array(closes, np.float64)
    dates = np.full(len(close), days(SESSION), np.int32)
    return Bars(dates, close, close, close, close, close * factor, np.full(len(close), volume))


def sent(found: Bars, *codes: str, named: str = "", rejected: str = "") -> BulkSession:
    """An answer with a bar for each code."""
    return BulkSession(
        session=SESSION,
        position={code: at for at, code in enumerate(codes)},
        bars=found,
        rejected={rejected: ("rule", "text")} if rejected else {},
        flags={},
        named=frozenset({named} if named else ()),
        body_sha256="",
    )


def stored(found: Bars, *codes: str) -> StoredSession:
    ids = np.arange(1, len(codes) + 1, dtype=np.int32)
    return StoredSession(ids, codes, np.ones(len(codes), np.int64), found)


def codes_of(held: StoredSession, at: np.ndarray) -> list[str]:
    return [held.codes[one] for one in at]


def compared(held: StoredSession, look: SecondLook) -> list[str]:
    return codes_of(held, look.compared)


def test_what_is_sent_as_before_is_compared_and_nothing_else() -> None:
    held = stored(bars(10.0, 20.0), "A", "B")
    look = look_again(sent(bars(10.0, 20.0), "A", "B"), held)
    assert compared(held, look) == ["A", "B"]
    assert not look.to_reload
    assert not any(len(each) for each in (look.changed, look.late, look.unsent))


def test_a_corrected_close_keeps_the_proportion_of_its_adjusted_close() -> None:
    held = stored(bars(10.0, factor=0.5), "A")
    look = look_again(sent(bars(11.0, volume=7.0), "A"), held)
    assert codes_of(held, look.changed) == ["A"]
    assert look.bars.close.tolist() == [11.0]
    assert look.bars.adjusted_close.tolist() == [5.5]
    assert look.bars.volume.tolist() == [7.0]


def test_a_settled_volume_leaves_the_adjusted_close_exactly_as_it_is() -> None:
    held = stored(bars(0.3, factor=1 / 3), "A")
    look = look_again(sent(bars(0.3, volume=7.0), "A"), held)
    assert look.bars.adjusted_close.tolist() == held.bars.adjusted_close.tolist()


def test_a_price_of_another_order_is_read_again_and_not_stored() -> None:
    held = stored(bars(10.0), "A")
    look = look_again(sent(bars(20.0), "A"), held)
    assert (look.to_reload, len(look.changed)) == (frozenset({"A"}), 0)


def test_a_row_of_an_asset_without_a_bar_is_late_and_one_without_either_is_absent() -> None:
    held = stored(bars(NONE, NONE), "LATE", "QUIET")
    look = look_again(sent(bars(10.0), "LATE"), held)
    assert codes_of(held, look.late) == ["LATE"]
    assert compared(held, look) == ["LATE", "QUIET"]


def test_a_bar_that_is_not_sent_again_is_in_doubt_and_not_settled() -> None:
    held = stored(bars(10.0, 20.0), "A", "B")
    look = look_again(sent(bars(10.0), "A"), held)
    assert (codes_of(held, look.unsent), compared(held, look)) == (["B"], ["A"])
    assert not look.is_cut


def test_an_answer_without_many_of_the_stored_bars_was_cut() -> None:
    names = tuple(f"S{n}" for n in range(400))
    held = stored(bars(*[10.0] * 400), *names)
    assert look_again(sent(bars(*[10.0] * 379), *names[:379]), held).is_cut
    assert not look_again(sent(bars(*[10.0] * 380), *names[:380]), held).is_cut


def test_a_named_or_rejected_code_stays_open() -> None:
    held = stored(bars(10.0, 20.0), "A", "B")
    look = look_again(sent(bars(11.0), "A", named="A", rejected="B"), held)
    assert compared(held, look) == []
    assert not len(look.changed)
    assert not len(look.unsent)
