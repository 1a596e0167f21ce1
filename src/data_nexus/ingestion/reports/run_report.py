"""How a run went, as values; `as_dict()` gives them under the names of the command's JSON. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypeVar

from data_nexus.domain.planning.notices import NO_NOTICES, Notices
from data_nexus.errors import NexusError, Pause
from data_nexus.ingestion.reports.discovered import Discovered


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReport:
    """A session that an update received in bulk: its rows, what became of assets, and its cost."""

    exchange: str
    session: str
    calls: int
    rows: int
    stored: int
    absent: int
    fetched_individually: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LookBackReport:
    """A session that was compared once more in bulk: its rows, and what differed.

    `late` bars came a session late, `unsent` ones are stored and not sent any more.
    """

    exchange: str
    session: str
    calls: int
    rows: int
    revised: int
    late: int
    unsent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What the audit of an update read and found; `revised` and `withdrawn` count bars."""

    assets: int
    failed: int
    inserted: int
    revised: int
    calls: int
    withdrawn: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleReport:
    """The assets whose actions an update read by chance, and what came out.

    `not_stored` of them had a split or dividend that was not stored, `unexplained` have adjusted
    closes that their actions do not explain.
    """

    assets: int
    not_stored: int
    unexplained: int
    failed: int
    calls: int


Counts = TypeVar("Counts", AuditReport, SampleReport)


@dataclass(frozen=True, slots=True)
class UpdateSteps:
    """What the steps of an update brought; a later step is added to those before it.

    `audit` and `sample` are None if they read nothing. `ended_by` is the `Stop` or `Pause` after
    which nothing more is fetched, `paused_by` one that concerns sessions in bulk only: what needs
    fewer calls continues.
    """

    lists: tuple[Discovered, ...] = ()
    bulk: tuple[SessionReport, ...] = ()
    looked_back: tuple[LookBackReport, ...] = ()
    audit: AuditReport | None = None
    sample: SampleReport | None = None
    ended_by: NexusError | None = None
    paused_by: NexusError | None = None

    def __add__(self, later: UpdateSteps) -> UpdateSteps:
        """Return what both brought."""
        return UpdateSteps(
            lists=self.lists + later.lists,
            bulk=self.bulk + later.bulk,
            looked_back=self.looked_back + later.looked_back,
            audit=_sum(self.audit, later.audit),
            sample=_sum(self.sample, later.sample),
            ended_by=self.ended_by or later.ended_by,
            paused_by=self.paused_by or later.paused_by,
        )

    def as_paused(self) -> UpdateSteps:
        """Return them with a `Pause` that ended them as one after which others continue."""
        if not isinstance(self.ended_by, Pause):
            return self
        return replace(self, ended_by=None, paused_by=self.paused_by or self.ended_by)

    def as_dict(self) -> dict[str, Any]:
        """Return them under the names of the command's JSON."""
        return {
            "lists": [one.figures() | {"calls": one.calls} for one in self.lists],
            "bulk": [asdict(one) for one in self.bulk],
            "looked_back": [asdict(one) for one in self.looked_back],
            "audit": asdict(self.audit) if self.audit else {},
            "sample": asdict(self.sample) if self.sample else {},
        }


def _sum(earlier: Counts | None, later: Counts | None) -> Counts | None:
    """Return what two steps of a kind brought, field by field; None is nothing."""
    if earlier is None or later is None:
        return earlier or later
    ours, theirs = asdict(earlier), asdict(later)
    return replace(earlier, **{name: ours[name] + theirs[name] for name in ours})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """A run's figures, the error that ended it early, the signal that drained it.

    `total_rows` were received: inserted + revised + unchanged + rejected. Of the stored bars that
    the vendor sends no more, `withdrawn` left the table and `doubted` stayed. `flagged` and
    `rejected_by_rule` count rows by rule. `steps` is None for a run that is no update.
    `notices` are what it could not bring, by asset and reason.
    """

    total_assets: int
    synced: int
    absent: int
    failed: int
    parked: int
    fenced: int
    reread: int
    actions: int
    actions_failed: int
    findings: int
    total_rows: int
    inserted: int
    revised: int
    unchanged: int
    rejected: int
    withdrawn: int
    doubted: int
    flagged: Mapping[str, int]
    rejected_by_rule: Mapping[str, int]
    calls: int
    requests: int
    commits: int
    duration_sec: float
    notices: Notices = NO_NOTICES
    steps: UpdateSteps | None = None
    ended_by: NexusError | None = None
    drained_by: str | None = None

    @property
    def is_cut_short(self) -> bool:
        """Whether it ended before its work did."""
        return self.ended_by is not None or self.drained_by is not None

    @property
    def outcome(self) -> str:
        """How the run ended, in words."""
        if self.ended_by is not None:
            return f"ended early: {self.ended_by}"
        return f"drained: {self.drained_by}" if self.drained_by else "done"

    def as_dict(self) -> dict[str, Any]:
        """Return the figures under the names of the command's JSON, without how the run ended."""
        names = (f.name for f in fields(self) if f.name not in _NO_FIGURES)
        figures = {name: getattr(self, name) for name in names}
        figures["notices"] = self.notices.as_dict()
        return figures | (self.steps.as_dict() if self.steps else {})


_NO_FIGURES = frozenset({"steps", "ended_by", "drained_by"})
