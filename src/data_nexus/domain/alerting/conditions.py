"""Say what a person should know, from what is known of jobs, exchanges, quota and disk. Pure.

Each condition has subjects: an exchange, a job, a machine's folder, or the vendor.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from statistics import median

from data_nexus.domain.texts import counted

# What is compared with a job's last runs, and from which size on: small numbers vary by chance.
FEWEST_RUNS = 5
_SMALL_SHARE = 0.1
_LEAST_BROUGHT, _LEAST_SECONDS = 50, 60.0
# A disk has room again a little above the bound, so that no alert comes and goes with each file.
_ROOM_AGAIN = 1.1
VENDOR = "vendor"


class Condition(StrEnum):
    """What an alert is about."""

    NOT_FRESH = "not-fresh"
    LATE = "late"
    DOWN = "down"
    TOO_SMALL = "too-small"
    QUOTA = "quota"
    CREDENTIALS = "credentials"
    DEAD_LETTERS = "dead-letters"
    FINDINGS = "findings"
    DISK = "disk"
    BACKUP = "backup"
    JOB_FAILED = "job-failed"


# The names of the errors that are the vendor's or the key's affair: one alert for all jobs.
_DOWN = frozenset(
    {"VendorUnavailable", "VendorFailed", "ConnectionFailed", "NotSent", "AnswerTimedOut"}
    | {"BrokenAnswer", "Redirected"}
)
_ERRORS = {
    Condition.DOWN: _DOWN,
    Condition.CREDENTIALS: frozenset({"CredentialsRefused"}),
    Condition.QUOTA: frozenset({"QuotaSpent"}),
}
_SHARED = frozenset().union(*_ERRORS.values())
_ASKS_VENDOR, _BACKUP = frozenset({"update", "discover"}), "backup"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job and how its last run ended; `error` names the kind of what failed.

    `brought` is what the run brought (None: nothing was to be had), `earlier_brought` and
    `earlier_seconds` what those before it brought and took. `well_at` is when a run last ended
    well. `is_overdue`: a run that was due long ago is not done.
    """

    name: str
    action: str
    is_paused: bool = False
    outcome: str | None = None
    error: str = ""
    detail: str = ""
    ended_at: datetime | None = None
    well_at: datetime | None = None
    brought: int | None = None
    seconds: float | None = None
    earlier_brought: Sequence[int] = ()
    earlier_seconds: Sequence[float] = ()
    is_overdue: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it is at work, or to go on: how its last run ends is not known yet."""
        return self.outcome in ("running", "drained")


@dataclass(frozen=True, slots=True)
class Freshness:
    """How many of an exchange's `assets` lack the `session` that they should have by now."""

    exchange: str
    session: date
    assets: int
    behind: int


@dataclass(frozen=True, slots=True)
class QuotaOutlook:
    """The calls that jobs may still spend today (None: unknown), and those that they need."""

    left: int | None
    need: int


@dataclass(frozen=True, slots=True)
class WaitingAssets:
    """Assets of an exchange that wait for a person, by a day: when it was noted, or its session."""

    exchange: str
    day: date
    assets: int

    @property
    def subject(self) -> str:
        """The exchange and the day: what comes on another day is news."""
        return f"{self.exchange} {self.day}"


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """The share of a disk that is free; `subject` names machine and folder."""

    subject: str
    free_share: float


@dataclass(frozen=True, slots=True)
class FailingEndpoint:
    """An endpoint at which a worker that lives was failing when it last said how it stands.

    `is_recent`: it said so a moment ago, and not before a long wait.
    """

    endpoint: str
    is_recent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All that alerts are decided by, at one moment."""

    jobs: Sequence[JobRecord] = ()
    exchanges: Sequence[Freshness] = ()
    quota: QuotaOutlook | None = None
    dead_letters: Sequence[WaitingAssets] = ()
    suspicions: Sequence[WaitingAssets] = ()
    disk: DiskSpace | None = None
    failing: Sequence[FailingEndpoint] = ()


@dataclass(frozen=True, slots=True)
class Bounds:
    """From which share of assets an exchange is not fresh, and of a disk it is filling."""

    behind_share: float = 0.01
    disk_free: float = 0.05


@dataclass(frozen=True, slots=True)
class Subject:
    """What a condition may hold for."""

    condition: Condition
    name: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What holds, each with its detail, and what cannot be decided now; all else does not hold.

    Of disks only the own one is decided: another machine's is that machine's affair.
    """

    holding: dict[Subject, str]
    undecided: frozenset[Subject]
    disk: str | None = None

    def is_over(self, subject: Subject) -> bool:
        """Whether a condition certainly does not hold."""
        is_foreign = subject.condition is Condition.DISK and subject.name != self.disk
        return not is_foreign and subject not in self.holding and subject not in self.undecided


