"""An eod answer becomes bars, or a typed refusal; what is odd in one row is that row's affair."""

from __future__ import annotations

import json
import math

import pytest

from data_nexus.domain.bars import NO_BARS
from data_nexus.domain.validation.check import check
from data_nexus.eodhd.decode_bars import decode_bars, excerpts
from data_nexus.errors import BrokenAnswer, NexusError, NotAnAnswer, WrongSubject
from tests.unit.eodhd.answers import GOOD, MCD, TEXTS, WINDOW, answer, record, records_of, row

DEEP = "[" * 100_000 + "]" * 100_000
NINES = "9" * 400
BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "space": b" \n",
    "an HTML page": b"<!DOCTYPE html><html><body>Bad Gateway</body></html>",
    "words": b"Ticker Not Found.",
    "a bare star": b"*",
    "a row with a bare star": answer(row(close="*")),
    "CSV": b"Date,Open,High,Low,Close,Adjusted_close,Volume\n2023-01-03,1,1,1,1,1,1\n",
    "a number with a leading zero": answer(row(close="01")),
    "a number with a comma": answer(row(close="264,33")),
    "deep nesting": DEEP.encode(),
    "deep nesting, cut": b"[" * 100_000,
    "deep nesting in a price": answer(row(close=DEEP)),
    "deep nesting in a key more": answer(row(close="null", more=DEEP)),
    "a byte order mark": b"\xef\xbb\xbf" + answer(row()),
    "UTF-16": answer(row()).decode().encode("utf-16"),
    "single quotes": b"[{'date':'2023-01-03'}]",
    "a comma too many": answer(row(), ""),
    "something behind": answer(row()) + b"x",
    "two documents": answer(row()) + answer(row()),
    "a comment": b"/* ok */" + answer(row()),
}
NO_ANSWER: dict[str, bytes] = {
    "null": b"null",
    "true": b"true",
    "a number": b"264.33",
    "a text": b'"Unauthenticated"',
    "an empty object": b"{}",
    "an error": b'{"error":"API rate limit exceeded"}',
    "a row without its array": row().encode(),
    "rows in an object": b'{"0":' + row().encode() + b"}",
    "null for every row": answer("null", "null"),
    "a number for a row": answer("1"),
    "a text for a row": answer('"x"'),
    "an array for a row": answer("[]"),
    "no close in any row": answer(row(close=None), row(close=None)),
    "no date in any row": answer(row(date=None)),
    "an empty row": answer("{}"),
    "splits": b'[{"date":"2020-08-31","split":"4.000000\\/1.000000"}]',
    "another endpoint's dates": answer(row(date=None, datetime='"2023-01-03 14:30:00"')),
}
REJECTED: dict[str, tuple[str, str]] = {
    "price as text": (row(open='"263.53"'), "prices are present"),
    "price null": (row(high="null"), "prices are present"),
    "price true": (row(low="true"), "prices are present"),
    "price false": (row(close="false"), "prices are present"),
    "price an array": (row(adjusted_close="[1]"), "prices are present"),
    "price an object": (row(open='{"value":1}'), "prices are present"),
    "price missing": (row(open=None), "prices are present"),
    "price NA": (row(close='"NA"'), "prices are present"),
    "price an escaped NUL": (row(close='"\\u0000"'), "prices are present"),
    "price of 400 digits": (row(close=NINES), "prices are finite"),
    "price of 5,000 digits": (row(close="9" * 5000), "prices are finite"),
    "price of 400 digits and a fraction": (row(close=f"{NINES}.{NINES}"), "prices are finite"),
    "price 1e999": (row(close="1e999"), "prices are finite"),
    "price -1e999": (row(open="-1e999"), "prices are finite"),
    "price NaN": (row(close="NaN"), "prices are present"),
    "price Infinity": (row(close="Infinity"), "prices are present"),
    "price -Infinity": (row(close="-Infinity"), "prices are present"),
    "price a lone surrogate": (row(close='"\\ud800"'), "prices are present"),
    "price a raw newline": (row(close='"a\nb"'), "prices are present"),
    "price 01": (row(close="01"), "row is readable JSON"),
    "price +1": (row(close="+1"), "row is readable JSON"),
    "price .5": (row(close=".5"), "row is readable JSON"),
    "price 1.": (row(close="1."), "row is readable JSON"),
    "price a bare star": (row(close="*"), "row is readable JSON"),
    "price \\x41": (row(close='"\\x41"'), "row is readable JSON"),
    "price nested 5,000 times": (row(close="[" * 5000 + "]" * 5000), "row is readable JSON"),
    "nesting of 5,000 in a key more": (row(more="[" * 5000 + "]" * 5000), "row is readable JSON"),
    "a row of single quotes": ("{'date':'2023-01-03'}", "row is readable JSON"),
    "null for a row": ("null", "row is readable JSON"),
    "a number for a row": ("1e999", "row is readable JSON"),
    "an array for a row": ('["2023-01-03"]', "row is readable JSON"),
    "words for a row": ("error", "row is readable JSON"),
    "price negative": (row(low="-1"), "prices are not negative"),
    "close 0": (row(close="0"), "close is above zero"),
    "close 0.0": (row(close="0.0"), "close is above zero"),
    "close -0": (row(close="-0"), "close is above zero"),
    "close smaller than a double can hold": (row(close="1e-999"), "close is above zero"),
    "the placeholder": (row(high="999999.9999"), "no price is the placeholder"),
    "volume negative": (row(volume="-1"), "volume is not negative"),
    "volume of 400 digits": (row(volume=NINES), "volume is finite"),
    "volume 1e999": (row(volume="1e999"), "volume is finite"),
    "volume -1e999": (row(volume="-1e999"), "volume is not negative"),
    "volume NaN": (row(volume="NaN"), "volume is finite"),
    "volume true": (row(volume="true"), "volume is finite"),
    "volume an array": (row(volume="[1]"), "volume is finite"),
    "volume a text with a comma": (row(volume='"1,234.5"'), "volume is finite"),
    "volume NA": (row(volume='"NA"'), "volume is finite"),
    "volume as text, negative": (row(volume='"-1"'), "volume is not negative"),
    "volume 1e300": (row(volume="1e300"), "volume is plausible"),
    "close 5e-324": (row(close="5e-324"), "prices are plausible"),
    "date a lone surrogate": (row(date='"\\ud83d\\u0041"'), "date is readable"),
    "date NaN": (row(date="NaN"), "date is readable"),
    "date null": (row(date="null"), "date is readable"),
    "date a number": (row(date="20230103"), "date is readable"),
    "date true": (row(date="true"), "date is readable"),
    "date empty": (row(date='""'), "date is readable"),
    "date 0000-00-00": (row(date='"0000-00-00"'), "date is readable"),
    "date that no calendar has": (row(date='"2023-02-30"'), "date is readable"),
    "date with a time": (row(date='"2023-01-03T00:00:00"'), "date is readable"),
    "date with a time, spaced": (row(date='"2023-01-03 00:00:00"'), "date is readable"),
    "date without hyphens": (row(date='"20230103"'), "date is readable"),
    "date as a week": (row(date='"2023-W01-2"'), "date is readable"),
    "date the American way": (row(date='"01/03/2023"'), "date is readable"),
    "date with a space": (row(date='" 2023-01-03"'), "date is readable"),
    "date of strange digits": (row(date='"\uff12\uff1023-01-03"'), "date is readable"),
    "date with an escaped NUL": (row(date='"2023-01-03\\u0000"'), "date is readable"),
    "date after the window": (row(date='"2023-02-01"'), "date is not in the future"),
    "date of the year 9999": (row(date='"9999-12-31"'), "date is not in the future"),
    "date before the window": (row(date='"2023-01-01"'), "date lies in the window"),
    "date of the year 1": (row(date='"0001-01-01"'), "date lies in the window"),
}
KEPT: dict[str, tuple[str, dict[str, object]]] = {
    "prices as whole numbers": (row(open="264"), {"open": 264.0}),
    "a price with an exponent": (row(open="2.64E2"), {"open": 264.0}),
    "open 0": (row(open="0"), {"open": 0.0}),
    "volume null": (row(volume="null"), {"volume": 0.0}),
    "volume missing": (row(volume=None), {"volume": 0.0}),
    "volume as text": (row(volume='"100"'), {"volume": 100.0}),
    "volume as text with a point": (row(volume='"100.5"'), {"volume": 100.5}),
    "NaN under a key more": (row(more="NaN"), {}),
    "1e999 under a key more": (row(more="[1e999]"), {}),
    "a lone surrogate under a key more": (row(more='"\\ud800"'), {}),
    "a raw tab and a byte of latin-1 under a key more": (row(more='"\t\ud800"'), {}),
    "volume of a fraction": (row(volume="2943900.99"), {"volume": 2943900.99}),
    "volume beyond 2**53": (row(volume="9007199254740993"), {"volume": 2.0**53}),
    "a key more": (row(prev_close="1"), {}),
    "an escaped key": (row(close=None, **{"cl\\u006fse": "1"}), {"close": 1.0}),
    "an escaped date": (row(date='"2023\\u002d01-03"'), {}),
    "an escaped NUL in a key more": (row(note='"\\u0000"'), {}),
    "a key twice": (row(more="1", close="1").replace("}", ',"close":2}'), {"close": 2.0}),
    "a key twice, plain": (row().replace("}", ',"close":2}'), {"close": 2.0}),
    "its own code": (row(code='"MCD"'), {}),
    "its own symbol": (row(symbol='"MCD.US"', ticker="null"), {}),
}
WARNING = '"Data is limited by one year as you have free subscription"'
NOTICE = json.loads(WARNING)


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_json_is_broken(body: bytes) -> None:
    with pytest.raises(BrokenAnswer, match=r"^MCD\.US: "):
        decode_bars(body, MCD)


