"""Verify an installation: the specification's five checks, and the invariants of the database.

The five checks write, so they work in a schema of their own that is dropped at the end. With a
key they use the real vendor (a symbol list and a few histories), without one the sandbox. Of the
database in use every table is read in full, and nothing is written but which histories
`nexus repair` is to read again. Deep verification compares histories with the vendor's.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from data_nexus.app.commands.runs import run_backfill, run_discovery
from data_nexus.app.vendor import sandbox_vendor
from data_nexus.config import Settings
from data_nexus.database.connection import PostgresConnection
from data_nexus.database.open import open_database
from data_nexus.database.reader.invariants import (
    broken_invariants,
    inspect_database,
    note_damaged,
    tickers_of,
)
from data_nexus.database.upgrade import upgrade
from data_nexus.domain.texts import counted
from data_nexus.errors import NexusError
from data_nexus.events import Observer, ignore
from data_nexus.ingestion.discovery_run import DiscoveryScope
from data_nexus.ingestion.histories.comparison import HistoryComparison
from data_nexus.ingestion.history_loader import BackfillScope, LoadedScope, compare

_ASSETS = 3
# Of so many assets, chosen by chance, the adjusted closes are recomputed.
_SAMPLE = 25
# The schemas of trials, and the lock that a trial's verification holds.
_TRIALS = b"SELECT nspname FROM pg_namespace WHERE nspname ~ '^nexus_verify_[0-9a-f]{8}$'"
_OWN_TRIAL = b"SELECT pg_try_advisory_lock(hashtext('trial'), hashtext(%s))"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check: its name, whether it passed, and what was seen."""

    name: str
    passed: bool
    seen: str


@dataclass(frozen=True, slots=True)
class Verification:
    """All checks, by invariant the assets of which it is broken, and the tables that are damaged.

    `vendor` is *eodhd* or *sandbox*; `damaged` has PostgreSQL's words by table. `are_noted`:
    `nexus repair` knows what it is to read again. `comparison` is that of a deep verification.
    """

    vendor: str
    checks: tuple[CheckResult, ...]
    broken: Mapping[str, tuple[str, ...]]
    damaged: Mapping[str, str]
    are_noted: bool
    comparison: HistoryComparison | None = None

    @property
    def passed(self) -> bool:
        """Whether every check passed; the invariants count apart."""
        return all(check.passed for check in self.checks)

    @property
    def is_sound(self) -> bool:
        """Whether no table is damaged, no invariant broken, and no compared history differs."""
        differing = self.comparison.differing.values() if self.comparison else ()
        return not (
            self.damaged
            or any(self.broken.values())
            or any(each.is_mended_by_reading for each in differing)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it under the names of `nexus verify --json`."""
        answer = {
            "vendor": self.vendor,
            "checks": [asdict(check) for check in self.checks],
            "invariants": {name: len(tickers) for name, tickers in self.broken.items()},
            "broken": {name: list(tickers) for name, tickers in self.broken.items() if tickers},
            "damaged_tables": dict(self.damaged),
        }
        found = self.comparison
        if found is None:
            return answer
        differing = [{"symbol": name, **asdict(each)} for name, each in found.differing.items()]
        deep = {"compared": found.compared, "unanswered": found.unanswered, "differing": differing}
        return answer | {"deep": deep}


@dataclass(frozen=True, slots=True)
class DeepScope:
    """Which histories to compare with the vendor's.

    `announce` receives what that costs, in calls, before anything is spent.
    """

    histories: LoadedScope
    observe: Observer
    announce: Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Trial:
    """Where the five checks work: settings for a schema of their own, and its database."""

    settings: Settings
    database: PostgresConnection


def verify(settings: Settings, exchange: str, deep: DeepScope | None = None) -> Verification:
    """Run all checks; with `deep` also compare histories with the vendor's."""
    if deep is not None:
        settings.require_token()
    with open_database(settings.database_url, settings.home, settings.schema) as url:
        database = PostgresConnection(url, settings.schema)
        found = inspect_database(database, sample=_SAMPLE)
        are_noted = note_damaged(database, found.to_repair)
        comparison = None if deep is None else asyncio.run(_compared(settings, url, deep))
        with _vendor(settings) as vendor, _trial_schema(vendor, url) as trial:
            checks = tuple(_run_check(name, check, trial, exchange) for name, check in CHECKS)
        tickers = tickers_of(database, [each for ids in found.broken.values() for each in ids])
    broken = {
        name: tuple(tickers.get(each, f"asset {each}") for each in ids)
        for name, ids in found.broken.items()
    }
    vendor_name = "sandbox" if settings.token is None else "eodhd"
    return Verification(vendor_name, checks, broken, found.damaged, are_noted, comparison)


async def _compared(settings: Settings, url: str, deep: DeepScope) -> HistoryComparison:
    return await compare(settings, url, deep.histories, deep.observe, deep.announce)


@contextmanager
def _vendor(settings: Settings) -> Iterator[Settings]:
    if settings.token is not None:
        yield settings
        return
    with sandbox_vendor(settings, ("--symbols", "20", "--years", "5", "--clean")) as sandbox:
        yield sandbox.settings


@contextmanager
def _trial_schema(settings: Settings, url: str) -> Iterator[Trial]:
    schema = f"nexus_verify_{secrets.token_hex(4)}"
    database = PostgresConnection(url, schema)
    with PostgresConnection(url).connect() as owner:
        # Its lock shows that this verification lives; one that was killed left its schema behind.
        owner.autocommit = True
        _drop_trials_without_owner(owner)
        owner.execute(_OWN_TRIAL, (schema,))
        upgrade(url, schema)
        try:
            yield Trial(replace(settings, schema=schema, database_url=url), database)
        finally:
            owner.execute(_dropped(schema))
            database.close()


def _drop_trials_without_owner(connection: psycopg.Connection) -> None:
    for (schema,) in connection.execute(_TRIALS).fetchall():
        (is_left,) = connection.execute(_OWN_TRIAL, (schema,)).fetchone() or (False,)
        if is_left:
            connection.execute(_dropped(schema))


def _dropped(schema: str) -> sql.Composed:
    return sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema))


