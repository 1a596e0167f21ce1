"""Write the folder that zipline-reloaded ingests: plain CSV, and the extension that reads it.

A bundle has one calendar, so an export to it is of one exchange. The extension needs nothing of
this package: zipline is in an environment of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from importlib.resources import files

import numpy as np
import pyarrow as pa

from data_nexus.domain.adjustment.factors import DIVIDEND_IS_BELOW_PRICE, cash_paid, usable_splits
from data_nexus.domain.calendar.exchanges import LIBRARY, sessions_of
from data_nexus.domain.calendar.sessions import day_date
from data_nexus.errors import UsageError
from data_nexus.research.exports.alterations import altered, left_out, refuse_unpriced
from data_nexus.research.exports.names import file_name
from data_nexus.research.exports.series import AssetSeries, ExportRequest
from data_nexus.research.exports.tables import TableFile, table_file
from data_nexus.research.exports.target import ExportFolder

# The countries (ISO 3166) by which zipline knows the exchanges of the calendars.
_PAIRS = (
    "XNYS:US XTSE:CA XLON:GB XSWX:CH XETR:DE XDUS:DE XHAM:DE XSTU:DE XPAR:FR XAMS:NL XBRU:BE"
    " XLIS:PT XDUB:IE XMIL:IT XMAD:ES XWBO:AT XLUX:LU XSTO:SE XCSE:DK XHEL:FI XICE:IS XOSL:NO"
    " XPRA:CZ XBUD:HU XWAR:PL XBSE:RO XZAG:HR ASEX:GR XIST:TR XMOS:RU XTAE:IL XSAU:SA XJSE:ZA"
    " XASX:AU XHKG:HK XTKS:JP XKRX:KR XSHG:CN XTAI:TW XBOM:IN XSES:SG XBKK:TH XIDX:ID XKLS:MY"
    " XPHS:PH XKAR:PK BVMF:BR XMEX:MX XBUE:AR XSGO:CL XLIM:PE"
)
_COUNTRIES = dict(pair.split(":") for pair in _PAIRS.split())
_UNKNOWN_COUNTRY = "??"
# The calendars of markets that have no sessions of their own.
_RULES = {"CC": "24/7"}
_WEEKDAYS = "24/5"
# zipline stores thousandths of a price, and volumes, as whole numbers of 32 bits. What is larger it
# makes 0 or another number.
_A_UNIT = 1000
_LARGEST = 2**32 - 1
PRICES = pa.schema(
    [("date", pa.date32())]
    + [(name, pa.float64()) for name in ("open", "high", "low", "close", "volume")]
)
ASSETS = pa.schema(
    [("sid", pa.int32())]
    + [(name, pa.string()) for name in ("symbol", "asset_name", "exchange", "file")]
    + [(name, pa.date32()) for name in ("start_date", "end_date")]
)
SPLITS = pa.schema([("sid", pa.int32()), ("effective_date", pa.date32()), ("ratio", pa.float64())])
DIVIDENDS = pa.schema(
    [("sid", pa.int32()), ("ex_date", pa.date32()), ("amount", pa.float64())]
    + [(name, pa.date32()) for name in ("declared_date", "record_date", "pay_date")]
)


@contextmanager
def zipline_folder(folder: ExportFolder, request: ExportRequest) -> Iterator[ZiplineFolder]:
    """Write what `zipline -e FOLDER/extension.py ingest -b data-nexus` reads."""
    with ExitStack() as open_files:

        def shared(name: str, schema: pa.Schema) -> TableFile:
            path = open_files.enter_context(folder.file(f"{name}.csv"))
            return open_files.enter_context(table_file("csv", path, schema))

        writer = ZiplineFolder(
            folder,
            request,
            shared("assets", ASSETS),
            shared("splits", SPLITS),
            shared("dividends", DIVIDENDS),
        )
        yield writer
    with folder.file("bundle.json") as path:
        path.write_text(json.dumps(writer.bundle(), default=str) + "\n", "utf-8")
    with folder.file("extension.py") as path:
        path.write_bytes(files(__package__).joinpath("zipline_extension.py").read_bytes())


class ZiplineFolder:
    """A folder that assets are added to; their numbers are those of the database."""

    def __init__(
        self,
        folder: ExportFolder,
        request: ExportRequest,
        assets: TableFile,
        splits: TableFile,
        dividends: TableFile,
    ) -> None:
        self._folder, self._request = folder, request
        self._assets, self._splits, self._dividends = assets, splits, dividends
        self._exchange = ""
        self._symbols: set[str] = set()
        self._dates: tuple[date, date] | None = None

    def bundle(self) -> dict[str, object]:
        """Return what the extension reads: a calendar, its country, first and last date."""
        country = _COUNTRIES.get(self._calendar, _UNKNOWN_COUNTRY)
        first, last = self._dates or (None, None)
        return {"calendar": self._calendar, "country": country, "first": first, "last": last}

    def add(self, series: AssetSeries) -> int:
        """Write an asset; return how many bars were written."""
        self._exchange = series.facts.symbol.exchange
        table = self._request.table(series).select(PRICES.names)
        if not len(table):
            return 0
        self._note_off_calendar(series.ticker, table)
        table = self._holdable(series.ticker, table)
        name = f"{file_name(series.ticker)}.csv"
        with self._folder.file("bars", name) as path, table_file("csv", path, PRICES) as rows:
            rows.write_table(table)
        held: tuple[date, date] = table["date"][0].as_py(), table["date"][-1].as_py()
        first, last = self._dates or held
        self._dates = min(first, held[0]), max(last, held[1])
        self._assets.write_table(_asset(series, self._symbol(series), table, f"bars/{name}"))
        self._splits.write_table(_splits(series, held))
        self._dividends.write_table(_dividends(series, held))
        return len(table)

    def _note_off_calendar(self, ticker: str, table: pa.Table) -> None:
        """Note the bars that the bundle leaves out: its calendar has no other days."""
        dates = table["date"].cast(pa.int32()).to_numpy()
        sessions = sessions_of(self._exchange, day_date(int(dates[-1]))).days
        is_off = (dates >= sessions[0]) & ~np.isin(dates, sessions)
        reason = f"zipline's calendar {self._calendar} has no session"
        self._request.note(left_out(ticker, dates[is_off], reason))

    @property
    def _calendar(self) -> str:
        """The name of the exchange's calendar in zipline."""
        return LIBRARY.get(self._exchange) or _RULES.get(self._exchange, _WEEKDAYS)

    def _holdable(self, ticker: str, table: pa.Table) -> pa.Table:
        """Return bars with volumes that zipline holds; note what it does not hold as it is."""
        prices = [table[name].to_numpy() for name in ("open", "high", "low", "close")]
        refuse_unpriced("zipline", prices)
        if beyond := sum(int((each * _A_UNIT > _LARGEST).sum()) for each in prices):
            raise UsageError(
                f"zipline holds prices up to {_LARGEST / _A_UNIT:,}, and {beyond:,} are larger"
            )
        pairs = [(each, np.rint(each * _A_UNIT) / _A_UNIT) for each in prices]
        self._request.note(altered(ticker, "prices", pairs, "zipline holds thousandths"))
        volume = table["volume"].to_numpy()
        held = np.minimum(np.rint(volume), _LARGEST)
        reason = f"zipline holds whole numbers up to {_LARGEST:,}"
        self._request.note(altered(ticker, "volumes", [(volume, held)], reason))
        at = table.schema.get_field_index("volume")
        return table.set_column(at, table.field(at), pa.array(held))

    def _symbol(self, series: AssetSeries) -> str:
        """Return the code; its file name if zipline, which ignores case, already has the code."""
        code = series.facts.symbol.code
        symbol = file_name(code) if code.upper() in self._symbols else code
        self._symbols.add(symbol.upper())
        return symbol