@pytest.mark.parametrize("body", NO_ANSWER.values(), ids=NO_ANSWER.keys())
def test_json_of_another_shape_is_no_answer(body: bytes) -> None:
    with pytest.raises(NotAnAnswer, match=r"^MCD\.US: not an eod answer: "):
        decode_bars(body, MCD)


@pytest.mark.parametrize("body", (BROKEN | NO_ANSWER).values(), ids=(BROKEN | NO_ANSWER).keys())
def test_a_refusal_is_one_short_line(body: bytes) -> None:
    with pytest.raises(NexusError) as caught:
        decode_bars(body, MCD)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(("bad", "rule"), REJECTED.values(), ids=REJECTED.keys())
def test_a_row_that_cannot_be_a_bar_is_rejected_and_the_rest_is_kept(bad: str, rule: str) -> None:
    neighbour = row(date='"2023-01-04"')
    body = answer(bad, neighbour)
    checked = check(decode_bars(body, MCD).bars, WINDOW)
    assert [(reject.row, reject.rule) for reject in checked.rejects] == [(0, rule)]
    assert [str(kept[0]) for kept in records_of(checked.kept)] == ["2023-01-04"]
    assert excerpts(body, [0, 1]) == [bad[:500], neighbour]


@pytest.mark.parametrize(("sent", "changes"), KEPT.values(), ids=KEPT.keys())
def test_an_odd_row_is_read_as_it_was_meant(sent: str, changes: dict[str, object]) -> None:
    checked = check(decode_bars(answer(sent), MCD).bars, WINDOW)
    assert records_of(checked.kept) == [record(**changes)]


