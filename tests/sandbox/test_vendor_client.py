"""The vendor's own Python client, and the forms of its requests, are answered as by the vendor."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from data_nexus.sandbox.command import DEFAULT_TOKEN
from tests.support.files.tool_environments import python_with
from tests.support.source import ROOT
from tests.support.vendor.sandbox import Sandbox, fetch, sandbox

SPLIT, DIVIDEND = "2026-11-18", "2026-11-17"


@pytest.fixture(scope="module")
def vendor() -> Iterator[Sandbox]:
    options: dict[str, Any] = {"symbols": 6, "bars_per_symbol": 40, "now": "2026-11-20T12:00:00"}
    with sandbox(token=DEFAULT_TOKEN, **options) as running:
        running.post("/actions", {"symbol": "AAPL.US", "date": SPLIT, "split": "4/1"})
        running.post("/actions", {"symbol": "AAPL.US", "date": DIVIDEND, "dividend": 0.02})
        yield running


@pytest.fixture(scope="module")
def received(vendor: Sandbox) -> dict[str, Any]:
    """What the client made of the answers to all of its calls."""
    python = python_with("eodhd", "eodhd")
    command = [python, str(CALLS), vendor.url, vendor.token]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


CALLS = ROOT / "tests" / "support" / "vendor" / "client_calls.py"


def answer(vendor: Sandbox, path: str, **query: str) -> Any:  # noqa: ANN401 - JSON is any shape
    return vendor.ask(path, fmt="json", **query).json()


def test_the_client_receives_what_a_plain_request_receives(
    vendor: Sandbox, received: dict[str, Any]
) -> None:
    window = {"from_": "2026-11-16", "to": "2026-11-18"}
    november = {"from_": "2026-11-01", "to": "2026-11-30"}
    bulk = "/eod-bulk-last-day/US"
    assert received["eod"] == answer(vendor, "/eod/AAPL.US", order="d", **window)
    assert received["weekly"] == answer(vendor, "/eod/AAPL.US", period="w")
    assert received["bulk"] == answer(vendor, bulk, date=SPLIT)
    assert received["bulk of some"] == answer(vendor, bulk, symbols="AAPL,MSFT")
    assert received["bulk splits"] == answer(vendor, bulk, date=SPLIT, type="splits")
    assert received["splits"] == answer(vendor, "/splits/AAPL.US", **november)
    assert received["dividends"] == answer(vendor, "/div/AAPL.US", **november)
    assert received["calendar"] == answer(vendor, "/calendar/splits", **november)
    assert received["exchanges"] == answer(vendor, "/exchanges-list")
    assert received["tickers"] == answer(vendor, "/exchange-symbol-list/US")
    assert received["delisted"] == answer(vendor, "/exchange-symbol-list/US", delisted="1")
    assert received["details"] == answer(vendor, "/exchange-details/US")
    assert received["renames"] == answer(vendor, "/symbol-change-history")


def test_nothing_that_the_client_receives_is_empty(received: dict[str, Any]) -> None:
    assert [name for name, value in received.items() if not value] == ["renames"]
    assert [row["date"] for row in received["splits"]] == [SPLIT]
    assert received["dividends"][-1]["date"] == DIVIDEND
    assert [row["code"] for row in received["calendar"]["splits"]] == ["AAPL.US"]


def test_the_client_s_frame_has_the_bars(vendor: Sandbox, received: dict[str, Any]) -> None:
    rows = answer(vendor, "/eod/AAPL.US", from_="2026-11-16", to="2026-11-18")
    assert received["frame"] == {
        "dates": [row["date"] for row in rows],
        "close": [row["close"] for row in rows],
    }


def test_the_token_has_the_vendor_s_form() -> None:
    """The client refuses any other before it sends a request."""
    assert re.fullmatch(r"[A-Za-z0-9.]{16,32}", DEFAULT_TOKEN)
    assert re.fullmatch(r"[a-z0-9]{13,14}\.[0-9]{8}", DEFAULT_TOKEN)


@pytest.mark.parametrize(
    "path",
    [
        *("//eod/AAPL.US", "/eod//AAPL.US", "/eod/AAPL.US/", "//eod//AAPL.US//"),
        *("/div//AAPL.US", "/splits//AAPL.US", "/exchanges-list/", "//eod-bulk-last-day//US"),
        *("/calendar/splits/", "/calendar//splits", "//user/"),
    ],
)
def test_doubled_and_trailing_slashes_change_nothing(vendor: Sandbox, path: str) -> None:
    plain = re.sub("/+", "/", path).rstrip("/")
    query = f"?api_token={vendor.token}&fmt=json"
    reply, expected = (fetch(f"{vendor.url}{each}{query}") for each in (path, plain))
    entries = vendor.log()[-2:]
    assert (reply.status, reply.json()) == (200, expected.json())
    names = ("endpoint", "symbol", "cost", "sha256")
    assert [[entry[name] for name in names] for entry in entries[:1]] == [
        [entry[name] for name in names] for entry in entries[1:]
    ]


@pytest.mark.parametrize(
    ("path", "empty"),
    [
        ("/eod-bulk-last-day/US", "type=&filter=&symbols=&date="),
        ("/eod/AAPL.US", "from=&to=&period=&order=&filter="),
        ("/eod/AAPL.US", "fmt="),
        ("/div/AAPL.US", "from=&to="),
        ("/calendar/splits", "from=&to=&symbols="),
        ("/exchange-symbol-list/US", "delisted=&type="),
        ("/exchange-details/US", "from=&to="),
    ],
)
def test_an_empty_parameter_is_an_absent_one(vendor: Sandbox, path: str, empty: str) -> None:
    url = f"{vendor.url}{path}?api_token={vendor.token}"
    reply, expected = fetch(f"{url}&{empty}"), fetch(url)
    assert (reply.status, reply.body) == (200, expected.body)