def _asset(series: AssetSeries, symbol: str, bars: pa.Table, file: str) -> pa.Table:
    facts = series.facts
    row = {
        "sid": facts.asset_id,
        "symbol": symbol,
        "asset_name": facts.name,
        "exchange": facts.symbol.exchange,
        "file": file,
        "start_date": bars["date"][0],
        "end_date": bars["date"][-1],
    }
    return pa.Table.from_pylist([row], schema=ASSETS)


def _splits(series: AssetSeries, held: tuple[date, date]) -> pa.Table:
    """Return the splits between the exported bars; zipline's ratio is the factor of prices."""
    rows = [
        {"sid": series.facts.asset_id, "effective_date": split.date, "ratio": split.factor}
        for split in usable_splits(series.history.splits)[0]
        if held[0] < split.date <= held[1]
    ]
    return pa.Table.from_pylist(rows, schema=SPLITS)


def _dividends(series: AssetSeries, held: tuple[date, date]) -> pa.Table:
    """Return the dividends between the exported bars, as paid, in the currency of the bars.

    One that is not below the close before it is left out, as the export says.
    """
    too_large = {
        each.date for each in series.factors.findings if each.rule == DIVIDEND_IS_BELOW_PRICE
    }
    usable, _ = usable_splits(series.history.splits)
    reported = [row for row in series.actions.to_pylist() if row["kind"] == "dividend"]
    rows = [
        {
            "sid": series.facts.asset_id,
            "ex_date": dividend.date,
            "amount": cash_paid(dividend, usable, series.history.currency),
            "declared_date": row["declaration_date"],
            "record_date": row["record_date"],
            "pay_date": row["payment_date"],
        }
        for dividend, row in zip(series.history.dividends, reported, strict=True)
        if held[0] < dividend.date <= held[1] and dividend.date not in too_large
    ]
    return pa.Table.from_pylist(
        [row for row in rows if row["amount"] is not None], schema=DIVIDENDS
    )
