"""A vendor's text is shown as text, and however it is cut it shows no part of the token."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.config import Secret
from data_nexus.domain.planning.lease import Lease
from data_nexus.domain.symbol import Symbol
from data_nexus.domain.texts import excerpt, one_line, visible
from data_nexus.eodhd import decode_actions, decode_bars
from data_nexus.eodhd.decode_bulk import decode_bulk_bars
from data_nexus.eodhd.decode_symbol_changes import decode_symbol_changes
from data_nexus.eodhd.decode_symbols import decode_symbols
from data_nexus.eodhd.decode_user import decode_user
from data_nexus.eodhd.refusals import refusal
from data_nexus.errors import NexusError, Park, WrongSubject
from data_nexus.ingestion.histories.dead_letter import dead_letter_of

TOKEN = "canary5f3a9c01e7.28841620"  # noqa: S105 - nobody's
SECRET = Secret(TOKEN)
PIECE = 6
AAPL = Symbol("AAPL", "US")
NOW = datetime(2024, 1, 5, tzinfo=UTC)


def shows(text: str) -> bool:
    """Whether a text shows six characters of the token in a row."""
    return any(TOKEN[at : at + PIECE] in text for at in range(len(TOKEN) - PIECE + 1))


HOSTILE = {
    "\x1b]8;;http://evil.example\x07click": "␛]8;;http://evil.example␇click",
    "\x1b]52;c;cGFzdGU=\x07": "␛]52;c;cGFzdGU=␇",
    "\x00a\r": "␀a␍",
    "\x7f": "␡",
    "\x9b31m": "\ufffd31m",
    "\u202eabc": "\ufffdabc",
    "a\u2028b": "a\ufffdb",
    "\ud800": "\ufffd",
    "\u200b": "\ufffd",
    "two\nlines\tand a tab": "two\nlines\tand a tab",
    "[/x] [bold] :smile: <b>": "[/x] [bold] :smile: <b>",
    "L'Oréal 中国 😀": "L'Oréal 中国 😀",
}


@pytest.mark.parametrize(("text", "seen"), HOSTILE.items(), ids=map(ascii, HOSTILE))
def test_what_cannot_be_seen_gets_a_mark(text: str, seen: str) -> None:
    assert visible(text) == seen


@given(st.text())
def test_a_visible_text_is_printable_and_as_long(text: str) -> None:
    seen = visible(text)
    assert len(seen) == len(text)
    assert seen.replace("\n", "").replace("\t", "").isprintable()
    assert one_line(text).isprintable()


def test_an_excerpt_is_redacted_before_it_is_cut_at_every_offset() -> None:
    for most in (40, 120, 500, 2000):
        for at in range(most + 5):
            text = "x" * at + TOKEN + "y" * 30
            for sent in (text, text.encode()):
                found = excerpt(sent, most, SECRET.redact)
                assert len(found) <= most
                assert not shows(found)


def test_a_token_at_the_end_of_what_is_looked_at_is_not_shown() -> None:
    """Redacting shortens a text: what lay far behind moves to the front."""
    spelled = "".join(f"%{'25' * 20}{ord(c):02x}" for c in TOKEN)
    for at in range(65_536 - len(TOKEN) - 2, 65_540):
        many = spelled * (at // len(spelled))
        text = many + "." * (at - len(many)) + TOKEN + "y" * 100_000
        found = excerpt(text, 2000, SECRET.redact)
        assert not shows(found)


def lease() -> Lease:
    return Lease(1, AAPL, 1, synced_through=None, times_empty=0, is_first=True)


BAR = {"date": "2024-01-02", "open": 1, "high": 1, "low": 1, "close": 1, "adjusted_close": 1}
DAY = date(2024, 1, 5)
# Every text that the vendor may put the token into, as the body of an answer.
PLACES: dict[str, Callable[[str], object]] = {
    "code": lambda text: [BAR | {"volume": 1, "code": text}],
    "symbol": lambda text: [BAR | {"volume": 1, "symbol": text}],
    "warning": lambda text: [{"warning": text}],
    "date": lambda text: [BAR | {"date": text}],
    "a key": lambda text: [BAR | {text: 1}],
    "every key": lambda text: [{text: 1}],
    "an error": lambda text: {"error": text},
    "a text": lambda text: text,
    "an array": lambda text: [text],
    "Code": lambda text: [{"Code": [text], "Name": text}],
    "old_symbol": lambda text: [{"old_symbol": {text: text}, "new_symbol": 1, "effective": text}],
    "apiRequests": lambda text: {"apiRequests": text, "dailyRateLimit": 1},
    "apiRequestsDate": lambda text: {
        "apiRequests": 1,
        "dailyRateLimit": 1,
        "apiRequestsDate": text,
    },
}
DECODERS: tuple[Callable[[bytes], object], ...] = (
    lambda body: decode_bars.decode_bars(body, AAPL),
    lambda body: decode_actions.decode_splits(body, AAPL),
    lambda body: decode_actions.decode_dividends(body, AAPL),
    lambda body: decode_bulk_bars(body, "US", DAY),
    lambda body: decode_symbols(body, "US"),
    decode_symbol_changes,
    decode_user,
)


def errors_of(body: bytes) -> list[NexusError]:
    """What the decoders say of a body that they refuse."""
    found = []
    for decode in DECODERS:
        try:
            decode(body)
        except NexusError as error:
            found.append(error)
    return found


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("is_json", [True, False])
def test_no_error_of_a_decoder_shows_a_part_of_the_token(
    place: Callable[[str], object], *, is_json: bool
) -> None:
    """Whatever an error quotes of the answer is whole, so that redacting it leaves nothing."""
    for before in range(70):
        body = json.dumps(place("x" * before + TOKEN)).encode()
        errors = errors_of(body if is_json else body[:-1])
        for error in errors:
            assert not shows(SECRET.redact(str(error)))
            assert len(str(error)) < 200


@pytest.mark.parametrize("before", range(0, 70, 3))
def test_a_dead_letter_says_no_part_of_a_code_that_is_the_token(before: int) -> None:
    """Also with 24 letters before it, where the reason once was cut."""
    body = json.dumps(PLACES["code"]("x" * before + TOKEN)).encode()
    with pytest.raises(WrongSubject) as caught:
        decode_bars.decode_bars(body, AAPL)
    caught.value.body = body
    letter = dead_letter_of(lease(), caught.value, SECRET.redact)
    assert "the answer is about" in letter.reason
    assert not shows(letter.reason)
    assert not shows(letter.excerpt)
    assert letter.body_sha256 == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("around", [500, 2000, 65_536])
def test_no_cut_of_a_dead_letter_shows_a_part_of_the_token(around: int) -> None:
    for at in range(around - len(TOKEN) - 2, around + 2):
        unfit = Park("x" * at + TOKEN, 200, b"x" * at + TOKEN.encode() + b"y" * 3000)
        letter = dead_letter_of(lease(), unfit, SECRET.redact)
        assert not shows(letter.reason + letter.excerpt)


def test_no_excerpt_of_a_row_shows_a_part_of_the_token() -> None:
    for at in range(505):
        row = json.dumps({"note": "x" * at + TOKEN})
        for rows in ([row], [row, '{"close":1e999}']):
            body = f"[{','.join(rows)}]".encode()
            assert not shows(decode_bars.excerpts(body, [0], SECRET.redact)[0])
            assert not shows(decode_actions.excerpts(body, [0], SECRET.redact)[0])


def test_no_refusal_shows_a_part_of_the_token() -> None:
    for at in range(130):
        words = SECRET.redact("x" * at + TOKEN + " is not known").encode()
        assert not shows(str(refusal(422, {}, words, "AAPL.US", NOW)))


DISGUISED = {
    "plain": TOKEN,
    "percent-encoded": "".join(f"%{ord(c):02X}" for c in TOKEN),
    "escaped in JSON": "".join(f"\\u{ord(c):04x}" for c in TOKEN),
    "escaped in part": f"\\u0063{TOKEN[1:]}",
}


@pytest.mark.parametrize("spelled", DISGUISED.values(), ids=DISGUISED)
def test_a_body_loses_the_token_where_it_arrives(spelled: str) -> None:
    body = b'[{"Code":"A","Name":"see %s here"}]'
    (listing,) = decode_symbols(SECRET.redact_body(body % spelled.encode()), "US").listings
    assert listing.name == "see *** here"


@pytest.mark.parametrize("body", [b"[]", b'[{"n":"5.5% \\u00e9 \xff demo"}]', b"\xff" * 100, b""])
def test_a_body_without_the_token_is_left_as_it_is(body: bytes) -> None:
    assert SECRET.redact_body(body) == body
    assert Secret("demo").redact_body(body) == body
