"""Define the events that the engine emits while it works, as frozen values.

Logs, metrics and progress displays listen to the same events and decide how they look. Events
hold plain facts and never a URL or a token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A run begins; `due` is the largest number of assets that it will request."""

    command: str
    due: int


@dataclass(frozen=True, slots=True)
class RunExtended:
    """A run goes on with `assets` more than were due at its beginning."""

    assets: int


@dataclass(frozen=True, slots=True)
class Requested:
    """One request went over the wire (seconds: until its body was complete or it failed)."""

    endpoint: str
    calls: int
    seconds: float
    status: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Committed:
    """One asset's answer is in the database; `flagged` and `rejected_by_rule` count rows by rule.

    `is_reread`: it is a whole history of which some was stored before. `withdrawn` counts stored
    bars that the vendor sends no more and that left, `doubted` those that stay all the same.
    """

    symbol: str
    received: int
    inserted: int
    revised: int
    unchanged: int
    rejected: int
    is_reread: bool = False
    flagged: Mapping[str, int] = field(default_factory=dict)
    rejected_by_rule: Mapping[str, int] = field(default_factory=dict)
    withdrawn: int = 0
    doubted: int = 0


@dataclass(frozen=True, slots=True)
class TransactionCommitted:
    """A transaction wrote the answers of some assets (seconds: its duration)."""

    assets: int
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True)
class SessionAdvanced:
    """Assets of an exchange are one session further, by a bulk answer; `stored` had a bar."""

    exchange: str
    session: str
    assets: int
    stored: int
    rejected: int = 0
    flagged: Mapping[str, int] = field(default_factory=dict)
    rejected_by_rule: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExchangeAdvanced:
    """An update of an exchange in bulk ended: each asset counts once, over all its sessions."""

    exchange: str
    synced: int
    absent: int
    failed: int


@dataclass(frozen=True, slots=True)
class FeedRejected:
    """Rows of a session's splits and dividends were rejected, counted by rule."""

    exchange: str
    session: str
    rejected_by_rule: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Reread:
    """An asset's last bars no longer match: its whole history is read again."""

    symbol: str
    reason: str


@dataclass(frozen=True, slots=True)
class ActionsRead:
    """An asset's splits and dividends are stored as received; `findings` rules stay broken."""

    symbol: str
    splits: int
    dividends: int
    findings: int
    rejected_by_rule: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ActionsFailed:
    """No usable answer came for an asset's splits and dividends; they stay wanted."""

    symbol: str
    reason: str


@dataclass(frozen=True, slots=True)
class Absent:
    """The vendor has no bars of the asset; it is requested again after `days` days."""

    symbol: str
    reason: str
    days: float
    is_reread: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """An asset got no usable answer and stays due."""

    symbol: str
    reason: str


@dataclass(frozen=True, slots=True)
class JobStarted:
    """The daemon runs a job that was due; it makes up for `missed` earlier runs."""

    job: str
    due_at: str
    attempts: int
    missed: int


@dataclass(frozen=True, slots=True)
class SettingsReread:
    """A daemon has read its settings again; `changed` are those with another value."""

    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A job's run has ended; `outcome` is one of `JobOutcome`, `retry_at` may be empty."""

    job: str
    due_at: str
    outcome: str
    detail: str
    retry_at: str
    seconds: float


@dataclass(frozen=True, slots=True)
class AlertRaised:
    """A condition holds that a person should know of."""

    condition: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class AlertRecovered:
    """A condition that was raised holds no more."""

    condition: str
    subject: str


@dataclass(frozen=True, slots=True)
class AlertSent:
    """A channel took a message about an alert, at the nth attempt."""

    channel: str
    kind: str
    condition: str
    subject: str
    attempts: int


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """An asset's lease was lost while its answer was on the way; nothing was written."""

    symbol: str


@dataclass(frozen=True, slots=True)
class Parked:
    """An asset's answer was unfit: it is a dead letter now and waits for a person."""

    symbol: str
    reason: str


@dataclass(frozen=True, slots=True)
class Retried:
    """An attempt failed; the next one follows after `seconds`."""

    symbol: str
    reason: str
    attempt: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """The whole run waits `seconds` for `reason`."""

    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Draining:
    """The run was asked to stop: it finishes what it holds and claims nothing more."""

    reason: str


# The subject of a warning that the ledger held what only a wrong clock can have left.
QUOTA_LEDGER = "quota ledger"


@dataclass(frozen=True, slots=True)
class Warned:
    """Something a person should know that changes nothing about the run."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A run ended; `outcome` is *done* or the reason why it stopped."""

    command: str
    outcome: str
    seconds: float


Event = (
    RunStarted
    | RunExtended
    | Requested
    | Committed
    | TransactionCommitted
    | SessionAdvanced
    | ExchangeAdvanced
    | FeedRejected
    | Reread
    | ActionsRead
    | ActionsFailed
    | Absent
    | Failed
    | JobStarted
    | JobEnded
    | SettingsReread
    | AlertRaised
    | AlertRecovered
    | AlertSent
    | LeaseLost
    | Parked
    | Retried
    | Waiting
    | Draining
    | Warned
    | RunFinished
)
Observer = Callable[[Event], None]


def ignore(_: Event) -> None:
    """Listen to nothing."""


def observers(*listeners: Observer) -> Observer:
    """Return an observer that notifies every listener, in the order given."""

    def notify(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return notify
