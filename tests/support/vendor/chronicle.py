"""What a database must hold after each night of a year, told apart from the engine.

`Chronicle` tells the vendor what happens and keeps a book of who is who. After a night it compares
the database with what the vendor serves now, but for what nobody could know yet: a listing that no
symbol list has shown, a symbol that is not the asset's any more, and what changed without a sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np

from tests.support.postgres.rows import Rows, changed, differing, key, served_rows, stored_rows
from tests.support.postgres.tables import rows
from tests.support.vendor.sandbox import Sandbox
from tests.support.vendor.truth import truth
from tests.support.vendor.year import Event, Kind

_PRICES = ("open", "high", "low", "close")
_NOTHING = Rows(np.empty(0, np.int64), np.empty((0, 6)))
_DAY_ONE = date(1970, 1, 1)


@dataclass(slots=True)
class Chronicle:
    """What was told to the vendor, and what follows for the database at `url`.

    `book` has the asset of each symbol as the vendor calls it now. `silent` has by asset the days
    whose bars changed without a sign, each with the night of it; a request for such a bar ends it.
    """

    vendor: Sandbox
    url: str
    book: dict[str, int] = field(default_factory=dict)
    silent: dict[int, dict[int, int]] = field(default_factory=dict)
    stored: Rows = _NOTHING
    _renamed: set[str] = field(default_factory=set)
    _unlisted: set[str] = field(default_factory=set)
    _dead: set[str] = field(default_factory=set)
    _retold: list[tuple[int, Event]] = field(default_factory=list)
    # Days of which only the adjusted close was retold.
    _scaled: set[tuple[int, int]] = field(default_factory=set)

    def begin(self) -> None:
        """Note who is who and what is stored; the database holds all that the vendor has."""
        self.book = {f"{code}.US": asset_id for code, asset_id, *_ in self._assets()}
        self._dead = {f"{code}.US" for code, _, is_delisted in self._assets() if is_delisted}
        self.stored = stored_rows(self.url)
        assert not differing(self.serve(), self.stored)

    def tell(self, event: Event, night: int) -> None:
        """Let an event happen in the vendor's world."""
        symbol, wish = f"{event.code}.US", dict(event.wish)
        if event.path == "/restate":
            wish = self._restated(symbol, wish)
        if event.kind is Kind.RENAME:
            self.book[f"{wish['to']}.US"] = self.book.pop(symbol)
            self._renamed.add(f"{wish['to']}.US")
        if event.kind is Kind.REUSE:
            buried = self._buried(event.code)
            self.book[buried] = self.book.pop(symbol)
            self._dead.add(buried)
        if event.kind in (Kind.REUSE, Kind.LISTING):
            self._unlisted.add(symbol)
        if event.kind is Kind.DELISTING:
            self._dead.add(symbol)
        if event.path in ("/restate", "/factor"):
            self._retold.append((night, replace(event, wish=wish)))
        self.vendor.post(event.path, wish)

    def lists_were_read(self) -> None:
        """Check who is who, and that nothing is left in the dark."""
        assets = self._assets()
        ids = {f"{code}.US": asset_id for code, asset_id, _ in assets}
        newcomers = {symbol: ids.pop(symbol) for symbol in self._unlisted}
        assert ids == self.book
        assert not set(newcomers.values()) & set(self.book.values())
        self.book |= newcomers
        assert {f"{code}.US" for code, _, is_delisted in assets if is_delisted} == self._dead
        self._unlisted.clear()
        self._renamed.clear()

    def expected(self, asked: Sequence[dict[str, Any]], served: Rows) -> Rows:
        """What must be stored after these requests.

        Of a renamed listing that no list has shown yet what was there before, of one that rests
        without having had a bar nothing, of what changed without a sign what was known.
        """
        self._note_silence(served)
        self._end_silence(asked)
        as_before = {self.book[symbol] for symbol in self._renamed}
        resting = {
            asset_id
            for (asset_id,) in rows(
                self.url,
                "SELECT id FROM assets WHERE last_bar IS NULL AND ask_after IS NOT NULL",
            )
        }
        expected = served.without(as_before | resting).and_also(self.stored.of(as_before))
        return self._as_known(expected)

    def read_whole(self, asked: Sequence[dict[str, Any]]) -> set[int]:
        """Whose whole histories were among the requests."""
        whole = (r for r in asked if r["endpoint"] == "eod" and "from" not in r["query"])
        return {self.book[each["symbol"]] for each in whole if each["symbol"] in self.book}

    def _note_silence(self, served: Rows) -> None:
        """Note which stored bars were retold: the one restated, or all before a factor's day."""
        differs = changed(self.stored, served)
        for night, event in self._retold:
            asset_id, day = self.book[f"{event.code}.US"], _day(event.wish["date"])
            alone = event.path == "/restate"
            for each in differs.of([asset_id]).days.tolist():
                if each == day or (each < day and not alone):
                    self.silent.setdefault(asset_id, {}).setdefault(each, night)
                    if not alone:
                        self._scaled.add((asset_id, each))
        self._retold.clear()

    def _end_silence(self, asked: Sequence[dict[str, Any]]) -> None:
        """Whose bars were asked for knows them now; in bulk only raw prices are compared."""
        for request in asked:
            if request["endpoint"] == "eod-bulk-last-day" and "type" not in request["query"]:
                self._end_silence_of(_day(request["query"]["date"]))
            asset_id = self.book.get(request["symbol"])
            if request["endpoint"] != "eod" or asset_id not in self.silent:
                continue
            since = _day(request["query"].get("from", "1970-01-01"))
            for day in [day for day in self.silent[asset_id] if day >= since]:
                del self.silent[asset_id][day]
            if not self.silent[asset_id]:
                del self.silent[asset_id]

    def _end_silence_of(self, day: int) -> None:
        for asset_id, days in [*self.silent.items()]:
            if day in days and (asset_id, day) not in self._scaled:
                del days[day]
                if not days:
                    del self.silent[asset_id]

    def _as_known(self, expected: Rows) -> Rows:
        keys = np.array(
            [key(asset_id, day) for asset_id, days in self.silent.items() for day in days],
            np.int64,
        )
        here, before = expected.where(keys), self.stored.where(keys)
        both = (here >= 0) & (before >= 0)
        values = expected.values.copy()
        values[here[both]] = self.stored.values[before[both]]
        return Rows(expected.keys, values)

    def serve(self) -> Rows:
        """Every bar that the vendor serves now of the symbols in the book."""
        return served_rows(truth(self.vendor), self.book)

    def _restated(self, symbol: str, wish: dict[str, Any]) -> dict[str, Any]:
        """The prices of the bar of a day, or of the last one before it, times a ratio."""
        ratio, bars = wish.pop("ratio"), self.vendor.get(f"/truth/{symbol}")
        at = max(n for n, day in enumerate(bars["date"]) if day <= wish["date"] or n == 0)
        prices = {name: round(bars[name][at] * ratio, 4) for name in _PRICES}
        return {**wish, "date": bars["date"][at], **prices}

    def _buried(self, code: str) -> str:
        names = [f"{code}_old.US", *(f"{code}_old{n}.US" for n in range(1, 9))]
        return next(name for name in names if name not in self.book)

    def _assets(self) -> list[tuple[Any, ...]]:
        return rows(
            self.url,
            "SELECT symbol, id, is_delisted FROM assets WHERE retired_at IS NULL",
        )


def _day(text: str) -> int:
    return (date.fromisoformat(text) - _DAY_ONE).days
