"""When a vendor that was never reached is given up."""

from __future__ import annotations

from data_nexus.domain.limits.first_contact import FirstContact, is_out_of_reach, made, missed


def missing(times: int, begun: float = 100.0) -> FirstContact:
    contact = FirstContact()
    for n in range(times):
        contact = missed(contact, begun + n)
    return contact


def test_nothing_is_given_up_before_it_was_tried() -> None:
    assert not is_out_of_reach(FirstContact(), 1e9)


def test_one_failed_connection_is_not_enough_however_long_it_took() -> None:
    assert not is_out_of_reach(missing(1), 200.0)


def test_many_failures_at_once_are_not_enough_as_a_network_may_be_coming_up() -> None:
    assert not is_out_of_reach(missing(50), 103.9)


def test_some_failures_over_some_seconds_are_enough() -> None:
    """Two connections that time out after 2.5 seconds each."""
    assert is_out_of_reach(missing(2), 104.0)


def test_one_answer_of_any_kind_and_it_is_within_reach_for_good() -> None:
    assert not is_out_of_reach(missed(made(missing(50)), 101.0), 1e9)
