"""A log line is one line, tells the facts, and never the token."""

from __future__ import annotations

import base64
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import get_args
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_nexus.config import Secret
from data_nexus.errors import UsageError
from data_nexus.events import (
    Absent,
    ActionsFailed,
    ActionsRead,
    AlertRaised,
    AlertRecovered,
    AlertSent,
    Committed,
    Draining,
    Event,
    ExchangeAdvanced,
    Failed,
    FeedRejected,
    JobEnded,
    JobStarted,
    LeaseLost,
    Parked,
    Requested,
    Reread,
    Retried,
    RunExtended,
    RunFinished,
    RunStarted,
    SessionAdvanced,
    SettingsReread,
    TransactionCommitted,
    Waiting,
    Warned,
)
from data_nexus.observe.logs import LineFormatter, log_event, set_up_logs
from tests.support.vendor.canary import disguises

TOKEN = "canary5f3a9c01e7.28841620"  # noqa: S105 - nobody's
MARKED = "can+ary/5f3a9c=01e7&28841620"
AS_TEXT = LineFormatter(as_json=False, token=Secret(TOKEN))
AS_JSON = LineFormatter(as_json=True, token=Secret(TOKEN))
BOTH = pytest.mark.parametrize("lines", [AS_TEXT, AS_JSON], ids=["text", "json"])
LEVELS: dict[str, tuple[Event, ...]] = {
    "DEBUG": (
        Requested("eod", 1, 0.5, 200, 714),
        Committed("AAPL.US", 6, 5, 0, 0, 1),
        ActionsRead("AAPL.US", 5, 88, 0),
        RunExtended(40),
        TransactionCommitted(30, 5000, 0.1),
        FeedRejected("US", "2026-11-09", {"date is a date": 1}),
    ),
    "INFO": (
        RunStarted("backfill", 100),
        RunFinished("backfill", "done", 1.5),
        SessionAdvanced("US", "2026-11-09", 50_000, 49_500),
        ExchangeAdvanced("US", 49_500, 500, 0),
        Reread("AAPL.US", "its adjusted closes were re-based"),
        Absent("NONE.US", "not listed", 2.0),
        Retried("AAPL.US", "AAPL.US: the answer was cut", 1, 0.25),
        SettingsReread(("audit_days",)),
        JobStarted("update-US", "2026-11-09T21:15:00+00:00", 1, 0),
        JobEnded("update-US", "2026-11-09T21:15:00+00:00", "done", "", "", 1.5),
        AlertSent("webhook", "raised", "down", "vendor", 1),
    ),
    "WARNING": (
        Failed("AAPL.US", "AAPL.US: the answer was cut"),
        ActionsFailed("AAPL.US", "AAPL.US: the answer was cut"),
        LeaseLost("AAPL.US"),
        Parked("AAPL.US", "AAPL.US: 422"),
        Waiting("the vendor's minute limit", 5.0),
        Draining("SIGTERM"),
        Warned("AAPL.US", "Data is limited by one year"),
        AlertRaised("down", "vendor", "update-US: the vendor cannot be reached"),
        AlertRecovered("down", "vendor"),
    ),
    "ERROR": (),
}

SPELLINGS: dict[str, str] = {
    "plain": TOKEN,
    "twice": TOKEN + TOKEN,
    "in a URL": f"https://eodhd.com/api/eod/AAPL.US?api_token={TOKEN}&fmt=json",
    "in a URL's parameter": urlencode({"next": f"https://eodhd.com/?api_token={TOKEN}"}),
    "dot percent-encoded": TOKEN.replace(".", "%2E"),
    "dot percent-encoded small": TOKEN.replace(".", "%2e"),
    "all percent-encoded": "".join(f"%{ord(c):02X}" for c in TOKEN),
    "percent-encoded twice": quote("".join(f"%{ord(c):02X}" for c in TOKEN)),
    "base64": base64.b64encode(TOKEN.encode()).decode(),
    "basic authentication": base64.b64encode(f"user:{TOKEN}".encode()).decode(),
}


