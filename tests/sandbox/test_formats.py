"""The sandbox writes as the vendor does: recordings, put in as files, come out byte for byte."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.support.vendor.sandbox import Sandbox, sandbox

SAMPLES = Path(__file__).parents[3] / "shared" / "eodhd_samples"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the recordings are not here")

BAR = ("date", "open", "high", "low", "close", "adjusted_close", "volume")
BULK_DAY = "2024-09-30"


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def write(path: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A world made of the recordings."""
    folder = tmp_path_factory.mktemp("recorded")
    bars = [("BHP", *row.values()) for row in json.loads(sample("eod_BHP.AU_full.json"))]
    bulk = json.loads(sample(f"eod-bulk-last-day_AU_{BULK_DAY}.json"))
    bulk_bars = [tuple(row[key] for key in ("code", *BAR)) for row in bulk]
    us_bars = json.loads(sample("eod_MCD.US_2023-01-01_2023-01-10.json"))
    listed = json.loads(sample("exchange-symbol-list_AU.json"))
    dead = json.loads(sample("exchange-symbol-list_OTC_delisted-1.json"))
    splits = json.loads(sample("splits_TLV.RO.json"))
    options = {
        "bars": [
            write(folder / "bhp.csv", ("symbol", *BAR), bars),
            write(folder / "bulk.csv", ("symbol", *BAR), bulk_bars),
            write(
                folder / "mcd.csv",
                ("symbol", "exchange", *BAR),
                [("MCD", "US", *row.values()) for row in us_bars],
            ),
        ],
        "symbol_list": [
            write(
                folder / "listed.csv",
                (*listed[0], "delisted"),
                [(*row.values(), False) for row in listed]
                + [(*row.values(), True) for row in dead],
            )
        ],
        "splits": [
            write(
                folder / "splits.csv",
                ("symbol", "exchange", "date", "ratio", "ratio_text"),
                [("BHP", "AU", row["date"], 1, row["split"].replace("/", ":")) for row in splits],
            )
        ],
    }
    with sandbox(exchange="AU", **options) as vendor:  # type: ignore[arg-type]
        yield vendor


def test_a_recorded_history_comes_out_byte_for_byte(recorded: Sandbox) -> None:
    reply = recorded.ask("/eod/BHP.AU", fmt="json")
    assert reply.body == sample("eod_BHP.AU_full.json")
    assert reply.headers["Content-Type"] == "application/json"


def test_a_recorded_csv_comes_out_byte_for_byte(recorded: Sandbox) -> None:
    reply = recorded.ask("/eod/MCD.US", from_="2023-01-01", to="2023-01-10")
    assert reply.body == sample("eod_MCD.US_2023-01-01_2023-01-10.csv")
    assert reply.headers["Content-Type"] == "text/html; charset=UTF-8"


def test_a_recorded_symbol_list_comes_out_byte_for_byte(recorded: Sandbox) -> None:
    listed = recorded.ask("/exchange-symbol-list/AU", fmt="json")
    # The symbols that only the bars know follow behind.
    assert listed.body.startswith(sample("exchange-symbol-list_AU.json")[:-1])


def test_recorded_dead_listings_come_out_byte_for_byte(recorded: Sandbox) -> None:
    reply = recorded.ask("/exchange-symbol-list/OTC", fmt="json", delisted=1)
    assert reply.body == sample("exchange-symbol-list_OTC_delisted-1.json")


def test_recorded_splits_come_out_byte_for_byte(recorded: Sandbox) -> None:
    assert recorded.ask("/splits/BHP.AU", fmt="json").body == sample("splits_TLV.RO.json")


def test_a_recorded_bulk_day_comes_out_row_for_row(recorded: Sandbox) -> None:
    reply = recorded.ask("/eod-bulk-last-day/AU", date=BULK_DAY)
    wanted = sample(f"eod-bulk-last-day_AU_{BULK_DAY}.json")
    rows = [set(body[2:-2].split(b"},{")) for body in (reply.body, wanted)]
    # BHP.AU comes from its own recording, a year later: its adjusted_close has moved on.
    assert {row for row in rows[0] ^ rows[1] if b'"code":"BHP"' not in row} == set()


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        ("/eod-bulk-last-day/US", {}, "eod-bulk-last-day_NYSE_symbols-AAPL.json"),
        (
            "/eod-bulk-last-day/US",
            {"type": "splits"},
            "eod-bulk-last-day_US_type-splits_2026-09-29.json",
        ),
        (
            "/eod-bulk-last-day/US",
            {"type": "dividends"},
            "eod-bulk-last-day_US_type-dividends_2026-09-29_excerpt.json",
        ),
        ("/exchanges-list/", {}, "exchanges-list_2026-07.json"),
        ("/exchange-details/US", {}, "exchange-details_US_2023.json"),
        ("/internal-user", {}, "internal-user.json"),
    ],
)
def test_documents_have_the_recorded_keys_in_the_recorded_order(
    path: str, query: dict[str, str], name: str, eventful: Sandbox
) -> None:
    served = eventful.ask(path, **query)
    assert shape(served.json()) == shape(json.loads(sample(name)))
    assert served.headers["Content-Type"] == "application/json"


