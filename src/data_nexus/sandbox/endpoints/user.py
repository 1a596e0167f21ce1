"""The endpoints about exchanges and about the account."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from data_nexus.sandbox.answers.render import JSON, document
from data_nexus.sandbox.answers.wire import Answer, Served
from data_nexus.sandbox.market.calendar import SATURDAY, holidays
from data_nexus.sandbox.market.exchanges import exchange_facts
from data_nexus.sandbox.vendor import NO_EXCHANGE, Vendor
from data_nexus.sandbox.vendor_request import VendorRequest

HALF_A_YEAR = timedelta(183)


def exchanges_list(vendor: Vendor, _: VendorRequest) -> Answer:
    """The exchanges that the sandbox holds, with the keys of the recordings."""
    rows = [
        {
            "Name": facts.name,
            "Code": code,
            "OperatingMIC": facts.mic,
            "Country": facts.country,
            "Currency": facts.currency,
            "CountryISO2": facts.iso2,
            "CountryISO3": facts.iso3,
        }
        for code in vendor.market.exchanges
        for facts in [exchange_facts(code)]
    ]
    return Answer.of(document(rows), JSON, served=Served(len(rows)))


def exchange_details(vendor: Vendor, request: VendorRequest) -> Answer:
    """Hours and holidays of an exchange, the latter as an object keyed "0", "1" (recording)."""
    code = request.subject.upper()
    if not vendor.market.holds(code):
        return NO_EXCHANGE
    facts = exchange_facts(code)
    now = vendor.market.clock.now()
    first = request.date("from") or now.date() - HALF_A_YEAR
    last = request.date("to") or now.date() + HALF_A_YEAR
    closed = _closed(code, first, last)
    tickers = len(vendor.market.listings(code))
    content = {
        "Name": facts.name,
        "Code": code,
        "OperatingMIC": facts.mic,
        "Country": facts.country,
        "Currency": facts.currency,
        "Timezone": facts.timezone,
        "ExchangeHolidays": {
            str(position): {"Holiday": name, "Date": str(day), "Type": "official"}
            for position, (day, name) in enumerate(closed)
        },
        "isOpen": _is_open(code, facts.timezone, facts.hours, now),
        "TradingHours": _trading_hours(facts.timezone, facts.hours, now.date()),
        "ActiveTickers": tickers,
        "PreviousDayUpdatedTickers": tickers,
        "UpdatedTickers": 0,
    }
    return Answer.of(document(content), JSON, served=Served(1))


def user(vendor: Vendor, request: VendorRequest) -> Answer:
    """The account: the daily calls used, which still show the last day with a call."""
    return Answer.of(document(_account(vendor, request)), JSON, served=Served(1))


def internal_user(vendor: Vendor, request: VendorRequest) -> Answer:
    """The account with its feeds; the demo key has none (vendor documentation)."""
    feeds = vendor.account_of(request).plan.feeds
    more = {"availableDataFeeds": feeds, "availableMarketplaceDataFeeds": []}
    return Answer.of(document(_account(vendor, request) | more), JSON, served=Served(1))


def _account(vendor: Vendor, request: VendorRequest) -> dict[str, object]:
    account = vendor.account_of(request)
    plan, limits = account.plan, account.limits
    counts_extra = vendor.choices.extra_used == "counted"
    return {
        "name": "Sandbox",
        "email": "sandbox@example.com",
        "subscriptionType": plan.subscription,
        "paymentMethod": plan.payment,
        "apiRequests": limits.used + (limits.extra_used if counts_extra else 0),
        "apiRequestsDate": str(limits.used_on),
        "dailyRateLimit": limits.daily,
        "extraLimit": limits.extra,
        "inviteToken": None,
        "inviteTokenClicked": 0,
        "subscriptionMode": plan.mode,
        "canManageOrganizations": False,
    }


def _closed(code: str, first: date, last: date) -> list[tuple[date, str]]:
    years = range(first.year, last.year + 1)
    days = [day for year in years for day in holidays(code, year)]
    return [(day, name) for day, name in days if first <= day <= last]


def _is_open(code: str, timezone: str, hours: tuple[time, time], now: datetime) -> bool:
    local = now.astimezone(ZoneInfo(timezone))
    is_session = local.weekday() < SATURDAY and not _closed(code, local.date(), local.date())
    return is_session and hours[0] <= local.time() < hours[1]


def _trading_hours(timezone: str, hours: tuple[time, time], day: date) -> dict[str, str]:
    zone, utc = ZoneInfo(timezone), ZoneInfo("UTC")
    opens, closes = (
        datetime.combine(day, hour, zone).astimezone(utc).time().isoformat() for hour in hours
    )
    return {
        "Open": hours[0].isoformat(),
        "Close": hours[1].isoformat(),
        "OpenUTC": opens,
        "CloseUTC": closes,
        "WorkingDays": "Mon,Tue,Wed,Thu,Fri",
    }
