"""Read an open snapshot, with the same methods as the database."""

from __future__ import annotations

from datetime import date, datetime
from functools import cached_property

import pyarrow as pa

from data_nexus.domain.calendar.learned import calendars_with
from data_nexus.errors import UsageError
from data_nexus.research.calendar import calendar_of
from data_nexus.research.columns import NUMBERS, STORED_SCHEMA
from data_nexus.research.coverage import coverage_of
from data_nexus.research.returns import ReturnKind, view_returns
from data_nexus.research.selection import Selection, exchange_day, texts_of
from data_nexus.research.snapshots.action_table import actions_of
from data_nexus.research.snapshots.duckdb_query import Parameters, ask
from data_nexus.research.snapshots.files import OpenFiles
from data_nexus.research.snapshots.manifest import MANIFEST, Manifest, decoded
from data_nexus.research.snapshots.members import (
    assets_of,
    current_rows,
    states_of,
    universe_of,
)
from data_nexus.research.snapshots.reading import BarsRequest, dates_of, read_bars, read_small
from data_nexus.research.snapshots.schemas import BARS, TABLES
from data_nexus.research.snapshots.storage.open import open_storage
from data_nexus.research.snapshots.storage.storage import Storage
from data_nexus.research.views import View, laid_out, view_bars, whole_histories


class Snapshot:
    """One manifest and its files, none of which ever changes; small tables are kept once read."""

    def __init__(self, storage: Storage, manifest: Manifest, moment: datetime) -> None:
        self.moment = moment
        self._storage = storage
        self._files = OpenFiles(storage)
        self._manifest = manifest
        self._small: dict[str, pa.Table] = {}
        self._calendars = calendars_with(manifest.learned)

    def bars(self, selection: Selection, view: View) -> pa.Table:
        """Return bars as a view shows them."""
        assets = self._assets(selection)
        actions = self._actions(assets)
        whole = whole_histories(actions, view)
        if view.adjust == "vendor" or whole or view.shows_basis or not view.is_daily:
            if (view.adjust, view.direction) == ("vendor", "forward"):
                whole = set(assets["asset_id"].to_pylist())
            wanted = BarsRequest(assets, view.reads_from, view.last, frozenset(whole))
            return view_bars(self._stored(wanted), actions, view)
        # Nothing is computed: only what is shown is read.
        columns = [name for name in BARS.names if name in (view.columns or NUMBERS)]
        wanted = BarsRequest(assets, view.first, view.last)
        return laid_out(read_bars(self._files, self._manifest, wanted, columns), view)

    def returns(self, selection: Selection, view: View, kind: ReturnKind) -> pa.Table:
        """Return how much the close changed from bar to bar."""
        assets = self._assets(selection)
        actions = self._actions(assets)
        # The bar before the window may be anywhere before it.
        last = None if whole_histories(actions, view) else view.last
        stored = self._stored(BarsRequest(assets, None, last))
        return view_returns(stored, actions, view, kind)

    def actions(self, selection: Selection) -> pa.Table:
        """Return splits and dividends."""
        return self._actions(self._assets(selection))

    def universe(self, exchange: str, day: date) -> pa.Table:
        """Return the assets of every type listed on an exchange on a day."""
        assets, listings = self.small("assets"), self.small("listings")
        return universe_of(assets, listings, self.small("discoveries"), exchange, day)

    def calendar(self, exchange: str, first: date | None, last: date) -> pa.Table:
        """Return an exchange's sessions."""
        return calendar_of(exchange, first, last, self._calendars)

    def coverage(self, selection: Selection) -> pa.Table:
        """Return how complete histories are at the moment of the snapshot."""
        assets = self._assets(selection)
        bars = read_bars(self._files, self._manifest, BarsRequest(assets), ["asset_id", "date"])
        return coverage_of(
            states_of(assets), dates_of(bars), self.moment, calendars=self._calendars
        )

    def sql(self, query: str, parameters: Parameters | None) -> pa.Table:
        """Return the answer to a query over the tables."""
        # Opened anew each time, so that a missing file is reported as such.
        tables = {
            table: self._storage.dataset([file.path for file in self._manifest.of(table)])
            for table in TABLES
        }
        return ask(tables, query, parameters)

    def small(self, table: str) -> pa.Table:
        """Return a whole table that is one file."""
        if table not in self._small:
            self._small[table] = read_small(self._storage, self._manifest, table)
        return self._small[table]

    def files(self, table: str) -> list[str]:
        """Return the files of a table, as engines name them."""
        if table not in TABLES:
            raise UsageError(f"unknown table: {table!r}; choose from {', '.join(TABLES)}")
        return [self._storage.address(file.path) for file in self._manifest.of(table)]

    @cached_property
    def _current(self) -> dict[str, int]:
        return current_rows(self.small("assets"))

    def _assets(self, selection: Selection) -> pa.Table:
        if not isinstance(selection, pa.Table):
            selection = texts_of(selection)
        if listed := exchange_day(selection):
            selection = self.universe(listed.exchange, listed.day or self.moment.date())
        return assets_of(self.small("assets"), self._current, selection)

    def _actions(self, assets: pa.Table) -> pa.Table:
        return actions_of(assets, self.small("splits"), self.small("dividends"))

    def _stored(self, wanted: BarsRequest) -> pa.Table:
        table = read_bars(self._files, self._manifest, wanted, BARS.names)
        return table.select(STORED_SCHEMA.names).cast(STORED_SCHEMA)


def open_snapshot(target: str) -> Snapshot:
    """Open a snapshot; raise `UsageError` if there is none that we can read."""
    storage = open_storage(target)
    content = storage.read(MANIFEST)
    manifest = Manifest() if content is None else decoded(content, storage.name)
    if manifest.moment is None:
        raise UsageError(
            f"no snapshot at {storage.name}; run: nexus export lake --to {storage.name}"
        )
    return Snapshot(storage, manifest, manifest.moment)