@pytest.mark.parametrize("text", ["1e300", "9" * 40])
def test_a_price_that_no_market_has_seen_is_rejected(text: str) -> None:
    checked = check(decode_bars(answer(row(close=text)), MCD).bars, WINDOW)
    assert len(checked.rejects) == 1


@pytest.mark.parametrize("more", [{}, {"more": "1"}], ids=["quick way", "loose way"])
def test_both_ways_of_reading_give_the_same_columns(more: dict[str, str]) -> None:
    texts = {"date": '"1993-04-01"', "open": "11.4834", "volume": "4858688"}
    bars = decode_bars(answer(row(**more), row(**texts, **more)), MCD).bars
    day = records_of(bars)[1][0]
    assert records_of(bars) == [GOOD, record(date=day, open=11.4834, volume=4858688.0)]
    assert str(day) == "1993-04-01"
    assert [c.dtype.str for c in bars.columns()] == ["<i4"] + ["<f8"] * 6


def test_rows_come_in_the_order_sent() -> None:
    days = ["2023-01-05", "2023-01-03", "2023-01-05"]
    bars = decode_bars(answer(*(row(date=f'"{day}"') for day in days)), MCD).bars
    assert [str(r[0]) for r in records_of(bars)] == days


@pytest.mark.parametrize("body", [b"[]", b" [ ] \n"])
def test_an_empty_array_is_an_answer_without_bars(body: bytes) -> None:
    history = decode_bars(body, MCD)
    assert (len(history.bars), history.notice) == (0, None)
    assert [c.dtype for c in history.bars.columns()] == [c.dtype for c in NO_BARS.columns()]


