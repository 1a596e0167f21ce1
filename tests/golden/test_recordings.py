"""Every recorded body of an endpoint that we read decodes exactly, or is refused by name."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest

from data_nexus.domain.actions import Dividend, Split
from data_nexus.domain.bars import EPOCH, days
from data_nexus.domain.calendar.window import EARLIEST, Window
from data_nexus.domain.symbol import Symbol, parse_symbol
from data_nexus.domain.validation.check import check
from data_nexus.eodhd.decode_actions import Actions, decode_dividends, decode_splits
from data_nexus.eodhd.decode_bars import NUMBERS, decode_bars
from data_nexus.eodhd.decode_bulk import (
    BulkActions,
    decode_bulk_bars,
    decode_bulk_dividends,
    decode_bulk_splits,
)
from data_nexus.eodhd.decode_symbols import decode_exchanges, decode_symbols
from data_nexus.eodhd.refusals import refusal
from data_nexus.errors import (
    BrokenAnswer,
    CredentialsRefused,
    EndpointNotInPlan,
    NexusError,
    NotAnAnswer,
    NotListed,
    ProductNotInPlan,
    QuotaSpent,
    RequestRefused,
    WrongSubject,
)
from tests.golden.recordings import needs_recordings, sample, sample_names

pytestmark = needs_recordings

BARS, SYMBOLS, NO_BARS, REFUSED = "bars of", "symbols of", "no bars", "refused"
SPLITS, NO_DIVIDENDS = "splits of", "no dividends"
BULK_BARS, BULK_SPLITS, BULK_DIVIDENDS = "bars by code", "splits by code", "dividends by code"
MCD = Symbol("MCD", "US")
# What each recorded body is to us: whose bars, which exchange's list, or which refusal.
VERDICTS: dict[str, tuple[str, Any]] = {
    "eod_BHP.AU_full.json": (BARS, "BHP.AU"),
    "eod_MCD.US_2023-01-01_2023-01-10.json": (BARS, "MCD.US"),
    "eod_MCD.US_2023-01-01_2023-01-10.csv": (NO_BARS, BrokenAnswer),
    "eod-bulk-last-day_AU_2024-09-30.json": (BULK_BARS, ("AU", "2024-09-30")),
    "eod-bulk-last-day_NYSE_symbols-AAPL.json": (BULK_BARS, ("NYSE", "2023-01-25")),
    "eod-bulk-last-day_US_type-dividends_2026-09-29_excerpt.json": (
        BULK_DIVIDENDS,
        ("US", "2026-09-29"),
    ),
    "eod-bulk-last-day_US_type-splits_2026-09-29.json": (BULK_SPLITS, ("US", "2026-09-29")),
    "splits_AAPL.US_2020_2022.json": (SPLITS, "AAPL.US"),
    "splits_TLV.RO.json": (SPLITS, "TLV.RO"),
    "div_MCD.US_2022.csv": (NO_DIVIDENDS, BrokenAnswer),
    "exchange-symbol-list_AU.json": (SYMBOLS, "AU"),
    "exchange-symbol-list_OTC_delisted-1.json": (SYMBOLS, "OTC"),
    "error_401_eod-bulk-last-day.txt": (REFUSED, CredentialsRefused),
    "error_401_eod.txt": (REFUSED, CredentialsRefused),
    "error_401_exchange-symbol-list.txt": (REFUSED, CredentialsRefused),
    "error_401_intraday.txt": (REFUSED, CredentialsRefused),
    "error_402_quota.txt": (REFUSED, QuotaSpent),
    "error_403_forbidden.txt": (REFUSED, ProductNotInPlan),
    "error_403_free-plan.txt": (REFUSED, ProductNotInPlan),
    "error_404_exchange.txt": (REFUSED, NotListed),
    "error_404_ticker.txt": (REFUSED, NotListed),
    "error_422_intraday-span.json": (REFUSED, RequestRefused),
    "error_423_bulk-free-plan.txt": (REFUSED, EndpointNotInPlan),
}
ALL_HISTORY = Window(EARLIEST, dt.date(2026, 11, 25))


def rows_of(verdict: str) -> list[tuple[str, Any]]:
    """The bodies of one verdict, with what belongs to it."""
    return [(name, about) for name, (kind, about) in VERDICTS.items() if kind == verdict]


def test_every_recorded_body_has_a_verdict() -> None:
    read = sample_names("eod", "div_", "splits_", "exchange-symbol-list", "error_")
    assert read == set(VERDICTS)


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


@pytest.mark.parametrize(("name", "about"), rows_of(SPLITS))
def test_recorded_splits_decode_to_what_the_text_says(name: str, about: str) -> None:
    symbol = parse_symbol(about)
    assert decode_splits(sample(name), symbol) == Actions(
        tuple(split_in(row) for row in json.loads(sample(name)))
    )
    with pytest.raises(NotAnAnswer, match="missing 'value'"):
        decode_dividends(sample(name), symbol)


def split_in(row: dict[str, str]) -> Split:
    """The split in a row of text."""
    new, old = row["split"].split("/")
    return Split(dt.date.fromisoformat(row["date"]), float(Decimal(new)), float(Decimal(old)))


@pytest.mark.parametrize(("name", "error"), rows_of(NO_DIVIDENDS))
def test_a_body_that_holds_no_dividends_is_refused(name: str, error: type[NexusError]) -> None:
    with pytest.raises(error, match=r"^MCD\.US: "):
        decode_dividends(sample(name), MCD)


@pytest.mark.parametrize(("name", "about"), rows_of(BULK_BARS))
def test_recorded_bars_of_an_exchange_decode_to_what_the_text_says(
    name: str, about: tuple[str, str]
) -> None:
    sent = json.loads(sample(name), parse_float=Decimal, parse_int=Decimal)
    day = dt.date.fromisoformat(about[1])
    found = decode_bulk_bars(sample(name), about[0], day)
    assert (found.rejects, found.repeats, found.rows) == ((), 0, tuple(range(len(sent))))
    assert list(found.codes) == [row["code"] for row in sent]
    assert found.bars.date.tolist() == [days(day)] * len(sent)
    for number in NUMBERS:
        assert getattr(found.bars, number).tolist() == [float(row[number]) for row in sent]


@pytest.mark.parametrize(("name", "about"), rows_of(BULK_SPLITS))
def test_recorded_splits_of_an_exchange_decode_to_what_the_text_says(
    name: str, about: tuple[str, str]
) -> None:
    found = decode_bulk_splits(sample(name), about[0], dt.date.fromisoformat(about[1]))
    sent = json.loads(sample(name))
    assert found == BulkActions({row["code"]: (split_in(row),) for row in sent}, (), 0)


@pytest.mark.parametrize(("name", "about"), rows_of(BULK_DIVIDENDS))
def test_recorded_dividends_of_an_exchange_decode_to_what_the_text_says(
    name: str, about: tuple[str, str]
) -> None:
    found = decode_bulk_dividends(sample(name), about[0], dt.date.fromisoformat(about[1]))
    sent = json.loads(sample(name))
    assert found == BulkActions({row["code"]: (dividend_in(row),) for row in sent}, (), 0)


def dividend_in(row: dict[str, str | None]) -> Dividend:
    """The dividend in a row of text."""
    dates = {
        ours: dt.date.fromisoformat(text) if (text := row[theirs]) else None
        for ours, theirs in (
            ("declaration_date", "declarationDate"),
            ("record_date", "recordDate"),
            ("payment_date", "paymentDate"),
        )
    }
    return Dividend(
        date=dt.date.fromisoformat(str(row["date"])),
        value=float(Decimal(str(row["dividend"]))),
        unadjusted_value=float(Decimal(str(row["unadjustedValue"]))),
        currency=row["currency"],
        period=None if row["period"] == "None" else row["period"],
        **dates,
    )


BULK = rows_of(BULK_BARS) + rows_of(BULK_SPLITS) + rows_of(BULK_DIVIDENDS)


@pytest.mark.parametrize(("name", "_"), BULK + rows_of(SPLITS))
def test_a_body_of_actions_or_of_an_exchange_is_no_bars(name: str, _: object) -> None:
    with pytest.raises((NotAnAnswer, WrongSubject), match=r"^MCD\.US: "):
        decode_bars(sample(name), MCD)


@pytest.mark.parametrize(("name", "_"), rows_of(BARS) + rows_of(SYMBOLS) + rows_of(REFUSED))
def test_any_other_body_sent_with_200_is_no_action_and_no_exchange(name: str, _: object) -> None:
    for decode in (decode_splits, decode_dividends):
        with pytest.raises((BrokenAnswer, NotAnAnswer)):
            decode(sample(name), MCD)
    for decode_bulk in (decode_bulk_bars, decode_bulk_splits, decode_bulk_dividends):
        with pytest.raises((BrokenAnswer, NotAnAnswer)):
            decode_bulk(sample(name), "US", dt.date(2026, 9, 29))


@pytest.mark.parametrize(("name", "about"), BULK)
def test_an_exchange_s_body_of_another_day_is_refused(name: str, about: tuple[str, str]) -> None:
    decode = {
        BULK_BARS: decode_bulk_bars,
        BULK_SPLITS: decode_bulk_splits,
        BULK_DIVIDENDS: decode_bulk_dividends,
    }[VERDICTS[name][0]]
    with pytest.raises(WrongSubject):
        decode(sample(name), about[0], dt.date.fromisoformat(about[1]) + dt.timedelta(1))


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


@pytest.mark.parametrize("name", sorted(sample_names("exchanges-list")))
def test_a_recorded_list_of_exchanges_is_read_whole(name: str) -> None:
    sent = json.loads(sample(name))
    found = {each.code: each for each in decode_exchanges(sample(name))}
    assert [*found] == [row["Code"] for row in sent]
    for row in sent:
        each = found[row["Code"]]
        expected = [(row[key] or "").strip() for key in ("Name", "Country", "Currency")]
        assert [each.name, each.country, each.currency] == expected
        assert each.operating_mic == (row["OperatingMIC"] or "")
