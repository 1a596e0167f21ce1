"""Bulk answers become a day's bars or actions by code; what is not of the day is put aside."""

from __future__ import annotations

import datetime as dt
import json
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.domain.actions import BULK_RULES, Dividend, Split
from data_nexus.eodhd.decode_bars import NUMBERS
from data_nexus.eodhd.decode_bulk import (
    BulkActions,
    UndecodedRow,
    decode_bulk_bars,
    decode_bulk_dividends,
    decode_bulk_splits,
)
from data_nexus.errors import BrokenAnswer, NotAnAnswer, WrongSubject

DAY = dt.date(2024, 9, 30)
TEXTS = {
    "code": '"BHP"',
    "exchange_short_name": '"AU"',
    "date": '"2024-09-30"',
    "open": "46.2",
    "high": "46.4",
    "low": "45.9",
    "close": "45.96",
    "adjusted_close": "44.0616",
    "volume": "15022300",
}
GOOD = (46.2, 46.4, 45.9, 45.96, 44.0616, 15022300.0)
CHANGES = {"prev_close": "45", "change": "0.96", "change_p": "2.1"}
NO_CODE = "code can be a symbol's"


def bar(**texts: str | None) -> str:
    """A row of bars with the JSON text of some fields replaced, or (by None) left out."""
    fields = TEXTS | texts
    return "{" + ",".join(f'"{key}":{text}' for key, text in fields.items() if text) + "}"


def split(code: str = "BHP", ratio: str = "4.000000\\/1.000000", date: str = "2024-09-30") -> str:
    """A row of splits."""
    return f'{{"code":"{code}","exchange":"AU","date":"{date}","split":"{ratio}"}}'


def dividend(code: str = "BHP", amount: str = "0.20800", date: str = "2024-09-30") -> str:
    """A row of dividends, amounts as text."""
    return (
        f'{{"code":"{code}","exchange":"AU","date":"{date}","dividend":"{amount}","currency":"USD",'
        '"declarationDate":null,"recordDate":"2024-10-01","paymentDate":"2024-10-15",'
        f'"period":"None","unadjustedValue":"{amount}00000"}}'
    )


def answer(*rows: str) -> bytes:
    """The rows as a body."""
    return f"[{','.join(rows)}]".encode()


# A text for a number drives the whole answer to the way that reads value by value.
LOOSE = bar(code='"ODD"', open='"46.2"')


def bars_of(*rows: str, loosely: bool = False) -> dict[str, tuple[float, ...]]:
    """The bars of an answer by code; `loosely` beside a row that the quick way cannot read."""
    found = decode_bulk_bars(answer(*rows, *([LOOSE] if loosely else [])), "AU", DAY)
    numbers = np.array(found.bars.columns()[1:]).T.tolist()
    by_code = {code: tuple(row) for code, row in zip(found.codes, numbers, strict=True)}
    if loosely:
        assert by_code.pop("ODD")[1:] == GOOD[1:]
    return by_code


def rejects_of(*rows: str, loosely: bool = False) -> list[UndecodedRow]:
    """What an answer's rejects are, beside a good row."""
    beside = [bar(code='"GOOD"'), *([LOOSE] if loosely else [])]
    found = decode_bulk_bars(answer(*rows, *beside), "AU", DAY)
    assert {"GOOD"} <= set(found.codes)
    assert len(found.codes) + found.repeats + len(found.rejects) == len(rows) + len(beside)
    return list(found.rejects)


@pytest.mark.parametrize("loosely", [False, True])
def test_each_code_has_its_bar(*, loosely: bool) -> None:
    rows = [bar(), bar(code='"0P00007962"', volume="0.99"), bar(code='" BRK-B "', **CHANGES)]
    assert bars_of(*rows, loosely=loosely) == {
        "BHP": GOOD,
        "0P00007962": (*GOOD[:5], 0.99),
        "BRK-B": GOOD,
    }


