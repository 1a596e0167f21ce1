"""The circuit breaker and the retry budget: when to stop sending to a failing vendor. Pure.

Moments are seconds of a monotonic clock; the random number is an argument. One breaker guards one
endpoint family. It opens when half of the last minute's requests failed, or all of a few, or after
so many failures in a row; then a single, timed probe finds out whether the vendor is back. The wait
for it stays the same for a while, so that a short outage costs one such wait at most beyond its own
time, and then doubles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

MEMORY_SEC = 60.0
# At least this many requests in a minute, of which this share failed: half of many, all of a few.
_FAILING = ((20, 0.5), (10, 1.0))
_UNREACHED_IN_A_ROW = 5
# Where 40 in 100 requests fail by chance, so many in a row are one chance in 10^8. After a minute
# of good answers an outage would else be met for half a minute before half of them have failed.
_FAILED_IN_A_ROW = 20
# How often the breaker opens for the same time before its waits double.
STEADY_OPENINGS = 8
_LONGEST_OPEN_SEC = 600.0
_PROBE_SEC = 60.0
# A retry costs five requests: this share of the first attempts may be repeated, and a few always.
# It covers a vendor that spoils one answer in seven.
_RETRY_SHARE = 0.2
_MOST_RETRIES_SAVED = 10.0
_SECONDS_A_RETRY = 10.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """One endpoint family's state: closed, open until `open_until`, or probing.

    `seconds` holds, for each second of the last minute that had any, the requests and how many of
    them failed; `failed` and `unreached` count the failures, and the failed connections, since the
    last answer; `times_opened` counts the openings since the last success.
    """

    seconds: tuple[tuple[int, int, int], ...] = ()
    failed: int = 0
    unreached: int = 0
    times_opened: int = 0
    open_until: float | None = None
    probing_until: float | None = None
    first_open_sec: float = 30.0

    @property
    def state(self) -> str:
        """*closed*, *open* or *probing*, for people."""
        if self.open_until is None:
            return "closed"
        return "open" if self.probing_until is None else "probing"


def admit(breaker: Breaker, moment: float) -> tuple[Breaker, float]:
    """Return how long a request must wait: 0 lets it through, as the single probe if need be."""
    if breaker.open_until is None:
        return breaker, 0.0
    if moment < breaker.open_until:
        return breaker, breaker.open_until - moment
    if breaker.probing_until is not None and moment < breaker.probing_until:
        return breaker, breaker.probing_until - moment
    return replace(breaker, probing_until=moment + _PROBE_SEC), 0.0


def answered(breaker: Breaker, moment: float) -> Breaker:
    """Note an answer that shows the vendor working: it closes the breaker."""
    if breaker.open_until is not None:
        return Breaker(first_open_sec=breaker.first_open_sec)
    return replace(breaker, seconds=_counted(breaker, moment, lost=0), failed=0, unreached=0)


def failed(breaker: Breaker, moment: float, chance: float, *, reached: bool) -> Breaker:
    """Note a failure of the vendor (5xx, timeout, no connection): enough of them open the breaker.

    `chance` in [0, 1) spreads the workers' probes; `reached` says whether a connection was made.
    """
    seconds = _counted(breaker, moment, lost=1)
    is_new = len(seconds) == 1 and seconds[0][1] == 1  # those before are forgotten
    noted = replace(
        breaker,
        seconds=seconds,
        failed=1 if is_new else breaker.failed + 1,
        unreached=0 if reached else breaker.unreached + 1,
    )
    if breaker.open_until is not None:
        return _opened(noted, moment, chance) if breaker.probing_until is not None else noted
    sent, lost = (sum(second[n] for second in noted.seconds) for n in (1, 2))
    is_failing = any(sent >= least and lost >= share * sent for least, share in _FAILING)
    is_cut_off = noted.unreached >= _UNREACHED_IN_A_ROW or noted.failed >= _FAILED_IN_A_ROW
    return _opened(noted, moment, chance) if is_failing or is_cut_off else noted


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """How many retries are left, as counted at a moment; at most ten are saved up.

    Each first attempt earns a fifth of one, and time one in ten seconds, so that a worker whose
    requests all wait for a retry proceeds in the end.
    """

    saved: float = _MOST_RETRIES_SAVED
    counted_at: float = 0.0

    def earn(self) -> RetryBudget:
        """Note a request that was sent and not a retry."""
        return replace(self, saved=min(_MOST_RETRIES_SAVED, self.saved + _RETRY_SHARE))

    def refilled(self) -> RetryBudget:
        """Return it full, as after an outage: what failed in it is to be requested again."""
        return replace(self, saved=_MOST_RETRIES_SAVED)

    def spend(self, moment: float) -> tuple[RetryBudget, float]:
        """Take one retry, or return the seconds until time has earned one; 0 means taken."""
        earned = max(0.0, moment - self.counted_at) / _SECONDS_A_RETRY
        saved = min(_MOST_RETRIES_SAVED, self.saved + earned)
        if saved < 1.0:
            return RetryBudget(saved, moment), (1.0 - saved) * _SECONDS_A_RETRY
        return RetryBudget(saved - 1.0, moment), 0.0


def _opened(breaker: Breaker, moment: float, chance: float) -> Breaker:
    doublings = max(0, breaker.times_opened + 1 - STEADY_OPENINGS)
    longest = min(
        max(_LONGEST_OPEN_SEC, breaker.first_open_sec), breaker.first_open_sec * 2.0**doublings
    )
    return Breaker(
        times_opened=breaker.times_opened + 1,
        open_until=moment + longest * (0.75 + 0.25 * chance),
        first_open_sec=breaker.first_open_sec,
    )


def _counted(breaker: Breaker, moment: float, *, lost: int) -> tuple[tuple[int, int, int], ...]:
    now = int(moment)
    kept = tuple(second for second in breaker.seconds if second[0] > now - MEMORY_SEC)
    if kept and kept[-1][0] == now:
        return (*kept[:-1], (now, kept[-1][1] + 1, kept[-1][2] + lost))
    return (*kept, (now, 1, lost))