def line_of(lines: LineFormatter, message: str, *arguments: object, **facts: object) -> str:
    """The line that a message becomes."""
    record = logging.makeLogRecord(
        {"msg": message, "args": arguments, "levelname": "WARNING", "created": 0.0, "facts": facts}
    )
    return lines.format(record)


@pytest.fixture
def own_logging() -> Iterator[None]:
    """Give the process its logging back as it was."""
    root, own = logging.getLogger(), logging.getLogger("data_nexus")
    before = root.handlers[:], root.level, own.level
    root.handlers[:] = []
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    own.setLevel(before[2])


def test_a_line_of_text_tells_moment_level_event_and_facts() -> None:
    line = line_of(AS_TEXT, "Failed", symbol="AAPL.US", reason="cut")
    assert line == "1970-01-01T00:00:00.000+00:00 warning Failed symbol=AAPL.US reason=cut"


def test_a_line_of_json_tells_the_same() -> None:
    assert json.loads(line_of(AS_JSON, "Failed", symbol="AAPL.US", calls=1)) == {
        "time": "1970-01-01T00:00:00.000+00:00",
        "level": "warning",
        "event": "Failed",
        "symbol": "AAPL.US",
        "calls": 1,
    }


def test_a_library_s_record_is_a_line_too() -> None:
    line = line_of(AS_TEXT, "%s failed after %d s", "connect", 3)
    assert line.endswith("warning connect failed after 3 s")


@BOTH
@given(text=st.text(max_size=40) | st.text("\r\n\x1b\x00\x85\u2028\u202e\t", max_size=9))
def test_whatever_a_vendor_says_stays_on_one_line(lines: LineFormatter, text: str) -> None:
    line = line_of(lines, "%s", text, reason=text)
    assert len(line.splitlines()) == 1
    assert line.isprintable()
    line.encode()


@given(st.text())
def test_json_keeps_every_character(text: str) -> None:
    told = json.loads(line_of(AS_JSON, "%s", text, reason=text))
    assert (told["event"], told["reason"]) == (text, text)


def test_control_characters_cannot_colour_or_forge_a_line() -> None:
    line = line_of(AS_TEXT, "Failed", reason="\x1b[31mred\r\n1970 info Committed")
    assert line.endswith("Failed reason=·[31mred··1970 info Committed")
    assert "\\u001b[31mred\\r\\n1970" in line_of(AS_JSON, "Failed", reason="\x1b[31mred\r\n1970")


@BOTH
@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_the_token_is_blotted_out_however_it_is_spelled(
    lines: LineFormatter, spelling: str
) -> None:
    for line in (line_of(lines, spelling), line_of(lines, "asked %s", spelling, reason=spelling)):
        assert disguises(line.encode(), TOKEN) == []
        assert "***" in line


@BOTH
@given(before=st.binary(max_size=8), after=st.binary(max_size=8), urlsafe=st.booleans())
def test_the_token_is_blotted_out_of_base64_at_every_place(
    lines: LineFormatter, before: bytes, after: bytes, *, urlsafe: bool
) -> None:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    line = line_of(lines, "sent", reason=encode(before + TOKEN.encode() + after).decode())
    assert disguises(line.encode(), TOKEN) == []


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize(
    "spell",
    [str, quote, lambda t: quote(t, safe=""), lambda t: base64.b64encode(t.encode()).decode()],
    ids=["plain", "quoted", "quoted whole", "base64"],
)
def test_a_token_of_other_characters_is_blotted_out_too(
    *, as_json: bool, spell: Callable[[str], str]
) -> None:
    lines = LineFormatter(as_json=as_json, token=Secret(MARKED))
    line = line_of(lines, "asked", reason=spell(MARKED))
    assert disguises(line.encode(), MARKED) == []


