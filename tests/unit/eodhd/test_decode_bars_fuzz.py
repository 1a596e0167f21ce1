"""Whatever bytes arrive are refused by name, or give rows that the check can judge."""

from __future__ import annotations

import gzip
import json

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_nexus.domain.validation.check import Checked, check
from data_nexus.eodhd.answer import row_in
from data_nexus.eodhd.body import plain
from data_nexus.eodhd.decode_bars import decode_bars, excerpts
from data_nexus.errors import NexusError
from tests.unit.eodhd.answers import MCD, TEXTS, UNREAD, WINDOW, answer, records_of, row

VALID = answer(row(), row(date='"2023-01-04"', volume="0"), row(date='"2023-01-05"', open="1"))
TOKENS = rb"""[ ] { } " , : - 0 1e999 1e308 NaN null true "x" \ \ud800 \u0000 2023-W01-2
    "warning":"x", "code":"MCD", "code":"AAPL","""
SPLICES = st.sampled_from(TOKENS.split()) | st.sampled_from([b"", b"9" * 400, b"[" * 5000, b"\0"])
CUTS = st.tuples(st.integers(0, len(VALID)), st.integers(0, 12), SPLICES | st.binary(max_size=4))
VALUES = (
    st.integers(-(10**45), 10**45)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from([None, True, False, [], [1], {}, {"close": 1}, 0, -1, 999999.9999])
    | st.sampled_from(["2023-01-04", "2023-02-30", "0000-00-00", "MCD", "MCD.US", "1.5", ""])
)
KEYS = st.sampled_from([*TEXTS, "warning", "code", "symbol"])


def judged(body: bytes) -> Checked | None:
    """What the check says of the body; None when the decoder refuses it by name."""
    try:
        bars = decode_bars(body, MCD).bars
    except NexusError:
        return None
    for text, (day, *_) in zip(excerpts(body, range(len(bars))), records_of(bars), strict=True):
        row = row_in(text.encode())
        assert day in (None, UNREAD) or row is None or row["date"] == str(day)
    checked = check(bars, WINDOW)
    assert checked.received == len(bars)
    for column in checked.kept.columns():
        assert np.isfinite(column).all()
    return checked


@given(st.binary(max_size=200))
@example(b"")
def test_arbitrary_bytes_are_refused_by_name_or_judged(body: bytes) -> None:
    judged(body)


@settings(max_examples=800)
@given(st.lists(CUTS, min_size=1, max_size=4))
def test_a_damaged_answer_is_refused_by_name_or_judged(cuts: list[tuple[int, int, bytes]]) -> None:
    body = VALID
    for at, length, splice in cuts:
        body = body[:at] + splice + body[at + length :]
    judged(body)


@settings(max_examples=300)
@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=9), max_size=4))
def test_json_of_any_values_is_refused_by_name_or_judged(rows: list[dict[str, object]]) -> None:
    good = {key: json.loads(text) for key, text in TEXTS.items()}
    checked = judged(json.dumps([good | changes for changes in rows]).encode())
    assert checked is None or checked.received <= len(rows)


@settings(max_examples=400)
@given(at=st.integers(0, 10**6), flip=st.integers(1, 255))
def test_a_damaged_gzip_stream_never_gives_other_text(at: int, flip: int) -> None:
    stream = bytearray(gzip.compress(VALID, mtime=0))
    stream[at % len(stream)] ^= flip
    try:
        text = plain(bytes(stream), "gzip", 10**6, "MCD.US")
    except NexusError:
        return
    assert text == VALID  # the header holds bytes that say nothing about the text
