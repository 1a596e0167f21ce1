"""A status other than 200 becomes the error that says what to do, in the vendor's words."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.eodhd.refusals import refusal, said
from data_nexus.errors import (
    CredentialsRefused,
    EndpointNotInPlan,
    NexusError,
    NotListed,
    ProductNotInPlan,
    QuotaSpent,
    RateLimited,
    Redirected,
    RequestRefused,
    Retry,
    VendorFailed,
)
from tests.support.vendor.canary import disguises

NOW = dt.datetime(2024, 3, 1, 12, tzinfo=dt.UTC)
TOKEN = "canary5f3a9c01e7.28841620"  # noqa: S105 - nobody's
PAGE = (
    f'<html><link rel="canonical" href="https://eodhd.com/api/eod/X.US?api_token={TOKEN}"></html>'
)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RequestRefused),
        (401, CredentialsRefused),
        (402, QuotaSpent),
        (403, ProductNotInPlan),
        (404, NotListed),
        (405, RequestRefused),
        (408, VendorFailed),
        (422, RequestRefused),
        (423, EndpointNotInPlan),
        (429, RateLimited),
        (500, VendorFailed),
        (502, VendorFailed),
        (503, VendorFailed),
        (599, VendorFailed),
    ],
)
def test_the_status_decides(status: int, error: type[NexusError]) -> None:
    refused = refusal(status, {}, b"  Some\r\nwords. ", "AAPL.US", NOW)
    assert type(refused) is error
    assert str(refused) == f"AAPL.US: {status} Some words."


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 399])
def test_a_redirect_is_a_passing_trouble_with_words_and_its_target_is_not_said(status: int) -> None:
    headers = {"Location": f"http://login.hotel/?back=https://eodhd.com/api?api_token={TOKEN}"}
    refused = refusal(status, headers, PAGE.encode(), "AAPL.US", NOW)
    assert isinstance(refused, Redirected)
    assert isinstance(refused, Retry)
    assert str(refused).startswith(f"AAPL.US: {status} redirected: a login page")
    assert "hotel" not in str(refused)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, 5.0),
        ({"Retry-After": "30"}, 30.0),
        ({"Retry-After": "Fri, 01 Mar 2024 12:00:30 GMT"}, 30.0),
        ({"Retry-After": "1000000000"}, 900.0),
        ({"Retry-After": "-1"}, 5.0),
        ({"Retry-After": "\u0663"}, 5.0),
    ],
)
def test_a_rate_limit_waits_as_it_is_told(headers: dict[str, str], wait: float) -> None:
    limit = refusal(429, headers, b'{"error":"API rate limit exceeded"}', "AAPL.US", NOW)
    assert isinstance(limit, RateLimited)
    assert limit.wait_sec == wait


@pytest.mark.parametrize(
    "body",
    [
        PAGE.encode(),
        PAGE.encode("utf-16"),
        b"\xff\xfe" + PAGE.encode(),
        f"see https://eodhd.com/api/eod/X.US?api_token={TOKEN}".encode(),
        f"see eodhd.com/api/eod/X.US?api_token={TOKEN}".encode(),
        f'{{"url":"https:\\/\\/eodhd.com\\/api?api_token={TOKEN}"}}'.encode(),
        b"x" * 470 + PAGE.encode(),
    ],
    ids=["page", "UTF-16", "mark", "URL", "URL without scheme", "JSON", "far behind"],
)
def test_no_refusal_repeats_the_token_of_a_page(body: bytes) -> None:
    told = str(refusal(404, {}, body, "X.US", NOW))
    assert disguises(told.encode(), TOKEN) == []
    assert told.startswith("X.US: 404")


@given(st.binary(max_size=600) | st.text(max_size=300).map(lambda t: t.encode("utf-8", "replace")))
def test_what_is_said_is_one_short_line(body: bytes) -> None:
    text = said(body)
    assert text.isprintable()
    assert len(text) <= 120
    assert "<" not in text
    assert "://" not in text


def test_a_silent_refusal_is_told_by_its_status() -> None:
    assert str(refusal(503, {}, b"", "AAPL.US", NOW)) == "AAPL.US: 503"
