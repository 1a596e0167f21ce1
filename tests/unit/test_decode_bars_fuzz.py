"""Whatever bytes arrive, the decoder refuses them by name or gives rows that the check can judge."""

from __future__ import annotations

import gzip
import json

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_nexus.domain.check import Checked, check
from data_nexus.eodhd.body import plain
from data_nexus.eodhd.decode_bars import EXCERPT_CHARS, decode_bars, excerpts
from data_nexus.errors import NexusError
from tests.unit.answers import MCD, TEXTS, WINDOW, answer, records_of, row

VALID = answer(row(), row(date='"2023-01-04"', volume="0"), row(date='"2023-01-05"', open="1"))
SPLICES = st.sampled_from(
    [b"", b"[", b"]", b"{", b"}", b'"', b",", b":", b"-", b"0", b"9" * 400, b"1e999", b"1e308"]
    + [b"NaN", b"null", b"true", b'"x"', b"\\", b"\\ud800", b"\\u0000", b"\x00", b"\xff"]
    + [b'"warning":"x",', b'"code":"MCD",', b'"code":"AAPL",', b"[" * 5000, b"2023-W01-2"]
)
CUTS = st.tuples(
    st.integers(0, len(VALID)), st.integers(0, 12), SPLICES | st.binary(max_size=4)
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**45), 10**45)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["2023-01-04", "2023-02-30", "0000-00-00", "MCD", "MCD.US", "1.5", ""])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=3,
)
KEYS = st.sampled_from([*TEXTS, "warning", "code", "symbol"])


def judged(body: bytes) -> Checked | None:
    """What the check says of the body; None when the decoder refuses it by name."""
    try:
        bars = decode_bars(body, MCD).bars
    except NexusError:
        return None
    for text, (day, *_) in zip(excerpts(body, range(len(bars))), records_of(bars), strict=True):
        assert day is None or len(text) == EXCERPT_CHARS or json.loads(text)["date"] == str(day)
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
