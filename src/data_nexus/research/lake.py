"""Owns a snapshot that is open for reading: its tables, by the same questions as the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from data_nexus.errors import UsageError
from data_nexus.research.lake_assets import assets_named, universe_of
from data_nexus.research.lake_manifest import MANIFEST, Manifest, decoded
from data_nexus.research.lake_place import Place, open_place
from data_nexus.research.lake_reading import Wanted, read_bars, read_small
from data_nexus.research.lake_tables import NUMBERS, TABLES


class Snapshot:
    """One manifest and its files, none of which ever changes; small tables are kept once read."""

    def __init__(self, place: Place, manifest: Manifest, moment: datetime) -> None:
        self.moment = moment
        self._place = place
        self._manifest = manifest
        self._small: dict[str, pa.Table] = {}

    def bars(
        self,
        wanted: str | Sequence[str] | pa.Table,
        first: date | None,
        last: date | None,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Return the wanted bars as they are stored, by ticker and date."""
        chosen = list(columns or NUMBERS)
        known = ("asset_id", "ticker", "date", *NUMBERS)
        if unknown := [name for name in chosen if name not in known]:
            raise UsageError(f"columns: {unknown[0]!r} is none of {', '.join(known)}")
        assets = assets_named(self.small("assets"), wanted)
        numbers = [name for name in NUMBERS if name in chosen]
        table = read_bars(self._place, self._manifest, Wanted(assets, first, last), numbers)
        rest = [name for name in chosen if name not in ("ticker", "date")]
        return table.select(["ticker", "date", *rest])

    def actions(self, wanted: str | Sequence[str] | pa.Table) -> dict[str, pa.Table]:
        """Return the splits and dividends of the wanted assets, by ticker and ex-date."""
        assets = assets_named(self.small("assets"), wanted).select(["asset_id", "ticker"])
        found = {}
        for name in ("splits", "dividends"):
            table = self.small(name)
            own = table.filter(pc.is_in(table["asset_id"], assets["asset_id"].combine_chunks()))
            at = pc.index_in(own["asset_id"], assets["asset_id"].combine_chunks())
            named = own.add_column(0, "ticker", assets["ticker"].take(at))
            found[name] = named.sort_by([("ticker", "ascending"), ("date", "ascending")])
        return found

    def universe(self, exchange: str, day: date) -> pa.Table:
        """Return who was listed on an exchange on a day."""
        assets, listings = self.small("assets"), self.small("listings")
        return universe_of(assets, listings, self.small("discoveries"), exchange, day)

    def small(self, table: str) -> pa.Table:
        """Return a whole table that is one file."""
        if table not in self._small:
            self._small[table] = read_small(self._place, self._manifest, table)
        return self._small[table]

    def files(self, table: str) -> list[str]:
        """Return where the files of a table lie, as engines name them."""
        if table not in TABLES:
            raise UsageError(f"{table!r} is none of {', '.join(TABLES)}")
        return [self._place.address(file.path) for file in self._manifest.of(table)]


def open_snapshot(target: str) -> Snapshot:
    """Open the snapshot at a place; raise `UsageError` if there is none that we can read."""
    place = open_place(target)
    content = place.read(MANIFEST)
    manifest = Manifest() if content is None else decoded(content, place.name)
    if manifest.moment is None:
        raise UsageError(f"no snapshot at {place.name}; run: nexus export lake --to {place.name}")
    return Snapshot(place, manifest, manifest.moment)
