"""Register the bundle `data-nexus` with zipline-reloaded; exported beside the files it reads.

    zipline -e extension.py ingest -b data-nexus

To have it always, let `~/.zipline/extension.py` run it by `runpy.run_path`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from zipline.data.bundles import register

NAME = "data-nexus"
NUMBERS = ["open", "high", "low", "close", "volume", "amount", "ratio"]
TEXTS = ["symbol", "asset_name", "exchange", "file"]


def here() -> Path:
    """Return this file's folder; zipline runs an extension without `__file__`."""
    return Path(here.__code__.co_filename).resolve().parent


def text_of_cell(text: str) -> str:
    """Remove the mark that keeps a spreadsheet from running a text."""
    return text.removeprefix("'")


def table(name: str, dates: list[str]) -> pd.DataFrame:
    """Read one of the exported tables; its dates are moments without a zone, NaT where unknown."""
    read = pd.read_csv(
        FOLDER / name,
        dtype=dict.fromkeys(TEXTS, str) | dict.fromkeys(NUMBERS, float),
        keep_default_na=False,
        na_values={column: [""] for column in (*dates, *NUMBERS)},
        parse_dates=dates,
        float_precision="round_trip",
    )
    for column in read.columns.intersection(TEXTS):
        read[column] = read[column].map(text_of_cell)
    return read


def on_sessions(bars: pd.DataFrame, sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """Return a bar for each session from an asset's first to its last, as zipline requires.

    A session without a bar has no prices and no volume, zipline's form of a day without trades; a
    bar on a day that is not a session is left out.
    """
    held = sessions[(sessions >= bars.index[0]) & (sessions <= bars.index[-1])]
    full = bars.reindex(held)
    full["volume"] = full["volume"].fillna(0)
    return full


def histories(
    assets: pd.DataFrame, sessions: pd.DatetimeIndex
) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield each asset's number and bars."""
    for row in assets.itertuples():
        bars = on_sessions(table(row.file, ["date"]).set_index("date"), sessions)
        if len(bars):
            yield row.sid, bars


def ingest(  # noqa: PLR0913, PLR0917 - zipline's own call
    environ: Any,  # noqa: ANN401, ARG001
    asset_db_writer: Any,  # noqa: ANN401
    minute_bar_writer: Any,  # noqa: ANN401, ARG001
    daily_bar_writer: Any,  # noqa: ANN401
    adjustment_writer: Any,  # noqa: ANN401
    calendar: Any,  # noqa: ANN401
    start_session: Any,  # noqa: ANN401
    end_session: Any,  # noqa: ANN401
    cache: Any,  # noqa: ANN401, ARG001
    show_progress: bool,  # noqa: FBT001
    output_dir: str,  # noqa: ARG001
) -> None:
    """Write the exported assets, bars, splits and dividends into zipline's own files."""
    sessions = calendar.sessions_in_range(start_session, end_session)
    assets = table("assets.csv", ["start_date", "end_date"])
    assets["start_date"] = assets["start_date"].clip(lower=sessions[0])
    assets = assets[assets["start_date"] <= assets["end_date"]]
    daily_bar_writer.write(histories(assets, sessions), show_progress=show_progress)
    equities = assets.set_index("sid").drop(columns="file")
    equities["auto_close_date"] = equities["end_date"] + pd.Timedelta(days=1)
    exchanges = pd.DataFrame(
        [(name, name, BUNDLE["country"]) for name in sorted(set(equities["exchange"]))],
        columns=["exchange", "canonical_name", "country_code"],
    )
    asset_db_writer.write(equities=equities, exchanges=exchanges)
    dividends = table("dividends.csv", ["ex_date", "declared_date", "record_date", "pay_date"])
    for column in ("declared_date", "record_date", "pay_date"):
        dividends[column] = dividends[column].fillna(dividends["ex_date"])
    adjustment_writer.write(splits=table("splits.csv", ["effective_date"]), dividends=dividends)


FOLDER = here()
BUNDLE = json.loads((FOLDER / "bundle.json").read_text("utf-8"))
register(
    NAME,
    ingest,
    calendar_name=BUNDLE["calendar"],
    start_session=pd.Timestamp(BUNDLE["first"]),
    end_session=pd.Timestamp(BUNDLE["last"]),
)
