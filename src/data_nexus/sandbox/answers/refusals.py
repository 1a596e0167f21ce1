"""The vendor's refusals, with its own texts where they are known. Pure.

The texts of 401, 402, 403 and 423 are quoted by recordings or by several of its clients.
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate

from data_nexus.sandbox.answers.render import JSON, document
from data_nexus.sandbox.answers.wire import Answer
from data_nexus.sandbox.variants import Choices, RefusalBody, RetryAfter

_SUPPORT = "Please, contact our support team: support@eodhistoricaldata.com"
QUOTA_TEXT = (
    "You exceeded your daily API requests limit.  Please contact support@eodhistoricaldata.com"
)

UNAUTHENTICATED = Answer.of(b"Unauthenticated", status=401)
QUOTA_USED = Answer.of(QUOTA_TEXT.encode(), status=402)
FORBIDDEN = Answer.of(b"Forbidden. Please contact support@eodhistoricaldata.com", status=403)
ONLY_EOD = Answer.of(f"Only EOD data allowed for free users. {_SUPPORT}".encode(), status=403)
NO_BULK = Answer.of(f"Bulk requests are prohibited for free users. {_SUPPORT}".encode(), status=423)

# No 429 was ever recorded: the JSON is the vendor documentation's; that it may be text, and the
# header, come from its OpenAPI.
_TOO_MANY: dict[RefusalBody, Answer] = {
    "json": Answer.of(document({"error": "API rate limit exceeded"}), JSON, 429),
    "text": Answer.of(b"Too Many Requests", status=429),
}
_RETRY_AFTER: dict[RetryAfter, Callable[[int, float], str | None]] = {
    "seconds": lambda wait_sec, _: str(wait_sec),
    "date": lambda wait_sec, now: formatdate(now + wait_sec, usegmt=True),
    "absent": lambda *_: None,
    "negative": lambda *_: "-30",
    "huge": lambda *_: "1000000000",
    "garbage": lambda *_: "soon",
}


def too_many(choices: Choices, wait_sec: int, now: float) -> Answer:
    """The 429 of the minute's limit in the chosen form.

    `now` is the machine's time in seconds since 1970, not the vendor's clock: a Retry-After that
    is a date must agree with the header Date.
    """
    answer = _TOO_MANY[choices.refusal_body]
    header = _RETRY_AFTER[choices.retry_after](wait_sec, now)
    return answer if header is None else answer.with_headers((("Retry-After", header),))
