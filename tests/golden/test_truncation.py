"""No part of a recorded body passes for the whole, raw or in the gzip stream that carried it."""

from __future__ import annotations

import gzip
import random

import pytest

from data_nexus.domain.symbol import Symbol
from data_nexus.eodhd.body import plain
from data_nexus.eodhd.decode_bars import decode_bars
from data_nexus.eodhd.decode_symbols import decode_symbols
from data_nexus.errors import BrokenAnswer
from tests.golden.recordings import needs_recordings, sample

pytestmark = needs_recordings

CAP = 1 << 25
MCD, BHP = Symbol("MCD", "US"), Symbol("BHP", "AU")
MCD_BODY = "eod_MCD.US_2023-01-01_2023-01-10.json"
BHP_BODY = "eod_BHP.AU_full.json"
LISTS = ["exchange-symbol-list_AU.json", "exchange-symbol-list_OTC_delisted-1.json"]


def some_lengths(body: bytes, times: int) -> list[int]:
    """Lengths of proper prefixes: the shortest, the longest, ends of rows and others by lot."""
    chance = random.Random(20261124)  # noqa: S311 - no secret is made of it
    rows = [at + 1 for at, byte in enumerate(body) if byte == ord("}")]
    by_lot = chance.sample(rows, min(times, len(rows))) + chance.choices(range(len(body)), k=times)
    edges = [*range(16), *range(len(body) - 16, len(body))]
    return sorted({length for length in by_lot + edges if 0 <= length < len(body)})


def test_no_proper_prefix_of_a_short_body_decodes() -> None:
    body = sample(MCD_BODY)
    for length in range(len(body)):
        with pytest.raises(BrokenAnswer):
            decode_bars(body[:length], MCD)


def test_no_sampled_prefix_of_a_long_body_decodes() -> None:
    body = sample(BHP_BODY)
    for length in some_lengths(body, 150):
        with pytest.raises(BrokenAnswer):
            decode_bars(body[:length], BHP)


@pytest.mark.parametrize("name", LISTS)
def test_no_sampled_prefix_of_a_symbol_list_is_a_list(name: str) -> None:
    body = sample(name)
    for length in some_lengths(body, 150):
        with pytest.raises(BrokenAnswer):
            decode_symbols(body[:length], "AU")


def test_no_proper_prefix_of_a_short_stream_is_a_body() -> None:
    stream = gzip.compress(sample(MCD_BODY), mtime=0)
    for length in range(len(stream)):
        with pytest.raises(BrokenAnswer):
            plain(stream[:length], "gzip", CAP, "MCD.US")
    assert plain(stream, "gzip", CAP, "MCD.US") == sample(MCD_BODY)


def test_no_sampled_prefix_of_a_long_stream_is_a_body() -> None:
    stream = gzip.compress(sample(BHP_BODY), mtime=0)
    for length in some_lengths(stream, 100):
        with pytest.raises(BrokenAnswer):
            plain(stream[:length], "gzip", CAP, "BHP.AU")
    assert plain(stream, "gzip", CAP, "BHP.AU") == sample(BHP_BODY)


def test_a_stream_that_lost_a_piece_in_the_middle_is_broken() -> None:
    stream = gzip.compress(sample(BHP_BODY), mtime=0)
    for at in range(20, len(stream) - 20, len(stream) // 50):
        with pytest.raises(BrokenAnswer):
            plain(stream[:at] + stream[at + 7 :], "gzip", CAP, "BHP.AU")
