"""Which names a word is completed to."""

from __future__ import annotations

import os

from data_nexus.cli.options import beginning_with


def test_capitals_do_not_matter_and_the_order_stays() -> None:
    assert beginning_with("ms", ["AAPL.US", "MSFT.US", "mine", "msci"]) == ["MSFT.US", "msci"]
    assert beginning_with("", []) == []


def test_a_choice_of_many_begins_alike_just_as_far_as_all_of_them() -> None:
    names = sorted(f"AB{number:04}.US" for number in range(1000)) + ["AC.US", "BA.US"]
    for word, start in (("a", "A"), ("ab", "AB0"), ("", "")):
        chosen = beginning_with(word, names, most=20)
        assert len(chosen) == len(set(chosen)) == 20
        assert os.path.commonprefix(chosen) == start