def judge(known: Known, bounds: Bounds) -> Judgement:
    """Return what holds."""
    jobs = [job for job in known.jobs if not job.is_paused]
    holding = {
        **dict(_of_workers(known.failing)),
        **dict(_of_vendor(jobs, known.quota)),
        **dict(found for job in jobs for found in _of_job(job)),
        **dict(_of_exchanges(known, bounds)),
    }
    undecided = {Subject(each, job.name) for job in jobs if job.is_open for each in _OF_JOB}
    if any(job.is_open and job.action in _ASKS_VENDOR for job in jobs):
        undecided |= {Subject(each, VENDOR) for each in (Condition.DOWN, Condition.CREDENTIALS)}
    if known.failing:
        undecided.add(Subject(Condition.DOWN, VENDOR))
    disk = known.disk
    if disk:
        here = Subject(Condition.DISK, disk.subject)
        if disk.free_share < bounds.disk_free:
            holding[here] = f"{disk.free_share:.0%} free"
        elif disk.free_share < bounds.disk_free * _ROOM_AGAIN:
            undecided.add(here)
    return Judgement(holding, frozenset(undecided), disk.subject if disk else None)


_OF_JOB = (Condition.LATE, Condition.TOO_SMALL, Condition.BACKUP, Condition.JOB_FAILED)
Found = tuple[Subject, str]


def _of_workers(failing: Collection[FailingEndpoint]) -> Iterator[Found]:
    """Give what holds of the vendor before a run has given up: that takes minutes."""
    if recent := [each.endpoint for each in failing if each.is_recent]:
        yield Subject(Condition.DOWN, VENDOR), f"requests fail, and wait: {', '.join(recent)}"


def _of_vendor(jobs: Collection[JobRecord], quota: QuotaOutlook | None) -> Iterator[Found]:
    """Give what holds of the vendor: as long as no job has ended well since one failed by it."""
    asking = [job for job in jobs if job.action in _ASKS_VENDOR]
    well = max((job.well_at for job in asking if job.well_at), default=None)
    for condition, errors in _ERRORS.items():
        for job in asking:
            failed_by = job.outcome == "failed" and job.error in errors
            is_past = condition is not Condition.QUOTA and bool(
                well and job.ended_at and well > job.ended_at
            )
            if failed_by and not is_past:
                yield Subject(condition, VENDOR), f"{job.name}: {job.detail}"
                break
    if quota and quota.left is not None and quota.left < quota.need:
        need = f"today's sessions need {counted(quota.need, 'call')}"
        yield Subject(Condition.QUOTA, VENDOR), f"{need}, {quota.left:,} are left"


def _of_job(job: JobRecord) -> Iterator[Found]:
    """Give what holds of one job."""
    if job.outcome == "failed" and job.action == _BACKUP:
        yield Subject(Condition.BACKUP, job.name), f"it failed: {job.detail}"
    elif job.is_overdue and job.action == _BACKUP and not job.is_open:
        yield Subject(Condition.BACKUP, job.name), "the last backup is older than its schedule says"
    elif job.outcome == "failed" and job.error not in _SHARED:
        yield Subject(Condition.JOB_FAILED, job.name), job.detail
    if job.outcome == "late":  # that it brought little is the vendor's being late
        yield Subject(Condition.LATE, job.name), job.detail
    if job.outcome == "done" and (text := _too_small(job)):
        yield Subject(Condition.TOO_SMALL, job.name), text


def _too_small(job: JobRecord) -> str:
    """Return how far less a run brought than those before; "" if it did not.

    A job that counts nothing is judged by its time.
    """
    if job.brought is not None and len(job.earlier_brought) >= FEWEST_RUNS:
        usual = median(job.earlier_brought)
        if usual >= _LEAST_BROUGHT and job.brought < usual * _SMALL_SHARE:
            return f"it brought {job.brought:,}; it usually brings {usual:,.0f}"
    counts_nothing = job.brought is None and not job.earlier_brought
    if counts_nothing and job.seconds is not None and len(job.earlier_seconds) >= FEWEST_RUNS:
        usual = median(job.earlier_seconds)
        if usual >= _LEAST_SECONDS and job.seconds < usual * _SMALL_SHARE:
            return f"it took {job.seconds:,.0f} s; it usually takes {usual:,.0f} s"
    return ""


def _of_exchanges(known: Known, bounds: Bounds) -> Iterator[Found]:
    for each in known.exchanges:
        if each.behind > each.assets * bounds.behind_share:
            text = f"{each.behind:,} of {counted(each.assets, 'asset')} lack {each.session}"
            yield Subject(Condition.NOT_FRESH, each.exchange), text
    for group in known.dead_letters:
        text = f"{counted(group.assets, 'asset')} parked; see: nexus dead-letters list"
        yield Subject(Condition.DEAD_LETTERS, group.subject), text
    for group in known.suspicions:
        text = f"{counted(group.assets, 'suspicion')} unexplained; see: nexus suspicions list"
        yield Subject(Condition.FINDINGS, group.subject), text