@BOTH
def test_the_token_is_blotted_out_of_a_traceback(lines: LineFormatter) -> None:
    record = logging.makeLogRecord({"msg": "broken", "levelname": "ERROR"})
    try:
        raise ValueError(f"GET /eod?api_token={TOKEN}")  # noqa: TRY301
    except ValueError:
        record.exc_info = sys.exc_info()
    line = lines.format(record)
    assert "ValueError: GET /eod?api_token=***" in line
    assert disguises(line.encode(), TOKEN) == []
    assert len(line.splitlines()) == 1


@BOTH
def test_a_secret_among_the_facts_is_not_shown(lines: LineFormatter) -> None:
    line = line_of(lines, "asked", token=Secret(TOKEN))
    assert disguises(line.encode(), TOKEN) == []


def test_without_a_token_nothing_is_blotted_out() -> None:
    lines = LineFormatter(as_json=False, token=None)
    assert line_of(lines, "plain").endswith("warning plain")


def test_every_event_has_a_level() -> None:
    told = [type(event) for events in LEVELS.values() for event in events]
    assert set(told) == set(get_args(Event))
    assert len(told) == len(set(told))


@pytest.mark.usefixtures("own_logging")
@pytest.mark.parametrize("level", LEVELS)
def test_an_event_is_told_from_its_level_on(level: str, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("json", level.lower(), None)
    for events in LEVELS.values():
        for event in events:
            log_event(event)
    out, err = capsys.readouterr()
    loud = list(LEVELS)[list(LEVELS).index(level) :]
    expected = [type(event).__name__ for one in loud for event in LEVELS[one]]
    told = [json.loads(line)["event"] for line in err.splitlines()]
    assert (out, sorted(told)) == ("", sorted(expected))


@pytest.mark.usefixtures("own_logging")
def test_an_event_s_facts_are_the_line_s(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("json", "debug", Secret(TOKEN))
    log_event(Retried("AAPL.US", f"cut at {TOKEN}", 1, 0.25))
    told = json.loads(capsys.readouterr().err)
    assert {key: told[key] for key in ("level", "event", "symbol", "reason", "seconds")} == {
        "level": "info",
        "event": "Retried",
        "symbol": "AAPL.US",
        "reason": "cut at ***",
        "seconds": 0.25,
    }


@pytest.mark.usefixtures("own_logging")
def test_a_wait_that_goes_on_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("text", "warning", None)
    for seconds in (30.0, 40.0, 35.0):
        log_event(Waiting("the minute window", seconds))
    log_event(Waiting("the daily quota", 9000.0))
    told = capsys.readouterr().err.splitlines()
    assert [line.rpartition(" reason=")[2] for line in told] == [
        "the minute window seconds=30.0",
        "the daily quota seconds=9000.0",
    ]


@pytest.mark.usefixtures("own_logging")
def test_libraries_speak_from_warning_on_and_without_the_token(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logs("text", "debug", Secret(TOKEN))
    library = logging.getLogger("aiohttp.client")
    library.info("GET %s", TOKEN)
    library.warning("GET %s", TOKEN)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("warning GET ***")


@pytest.mark.usefixtures("own_logging")
def test_a_library_s_mistake_in_logging_does_not_show_the_token(
    capsys: pytest.CaptureFixture[str],
) -> None:
    set_up_logs("text", "debug", Secret(TOKEN))
    logging.getLogger("aiohttp.client").warning("GET %d", TOKEN)
    assert disguises(capsys.readouterr().err.encode(), TOKEN) == []


@pytest.mark.usefixtures("own_logging")
@pytest.mark.parametrize(("form", "level"), [("xml", "info"), ("text", "loud"), ("", "info")])
def test_an_unknown_form_or_level_is_refused(form: str, level: str) -> None:
    with pytest.raises(UsageError, match="NEXUS_LOG_"):
        set_up_logs(form, level, None)
