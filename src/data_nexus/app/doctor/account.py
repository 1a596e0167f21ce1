"""Examine key, plan, network and clock by one request for the account, which costs no call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from data_nexus.app.doctor.diagnosis import Diagnosis, doubtful, failed, well, wrong
from data_nexus.config import Secret, Settings, without_user
from data_nexus.domain.limits.first_contact import FIRST_CONNECT_SEC
from data_nexus.domain.limits.quota import Quota, on_day
from data_nexus.eodhd.client import MinuteLimit, VendorClient, Wire
from data_nexus.eodhd.decode_user import AccountUsage, decode_user
from data_nexus.eodhd.requests import user_request
from data_nexus.errors import (
    CredentialsRefused,
    NexusError,
    NotInPlan,
    NotListed,
    NotSent,
    Park,
    QuotaSpent,
    RateLimited,
    Redirected,
    StorageUnavailable,
    UsageError,
)
from data_nexus.events import ignore
from data_nexus.ingestion.wiring import MOST_APART, SET_CLOCK, clocks_in_words, wire_for

# A machine that keeps its clock by NTP is within a second; an answer takes some more.
_APART = timedelta(minutes=2)
# A key on which so few calls are left stops a run soon.
_FEW_SHARE = 20


@dataclass(frozen=True, slots=True)
class AccountAnswer:
    """What came back: the account or an error, the minute's limit, both clocks."""

    account: AccountUsage | None
    error: NexusError | None
    minute: MinuteLimit | None
    answered_at: datetime | None
    own_clock: datetime


def account_lines(settings: Settings, clock: Callable[[], datetime]) -> Iterator[Diagnosis]:
    """Give the lines about key, network, plan, quota and this machine's `clock`."""
    try:
        wire = wire_for(settings, FIRST_CONNECT_SEC)
    except UsageError as error:
        yield failed("network", error)
        yield doubtful("key", "not checked: the network's settings are wrong", "mend them first")
        return
    if settings.token is None:
        yield wrong(
            "key",
            "none is set",
            "set EODHD_API_KEY, or EODHD_API_KEY_FILE to a file that only you can read; without a"
            " key, try `nexus demo`",
        )
        yield doubtful("network", "not checked: without a key nothing is sent", "set a key")
        return
    answer = asyncio.run(_ask(wire, settings.token, clock))
    yield _network(answer, wire)
    yield _key(answer)
    yield from _plan(answer)
    yield from _clock(answer)


async def _ask(wire: Wire, token: Secret, clock: Callable[[], datetime]) -> AccountAnswer:
    async with VendorClient(wire, token, ignore) as client:
        account, error = None, None
        try:
            account = decode_user(await client.fetch(user_request()))
        except NexusError as refused:
            error = refused
        return AccountAnswer(account, error, client.minute, client.answered_at, clock())


def _network(answer: AccountAnswer, wire: Wire) -> Diagnosis:
    host = urlsplit(wire.base_url).netloc
    proxy = f" through the proxy {without_user(wire.proxy)}" if wire.proxy else ", without a proxy"
    safety = "TLS" if wire.base_url.startswith("https:") else "plain http on this machine"
    if isinstance(answer.error, NotSent):
        seen, _, remedy = answer.error.cause.partition("; ")
        return wrong("network", f"{host} cannot be reached: {seen}", remedy)
    if isinstance(answer.error, StorageUnavailable):
        return failed("network", answer.error)
    if isinstance(answer.error, NotListed):
        seen = f"{host} answers, and knows no accounts (404)"
        return wrong("network", seen, "EODHD_BASE_URL must be the root of the vendor's API")
    if isinstance(answer.error, Redirected):
        return wrong("network", str(answer.error), "log in to this network, or correct the root")
    if answer.answered_at is None and answer.account is None and _is_silent(answer.error):
        return wrong(
            "network", f"{host}: {answer.error}", "run it again; is a firewall in the way?"
        )
    return well("network", f"{host} answers by {safety}{proxy}")


def _is_silent(error: NexusError | None) -> bool:
    """Whether nothing that can be read came back."""
    refusals = (CredentialsRefused, NotInPlan, QuotaSpent, RateLimited, Park)
    return error is not None and not isinstance(error, refusals)


