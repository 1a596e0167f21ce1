"""Every recorded body of an endpoint that we read decodes exactly, or is refused by name."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest

from data_nexus.domain.bars import EPOCH
from data_nexus.domain.check import check
from data_nexus.domain.symbol import Symbol, parse_symbol
from data_nexus.domain.window import EARLIEST, Window
from data_nexus.eodhd.decode_bars import NUMBERS, decode_bars
from data_nexus.eodhd.decode_symbols import decode_symbols
from data_nexus.eodhd.refusals import refusal
from data_nexus.errors import (
    BrokenAnswer,
    CredentialsRefused,
    NexusError,
    NotAnAnswer,
    NotListed,
    QuotaSpent,
    RequestRefused,
    WrongSubject,
)
from tests.golden.recordings import needs_recordings, sample, sample_names

pytestmark = needs_recordings

BARS, SYMBOLS, NO_BARS, REFUSED = "bars of", "symbols of", "no bars", "refused"
MCD = Symbol("MCD", "US")
# What each recorded body is to us: whose bars, which exchange's list, or which refusal.
VERDICTS: dict[str, tuple[str, Any]] = {
    "eod_BHP.AU_full.json": (BARS, "BHP.AU"),
    "eod_MCD.US_2023-01-01_2023-01-10.json": (BARS, "MCD.US"),
    "eod_MCD.US_2023-01-01_2023-01-10.csv": (NO_BARS, BrokenAnswer),
    "eod-bulk-last-day_AU_2024-09-30.json": (NO_BARS, WrongSubject),
    "eod-bulk-last-day_NYSE_symbols-AAPL.json": (NO_BARS, WrongSubject),
    "eod-bulk-last-day_US_type-dividends_2026-09-29_excerpt.json": (NO_BARS, NotAnAnswer),
    "eod-bulk-last-day_US_type-splits_2026-09-29.json": (NO_BARS, NotAnAnswer),
    "exchange-symbol-list_AU.json": (SYMBOLS, "AU"),
    "exchange-symbol-list_OTC_delisted-1.json": (SYMBOLS, "OTC"),
    "error_401_eod-bulk-last-day.txt": (REFUSED, CredentialsRefused),
    "error_401_eod.txt": (REFUSED, CredentialsRefused),
    "error_401_exchange-symbol-list.txt": (REFUSED, CredentialsRefused),
    "error_401_intraday.txt": (REFUSED, CredentialsRefused),
    "error_402_quota.txt": (REFUSED, QuotaSpent),
    "error_403_forbidden.txt": (REFUSED, CredentialsRefused),
    "error_403_free-plan.txt": (REFUSED, CredentialsRefused),
    "error_404_exchange.txt": (REFUSED, NotListed),
    "error_404_ticker.txt": (REFUSED, NotListed),
    "error_422_intraday-span.json": (REFUSED, RequestRefused),
    "error_423_bulk-free-plan.txt": (REFUSED, RequestRefused),
}
ALL_HISTORY = Window(EARLIEST, dt.date(2026, 11, 25))


def rows_of(verdict: str) -> list[tuple[str, Any]]:
    """The bodies of one verdict, with what belongs to it."""
    return [(name, about) for name, (kind, about) in VERDICTS.items() if kind == verdict]


def test_every_recorded_body_has_a_verdict() -> None:
    assert sample_names("eod", "exchange-symbol-list", "error_") == set(VERDICTS)


@pytest.mark.parametrize(("name", "symbol"), rows_of(BARS))
def test_recorded_bars_decode_to_what_the_text_says(name: str, symbol: str) -> None:
    sent = json.loads(sample(name), parse_float=Decimal, parse_int=Decimal)
    history = decode_bars(sample(name), parse_symbol(symbol))
    assert history.notice is None
    assert [EPOCH + dt.timedelta(days=day) for day in history.bars.date.tolist()] == [
        dt.date.fromisoformat(row["date"]) for row in sent
    ]
    for number in NUMBERS:
        assert getattr(history.bars, number).tolist() == [float(row[number]) for row in sent]


@pytest.mark.parametrize(("name", "symbol"), rows_of(BARS))
def test_recorded_bars_are_kept_every_one(name: str, symbol: str) -> None:
    sent = json.loads(sample(name))
    checked = check(decode_bars(sample(name), parse_symbol(symbol)).bars, ALL_HISTORY)
    assert (checked.rejects, checked.repeats, checked.received) == ((), 0, len(sent))
    assert checked.flags == odd_rows(sent)


def odd_rows(sent: list[dict[str, Any]]) -> dict[str, int]:
    """How many of the rows are odd in which way, read one by one."""
    odd = {
        "open is above zero": [r for r in sent if r["open"] == 0],
        "low is above zero": [r for r in sent if r["low"] == 0],
        "adjusted close is above zero": [r for r in sent if r["adjusted_close"] == 0],
        "high is highest": [r for r in sent if r["high"] < max(r["open"], r["close"], r["low"])],
        "low is lowest": [
            r for r in sent if r["low"] > min(r["open"] or r["close"], r["close"], r["high"])
        ],
        "volume is above zero": [r for r in sent if r["volume"] == 0],
    }
    return {rule: len(rows) for rule, rows in odd.items() if rows}


@pytest.mark.parametrize(("name", "error"), rows_of(NO_BARS))
def test_a_body_that_holds_no_bars_of_the_symbol_is_refused(
    name: str, error: type[NexusError]
) -> None:
    with pytest.raises(error, match=r"^MCD\.US: "):
        decode_bars(sample(name), MCD)


@pytest.mark.parametrize(("name", "_"), rows_of(SYMBOLS) + rows_of(REFUSED))
def test_a_symbol_list_or_an_error_sent_with_200_is_no_bars(name: str, _: object) -> None:
    with pytest.raises((BrokenAnswer, NotAnAnswer)):
        decode_bars(sample(name), MCD)


def as_stored(text: str | None) -> str:
    """A text as it is kept: null is empty, and a no-break space (48 names have one) a space."""
    return (text or "").replace("\u00a0", " ").strip()


@pytest.mark.parametrize(("name", "exchange"), rows_of(SYMBOLS))
def test_a_recorded_symbol_list_decodes_to_what_the_text_says(name: str, exchange: str) -> None:
    sent = json.loads(sample(name))
    symbols = decode_symbols(sample(name), exchange)
    assert symbols.refused == 0
    assert [
        [s.symbol.code, s.name, s.country, s.venue, s.currency, s.asset_type, s.isin]
        for s in symbols.listings
    ] == [[as_stored(text) for text in line.values()] for line in sent]
    assert {s.symbol.exchange for s in symbols.listings} == {exchange}


@pytest.mark.parametrize(("name", "error"), rows_of(REFUSED))
def test_a_recorded_error_is_refused_by_its_status(name: str, error: type[NexusError]) -> None:
    status = int(name.split("_")[1])
    refused = refusal(status, {}, sample(name), "MCD.US", dt.datetime(2026, 11, 24, tzinfo=dt.UTC))
    words = " ".join(sample(name).decode().split())
    assert type(refused) is error
    assert str(refused) == f"MCD.US: {status} {words}"[: len(f"MCD.US: {status} ") + 120]


@pytest.mark.parametrize(("name", "_"), rows_of(REFUSED))
def test_a_recorded_error_sent_with_200_is_no_symbol_list(name: str, _: object) -> None:
    with pytest.raises((BrokenAnswer, NotAnAnswer)):
        decode_symbols(sample(name), "US")
