"""The layout of snapshots: periods without gap or overlap, paths of numbers and codes alone."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.errors import UsageError
from data_nexus.research.snapshots.layout import OUR_FILE, Period, bars_path, periods_of, starts_of
from data_nexus.research.snapshots.manifest import decoded

ANY_DAY = st.dates(date(1900, 1, 1), date(2200, 12, 31))
SHA = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b'{"kind":"\xff"}', b'{"kind":' + b"[" * 100_000, b'{"kind":"\\ud800"}'],
    ids=["nothing", "an array", "cut", "not UTF-8", "nested", "a lone surrogate"],
)
def test_what_is_not_a_manifest_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(UsageError, match=r"^lake: manifest.json is not a manifest of a snapshot: "):
        decoded(content, "lake")


@given(ANY_DAY)
def test_periods_follow_each_other_without_a_gap(newest: date) -> None:
    periods = periods_of(starts_of(newest))
    assert (periods[0].first, periods[-1].last) == (None, None)
    for one, other in pairwise(periods):
        assert one.last
        assert other.first == one.last + timedelta(1)
        assert other.last is None or other.last >= other.first


@given(ANY_DAY)
def test_the_newest_bar_lies_in_a_file_of_its_month(newest: date) -> None:
    assert starts_of(newest)[-1] == newest.replace(day=1)


def test_a_year_is_cut_as_told() -> None:
    assert starts_of(date(2026, 11, 27))[-4:] == [
        date(2020, 1, 1),
        date(2025, 1, 1),
        date(2026, 1, 1),
        date(2026, 11, 1),
    ]


@pytest.mark.parametrize(
    ("exchange", "folder"),
    [("US", "US"), ("CON", "CON"), ("..", "_"), ("", "_"), ("a/b", "_"), ("US\n", "_"), ("É", "_")],
)
def test_only_a_code_becomes_a_folder(exchange: str, folder: str) -> None:
    path = bars_path(exchange, 7, Period(None, date(1899, 12, 31)), SHA)
    assert path == f"bars/exchange={folder}/000007-00000000-18991231-{SHA[:20]}.parquet"


@given(st.text(), st.integers(0, 2**31 // 64), ANY_DAY)
def test_what_is_written_is_known_as_ours(exchange: str, number: int, day: date) -> None:
    assert OUR_FILE.fullmatch(bars_path(exchange, number, Period(day, day), SHA))


@pytest.mark.parametrize(
    "path",
    [
        "notes.txt",
        "manifest.json",
        "bars/exchange=US/mine.parquet",
        "bars/exchange=../000007-20200101-20241231-0123456789abcdef0123.parquet",
        "bars/_delta_log/00000000000000000000.json",
        "assets/all.parquet",
    ],
)
def test_nothing_else_is_ever_taken_for_ours(path: str) -> None:
    assert OUR_FILE.fullmatch(path) is None
