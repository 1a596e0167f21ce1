"""Decision 11: one odd value in a good answer costs at most its own row, whatever reads it."""

from __future__ import annotations

import json
import time
from contextlib import suppress

import pytest

from data_nexus.eodhd.answer import code_in, read_rows, split_array
from data_nexus.eodhd.decode_bars import decode_bars
from data_nexus.eodhd.decode_user import decode_user
from data_nexus.errors import BrokenAnswer, NexusError, NotAnAnswer
from tests.unit.eodhd.answers import MCD, answer, row
from tools.fuzz.mutations import VALUES, written
from tools.fuzz.targets import TARGETS, Target

OF_ROWS = [target for target in TARGETS if target.rows]
WHERE = 1


def kept(target: Target, body: bytes) -> frozenset[str] | str:
    try:
        return target.read(body)
    except NexusError as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("target", OF_ROWS, ids=lambda target: target.name)
def test_one_odd_value_costs_at_most_its_row(target: Target) -> None:
    texts = [{key: text.encode() for key, text in row.items()} for row in target.rows]
    whole = kept(target, written(texts))
    assert isinstance(whole, frozenset)
    assert len(whole) == len(texts)
    lost = []
    for key in (*texts[WHERE], "unread"):
        for odd in VALUES:
            rows = [*texts[:WHERE], texts[WHERE] | {key: odd}, *texts[WHERE + 1 :]]
            found = kept(target, written(rows))
            if isinstance(found, str) or len(whole - found) > 1:
                lost.append((key, odd[:40], found))
    assert lost == []


@pytest.mark.parametrize("target", OF_ROWS, ids=lambda target: target.name)
def test_one_odd_row_costs_itself(target: Target) -> None:
    rows = [written([{k: t.encode() for k, t in row.items()}])[1:-1] for row in target.rows]
    whole = kept(target, b"[%s]" % b",".join(rows))
    for odd in VALUES:
        assert kept(target, b"[%s]" % b",".join([*rows[:2], odd, *rows[2:]])) == whole, odd[:40]


@pytest.mark.parametrize("target", OF_ROWS, ids=lambda target: target.name)
def test_no_proper_prefix_of_an_odd_answer_is_accepted(target: Target) -> None:
    texts = [{key: text.encode() for key, text in row.items()} for row in target.rows[:2]]
    body = written([texts[0] | {"unread": b'[{"}]":1e999}]'}, texts[1]])
    assert isinstance(kept(target, body), frozenset)
    accepted = [n for n in range(len(body)) if not isinstance(kept(target, body[:n]), str)]
    assert accepted == []


def test_an_answer_of_which_no_row_can_be_read_is_refused_as_a_whole() -> None:
    """A vendor that has changed its writing advances no cursor."""
    with pytest.raises(BrokenAnswer, match=r"^MCD\.US: not JSON: "):
        decode_bars(answer(row(close="01"), row(close="01")), MCD)


@pytest.mark.parametrize("body", [b"[1e999]", b'["x",NaN]', b"[[NaN]]", b"[null,1e999]"])
def test_an_array_without_an_object_is_no_answer(body: bytes) -> None:
    with pytest.raises(NotAnAnswer, match="its rows are not objects"):
        read_rows(body, "MCD.US", "not an eod answer")


SPLIT = {
    b"[]": [],
    b" [ ] ": [],
    b"[1]": [b"1"],
    b'[ {"a":1} , {"b":[2,3]} ]': [b'{"a":1}', b'{"b":[2,3]}'],
    b'["a,b","c]d","e\\",[f"]': [b'"a,b"', b'"c]d"', b'"e\\",[f"'],
    b'[{"a":"}"},{"b":{"c":"],"}}]': [b'{"a":"}"}', b'{"b":{"c":"],"}}'],
    b'["\\\\",1]': [b'"\\\\"', b"1"],
    b'[{"a":"\xff"},*]': [b'{"a":"\xff"}', b"*"],
}
NOT_SPLIT = [
    *(b"", b"[", b"[1", b"[1,", b"[1,]", b"[,1]", b"[,]", b"[1,,2]", b"[1]x", b"[1]]", b"[1],"),
    *(b"{}", b"1", b'["a]', b'["a\\"]', b"[{]}", b"[(1]", b"[[1]", b"x[1]", b"\xef\xbb\xbf[1]"),
    *(b'[{"a":"x}]', b"[1][2]", b"]", b"[}"),
]


@pytest.mark.parametrize(("body", "elements"), SPLIT.items())
def test_an_array_is_split_without_being_read(body: bytes, elements: list[bytes]) -> None:
    assert split_array(body) == elements


@pytest.mark.parametrize("body", [body for body in NOT_SPLIT if body != b"[(1]"])
def test_what_is_no_whole_array_is_not_split(body: bytes) -> None:
    assert split_array(body) is None


SLOW = {
    "a text without an end": b'["' + b"\\a" * 500_000,
    "quotes": b"[" + b'"' * 500_001,
    "objects without an end": b"[" + b'{"a":' * 150_000,
    "an object without an end": b'[{"a":1,' + b'"b":2,' * 150_000,
    "brackets": b"[" * 500_000,
    "nested brackets": b"[" * 150_000 + b"1e999" + b"]" * 150_000,
    "many elements": b"[" + b"1," * 500_000 + b"1e999]",
    "a number of a million digits": b"[{},%s]" % (b"9" * 1_000_000),
    "a fraction of a million digits": b"[{},1.%s]" % (b"9" * 1_000_000),
}


@pytest.mark.parametrize("body", SLOW.values(), ids=SLOW)
def test_reading_row_by_row_takes_time_in_proportion(body: bytes) -> None:
    began = time.thread_time()
    with suppress(NexusError):
        read_rows(body, "MCD.US", "not an eod answer")
    assert time.thread_time() - began < 1.5


def test_fifty_thousand_rows_with_an_odd_one_are_read_soon() -> None:
    rows = [row()] * 50_000
    body = answer(*rows[:-1], row(close="1e999"))
    began = time.thread_time()
    assert len(read_rows(body, "MCD.US", "")) == 50_000
    assert time.thread_time() - began < 2.0


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"code":"AAPL","x":01}', "AAPL"),
        (b'{"x":01,"Code" : " BRK-B "}', "BRK-B"),
        (b'{"code":"../x"}', ""),
        (b'{"code":"A\\u0041"}', ""),
        (b'{"code":7}', ""),
        (b"*", ""),
    ],
)
def test_an_unreadable_row_may_still_show_its_code(raw: bytes, code: str) -> None:
    assert code_in(raw) == code


# What no reader of JSON takes for a value.
NO_VALUES = [
    *(b"01", b"+1", b".5", b"1.", b"0x10", b"1_0", b"*", b"None", b"undefined", b"NULL", b"TRUE"),
    *(b"nan", b"inf", b'"\\x41"'),
]
USER = {"apiRequests": 5, "apiRequestsDate": "2024-01-05", "dailyRateLimit": 100, "extraLimit": 0}


def test_a_value_that_is_not_read_hides_no_count() -> None:
    hidden = []
    for odd in VALUES:
        body = json.dumps(USER)[:-1].encode() + b',"inviteToken":%s}' % odd
        try:
            assert (decode_user(body).spent, decode_user(body).day_limit) == (5, 100)
        except BrokenAnswer:
            hidden.append(odd[:20])
    assert hidden == [*NO_VALUES, b"[" * 20]
