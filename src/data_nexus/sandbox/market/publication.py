"""When the vendor publishes a day, by the real clock. Pure.

Source: the vendor's documents on its update times: the United States about 15 minutes after the
close, other exchanges two to three hours, US funds and over-the-counter shares not before the next
morning.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from data_nexus.sandbox.market.exchanges import exchange_facts
from data_nexus.sandbox.market.tape import Listing

_US_DELAY, _OTHER_DELAY = timedelta(minutes=15), timedelta(hours=3)
_MORNING_VENUES = frozenset({"NMFQS", "OTC", "PINK"})


def published_by(exchange: str, now: datetime) -> date:
    """The last day of an exchange that is published by `now` (aware), sessions or not."""
    facts = exchange_facts(exchange)
    delay = _US_DELAY if exchange == "US" else _OTHER_DELAY
    local = now.astimezone(ZoneInfo(facts.timezone))
    close = datetime.combine(local.date(), facts.hours[1], local.tzinfo)
    return local.date() - timedelta(days=int(local < close + delay))


def waits_for_morning(listing: Listing) -> bool:
    """Whether a listing is published in the morning after the day."""
    return listing.exchange == "US" and (
        listing.venue in _MORNING_VENUES or listing.type.upper() in ("FUND", "MUTUAL FUND")
    )
