"""Every real American symbol passes through a vendor's list in either format unharmed."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable

import pytest

from data_nexus.domain.symbol import parse_symbol
from data_nexus.eodhd.decode_symbols import CSV_HEADER, decode_symbols
from tests.golden.recordings import market_file, needs_recordings

pytestmark = needs_recordings

Line = dict[str, str]


def real_lines() -> list[Line]:
    """The 36,083 lines of the real list, in the vendor's seven columns."""
    with gzip.open(market_file("symbols_us.csv.gz"), "rt", encoding="utf-8", newline="") as text:
        return [{key: row[key] for key in CSV_HEADER} for row in csv.DictReader(text)]


def as_csv(lines: list[Line]) -> bytes:
    """The lines as the vendor's CSV."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, CSV_HEADER, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode()


def as_json(lines: list[Line]) -> bytes:
    """The lines as the vendor's JSON, which has null for a missing ISIN."""
    return json.dumps([line | {"Isin": line["Isin"] or None} for line in lines]).encode()


@pytest.mark.parametrize("write", [as_csv, as_json])
def test_a_real_list_decodes_to_what_the_file_says(write: Callable[[list[Line]], bytes]) -> None:
    lines = real_lines()
    symbols = decode_symbols(write(lines), "US")
    assert (len(symbols.listings), symbols.refused) == (36_083, 0)
    assert [
        (s.symbol.code, s.name, s.country, s.venue, s.currency, s.asset_type, s.isin)
        for s in symbols.listings
    ] == [
        tuple(re.sub("[\u00a0\t]", " ", text).strip() for text in line.values()) for line in lines
    ]


def test_every_real_code_reads_back_as_it_is_written() -> None:
    for listing in decode_symbols(as_json(real_lines()), "US").listings:
        assert parse_symbol(str(listing.symbol)) == listing.symbol
