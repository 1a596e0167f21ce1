"""The minute's limit: two rules of counting, limits that change in mid-run, every form of 429."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

import pytest

from tests.support.vendor.sandbox import Reply, Sandbox, fetch, sandbox


def statuses(vendor: Sandbox, count: int) -> list[int]:
    return [vendor.ask("/user").status for _ in range(count)]


def refused(vendor: Sandbox) -> Reply:
    """The 429 of a full minute."""
    vendor.post("/limits", {"minute": 3, "minute_used": 3})
    reply = vendor.ask("/user")
    assert reply.status == 429
    return reply


def test_a_full_minute_is_refused_until_it_is_over(vendor: Sandbox) -> None:
    vendor.post("/limits", {"minute": 2})
    assert statuses(vendor, 4) == [200, 200, 429, 429]
    vendor.post("/clock", {"advance_sec": 61})
    assert statuses(vendor, 1) == [200]


def test_a_limit_that_falls_counts_what_the_minute_already_holds(vendor: Sandbox) -> None:
    assert statuses(vendor, 4) == [200] * 4
    assert vendor.post("/limits", {"minute": 4})["remaining"] == 0
    reply = vendor.ask("/user")
    headers = (reply.headers["X-RateLimit-Limit"], reply.headers["X-RateLimit-Remaining"])
    assert (reply.status, headers) == (429, ("4", "0"))


def test_a_limit_that_rises_adds_only_the_difference(vendor: Sandbox) -> None:
    vendor.post("/limits", {"minute": 2})
    assert statuses(vendor, 3) == [200, 200, 429]
    vendor.post("/limits", {"minute": 4})
    assert statuses(vendor, 3) == [200, 200, 429]


@pytest.mark.parametrize(
    ("window", "after_the_minute"), [("fixed", [200, 200, 429]), ("sliding", [200, 429, 429])]
)
def test_a_minute_begins_anew_or_slides(
    vendor: Sandbox, window: str, after_the_minute: list[int]
) -> None:
    vendor.post("/limits", {"minute": 2, "window": window})
    assert statuses(vendor, 1) == [200]
    vendor.post("/clock", {"advance_sec": 40})
    assert statuses(vendor, 2) == [200, 429]
    vendor.post("/clock", {"advance_sec": 21})
    assert statuses(vendor, 3) == after_the_minute


@pytest.mark.parametrize(("window", "least"), [("fixed", 10), ("sliding", 40)])
def test_retry_after_tells_when_the_window_takes_a_request_again(
    vendor: Sandbox, window: str, least: int
) -> None:
    vendor.post("/limits", {"minute": 2, "window": window})
    statuses(vendor, 1)
    vendor.post("/clock", {"advance_sec": 30})
    statuses(vendor, 1)
    vendor.post("/clock", {"advance_sec": 20})
    # A limit that fell to 1 waits for the younger of the two where the minute slides.
    vendor.post("/limits", {"minute": 1})
    told = int(vendor.ask("/user").headers["Retry-After"])
    assert least - 5 <= told <= least
    vendor.post("/clock", {"advance_sec": told})
    assert statuses(vendor, 1) == [200]


def test_the_stricter_rule_is_chosen_at_start() -> None:
    with sandbox(symbols=1, clean=True, minute_window="sliding", minute_limit=2) as vendor:
        assert statuses(vendor, 1) == [200]
        vendor.post("/clock", {"advance_sec": 40})
        assert statuses(vendor, 1) == [200]
        vendor.post("/clock", {"advance_sec": 21})
        assert statuses(vendor, 2) == [200, 429]


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ("seconds", r"[1-9]\d?"),
        ("negative", r"-[1-9]\d*"),
        ("huge", r"1000000000"),
        ("garbage", r"[a-z]+"),
    ],
)
def test_retry_after_takes_the_chosen_form(vendor: Sandbox, form: str, pattern: str) -> None:
    vendor.post("/limits", {"retry_after": form})
    assert re.fullmatch(pattern, refused(vendor).headers["Retry-After"])


def test_retry_after_may_be_a_date_that_agrees_with_the_answer_s_own(vendor: Sandbox) -> None:
    vendor.post("/limits", {"retry_after": "date"})
    headers = refused(vendor).headers
    assert headers["Retry-After"].endswith(" GMT")
    until, sent = (parsedate_to_datetime(headers[name]) for name in ("Retry-After", "Date"))
    assert 50 <= (until - sent).total_seconds() <= 61


def test_retry_after_may_be_absent(vendor: Sandbox) -> None:
    vendor.post("/limits", {"retry_after": "absent"})
    assert "Retry-After" not in refused(vendor).headers


@pytest.mark.parametrize(
    ("form", "content_type", "body"),
    [
        ("json", "application/json", b'{"error":"API rate limit exceeded"}'),
        ("text", "text/html; charset=UTF-8", b"Too Many Requests"),
    ],
)
def test_a_429_is_json_or_text(vendor: Sandbox, form: str, content_type: str, body: bytes) -> None:
    vendor.post("/limits", {"refusal_body": form})
    reply = refused(vendor)
    assert (reply.headers["Content-Type"], reply.body) == (content_type, body)


@pytest.mark.parametrize(
    "wish",
    [b'{"hour": 1}', b'{"window": "round"}', b'{"retry_after": "never"}', b'{"used_on": "soon"}'],
)
def test_a_limit_that_means_nothing_is_refused_and_changes_nothing(
    vendor: Sandbox, wish: bytes
) -> None:
    before = vendor.post("/limits")
    reply = fetch(f"{vendor.control}/limits", "POST", wish[:-1] + b', "minute": 7}')
    assert reply.status == 400
    assert reply.json()["error"]
    assert vendor.post("/limits") == before
