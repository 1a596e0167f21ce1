"""Define every error, named by what is done about it.

An error carries facts in plain words (`AAPL.US: not an eod answer: missing 'close'`) and never
a URL, because the vendor's URLs carry the token. Five families say what the engine does next:

* `Retry`    — request again; each time counts as an attempt.
* `Postpone` — request later; no attempt is used up.
* `Park`     — this asset's answer is unfit; requesting it again at once would not help.
* `Pause`    — the whole run waits; it can be resumed.
* `Stop`     — the command ends.
"""

from __future__ import annotations

import errno
from datetime import datetime

# What the system says to a process, or to all, that may open no more files.
OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE})


class NexusError(Exception):
    """Any failure that Data Nexus foresees; `exit_code` is the command's exit code."""

    exit_code = 1


class UsageError(NexusError):
    """The command, a setting or an argument is wrong; the message names the remedy."""

    exit_code = 2


class AdjustmentRefused(UsageError):
    """A view needs an action that cannot be applied; `tickers` are those concerned.

    The message names each action, the reason and the views that do without it.
    """

    def __init__(self, message: str, tickers: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.tickers = tickers


class ActionsNotRead(UserWarning):
    """Prices were to be adjusted, and splits and dividends that the bars show are not read yet."""


class Retry(NexusError):
    """Request again within the attempt budget."""

    exit_code = 6


class ConnectionFailed(Retry):
    """The vendor could not be reached, or closed the connection before its answer was complete."""


class NotSent(ConnectionFailed):
    """No connection was made: nothing was sent, and no call is charged.

    `cause` says why, and the remedy, without the subject.
    """

    def __init__(self, message: str, cause: str = "") -> None:
        super().__init__(message)
        self.cause = cause or message


class AnswerTimedOut(Retry):
    """The vendor did not complete its answer within the deadline."""


class BrokenAnswer(Retry):
    """The answer was cut, corrupt or not JSON: none of it can be trusted."""


class VendorFailed(Retry):
    """The vendor answered with a server error (5xx)."""


class Redirected(Retry):
    """The answer was a redirect (3xx), never followed: a login page on the way, perhaps."""


class Postpone(NexusError):
    """Request later; the vendor is not at fault and no attempt is used up."""

    exit_code = 6


class RateLimited(Postpone):
    """The vendor's short-window limit is reached (429); `wait_sec` is how long to wait."""

    def __init__(self, message: str, wait_sec: float) -> None:
        super().__init__(message)
        self.wait_sec = wait_sec


class Park(NexusError):
    """This asset's answer is unfit for a reason of its own: it becomes a dead letter.

    `request`, `status` and `body` are the request and its answer, as far as known.
    """

    exit_code = 3

    def __init__(self, message: str, status: int | None = None, body: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        self.request = ""


class NotAnAnswer(Park):
    """The answer is well formed but is not what the endpoint promises."""


class WrongSubject(Park):
    """The answer is about another symbol or another range of dates."""


class AnswerTooLarge(Park):
    """The answer exceeds the size cap, compressed or not."""


class RequestRefused(Park):
    """The vendor refused the request itself (422 and other client errors)."""


class RowsRefused(Park):
    """The database refused an asset's rows, although they passed the rules."""


class NotListed(NexusError):
    """The vendor does not know the symbol or the exchange (404)."""

    exit_code = 3


class Pause(NexusError):
    """The run cannot go on now and can be resumed later."""

    exit_code = 4


class AlertNotSent(NexusError):
    """A channel did not take an alert: the daemon sends it again."""

    exit_code = 3


class QuotaSpent(Pause):
    """The vendor's daily calls, extra calls included, are used up.

    `resets_at` is when there will be calls again, in `resets_in_sec` seconds; None if only the
    vendor said so (402).
    """

    def __init__(
        self, message: str, resets_at: datetime | None = None, resets_in_sec: float = 0.0
    ) -> None:
        super().__init__(message)
        self.resets_at = resets_at
        self.resets_in_sec = resets_in_sec


class Stop(NexusError):
    """The command must end."""


class CredentialsRefused(Stop):
    """The vendor refused the token (401); the `remedy` is for the person who set it."""

    exit_code = 5
    remedy = (
        "the vendor refuses the key: look at EODHD_API_KEY, or at the file that EODHD_API_KEY_FILE"
        " names"
    )


class NotInPlan(NexusError):
    """The plan does not include what was requested; the vendor says so by 403 or by 423."""

    exit_code = 5


class ProductNotInPlan(Stop, NotInPlan):
    """The plan does not include the product (403): requests for other assets would fail too."""


class EndpointNotInPlan(RequestRefused, NotInPlan):
    """The plan does not include the endpoint for this asset or exchange (423)."""


class VendorUnavailable(Stop):
    """Asset after asset got no answer, or the same refusal: the vendor is down or out of reach."""

    exit_code = 6


class StorageUnavailable(Stop):
    """PostgreSQL cannot be reached, started or written to.

    `passes`: only one connection or transaction was affected, which may be repeated.
    """

    exit_code = 7

    def __init__(self, message: str, *, passes: bool = False) -> None:
        super().__init__(message)
        self.passes = passes


class StorageUnfit(Stop):
    """PostgreSQL refuses until a person changes something: a right, an encoding, a setting."""

    exit_code = 7


class StorageDamaged(StorageUnfit):
    """PostgreSQL cannot read what it has stored: a page or a file is damaged or gone."""

    exit_code = 7


class SchemaMismatch(Stop):
    """The database's schema is not the one this version works with."""

    exit_code = 7


class ClocksDiffer(Stop):
    """This machine's clock and the database's differ by more than a day; nothing was requested."""

    exit_code = 7


class InvariantBroken(Stop):
    """An invariant does not hold: the stored rows and what is said of them disagree."""

    exit_code = 8


class Fenced(NexusError):
    """The lease was lost to another worker: this worker's result is dropped unwritten."""


def out_of_files(subject: str) -> StorageUnavailable:
    """Return the error for a process that may open no more files or connections."""
    return StorageUnavailable(
        f"{subject}: too many open files; raise the limit (ulimit -n), or lower --concurrency"
    )


def no_assets(exchange: str) -> UsageError:
    """Return the error for an exchange that was never discovered."""
    return UsageError(f"no asset of {exchange}; run: nexus discover --exchange {exchange}")