@pytest.mark.parametrize(
    ("body", "days"),
    [
        (answer(row(warning=WARNING), row(date='"2023-01-04"', warning=WARNING)), [3, 4]),
        (answer(row(warning="null"), row(date='"2023-01-04"', warning=WARNING)), [3, 4]),
        (answer(row(), row(date='"2023-01-04"'), f'{{"warning":{WARNING}}}'), [3, 4]),
        (answer(f'{{"warning":{WARNING}}}', row()), [3]),
        (
            answer(row(), "{" + ",".join(f'"{k}":null' for k in TEXTS) + f',"warning":{WARNING}}}'),
            [3],
        ),
        (answer(f'{{"warning":{WARNING}}}'), []),
    ],
    ids=["each row", "last row", "a row more", "a row before", "a row of nulls", "nothing else"],
)
def test_the_free_plan_s_warning_is_told_and_is_no_bar(body: bytes, days: list[int]) -> None:
    history = decode_bars(body, MCD)
    assert history.notice == NOTICE
    assert [day.day for day, *_ in records_of(history.bars) if day] == days


def test_a_warning_beside_a_broken_row_does_not_hide_it() -> None:
    bars = decode_bars(answer(row(date="null", warning=WARNING)), MCD).bars
    assert [reject.rule for reject in check(bars, WINDOW).rejects] == ["date is readable"]


@pytest.mark.parametrize("key", ["code", "symbol", "ticker"])
@pytest.mark.parametrize("other", ['"AAPL"', '"MCD.LSE"', '"mcd"', '"MCDX"', "1"])
def test_an_answer_that_names_another_symbol_is_refused(key: str, other: str) -> None:
    body = answer(row(), row(date='"2023-01-04"', **{key: other}))
    with pytest.raises(WrongSubject, match=r"^MCD\.US: the answer is about "):
        decode_bars(body, MCD)


def test_the_odd_row_may_be_anywhere_in_the_answer() -> None:
    good = [row(date=f'"2023-01-{day:02}"') for day in range(3, 9)]
    for at in range(len(good)):
        for odd in (row(close="01"), row(close="1e999"), row(more='"\\x41"')):
            body = answer(*good[:at], odd, *good[at:])
            checked = check(decode_bars(body, MCD).bars, WINDOW)
            assert [reject.row for reject in checked.rejects] == [at]
            assert len(checked.kept) == len(good)
            assert excerpts(body, [at]) == [odd]


def test_no_proper_prefix_of_an_odd_answer_is_an_answer() -> None:
    body = answer(row(close="1e999"), row(more='{"a":["}]",NaN]}'), row(close="01"))
    assert len(decode_bars(body, MCD).bars) == 3
    for length in range(len(body)):
        with pytest.raises(BrokenAnswer):
            decode_bars(body[:length], MCD)
    for more in (b"x", b"]", b",{}", b"[]"):
        with pytest.raises(BrokenAnswer):
            decode_bars(body + more, MCD)


def test_the_refusal_names_the_stranger_even_beside_the_right_name() -> None:
    with pytest.raises(WrongSubject, match="is about 'ZZZ'"):
        decode_bars(answer(row(code='"MCD"', symbol='"ZZZ"')), MCD)


def test_an_escaped_key_names_another_symbol_all_the_same() -> None:
    with pytest.raises(WrongSubject):
        decode_bars(answer(row(**{"c\\u006fde": '"AAPL"'})), MCD)


def test_a_strange_name_that_no_symbol_has_is_not_quoted() -> None:
    stranger = json.dumps("A\n" * 5000)
    with pytest.raises(WrongSubject) as caught:
        decode_bars(answer(row(code=stranger)), MCD)
    assert str(caught.value) == "MCD.US: the answer is about another symbol"


@pytest.mark.parametrize("notice", [f'{{"warning":{WARNING}}}', f'{{"w\\u0061rning":{WARNING}}}'])
def test_an_excerpt_is_the_vendor_s_own_text_of_the_row(notice: str) -> None:
    spaced = row(close="-1").replace(",", " ,\n\t")
    body = answer(row(), notice, spaced, row(note='"caf\u00e9"'))
    assert len(decode_bars(body, MCD).bars) == 3
    assert excerpts(body, [2, 1]) == [row(note='"caf\u00e9"'), spaced]


def test_an_excerpt_is_bounded_and_can_be_stored() -> None:
    body = answer(row(close="null", note=f'"{"x" * 10_000}\\u0000"'))
    (text,) = excerpts(body, [0])
    assert len(text) == 500
    assert "\x00" not in text


def test_a_number_is_read_to_its_last_bit() -> None:
    text = "0.1000000000000000055511151231257827"
    bars = decode_bars(answer(row(open=text)), MCD).bars
    assert math.copysign(1, bars.open[0]) == 1
    assert bars.open[0] == float(text)
