"""Feeds that a collector really received, errors and repeats and all, are sorted out to the row."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from data_nexus.domain.bars import EPOCH
from data_nexus.domain.calendar.window import EARLIEST, Window
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.validation.check import check
from data_nexus.eodhd.decode_bars import decode_bars, excerpts
from tests.golden.recordings import market_file, needs_recordings

pytestmark = needs_recordings

FEEDS = sorted(market_file("dirty_feed_asreceived").glob("*.csv.gz"))
WINDOW = Window(EARLIEST, dt.date(2024, 8, 9))
FIELDS = ("date", "open", "high", "low", "close", "adjusted_close", "volume")
Line = tuple[str, ...]
# What prices of rows for one date may differ by.
_MILLIONTH = Decimal("1e-6")


def lines_of(feed: Path) -> list[Line]:
    """A feed's lines as seven texts each; the header and a line of anything else as one text."""
    with gzip.open(feed, "rt", encoding="utf-8", newline="") as text:
        lines = [tuple(line.rstrip("\r\n").split(",")) for line in text]
    return [line if len(line) == len(FIELDS) else (",".join(line),) for line in lines]


def as_row(line: Line) -> str:
    """A line as the row of an eod answer that a vendor would have made of it."""
    day, *numbers = (*line, *["null"] * (len(FIELDS) - len(line)))
    texts = [json.dumps(day), *(n if n[:1].isdigit() else "null" for n in numbers)]
    return "{" + ",".join(f'"{f}":{t}' for f, t in zip(FIELDS, texts, strict=True)) + "}"


def is_date(text: str) -> bool:
    """Whether the text is a day of the calendar."""
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def expected(lines: list[Line]) -> tuple[Counter[str], dict[str, tuple[Decimal, ...]], int]:
    """Rejects by rule, the kept bars by day and the repeats, read line by line."""
    rejects: Counter[str] = Counter()
    by_day: dict[str, list[tuple[Decimal, ...]]] = defaultdict(list)
    for line in lines:
        if not is_date(line[0]):
            rejects["date is readable"] += 1
        elif "null" in line:
            rejects["prices are present"] += 1
        else:
            by_day[line[0]].append(tuple(map(Decimal, line[1:])))
    for day, bars in list(by_day.items()):
        prices = [*zip(*bars, strict=True)][:-1]
        if any(max(each) - min(each) > _MILLIONTH * max(each) for each in prices):
            rejects["date has one bar"] += len(by_day.pop(day))
    repeats = sum(len(bars) - 1 for bars in by_day.values())
    kept = {day: min(bars, key=lambda bar: (-bar[-1], bar)) for day, bars in by_day.items()}
    return rejects, dict(sorted(kept.items())), repeats


def test_the_feeds_are_as_dirty_as_they_are_said_to_be() -> None:
    with market_file("dirty_feed_stats.csv").open(encoding="utf-8") as text:
        stated = {row["symbol"]: row for row in csv.DictReader(text)}
    assert {feed.name.split(".")[0] for feed in FEEDS} == set(stated)
    for feed in FEEDS:
        said = stated[feed.name.split(".")[0]]
        junk = [ln for ln in lines_of(feed) if not is_date(ln[0]) and ln[0] != "Date"]
        assert len(junk) == int(said["junk_lines"])


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.name.split(".")[0])
def test_a_dirty_feed_is_sorted_out_to_the_row(feed: Path) -> None:
    lines = lines_of(feed)
    body = f"[{','.join(map(as_row, lines))}]".encode()
    bars = decode_bars(body, Symbol("FEED", "US")).bars
    checked = check(bars, WINDOW)
    rejects, kept, repeats = expected(lines)
    assert Counter(reject.rule for reject in checked.rejects) == rejects
    assert (checked.received, checked.repeats) == (len(lines), repeats)
    assert [str(EPOCH + dt.timedelta(days=day)) for day in checked.kept.date.tolist()] == [*kept]
    columns = [column.tolist() for column in checked.kept.columns()[1:]]
    assert [*zip(*columns, strict=True)] == [tuple(map(float, bar)) for bar in kept.values()]
    places = [reject.row for reject in checked.rejects]
    assert excerpts(body, places) == [as_row(lines[place]) for place in places]