@pytest.mark.parametrize("loosely", [False, True])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_missing_number_is_left_to_the_rules(name: str, *, loosely: bool) -> None:
    (found,) = bars_of(bar(**{name: "null"}), loosely=loosely).values()
    assert [n for n, value in zip(NUMBERS, found, strict=True) if np.isnan(value)] == [name]


ODD_NUMBERS = {'"45.96"': "nan", "true": "nan", "[1]": "nan", "9" * 400: "inf", None: "nan"}


@pytest.mark.parametrize(("text", "read"), ODD_NUMBERS.items())
def test_what_is_no_number_is_left_to_the_rules(text: str | None, read: str) -> None:
    found = bars_of(bar(close=text), bar(code='"GOOD"'))
    assert (str(found["BHP"][3]), found["GOOD"]) == (read, GOOD)


def test_all_bars_carry_the_day_and_their_row() -> None:
    body = answer(bar(date='"2024-09-27"'), bar(code='"A"'), bar(code='"B"'))
    found = decode_bulk_bars(body, "AU", DAY)
    assert found.codes == ("A", "B")
    assert found.rows == (1, 2)
    assert found.bars.date.tolist() == [(DAY - dt.date(1970, 1, 1)).days] * 2
    assert {column.dtype.name for column in found.bars.columns()} == {"int32", "float64"}


UNREADABLE = "row is readable JSON"


@pytest.mark.parametrize(
    ("row", "rejects"),
    [
        (bar(close="01"), [UndecodedRow(0, UNREADABLE, "BHP")]),
        (bar(more='"\\x41"'), [UndecodedRow(0, UNREADABLE, "BHP")]),
        (bar(code="01"), [UndecodedRow(0, UNREADABLE, "")]),
        ("null", [UndecodedRow(0, UNREADABLE, "")]),
        (bar(code='"\\ud800"'), [UndecodedRow(0, NO_CODE, "")]),
        (bar(date="NaN"), [UndecodedRow(0, "date is readable", "BHP")]),
        (bar(close="1e999"), []),
        (bar(more="NaN"), []),
    ],
)
def test_an_odd_value_costs_its_row(row: str, rejects: list[UndecodedRow]) -> None:
    assert rejects_of(row) == rejects


def test_an_unreadable_row_says_nothing_of_the_day() -> None:
    with pytest.raises(WrongSubject):
        decode_bulk_bars(answer(bar(date='"2024-09-27"'), bar(close="01")), "AU", DAY)


STRAYS = {
    bar(date='"2024-09-27"'): UndecodedRow(0, "date is the one asked for", "BHP"),
    bar(date='"2024-10-01"'): UndecodedRow(0, "date is the one asked for", "BHP"),
    bar(date='"0000-00-00"'): UndecodedRow(0, "date is readable", "BHP"),
    bar(date='"20240930"'): UndecodedRow(0, "date is readable", "BHP"),
    bar(date="null"): UndecodedRow(0, "date is readable", "BHP"),
    bar(date=None): UndecodedRow(0, "date is readable", "BHP"),
    bar(exchange_short_name='"US"'): UndecodedRow(0, "exchange is the one asked for", "BHP"),
    bar(exchange_short_name="7"): UndecodedRow(0, "exchange is the one asked for", "BHP"),
    bar(code='"../BHP"'): UndecodedRow(0, NO_CODE, ""),
    bar(code='""'): UndecodedRow(0, NO_CODE, ""),
    bar(code='"B\\u0000"'): UndecodedRow(0, NO_CODE, ""),
    bar(code="null"): UndecodedRow(0, NO_CODE, ""),
    bar(code="700"): UndecodedRow(0, NO_CODE, ""),
    bar(code=None): UndecodedRow(0, NO_CODE, ""),
    bar(code='""', date='"2024-09-27"'): UndecodedRow(0, NO_CODE, ""),
}


@pytest.mark.parametrize("loosely", [False, True])
@pytest.mark.parametrize(("row", "reject"), STRAYS.items())
def test_a_row_that_was_not_asked_for_is_rejected_by_name(
    row: str, reject: UndecodedRow, *, loosely: bool
) -> None:
    assert rejects_of(row, loosely=loosely) == [reject]