def _key(answer: AccountAnswer) -> Diagnosis:
    error = answer.error
    if error is None:
        return well("key", "the vendor accepts it")
    if isinstance(error, CredentialsRefused):
        return wrong(
            "key",
            "the vendor refuses it (401)",
            "copy it again from your page at eodhd.com; is EODHD_API_KEY the newest one?",
        )
    if isinstance(error, NotInPlan):
        return doubtful(
            "key", "it has no account, as the vendor's demo key", "use a key of your own"
        )
    if isinstance(error, QuotaSpent):
        return well("key", "the vendor knows it")
    if isinstance(error, RateLimited):
        return doubtful("key", "not checked: the minute's limit is reached", "run it in a minute")
    return _unanswered("key", error)


def _unanswered(name: str, error: NexusError) -> Diagnosis:
    """Return the line about what no answer says."""
    if isinstance(error, NotSent | StorageUnavailable):
        return doubtful(name, "not checked: the vendor was not reached", "mend the network first")
    if isinstance(error, CredentialsRefused):
        return doubtful(name, "not checked: the vendor refuses the key", "mend the key first")
    return doubtful(name, f"not checked: {error}", "run it again later: the vendor may be down")


def _plan(answer: AccountAnswer) -> Iterator[Diagnosis]:
    account = answer.account
    if account is None:
        yield from _unknown_plan(answer.error)
        return
    today = (answer.answered_at or answer.own_clock).date()
    known = Quota(
        account.counted_on or today,
        account.spent,
        account.day_limit,
        account.extra,
        answer.minute.limit if answer.minute else 0,
        answer.own_clock,
    )
    yield _rights(account)
    yield _quota(on_day(known, max(today, known.day)), answer.minute)


def _unknown_plan(error: NexusError | None) -> Iterator[Diagnosis]:
    if isinstance(error, QuotaSpent):
        seen = "the day's calls and the extra ones are used up (402)"
        yield wrong("calls", seen, "they are renewed at 00:00 UTC; run it again to go on")
    elif isinstance(error, RateLimited):
        yield doubtful("plan", "not checked: the minute's limit is reached", "run it in a minute")
    elif isinstance(error, Park) and not isinstance(error, NotInPlan):
        yield failed("plan", error)
    elif error is not None and not isinstance(error, NotInPlan):
        yield _unanswered("plan", error)


def _rights(account: AccountUsage) -> Diagnosis:
    mode = account.mode or "not named by the vendor"
    if account.mode == "free":
        return doubtful(
            "plan",
            "free: daily bars of the last year and symbol lists; no bulk, no splits, no dividends",
            "whole histories and adjusted prices need a paid plan",
        )
    seen = f"{mode}; its account names no endpoints and exchanges: a refusal is noted when it comes"
    return well("plan", seen)


def _quota(quota: Quota, minute: MinuteLimit | None) -> Diagnosis:
    left, all_calls = quota.left or 0, quota.calls_a_day or 0
    extra = f" and {quota.extra:,} extra" if quota.extra else ""
    pace = f"; {minute.limit:,} requests a minute" if minute else "; the minute's limit is not said"
    seen = f"{left:,} left of {quota.day_limit or 0:,} a day{extra}{pace}"
    if left == 0:
        return wrong("calls", seen, "they are renewed at 00:00 UTC; run it again to go on")
    if left * _FEW_SHARE < all_calls:
        return doubtful("calls", seen, "a run will pause until they are renewed at 00:00 UTC")
    return well("calls", seen)


def _clock(answer: AccountAnswer) -> Iterator[Diagnosis]:
    if answer.answered_at is None:
        return
    yield clock_line("clock and vendor", answer.own_clock, answer.answered_at, "the vendor")


def clock_line(name: str, own: datetime, other: datetime, whose: str) -> Diagnosis:
    """Return the line about two clocks; with a day between them nothing would be right."""
    apart = abs(own - other)
    words = clocks_in_words(own.astimezone(UTC), other.astimezone(UTC), whose)
    if apart > MOST_APART:
        return wrong(name, words, SET_CLOCK)
    if apart > _APART:
        return doubtful(name, words, SET_CLOCK)
    return well(name, f"this machine's and {whose}'s differ by {apart.total_seconds():.0f} s")
