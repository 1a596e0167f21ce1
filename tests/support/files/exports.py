"""A small market to export, told as plain rows, and the tools that read it back."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg

from data_nexus.database.connection import PostgresConnection
from data_nexus.domain.symbol import Symbol
from data_nexus.research.exports.export import Exported, export
from data_nexus.research.exports.formats import FORMATS
from data_nexus.research.exports.series import ExportScope
from data_nexus.research.views import View
from tests.support.files.tool_environments import python_with
from tests.support.postgres.tables import add_assets
from tests.support.source import ROOT

READERS = Path(__file__).parent / "readers"

Bar = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Share:
    """An asset and all that is stored of it; a bar is open, high, low, close, adjusted, volume."""

    code: str
    bars: dict[date, Bar]
    splits: tuple[tuple[date, float, float], ...] = ()
    dividends: tuple[tuple[date, float, str], ...] = ()
    columns: tuple[tuple[str, object], ...] = ()
    exchange: str = "US"


def put(url: str, *shares: Share) -> list[int]:
    """Store shares; their ids."""
    ids = []
    for share in shares:
        columns: dict[str, Any] = {"currency": "USD", "venue": "NASDAQ", **dict(share.columns)}
        columns["last_bar"] = max(share.bars, default=None)
        (asset_id,) = add_assets(url, share.code, exchange=share.exchange, **columns)
        ids.append(asset_id)
        with psycopg.connect(url) as connection, connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO market_data VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                [(asset_id, day, *bar) for day, bar in share.bars.items()],
            )
            cursor.executemany(
                "INSERT INTO splits (asset_id, date, numerator, denominator)"
                " VALUES (%s, %s, %s, %s)",
                [(asset_id, *split) for split in share.splits],
            )
            cursor.executemany(
                "INSERT INTO dividends (asset_id, date, value, unadjusted_value, currency)"
                " VALUES (%s, %s, %s, %s, %s)",
                [(asset_id, day, paid, paid, currency) for day, paid, currency in share.dividends],
            )
    return ids


def written(
    url: str,
    name: str,
    out: Path,
    *symbols: Symbol,
    force: bool = False,
    **view: Any,  # noqa: ANN401
) -> Exported:
    """Export some symbols of a database; `view` says otherwise than the format would."""
    form = FORMATS[name]
    asked = {"adjust": form.adjust or "raw"} | view
    whom = ExportScope(symbols=[str(symbol) for symbol in symbols])
    return export(PostgresConnection(url), form, out, whom, View(**asked), force=force)


def catalog_written(url: str, out: Path, *choices: str, code: int = 0) -> Any:  # noqa: ANN401 - JSON
    """What `nexus export nautilus` answers, run where nautilus_trader is installed."""
    place = {"PYTHONPATH": str(ROOT / "src"), "DATABASE_URL": url}
    asked = ("--out", out, "--adjust", "raw", "--json", *choices)
    python = python_with("nautilus", "nautilus_trader")
    command = ("-m", "data_nexus", "export", "nautilus", *asked)
    return json.loads(run(python, *command, code=code, **place))


def read_back(tool: str, module: str, *arguments: object) -> Any:  # noqa: ANN401 - JSON
    """What a tool reads, as its reader prints it."""
    said = run(python_with(tool, module), READERS / f"{tool}_reader.py", *arguments)
    return json.loads(said.splitlines()[-1])


def run(python: str, *arguments: object, code: int = 0, **place: str) -> str:
    """What a program prints that knows nothing of the settings of this Python."""
    seen = {key: text for key, text in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [python, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env=seen | place,
    )
    assert done.returncode == code, done.stderr[-3000:]
    return done.stdout