@pytest.mark.parametrize("asked", ["NYSE", "NASDAQ", "US"])
def test_a_part_of_the_american_exchange_is_answered_with_the_whole_one_s_name(asked: str) -> None:
    body = answer(bar(exchange_short_name='"US"'))
    assert decode_bulk_bars(body, asked, DAY).codes == ("BHP",)


def test_a_row_without_an_exchange_is_of_the_one_asked_for() -> None:
    assert rejects_of(bar(exchange_short_name=None)) == []


@pytest.mark.parametrize("loosely", [False, True])
def test_equal_rows_of_a_code_are_one_bar(*, loosely: bool) -> None:
    rows = [bar(volume="null"), bar(volume="null", **CHANGES)]
    assert [*bars_of(*rows, loosely=loosely)] == ["BHP"]
    assert rejects_of(*rows, loosely=loosely) == []


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_different_rows_of_a_code_reject_each_other(order: tuple[int, ...]) -> None:
    rows = [(bar(), bar(), bar(close="45.97"))[n] for n in order]
    assert rejects_of(*rows) == [UndecodedRow(row, "code has one bar", "BHP") for row in range(3)]
    assert bars_of(*rows) == {}


def test_a_row_of_another_day_contradicts_nothing() -> None:
    rows = bar(close="1", date='"2024-09-27"'), bar()
    assert [reject.row for reject in rejects_of(*rows)] == [0]
    assert bars_of(*rows) == {"BHP": GOOD}


def test_no_bars_are_an_answer() -> None:
    found = decode_bulk_bars(b"[]", "AU", DAY)
    assert (found.codes, len(found.bars), found.rejects, found.repeats) == ((), 0, (), 0)


PAID = Dividend(
    date=DAY,
    value=0.208,
    unadjusted_value=0.208,
    currency="USD",
    record_date=dt.date(2024, 10, 1),
    payment_date=dt.date(2024, 10, 15),
)


def test_actions_are_told_by_code() -> None:
    assert decode_bulk_splits(answer(split("A"), split("B", "1/20")), "AU", DAY) == BulkActions(
        {"A": (Split(DAY, 4.0, 1.0),), "B": (Split(DAY, 1.0, 20.0),)}, (), 0
    )
    found = decode_bulk_dividends(answer(dividend("A")), "AU", DAY)
    assert found == BulkActions({"A": (PAID,)}, (), 0)


def test_a_day_without_actions_is_an_answer() -> None:
    for decode in (decode_bulk_splits, decode_bulk_dividends):
        assert decode(b"[]", "AU", DAY) == BulkActions({}, (), 0)


def test_repeats_and_contradictions_are_those_of_one_code() -> None:
    rows = [split("A"), split("B"), split("A"), split("C"), split("C", "5/1"), split("D", "0/1")]
    found = decode_bulk_splits(answer(*rows), "AU", DAY)
    assert [*found.by_code] == ["A", "B"]
    assert found.repeats == 1
    assert found.rejects == (
        UndecodedRow(3, "date has one split", "C"),
        UndecodedRow(4, "date has one split", "C"),
        UndecodedRow(5, "split is above zero", "D"),
    )


def test_a_code_may_have_a_regular_and_a_special_dividend() -> None:
    rows = dividend(), dividend(amount="3.00000"), dividend()
    found = decode_bulk_dividends(answer(*rows), "AU", DAY)
    assert [each.value for each in found.by_code["BHP"]] == [0.208, 3.0]
    assert (found.rejects, found.repeats) == ((), 1)


def test_a_stray_action_is_rejected_by_name() -> None:
    rows = [split("A"), split("B", date="2024-09-27"), split("C", date="0000-00-00"), split("../D")]
    rows.append(split("E").replace("AU", "US"))
    assert decode_bulk_splits(answer(*rows), "AU", DAY).rejects == (
        UndecodedRow(1, "date is the one asked for", "B"),
        UndecodedRow(2, "date is readable", "C"),
        UndecodedRow(3, NO_CODE, ""),
        UndecodedRow(4, "exchange is the one asked for", "E"),
    )


