"""Answers of `splits` and `div` become actions; a row stands, repeats or is rejected by name."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.domain.actions import ACTION_RULES, BULK_RULES, Dividend, Split
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.validation.check import Reject
from data_nexus.eodhd.decode_actions import Actions, decode_dividends, decode_splits, excerpts
from data_nexus.errors import BrokenAnswer, NexusError, NotAnAnswer, WrongSubject

AAPL = Symbol("AAPL", "US")
DAY = dt.date(2020, 8, 31)
SPLIT = Split(DAY, 4.0, 1.0)
TEXTS = {
    "date": '"2020-08-31"',
    "declarationDate": '"2020-07-30"',
    "recordDate": '"2020-09-01"',
    "paymentDate": '"2020-09-15"',
    "period": '"Quarterly"',
    "value": "0.205",
    "unadjustedValue": "0.82",
    "currency": '"USD"',
}
PAID = Dividend(
    date=DAY,
    value=0.205,
    unadjusted_value=0.82,
    currency="USD",
    declaration_date=dt.date(2020, 7, 30),
    record_date=dt.date(2020, 9, 1),
    payment_date=dt.date(2020, 9, 15),
    period="Quarterly",
)


def answer(*rows: str) -> bytes:
    """The rows as a body."""
    return f"[{','.join(rows)}]".encode()


def split(ratio: str, date: str = "2020-08-31") -> str:
    """A row of splits, its ratio in JSON text."""
    return f'{{"date":"{date}","split":{ratio}}}'


def dividend(**texts: str | None) -> str:
    """A row of dividends with the JSON text of some fields replaced, or (by None) left out."""
    fields = TEXTS | texts
    return "{" + ",".join(f'"{key}":{text}' for key, text in fields.items() if text) + "}"


RATIOS = {
    '"4.000000\\/1.000000"': (4.0, 1.0),
    '"4.000000/1.000000"': (4.0, 1.0),
    '"1398/1000"': (1398.0, 1000.0),
    '"114.802530\\/100.000000"': (114.80253, 100.0),
    '"1.000000/1000000.000000"': (1.0, 1000000.0),
    '"1e0/2E1"': (1.0, 20.0),
}


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_ratio_is_read_as_it_is_written(ratio: str) -> None:
    assert decode_splits(answer(split(ratio)), AAPL) == Actions((Split(DAY, *RATIOS[ratio]),))


def test_a_dividend_is_read_with_all_its_facts() -> None:
    assert decode_dividends(answer(dividend()), AAPL) == Actions((PAID,))


ODD_DIVIDENDS: dict[str, tuple[dict[str, str | None], dict[str, object]]] = {
    "amounts as text": ({"value": '"0.20500"', "unadjustedValue": '"0.8200000000"'}, {}),
    "an amount of an integer": ({"value": "2"}, {"value": 2.0}),
    "nothing but date and value": (
        dict.fromkeys(TEXTS.keys() - {"date", "value"}, None),
        {name: None for name in Dividend.__dataclass_fields__ if name not in {"date", "value"}},
    ),
    "nulls": (
        dict.fromkeys(TEXTS.keys() - {"date", "value"}, "null"),
        {name: None for name in Dividend.__dataclass_fields__ if name not in {"date", "value"}},
    ),
    "empty texts": (
        dict.fromkeys(TEXTS.keys() - {"date", "value"}, '""'),
        {name: None for name in Dividend.__dataclass_fields__ if name not in {"date", "value"}},
    ),
    "period None": ({"period": '"None"'}, {"period": None}),
    "period none": ({"period": '" none "'}, {"period": None}),
    "period Bimonthly": ({"period": '"Bimonthly"'}, {"period": "Bimonthly"}),
    "period with a NUL": ({"period": '"Week\\u0000ly "'}, {"period": "Weekly"}),
    "period an object": ({"period": "{}"}, {"period": None}),
    "currency GBX": ({"currency": '"GBX"'}, {"currency": "GBX"}),
    "dates of zeros": (
        {"declarationDate": '"0000-00-00"', "recordDate": '"0000-00-00"'},
        {"declaration_date": None, "record_date": None},
    ),
    "a date that is none": ({"paymentDate": '"2020-02-30"'}, {"payment_date": None}),
    "rounded down to 0": ({"value": "0"}, {"value": 0.0}),
    "unadjusted unknown": ({"unadjustedValue": "null"}, {"unadjusted_value": None}),
    "unadjusted 0": ({"unadjustedValue": "0"}, {"unadjusted_value": 0.0}),
}


@pytest.mark.parametrize(("texts", "facts"), ODD_DIVIDENDS.values(), ids=ODD_DIVIDENDS)
def test_an_odd_form_is_read_for_what_it_says(
    texts: dict[str, str | None], facts: dict[str, object]
) -> None:
    found = decode_dividends(answer(dividend(**texts)), AAPL)
    assert found == Actions((replace(PAID, **facts),))  # type: ignore[arg-type]


REJECTED_SPLITS = {
    split('"0.000000\\/1.000000"'): "split is above zero",
    split('"1.000000/0.000000"'): "split is above zero",
    split('"-4.0/1.0"'): "split is above zero",
    split('"4.000000"'): "split is a ratio",
    split('"4:1"'): "split is a ratio",
    split('"4/1/2"'): "split is a ratio",
    split('"/"'): "split is a ratio",
    split('""'): "split is a ratio",
    split('"4/one"'): "split is a ratio",
    split('"NaN/1"'): "split is a ratio",
    split('"inf/1"'): "split is a ratio",
    split('"1e999/1"'): "split is a ratio",
    split('"1_0/1"'): "split is a ratio",
    split('"\uff14/1"'): "split is a ratio",
    split("4"): "split is a ratio",
    split("null"): "split is a ratio",
    split("[4,1]"): "split is a ratio",
    '{"date":"2020-08-31"}': "split is a ratio",
    split('"4/1"', "0000-00-00"): "date is readable",
    split('"4/1"', "20200831"): "date is readable",
    split('"4/1"', "2020-08-31 00:00:00"): "date is readable",
    split('"4/1"', "2020-02-30"): "date is readable",
    split('"4/1"', "2020-W36-1"): "date is readable",
    split('"4/1"', ""): "date is readable",
    '{"date":null,"split":"4/1"}': "date is readable",
    '{"date":1598832000,"split":"4/1"}': "date is readable",
    '{"split":"4/1"}': "date is readable",
    "{}": "date is readable",
    "null": "row is readable JSON",
    "[4,1]": "row is readable JSON",
    split('"\\x41"'): "row is readable JSON",
    '{"date":"2020-08-31","split":"4/1","more":01}': "row is readable JSON",
    split('"\\ud800"'): "split is a ratio",
    split('"1e300/1"'): "split is plausible",
    split('"1e300/1e300"'): "split is plausible",
    split('"1e-300/1e-300"'): "split is plausible",
    split('"1000000001/1"'): "split is plausible",
}
REJECTED_DIVIDENDS = {
    dividend(value="null"): "dividend is a number",
    dividend(value=None): "dividend is a number",
    dividend(value='""'): "dividend is a number",
    dividend(value='"0,205"'): "dividend is a number",
    dividend(value='"0.205 USD"'): "dividend is a number",
    dividend(value='"NaN"'): "dividend is a number",
    dividend(value="true"): "dividend is a number",
    dividend(value="9" * 400): "dividend is a number",
    dividend(unadjustedValue='"much"'): "dividend is a number",
    dividend(value="1e999"): "dividend is a number",
    dividend(value="NaN"): "dividend is a number",
    dividend(value="01"): "row is readable JSON",
    dividend(period='"\\x41"'): "row is readable JSON",
    "true": "row is readable JSON",
    dividend(value="1e300"): "dividend is plausible",
    dividend(unadjustedValue="1e300"): "dividend is plausible",
    dividend(value="5e-324"): "dividend is plausible",
    dividend(unadjustedValue="false"): "dividend is a number",
    dividend(value="-0.205"): "dividend is above zero",
    dividend(unadjustedValue="-0.82"): "dividend is above zero",
    dividend(value="0", unadjustedValue="0"): "dividend is above zero",
    dividend(value='"0.00000"', unadjustedValue="null"): "dividend is above zero",
    dividend(date='"0000-00-00"'): "date is readable",
    dividend(date="null"): "date is readable",
    dividend(date=None): "date is readable",
}


@pytest.mark.parametrize(("row", "rule"), REJECTED_SPLITS.items())
def test_a_row_that_can_be_no_split_is_rejected_by_name(row: str, rule: str) -> None:
    found = decode_splits(answer(split('"2/1"', "2014-06-09"), row), AAPL)
    assert found == Actions((Split(dt.date(2014, 6, 9), 2.0, 1.0),), (Reject(1, rule),))


@pytest.mark.parametrize(("row", "rule"), REJECTED_DIVIDENDS.items())
def test_a_row_that_can_be_no_dividend_is_rejected_by_name(row: str, rule: str) -> None:
    assert decode_dividends(answer(row, dividend()), AAPL) == Actions((PAID,), (Reject(0, rule),))


def test_every_rule_has_a_meaning() -> None:
    broken = {*REJECTED_SPLITS.values(), *REJECTED_DIVIDENDS.values(), "date has one split"}
    assert broken == set(ACTION_RULES)
    assert not set(ACTION_RULES) & set(BULK_RULES)


def test_a_ratio_and_an_amount_at_the_bounds_are_kept() -> None:
    assert len(decode_splits(answer(split('"1000000000/1"')), AAPL).actions) == 1
    amounts = answer(dividend(value="1e-12"), dividend(value="1000000000000"))
    assert len(decode_dividends(amounts, AAPL).actions) == 2


def test_a_split_told_twice_is_one_split() -> None:
    rows = split('"4/1"'), split('"400.000000/100.000000"'), split('"4/1"')
    assert decode_splits(answer(*rows), AAPL) == Actions((SPLIT,), repeats=2)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_two_ratios_for_one_ex_date_reject_each_other(order: tuple[int, ...]) -> None:
    rows = split('"4/1"'), split('"7/1"'), split('"4/1"')
    found = decode_splits(answer(*(rows[n] for n in order), split('"2/1"', "2005-02-28")), AAPL)
    assert found.actions == (Split(dt.date(2005, 2, 28), 2.0, 1.0),)
    assert found.rejects == tuple(Reject(row, "date has one split") for row in range(3))
    assert found.repeats == 0


def test_a_dividend_told_twice_is_one_dividend() -> None:
    rows = dividend(), dividend(period="null", paymentDate='"0000-00-00"')
    assert decode_dividends(answer(*rows), AAPL) == Actions((PAID,), repeats=1)


def test_a_special_dividend_beside_the_regular_one_stands() -> None:
    special = dividend(value="3", unadjustedValue="3")
    found = decode_dividends(answer(dividend(), special), AAPL)
    assert found == Actions((PAID, replace(PAID, value=3.0, unadjusted_value=3.0)))


def test_no_actions_are_an_answer() -> None:
    no_splits: Actions[Split] = Actions(())
    no_dividends: Actions[Dividend] = Actions(())
    assert decode_splits(b"[]", AAPL) == no_splits
    assert decode_dividends(b"[]", AAPL) == no_dividends


WARNING = "Data is limited by one year as you have free subscription"
NOTICE = json.dumps({"warning": WARNING})
NOTICED = {
    "on its own": (answer(NOTICE), ()),
    "on its own, the rest null": (answer(f'{{"date":null,"split":null,{NOTICE[1:]}'), ()),
    "last": (answer(split('"4/1"'), NOTICE), (SPLIT,)),
    "first": (answer(NOTICE, split('"4/1"')), (SPLIT,)),
    "on the row": (answer(split('"4/1"')[:-1] + "," + NOTICE[1:]), (SPLIT,)),
}


@pytest.mark.parametrize(("body", "splits"), NOTICED.values(), ids=NOTICED)
def test_the_free_plan_s_warning_is_a_notice_and_no_row(
    body: bytes, splits: tuple[Split, ...]
) -> None:
    assert decode_splits(body, AAPL) == Actions(splits, notice=WARNING)


def test_a_reject_behind_a_warning_is_found_in_the_body() -> None:
    body = answer(NOTICE, split('"0/1"'))
    (reject,) = decode_splits(body, AAPL).rejects
    assert excerpts(body, [reject.row]) == [split('"0/1"')]


def test_an_excerpt_is_cut_after_it_is_redacted() -> None:
    body = answer(split('"' + "x" * 462 + 'TOKEN-TOKEN"'))
    (text,) = excerpts(body, [0], lambda text: text.replace("TOKEN-TOKEN", "***"))
    assert text == split('"' + "x" * 462 + '***"')
    (text,) = excerpts(answer(split('"' + "x" * 600 + '"')), [0])
    assert len(text) == 500


BROKEN = {
    "nothing": b"",
    "words": b"Ticker Not Found.",
    "a page": b"<!DOCTYPE html><html></html>",
    "CSV of splits": b'Date,"Stock Splits"\n2020-08-31,4.000000/1.000000\n',
    "CSV of dividends": b"Date,Dividends\n2022-02-28,1.38\n",
    "a cut array": answer(split('"4/1"'))[:-1],
    "something behind": b"[]x",
    "no UTF-8": b"\xff",
    "deep nesting": b"[" * 100_000,
    "a row that is no JSON": b'[{"date":"2020-08-31","value":01}]',
    "a bare star": b"*",
}
NO_ANSWER = {
    "null": b"null",
    "an error": b'{"error":"API rate limit exceeded"}',
    "a text": b'"Unauthenticated"',
    "a number": b"1",
    "texts": b'["x"]',
    "a null row": b"[null]",
    "bars": b'[{"date":"2023-01-03","open":1,"high":1,"low":1,"close":1}]',
    "neither": b'[{"warn":"x"}]',
}


@pytest.mark.parametrize("decode", [decode_splits, decode_dividends])
@pytest.mark.parametrize("name", [*BROKEN, *NO_ANSWER])
def test_what_is_no_answer_is_refused(name: str, decode: type) -> None:
    error = BrokenAnswer if name in BROKEN else NotAnAnswer
    with pytest.raises(error, match=r"^AAPL\.US: ") as refused:
        decode((BROKEN | NO_ANSWER)[name], AAPL)
    assert type(refused.value) is error


def test_the_other_kind_of_action_is_refused() -> None:
    with pytest.raises(NotAnAnswer, match="missing 'value'"):
        decode_dividends(answer(split('"4/1"')), AAPL)
    with pytest.raises(NotAnAnswer, match="missing 'split'"):
        decode_splits(answer(dividend()), AAPL)


@pytest.mark.parametrize("key", ["code", "symbol", "ticker"])
def test_an_answer_of_another_symbol_is_refused(key: str) -> None:
    stranger = f'{{"{key}":"MSFT","date":"2020-08-31","split":"4/1"}}'
    with pytest.raises(WrongSubject, match=r"^AAPL\.US: the answer is about 'MSFT'$"):
        decode_splits(answer(stranger), AAPL)
    for own in ("AAPL", "AAPL.US"):
        assert decode_splits(answer(stranger.replace("MSFT", own)), AAPL).actions == (SPLIT,)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=6),
    st.sampled_from(["2020-08-31", "2020-09-01", "4/1", "0/1", "0.2", "None", "0000-00-00"]),
)
ROWS = st.lists(
    st.dictionaries(st.sampled_from(["date", "split", "value", "unadjustedValue"]), VALUES),
    max_size=6,
)


@given(rows=ROWS)
def test_every_row_is_an_action_a_repeat_or_a_reject(rows: list[dict[str, object]]) -> None:
    body = json.dumps(rows).encode()
    for decode in (decode_splits, decode_dividends):
        try:
            found = decode(body, AAPL)
        except NexusError as refused:
            assert isinstance(refused, NotAnAnswer)  # noqa: PT017 - some rows lack a key
            continue
        assert len(found.actions) + len(found.rejects) + found.repeats == len(rows)
        assert [reject.row for reject in found.rejects] == sorted({r.row for r in found.rejects})
        assert {reject.rule for reject in found.rejects} <= set(ACTION_RULES)
