"""Renames and reused codes: decided where the evidence suffices, reported where it does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.domain.listings.listing import SymbolChange
from data_nexus.domain.listings.old_codes import (
    BY_OLD_CODE,
    PastName,
    Predecessor,
    decide_delisted,
)
from data_nexus.domain.listings.renames import BY_ISIN, BY_VENDOR, decide_listed
from data_nexus.domain.listings.succession import (
    Arrival,
    CodeHolder,
    Identity,
    Rename,
    SplitOff,
    Succession,
    identity,
)

SINCE = date(2024, 1, 1)
META_ISIN, ETF_ISIN = "US30303M1027", "US53656F4173"


def holder(
    asset_id: int, code: str, name: str = "Name", isin: str = "", *, listed: bool = True
) -> CodeHolder:
    return CodeHolder(asset_id, code, name, isin, listed, SINCE)


def change(old: str, new: str, effective: date = date(2024, 6, 1)) -> SymbolChange:
    return SymbolChange("US", old, new, "", effective)


@pytest.mark.parametrize(
    ("name", "isin", "other", "other_isin", "expected"),
    [
        ("Meta Platforms Inc", "US1", "Facebook Inc", "US1", Identity.SAME),
        ("Hertz Global", "US1", "Hertz Global", "US2", Identity.OTHER),
        ("Apple Inc.", "", "APPLE INC", "US1", Identity.SAME),
        ("Reeds Inc. Common Stock", "", "Reed's Inc.", "", Identity.SAME),
        ("Sirius International Insurance", "", "Sweetgreen Inc. Class A", "", Identity.OTHER),
        ("Armada Acquisition Corp. I", "", "Armada Acquisition Corp. II", "", Identity.UNSURE),
        ("", "", "Sweetgreen Inc", "", Identity.SAME),
        ("Holdings Inc", "", "Sweetgreen Inc", "US1", Identity.SAME),
    ],
)
def test_identity_is_the_isin_s_or_else_the_name_s(
    name: str, isin: str, other: str, other_isin: str, expected: Identity
) -> None:
    assert identity(name, isin, other, other_isin) is expected
    assert identity(other, other_isin, name, isin) is expected


def test_one_that_went_and_one_that_came_with_its_isin_are_the_same_asset() -> None:
    found = decide_listed([holder(7, "OLD", isin="US1")], [Arrival("NEW", "Name", "US1")], ())
    assert found == Succession((Rename(7, "OLD", "NEW", BY_ISIN),))


@pytest.mark.parametrize(
    ("gone", "came"),
    [((1, 2), ("NEW",)), ((1,), ("NEW", "NEWER")), ((1, 2), ("NEW", "NEWER"))],
)
def test_an_isin_with_two_on_one_side_is_a_doubt(
    gone: tuple[int, ...], came: tuple[str, ...]
) -> None:
    found = decide_listed(
        [holder(number, f"OLD{number}", isin="US1") for number in gone],
        [Arrival(code, "Name", "US1") for code in came],
        (),
    )
    assert (found.renames, found.retirements) == ((), ())
    assert [doubt.code for doubt in found.doubts] == ["NEW"]


def test_share_classes_and_listings_without_an_isin_are_never_matched() -> None:
    gone = [holder(1, "GOOG", isin="US02079K1079"), holder(2, "PLAIN")]
    came = [Arrival("GOOGL", "Name", "US02079K3059"), Arrival("OTHER", "Name", "")]
    assert decide_listed(gone, came, ()) == Succession()


def test_a_code_passed_on_moves_both_listings() -> None:
    """As when an ETF left META to Facebook: its own new code came in the same list."""
    etf = holder(1, "META", "Roundhill Metaverse ETF", ETF_ISIN)
    facebook = holder(2, "FB", "Facebook Inc", META_ISIN)
    came = [
        Arrival("META", "Meta Platforms Inc", META_ISIN, etf),
        Arrival("METV", "Roundhill Metaverse ETF", ETF_ISIN),
    ]
    found = decide_listed([etf, facebook], came, ())
    assert set(found.renames) == {
        Rename(1, "META", "METV", BY_ISIN),
        Rename(2, "FB", "META", BY_ISIN),
    }
    assert (found.retirements, found.doubts) == ((), ())


def test_a_renamed_listing_takes_the_code_of_one_at_rest() -> None:
    resting = holder(1, "META", "Roundhill Metaverse ETF", ETF_ISIN, listed=False)
    facebook = holder(2, "FB", "Facebook Inc", META_ISIN)
    found = decide_listed([facebook], [Arrival("META", "Meta Platforms", META_ISIN, resting)], ())
    assert found.renames == (Rename(2, "FB", "META", BY_ISIN),)
    assert [(r.asset_id, r.code) for r in found.retirements] == [(1, "META")]


def test_the_vendor_s_word_renames_without_any_isin_and_over_steps() -> None:
    changes = [change("B", "C", date(2024, 7, 1)), change("A", "B")]
    found = decide_listed([holder(1, "A")], [Arrival("C", "Other", "")], changes)
    assert found == Succession((Rename(1, "A", "C", BY_VENDOR),))


def test_a_change_before_the_asset_bore_the_code_is_of_another_asset() -> None:
    early = change("A", "B", date(2023, 11, 30))
    assert decide_listed([holder(1, "A")], [Arrival("B", "Other", "")], [early]) == Succession()
    just = replace(early, effective=date(2023, 12, 2))
    assert decide_listed([holder(1, "A")], [Arrival("B", "Other", "")], [just]).renames


def test_a_chain_of_changes_does_not_run_back_in_time() -> None:
    """A took the code of B, which another company had left for C before."""
    changes = [change("A", "B", date(2024, 7, 1)), change("B", "C", date(2024, 6, 30))]
    assert decide_listed([holder(1, "A")], [Arrival("C", "Other", "")], changes) == Succession()
    on_one_day = [changes[0], change("B", "C", date(2024, 7, 1))]
    assert decide_listed([holder(1, "A")], [Arrival("C", "Other", "")], on_one_day).renames


def test_changes_in_a_ring_end() -> None:
    changes = [change("A", "B"), change("B", "A", date(2024, 7, 1))]
    assert decide_listed([holder(1, "A")], [Arrival("C", "Name", "")], changes) == Succession()


def test_two_that_the_vendor_sends_to_one_code_stay_in_doubt() -> None:
    changes = [change("A", "C"), change("B", "C")]
    found = decide_listed([holder(1, "A"), holder(2, "B")], [Arrival("C", "Name", "")], changes)
    assert found.renames == ()
    assert [doubt.code for doubt in found.doubts] == ["C"]


@pytest.mark.parametrize(
    ("name", "isin", "retired", "doubts"),
    [
        ("Sweetgreen Inc", "", 1, 0),
        ("Sirius Insurance", "US2", 1, 0),
        ("Sirius Insurance Group", "", 0, 0),
        ("Sirius Satellite Radio", "", 0, 1),
        ("Sweetgreen Inc", "US1", 0, 0),
    ],
)
def test_a_code_that_returns_is_its_asset_s_unless_isin_or_name_are_another_s(
    name: str, isin: str, retired: int, doubts: int
) -> None:
    resting = holder(1, "SG", "Sirius Insurance", "US1", listed=False)
    found = decide_listed([], [Arrival("SG", name, isin, resting)], ())
    assert (len(found.retirements), len(found.doubts), found.renames) == (retired, doubts, ())


@pytest.mark.parametrize(
    ("name", "isin", "retired"),
    [
        ("Sweetgreen Inc", "US2", 1),
        ("Sirius Insurance", "US2", 0),
        ("Sweetgreen Inc", "", 0),
    ],
)
def test_a_code_that_stayed_is_a_newcomer_s_only_by_isin_and_name(
    name: str, isin: str, retired: int
) -> None:
    listed = holder(1, "SG", "Sirius Insurance", "US1")
    found = decide_listed([listed], [Arrival("SG", name, isin, listed)], ())
    assert (len(found.retirements), found.doubts) == (retired, ())


MOMENT = datetime(2024, 3, 1, tzinfo=UTC)


def test_the_dead_s_old_code_goes_to_the_asset_that_is_the_same() -> None:
    gone = Predecessor(1, "GM", "General Motors Corp", "", is_listed=False)
    other = Predecessor(2, "GM", "Gamma Metals", "", is_listed=False)
    found = decide_delisted([(Arrival("GM_old", "General Motors", ""), [gone, other])])
    assert found == Succession((Rename(1, "GM", "GM_old", BY_OLD_CODE),))


def test_an_asset_that_was_mistaken_for_its_successor_is_parted_from_it() -> None:
    past = (PastName(MOMENT, "Apple Inc", "US1"),)
    mixed = Predecessor(1, "AAPL", "Apple & Sons", "", is_listed=True, past=past)
    found = decide_delisted([(Arrival("AAPL_old", "Apple Inc", "US1"), [mixed])])
    assert found.renames == (Rename(1, "AAPL", "AAPL_old", BY_OLD_CODE),)
    assert found.split_offs == (SplitOff(1, "AAPL", MOMENT),)


def test_a_namesake_among_the_dead_leaves_the_living_alone() -> None:
    living = Predecessor(1, "GM", "General Motors", "", is_listed=True)
    assert (
        decide_delisted([(Arrival("GM_old", "General Motors Corp", ""), [living])]) == Succession()
    )


def test_two_that_may_be_the_dead_one_stay_in_doubt() -> None:
    pair = [Predecessor(n, "GM", "General Motors", "", is_listed=False) for n in (1, 2)]
    found = decide_delisted([(Arrival("GM_old", "General Motors", ""), pair)])
    assert (found.renames, [doubt.code for doubt in found.doubts]) == ((), ["GM_old"])


CODES, ISINS = st.sampled_from("ABCDEF"), st.sampled_from(["", "US1", "US2", "US3"])
NAMES = st.sampled_from(["", "Alpha Inc", "Beta Corp", "Alpha Beta", "Gamma"])
BEARERS = st.builds(
    CodeHolder, st.integers(1, 9), CODES, NAMES, ISINS, st.booleans(), st.just(SINCE)
)
ARRIVALS = st.builds(Arrival, CODES, NAMES, ISINS, st.none() | BEARERS)
CHANGES = st.builds(change, CODES, CODES)


@given(
    st.lists(BEARERS, unique_by=lambda b: b.asset_id, max_size=6),
    st.lists(ARRIVALS, unique_by=lambda a: a.code, max_size=6),
    st.lists(CHANGES, max_size=6),
)
def test_no_asset_gets_two_codes_and_no_code_two_assets(
    gone: list[CodeHolder], arrivals: list[Arrival], changes: list[SymbolChange]
) -> None:
    found = decide_listed(gone, arrivals, changes)
    assert len({rename.asset_id for rename in found.renames}) == len(found.renames)
    assert len({rename.new for rename in found.renames}) == len(found.renames)
    assert {rename.new for rename in found.renames} <= {arrival.code for arrival in arrivals}