def _run_check(
    name: str, check: Callable[[Trial, str], str], trial: Trial, exchange: str
) -> CheckResult:
    try:
        return CheckResult(name, passed=True, seen=check(trial, exchange))
    except (NexusError, AssertionError) as error:
        return CheckResult(name, passed=False, seen=str(error))


def _check_connectivity(trial: Trial, _: str) -> str:
    return f"PostgreSQL {_one(trial, 'SHOW server_version')}"


def _check_discovery(trial: Trial, exchange: str) -> str:
    run_discovery(trial.settings, DiscoveryScope((exchange,)), ignore)
    count = int(_one(trial, "SELECT count(*) FROM assets WHERE is_active"))
    _expect(count > 0, f"no assets in {exchange}")
    return f"{counted(count, 'asset')} in {exchange}"


def _check_backfill(trial: Trial, exchange: str) -> str:
    report = run_backfill(trial.settings, BackfillScope(limit=_ASSETS, exchange=exchange), ignore)
    _expect(report.ended_by is None, str(report.ended_by))
    unanswered = report.failed + report.parked
    _expect(not unanswered, f"{unanswered} assets got no usable answer")
    return f"{counted(report.synced, 'asset')}, {counted(report.inserted, 'bar')} inserted"


def _check_last_synced(trial: Trial, _: str) -> str:
    synced = int(_one(trial, "SELECT count(*) FROM assets WHERE last_synced IS NOT NULL"))
    asked = int(_one(trial, "SELECT count(*) FROM sync_log WHERE outcome = 'stored'"))
    _expect(synced == asked, f"{asked} answers stored, but {synced} assets have `last_synced`")
    broken = {n: c for n, c in broken_invariants(trial.database).items() if c}
    _expect(not broken, f"broken: {', '.join(broken)}")
    return f"{synced} assets have the moment of their last answer"


def _check_batch_writing(trial: Trial, _: str) -> str:
    rows = int(_one(trial, "SELECT count(*) FROM market_data"))
    logged = int(_one(trial, "SELECT coalesce(sum(inserted), 0) FROM sync_log"))
    commits = int(_one(trial, "SELECT count(DISTINCT xmin::text) FROM market_data"))
    assets = int(_one(trial, "SELECT count(DISTINCT asset_id) FROM market_data"))
    _expect(rows == logged, f"{counted(rows, 'bar')} stored, {logged:,} logged")
    _expect(0 < commits <= assets, f"{commits} transactions for {assets} assets")
    return f"{counted(rows, 'bar')} in {counted(commits, 'transaction')}"


CHECKS: tuple[tuple[str, Callable[[Trial, str], str]], ...] = (
    ("database connectivity", _check_connectivity),
    ("discovery", _check_discovery),
    ("small backfill", _check_backfill),
    ("last_synced tracking", _check_last_synced),
    ("batch writing", _check_batch_writing),
)


def _one(trial: Trial, statement: LiteralString) -> Any:  # noqa: ANN401 - a single value
    with trial.database.connect() as connection:
        row = connection.execute(statement).fetchone()
    return row[0] if row else None


def _expect(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - the claim itself
    if not holds:
        raise AssertionError(otherwise)
