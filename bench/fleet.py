"""The fleet: workers that share a minute limit, judged by the vendor's own request log.

First the limit stays as it is; then it falls in mid-run and rises again.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import click

from bench.place import Place, warmed_sandbox
from bench.programs import NEXUS, discover, environment_of
from bench.report import Section, table
from data_nexus.app.vendor import SandboxVendor

# A minute before the fleet is warm, and a minute under each of three limits.
LEAST_SEC = 180
_WORKERS = 8
_LIMIT = 1000
_HIGH, _LOW = 1200, 600
_BARS = 3
_MINUTE_SEC = 60.0
# What is promised: the share of the limit that is used, and the time until a new one is followed.
_SHARE, _FOLLOWED_SEC = 0.98, 60.0
# More assets than the limit allows to ask for: the queue must not run dry.
_SPARE = 1.1
_STARTING_SEC = _ENDING_SEC = 60.0
_WAYS = ("PATH", "PYTHONPATH", "HOME")
_QUIET = {"NEXUS_LOG_LEVEL": "error"}
_FIGURES = ("synced", "failed", "fenced", "requests", "commits")


@dataclass(frozen=True, slots=True)
class Watch:
    """A fleet's time: what the vendor logged, and what each worker reported.

    `set_at` is when each limit was set (of the first: when the first asset was asked for), `ended`
    when the workers were told to stop, in the monotonic seconds that the vendor logs as well.
    """

    log: list[dict[str, Any]]
    reports: list[dict[str, Any]]
    set_at: list[float]
    ended: float

    @property
    def arrivals(self) -> list[float]:
        """When each request reached the vendor, ascending."""
        return sorted(entry["monotonic"] for entry in self.log)

    @property
    def too_many(self) -> int:
        """How many requests were answered with 429."""
        return sum(entry["status"] == 429 for entry in self.log)

    @property
    def asked_twice(self) -> int:
        """How many assets were asked for more than once, apart from requests that got a 429."""
        asked = Counter(
            entry["symbol"]
            for entry in self.log
            if entry["endpoint"] == "eod" and entry["status"] != 429
        )
        return sum(times > 1 for times in asked.values())


def measure_fleet(place: Place, seconds: int) -> Section:
    """Let a fleet work for so long under one limit, and as long again under one that changes.

    Raises `RuntimeError` if a worker does not end as it should or the assets run out.
    """
    steady = _watch(place, seconds, (_LIMIT,))
    changing = _watch(place, seconds, (_HIGH, _LOW, _HIGH))
    parts = (_steady(steady), _by_worker(steady), _changing(changing), _notes(seconds))
    return Section("Fleet", "\n".join(parts))


def _watch(place: Place, seconds: int, limits: Sequence[int]) -> Watch:
    """Let workers load while each limit holds for its part of the time, then let them drain."""
    click.echo(f"{_WORKERS} workers, {', '.join(map(str, limits))} a minute, {seconds} s:")
    assets = round(max(limits) * seconds / _MINUTE_SEC * _SPARE)
    shape = ("--symbols", str(assets), "--bars-per-symbol", str(_BARS), "--clean")
    # The discovery learns the limit too: a higher one would be a cut for the workers to follow.
    limited = ("--minute-limit", str(limits[0]), "--minute-window", "sliding")
    with ExitStack() as stack:
        vendor = stack.enter_context(warmed_sandbox(place, *shape, *limited))
        template = place.template(lambda url: discover(place.folder, vendor, url))
        url = stack.enter_context(place.copy_of(stack.enter_context(template)))
        workers = [stack.enter_context(_worker(place, vendor, url)) for _ in range(_WORKERS)]
        set_at = [_first_asked(vendor)]
        time.sleep(seconds / len(limits))
        for limit in limits[1:]:
            set_at.append(_set_limit(vendor, limit))
            time.sleep(seconds / len(limits))
        ended = time.monotonic()
        reports = _drained(workers)
        watch = Watch(_log(vendor), reports, set_at, ended)
    loaded = sum(report["synced"] for report in reports)
    click.echo(f"  {loaded:,} of {assets:,} assets, {watch.too_many} times 429")
    if loaded == assets:
        raise RuntimeError(f"all {assets:,} assets were loaded before the time was over")
    return watch


def _log(vendor: SandboxVendor) -> list[dict[str, Any]]:
    return list(json.loads(vendor.ask("/log")))


def _first_asked(vendor: SandboxVendor) -> float:
    """Wait for the first request for an asset; return when it arrived."""
    deadline = time.monotonic() + _STARTING_SEC
    while time.monotonic() < deadline:
        for entry in _log(vendor):
            if entry["endpoint"] == "eod":
                return float(entry["monotonic"])
        time.sleep(0.1)
    raise RuntimeError(f"no worker asked for anything within {_STARTING_SEC:g} s")


def _set_limit(vendor: SandboxVendor, limit: int) -> float:
    moment = time.monotonic()
    vendor.ask("/limits", {"minute": limit})
    return moment


@contextmanager
def _worker(place: Place, vendor: SandboxVendor, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `nexus worker` with default settings but silent; it is killed unless it has ended."""
    ways = {way: os.environ[way] for way in _WAYS if way in os.environ}
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, *NEXUS, "worker", "--json"],
        stdout=subprocess.PIPE,
        env={**ways, **_QUIET, "NEXUS_HOME": str(place.folder), **environment_of(vendor, url)},
        cwd=place.folder,
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def _drained(workers: Sequence[subprocess.Popen[bytes]]) -> list[dict[str, Any]]:
    """Tell all workers to stop; return what they report."""
    for worker in workers:
        worker.send_signal(signal.SIGTERM)
    outputs = [worker.communicate(timeout=_ENDING_SEC)[0] for worker in workers]
    codes = {worker.returncode for worker in workers}
    if codes != {os.EX_TEMPFAIL}:
        raise RuntimeError(f"workers ended with {codes} instead of {os.EX_TEMPFAIL}, drained")
    return [json.loads(output) for output in outputs]