@pytest.fixture(scope="module")
def eventful() -> Iterator[Sandbox]:
    """A synthetic world in which the last session saw a split and a dividend."""
    with sandbox(symbols=5, clean=True, bars_per_symbol=30, now="2026-09-30") as vendor:
        day = "2026-09-29"
        vendor.post("/actions", {"symbol": "AAPL.US", "date": day, "split": "1/20"})
        vendor.post("/actions", {"symbol": "MSFT.US", "date": day, "dividend": 0.208})
        yield vendor


def shape(content: object) -> object:
    """The keys of a document's objects, in order; of a list, those of its first element."""
    if isinstance(content, list):
        return [shape(content[0])] if content and isinstance(content[0], dict) else []
    if isinstance(content, dict):
        numbered = all(key.isdecimal() for key in content)
        return (
            shape(list(content.values()))
            if numbered
            else {"keys": list(content), "within": [shape(value) for value in content.values()]}
        )
    return None


def test_action_values_have_the_recorded_number_formats(eventful: Sandbox) -> None:
    query = {"date": "2026-09-29"}
    splits = eventful.ask("/eod-bulk-last-day/US", type="splits", **query).body
    assert b'"split":"1.000000\\/20.000000"' in splits
    dividends = eventful.ask("/eod-bulk-last-day/US", type="dividends", **query).body
    assert b'"dividend":"0.20800"' in dividends
    assert b'"unadjustedValue":"0.2080000000"' in dividends


def test_prices_before_are_only_beside_a_bulk_day_without_a_date(eventful: Sandbox) -> None:
    dated = eventful.ask("/eod-bulk-last-day/US", date="2026-09-29", fmt="csv").body
    assert dated.startswith(b"Code,Ex,Date,Open,High,Low,Close,Adjusted_close,Volume\n")
    latest = eventful.ask("/eod-bulk-last-day/US", fmt="csv").body
    assert latest.startswith(
        b"Code,Ex,Date,Open,High,Low,Close,Adjusted_close,Volume,Prev_close,Change,Change_%\n"
    )


def test_csv_headers_are_the_recorded_ones(eventful: Sandbox) -> None:
    heads = {
        path: eventful.ask(path).body.partition(b"\n")[0]
        for path in ("/exchange-symbol-list/US", "/div/MSFT.US", "/splits/AAPL.US")
    }
    assert heads == {
        "/exchange-symbol-list/US": b"Code,Name,Country,Exchange,Currency,Type,Isin",
        "/div/MSFT.US": b"Date,Dividends",
        "/splits/AAPL.US": b'Date,"Stock Splits"',
    }
    assert eventful.ask("/splits/AAPL.US").headers["Content-Type"] == "application/csv"


def test_synthetic_numbers_have_four_decimals_at_most_and_no_trailing_zero(
    eventful: Sandbox,
) -> None:
    body = eventful.ask("/eod/VTI.US", fmt="json").body.decode()
    numbers = re.findall(r'":(-?[\d.eE+-]+)', body)
    assert len(numbers) == 30 * 6
    assert [n for n in numbers if not re.fullmatch(r"\d+|\d+\.\d{0,3}[1-9]", n)] == []


@pytest.mark.parametrize(
    ("path", "status", "name"),
    [
        ("/eod/NOPE.US", 404, "error_404_ticker.txt"),
        ("/exchange-symbol-list/NOPE", 404, "error_404_exchange.txt"),
    ],
)
def test_refusals_have_the_quoted_words(
    path: str, status: int, name: str, eventful: Sandbox
) -> None:
    reply = eventful.ask(path, fmt="json")
    assert (reply.status, reply.body) == (status, sample(name))
    assert reply.headers["Content-Type"] == "text/html; charset=UTF-8"


@pytest.mark.parametrize(
    ("symbol", "query", "name"),
    [
        ("BRK.B.US", {}, "symbol"),
        ("AAPL.US", {"from_": "yesterday"}, "from"),
        ("AAPL.US", {"to": "2024-02-30"}, "to"),
        ("AAPL.US", {"period": "y"}, "period"),
    ],
)
def test_an_invalid_parameter_is_told_as_json(
    symbol: str, query: dict[str, str], name: str, eventful: Sandbox
) -> None:
    reply = eventful.ask(f"/eod/{symbol}", fmt="json", **query)
    assert reply.status == 422
    assert list(reply.json()["errors"]) == [name]
