"""A body counts when it is complete, plain and within the cap."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from data_nexus.eodhd.body import plain
from data_nexus.eodhd.decode_bars import decode_bars
from data_nexus.errors import AnswerTooLarge, BrokenAnswer
from tests.unit.eodhd.answers import MCD, answer, row

VALID = answer(row(), row(date='"2023-01-04"'))
STREAM = gzip.compress(VALID, mtime=0)
CAP = 1_000_000


def flipped(at: int) -> bytes:
    """The stream with one byte changed."""
    damaged = bytearray(STREAM)
    damaged[at] ^= 1
    return bytes(damaged)


BROKEN: dict[str, bytes] = {
    "magic number": flipped(0),
    "method": flipped(2),
    "text": flipped(len(STREAM) // 2),
    **{f"trailer, byte {n}": flipped(len(STREAM) - n) for n in range(1, 9)},
    "no checksum": STREAM[:-8] + bytes(8),
    "two members": STREAM + STREAM,
    "an empty member more": STREAM + gzip.compress(b""),
    "a NUL behind": STREAM + b"\0",
    "a newline behind": STREAM + b"\r\n",
    "a NUL before": b"\0" + STREAM,
    "zlib": zlib.compress(VALID),
    "deflate": zlib.compress(VALID, wbits=-15),
    "plain text": VALID,
    "nothing": b"",
    "two bytes": b"\x1f\x8b",
}


def test_no_proper_prefix_of_a_body_decodes() -> None:
    for length in range(len(VALID)):
        with pytest.raises(BrokenAnswer):
            decode_bars(VALID[:length], MCD)


@pytest.mark.parametrize("level", [0, 1, 9])
def test_no_proper_prefix_of_a_gzip_stream_is_a_body(level: int) -> None:
    stream = gzip.compress(VALID, level)
    for length in range(len(stream)):
        with pytest.raises(BrokenAnswer, match=r"MCD\.US: the gzip stream"):
            plain(stream[:length], "gzip", CAP, "MCD.US")


@pytest.mark.parametrize("level", [0, 1, 6, 9])
@pytest.mark.parametrize("text", [VALID, b"", b"x", VALID * 2000], ids=len)
def test_a_whole_stream_gives_its_text(text: bytes, level: int) -> None:
    assert plain(gzip.compress(text, level), "gzip", CAP, "MCD.US") == text


@pytest.mark.parametrize("stream", BROKEN.values(), ids=BROKEN.keys())
def test_a_stream_that_is_corrupt_or_followed_by_anything_is_broken(stream: bytes) -> None:
    with pytest.raises(BrokenAnswer, match=r"MCD\.US: "):
        plain(stream, "gzip", CAP, "MCD.US")


def test_what_comes_out_may_fill_the_cap_and_no_more() -> None:
    assert plain(STREAM, "gzip", len(VALID), "MCD.US") == VALID
    with pytest.raises(AnswerTooLarge, match=r"MCD\.US: more than"):
        plain(STREAM, "gzip", len(VALID) - 1, "MCD.US")


def test_a_plain_body_may_fill_the_cap_and_no_more() -> None:
    assert plain(VALID, "", len(VALID), "MCD.US") == VALID
    with pytest.raises(AnswerTooLarge, match=r"MCD\.US: "):
        plain(VALID, "", len(VALID) - 1, "MCD.US")


BOMB = gzip.compress(bytes(64 << 20))


@pytest.mark.parametrize(
    "stream",
    [BOMB, BOMB[:-4] + bytes(4), BOMB[:-4] + b"\xff\xff\xff\xff", BOMB[: len(BOMB) // 2]],
    ids=["honest", "says it is empty", "says it is vast", "cut"],
)
def test_a_bomb_is_stopped_at_the_cap(stream: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises((AnswerTooLarge, BrokenAnswer)):
            plain(stream, "gzip", CAP, "MCD.US")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


def test_a_bomb_within_the_cap_is_stopped_at_the_length_that_it_claims() -> None:
    tracemalloc.start()
    try:
        with pytest.raises(BrokenAnswer):
            plain(BOMB[:-4] + bytes(4), "gzip", 128 << 20, "MCD.US")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


def test_a_stream_within_a_stream_is_unpacked_once_and_no_json() -> None:
    nested = plain(gzip.compress(STREAM), "gzip", CAP, "MCD.US")
    assert nested == STREAM
    with pytest.raises(BrokenAnswer):
        decode_bars(nested, MCD)


@pytest.mark.parametrize("encoding", ["", "identity"])
def test_an_unencoded_body_is_left_as_it_is(encoding: str) -> None:
    assert plain(VALID, encoding, CAP, "MCD.US") == VALID


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "x" * 999, "\x1b[31m"])
def test_an_encoding_that_was_not_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(BrokenAnswer, match="not requested") as caught:
        plain(VALID, encoding, CAP, "MCD.US")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 100