def test_every_bulk_rule_is_broken_by_some_row() -> None:
    broken = {reject.rule for reject in STRAYS.values()} | {"code has one bar"}
    assert broken == {*BULK_RULES, "date is readable"}


DECODERS = {
    decode_bulk_bars: bar(date='"2024-09-27"'),
    decode_bulk_splits: split(date="2024-09-27"),
    decode_bulk_dividends: dividend(date="2024-09-27"),
}


@pytest.mark.parametrize(("decode", "row"), DECODERS.items(), ids=lambda each: str(each)[:30])
@pytest.mark.parametrize("beside", [(), ('{"code":"","date":"2024-09-30"}',)])
def test_an_answer_for_another_day_or_exchange_is_refused(
    decode: type, row: str, beside: tuple[str, ...]
) -> None:
    with pytest.raises(WrongSubject, match=r"^AU: no row is of .* exchange and day, 2024-09-30$"):
        decode(answer(row, row, *beside), "AU", DAY)
    with pytest.raises(WrongSubject, match=r"^US: "):
        decode(answer(row.replace("27", "30"), *beside), "US", DAY)


BROKEN = {
    "nothing": b"",
    "words": b"Exchange Not Found.",
    "CSV": b"Code,Ex,Date,Split\nA,AU,2024-09-30,4/1\n",
    "a cut array": answer(bar(), bar())[:-40],
    "deep nesting": b"[" * 100_000,
    "rows of which none can be read": answer(bar(close="01"), bar(close="01")),
}
NO_ANSWER = {
    "null": b"null",
    "an error": b'{"error":"x"}',
    "texts": b'["x"]',
    "null rows": b"[null]",
    "a symbol list": b'[{"Code":"BHP","Name":"BHP Group","Exchange":"AU"}]',
}


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize("name", [*BROKEN, *NO_ANSWER])
def test_what_is_no_answer_is_refused(name: str, decode: type) -> None:
    error = BrokenAnswer if name in BROKEN else NotAnAnswer
    with pytest.raises(error, match=r"^AU: ") as refused:
        decode((BROKEN | NO_ANSWER)[name], "AU", DAY)
    assert type(refused.value) is error


@pytest.mark.parametrize("decode", DECODERS)
@pytest.mark.parametrize("row", [bar(), split(), dividend()])
def test_a_bulk_answer_of_another_type_is_refused(decode: type, row: str) -> None:
    if row == DECODERS[decode].replace("27", "30"):
        decode(answer(row), "AU", DAY)
    else:
        with pytest.raises(NotAnAnswer, match=r"^AU: .*: missing '(close|split|dividend)'$"):
            decode(answer(row), "AU", DAY)


NUMBER = st.one_of(st.none(), st.integers(0, 3), st.just("1"))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "code": st.sampled_from(["A", "B", "C", "", " A", None]),
            "exchange_short_name": st.sampled_from(["AU", "AU", "AU", "US"]),
            "date": st.sampled_from(["2024-09-30", "2024-09-30", "2024-09-27"]),
        }
        | dict.fromkeys(NUMBERS, NUMBER)
    ),
    max_size=8,
)


@given(rows=ROWS)
def test_every_row_is_a_bar_a_repeat_or_a_reject(rows: list[dict[str, object]]) -> None:
    rows.append(json.loads(bar(code='"GOOD"')))
    found = decode_bulk_bars(json.dumps(rows).encode(), "AU", DAY)
    assert len(found.codes) == len(set(found.codes)) == len(found.bars) == len(found.rows)
    assert len(found.codes) + found.repeats + len(found.rejects) == len(rows)
    assert not {reject.row for reject in found.rejects} & set(found.rows)
    for at, row in enumerate(found.rows):
        assert str(rows[row]["code"]).strip() == found.codes[at]
        sent = rows[row]["close"]
        kept = found.bars.close[at]
        assert kept == sent if isinstance(sent, int | float) else np.isnan(kept)
