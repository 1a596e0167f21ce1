"""When unfit answers are the vendor's trouble, and when they are their assets' own."""

from __future__ import annotations

import pytest

from data_nexus.domain.limits.mass_failure import (
    MOST_ALIKE,
    MOST_UNFIT,
    UnfitAnswer,
    is_mass_failure,
)


def refused(number: int, reason: str = "405 Method Not Allowed") -> UnfitAnswer:
    symbol = f"S{number}.US"
    return UnfitAnswer(symbol, "RequestRefused", f"{symbol}: {reason}")


def absent(number: int) -> UnfitAnswer:
    return UnfitAnswer(f"S{number}.US", "NotListed", f"S{number}.US: not listed", is_absence=True)


def test_ten_alike_are_one_trouble_of_all() -> None:
    assert not is_mass_failure([refused(n) for n in range(MOST_ALIKE - 1)])
    assert is_mass_failure([refused(n) for n in range(MOST_ALIKE)])


@pytest.mark.parametrize(
    "reason",
    ["405 request {} failed", "400 id {:08x}-{:04x}", "not JSON: invalid character (byte {})"],
)
def test_numbers_and_identifiers_make_no_difference(reason: str) -> None:
    alike = [refused(n, reason.format(n * 7919, n)) for n in range(MOST_ALIKE)]
    assert is_mass_failure(alike)


def test_refusals_for_reasons_of_their_own_are_many_before_they_count() -> None:
    words = [chr(ord("g") + n % 20) * (n + 1) for n in range(MOST_UNFIT)]
    each_its_own = [refused(n, f"422 {word}") for n, word in enumerate(words)]
    assert not is_mass_failure(each_its_own[:-1])
    assert is_mass_failure(each_its_own)


def test_another_class_of_error_is_another_reason() -> None:
    mixed = [refused(n) for n in range(9)]
    mixed += [UnfitAnswer(f"T{n}.US", "NotAnAnswer", f"T{n}.US: null") for n in range(9)]
    assert not is_mass_failure(mixed)


def test_absences_may_come_in_longer_rows_than_refusals() -> None:
    assert not is_mass_failure([absent(n) for n in range(MOST_UNFIT - 1)])
    assert is_mass_failure([absent(n) for n in range(MOST_UNFIT)])
    assert not is_mass_failure([])