def _most_in_a_minute(arrivals: Sequence[float]) -> int:
    """Return the most arrivals in any 60 s; the fullest begin with one of them."""
    return max(
        bisect_left(arrivals, moment + _MINUTE_SEC) - number
        for number, moment in enumerate(arrivals)
    )


def _least_in_a_minute(arrivals: Sequence[float], first: float, last: float) -> int:
    """Return the fewest arrivals in any 60 s between two moments.

    The emptiest begin right after an arrival, or with the first moment.
    """
    starts = [first, *(moment for moment in arrivals if first < moment <= last - _MINUTE_SEC)]
    return min(_after(arrivals, start) for start in starts)


def _after(arrivals: Sequence[float], start: float) -> int:
    """Count the arrivals of the 60 s right after a moment."""
    return bisect_left(arrivals, start + _MINUTE_SEC) - bisect_right(arrivals, start)


def _settled_sec(arrivals: Sequence[float], limit: int, cut: float, until: float) -> float:
    """Return how long after a cut the last 60 s held more than the limit for the last time."""
    before = arrivals[: bisect_left(arrivals, until)]
    pairs = zip(before, before[limit:], strict=False)
    ends = [early + _MINUTE_SEC for early, late in pairs if late - early < _MINUTE_SEC]
    return max(0.0, max(ends, default=cut) - cut)


def _filling_sec(arrivals: Sequence[float], limit: int, rise: float, until: float) -> float:
    """Return how long after a rise the first 60 s begin that use the promised share of it."""
    starts = [rise, *(moment for moment in arrivals if rise < moment <= until - _MINUTE_SEC)]
    full = (start for start in starts if _after(arrivals, start) >= _SHARE * limit)
    return next(full, math.inf) - rise


def _steady(watch: Watch) -> str:
    arrivals, warm = watch.arrivals, watch.set_at[0] + _MINUTE_SEC
    warm_minutes = (watch.ended - warm) / _MINUTE_SEC
    in_all = bisect_left(arrivals, watch.ended) - bisect_left(arrivals, warm)
    least = _least_in_a_minute(arrivals, warm, watch.ended)
    rows = (
        ("most requests in any 60 s", f"{_most_in_a_minute(arrivals):,}", f"≤ {_LIMIT:,}"),
        ("least of the limit used in any 60 s, once warm", *_shares(least / _LIMIT)),
        ("used of the limit, once warm", *_shares(in_all / _LIMIT / warm_minutes)),
        ("answers with 429", str(watch.too_many), "0"),
        ("assets asked for twice", str(watch.asked_twice), "0"),
    )
    return table((f"{_LIMIT:,} requests a minute", "reached", "promised"), rows)


def _shares(reached: float) -> tuple[str, str]:
    return f"{reached:.1%}", f"≥ {_SHARE:.0%}"


def _by_worker(watch: Watch) -> str:
    rows = [
        (str(number), *(f"{report[name]:,}" for name in _FIGURES))
        for number, report in enumerate(watch.reports, start=1)
    ]
    return table(("worker", *_FIGURES), rows)


def _changing(watch: Watch) -> str:
    arrivals, (_, cut, rise) = watch.arrivals, watch.set_at
    settled = _settled_sec(arrivals, _LOW, cut, rise)
    filling = _filling_sec(arrivals, _HIGH, rise, watch.ended)
    promised = f"≤ {_FOLLOWED_SEC:g}"
    rows = (
        ("after the fall, s until no 60 s hold more than it allows", f"{settled:.1f}", promised),
        (f"after the rise, s until 60 s begin that use {_SHARE:.0%}", f"{filling:.1f}", promised),
        ("most requests in any 60 s", f"{_most_in_a_minute(arrivals):,}", f"≤ {_HIGH:,}"),
        ("answers with 429: workers hear of the fall by one", str(watch.too_many), f"≤ {_WORKERS}"),
        ("assets asked for twice", str(watch.asked_twice), "0"),
    )
    return table((f"{_HIGH:,}, {_LOW:,}, {_HIGH:,} a minute", "reached", "promised"), rows)


def _notes(seconds: int) -> str:
    return f"""\
{_WORKERS} processes of `nexus worker` with default settings, one database, one token, {seconds} s
each time; assets of {_BARS} bars, more than could be asked for. All figures but the workers' own
are those of the vendor's request log, every request of the token included, whatever it asked for.
*Any 60 s* are all there are, wherever they begin; the vendor counts them so too. *Warm* is what
comes 60 s after the first asset was asked for. In the second run each limit holds for a third of
the time; the workers are told of a new one by nothing but the answers.
"""
