"""Each fault does on the wire what its name says, to whom it is told, as often as it is told."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.vendor.sandbox import TOKEN, Sandbox, sandbox

SYMBOL = "AAPL.US"
ROWS = 30
QUOTA_TEXT = (
    b"You exceeded your daily API requests limit.  Please contact support@eodhistoricaldata.com"
)
QUERY = f"/api/eod/{SYMBOL}?fmt=json&api_token={TOKEN}"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with sandbox(symbols=8, clean=True, bars_per_symbol=ROWS, now="2026-11-20") as vendor:
        yield vendor


@pytest.fixture
def vendor(running: Sandbox) -> Iterator[Sandbox]:
    running.post("/limits", {"minute": 1000, "used": 0})
    yield running
    running.delete("/faults")


def fault(vendor: Sandbox, kind: str, **parameters: object) -> None:
    vendor.post("/faults", {"kind": kind, **parameters})


def rows(vendor: Sandbox, symbol: str = SYMBOL) -> list[dict[str, Any]]:
    return list(vendor.ask(f"/eod/{symbol}", fmt="json").json())


@contextmanager
def connected(vendor: Sandbox) -> Iterator[socket.socket]:
    host, port = vendor.url.removeprefix("http://").removesuffix("/api").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        yield connection


def send(connection: socket.socket, accept: str = "identity") -> None:
    head = f"GET {QUERY} HTTP/1.1\r\nHost: sandbox\r\nAccept-Encoding: {accept}\r\n\r\n"
    connection.sendall(head.encode())


def received(vendor: Sandbox, accept: str = "identity") -> tuple[bytes, bytes, str]:
    """Head and body as they came in a second, and the connection: closed, reset or kept."""
    got, end = b"", "kept"
    until = time.monotonic() + 1
    with connected(vendor) as connection:
        send(connection, accept)
        connection.settimeout(0.5)
        try:
            while time.monotonic() < until:
                piece = connection.recv(1 << 16)
                got += piece
                if not piece:
                    end = "closed"
                    break
        except ConnectionResetError:
            end = "reset"
        except TimeoutError:
            pass
    head, _, body = got.partition(b"\r\n\r\n")
    return head, body, end


def truth(vendor: Sandbox) -> bytes:
    return vendor.ask(f"/eod/{SYMBOL}", fmt="json").body


def test_a_status_comes_with_any_body_and_headers(vendor: Sandbox) -> None:
    for wait in ("7", "Wed, 25 Nov 2026 00:00:00 GMT", "-1", "soon"):
        headers = {"Retry-After": wait}
        fault(vendor, "status", status=429, body='{"error":"slow"}', headers=headers, times=1)
        reply = vendor.ask(f"/eod/{SYMBOL}")
        assert (reply.status, reply.headers["Retry-After"]) == (429, wait)
        assert reply.body == b'{"error":"slow"}'
    assert vendor.log()[-1]["cost"] == 0


def test_a_fault_strikes_whom_it_names_and_as_often_as_told(vendor: Sandbox) -> None:
    fault(vendor, "status", status=503, symbol=SYMBOL, endpoint="eod", times=2)
    assert vendor.ask("/eod/MSFT.US").status == 200
    assert vendor.ask(f"/div/{SYMBOL}").status == 200
    assert [vendor.ask(f"/eod/{SYMBOL}").status for _ in range(3)] == [503, 503, 200]
    assert vendor.get("/faults")[0]["struck"] == 2
    assert [entry["fault"] for entry in vendor.log()[-3:]] == ["status", "status", None]


def test_a_share_strikes_the_same_requests_in_every_run() -> None:
    runs = []
    for _ in range(2):
        with sandbox(symbols=50, clean=True, bars_per_symbol=5, seed=7) as vendor:
            fault(vendor, "status", share=0.3)
            listing = vendor.get("/stats")["symbols"]
            statuses = [vendor.ask("/eod/AAPL.US").status for _ in range(4 * listing)]
            runs.append(statuses)
    assert runs[0] == runs[1]
    assert 30 < runs[0].count(500) < 90


def test_rst_before_sends_nothing(vendor: Sandbox) -> None:
    fault(vendor, "rst_before")
    assert received(vendor) == (b"", b"", "reset")
    assert vendor.log()[-1]["cost"] == 1


def test_rst_at_sends_so_many_bytes_of_the_body(vendor: Sandbox) -> None:
    whole = truth(vendor)
    for count in (0, 1, 100):
        vendor.delete("/faults")
        fault(vendor, "rst_at", bytes=count)
        head, body, end = received(vendor)
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert (body, end) == (whole[:count], "reset")


def test_truncate_length_promises_more_than_it_sends(vendor: Sandbox) -> None:
    whole = truth(vendor)
    fault(vendor, "truncate_length", bytes=50)
    head, body, end = received(vendor)
    assert f"Content-Length: {len(whole)}".encode() in head
    assert (body, end) == (whole[:50], "closed")


def test_truncate_close_ends_without_a_length(vendor: Sandbox) -> None:
    whole = truth(vendor)
    fault(vendor, "truncate_close", bytes=50)
    head, body, end = received(vendor)
    assert b"Connection: close" in head
    assert b"Content-Length" not in head
    assert b"chunked" not in head
    assert (body, end) == (whole[:50], "closed")


def test_a_given_body_is_cut_as_it_is(vendor: Sandbox) -> None:
    given = base64.b64encode(b"\x00\xff[1,2,3]").decode()
    headers = {"Content-Type": "text/x-odd", "X-Own": "1"}
    fault(vendor, "truncate_close", bytes=5, body_base64=given, headers=headers)
    head, body, _ = received(vendor)
    assert body == b"\x00\xff[1,"
    assert b"Content-Type: text/x-odd\r\n" in head
    assert head.count(b"Content-Type") == 1


def test_truncate_gzip_is_framed_as_if_it_were_whole(vendor: Sandbox) -> None:
    whole = truth(vendor)
    fault(vendor, "truncate_gzip", bytes=200)
    head, body, end = received(vendor, "gzip")
    assert b"Content-Length: 200" in head
    assert b"Content-Encoding: gzip" in head
    assert (len(body), end) == (200, "kept")
    unpacking = zlib.decompressobj(31)
    assert whole.startswith(unpacking.decompress(body))
    assert not unpacking.eof


@pytest.mark.parametrize(
    ("how", "error"),
    [("crc", "CRC check failed"), ("length", "Incorrect length"), ("junk", "Not a gzipped file")],
)
def test_corrupt_gzip_is_refused_by_any_decoder(vendor: Sandbox, how: str, error: str) -> None:
    fault(vendor, "corrupt_gzip", how=how)
    _, body, _ = received(vendor, "gzip")
    with pytest.raises(OSError, match=error):
        gzip.decompress(body)


def test_corrupt_gzip_members_hold_the_body_twice(vendor: Sandbox) -> None:
    whole = truth(vendor)
    fault(vendor, "corrupt_gzip", how="members")
    assert gzip.decompress(received(vendor, "gzip")[1]) == whole * 2


def test_a_bomb_is_small_and_becomes_large(vendor: Sandbox) -> None:
    fault(vendor, "bomb", mib=20)
    body = vendor.ask(f"/eod/{SYMBOL}", fmt="json").body
    assert len(body) < 40_000
    assert len(gzip.decompress(body)) == (20 << 20) + 2


def test_slow_keeps_its_pace(vendor: Sandbox) -> None:
    fault(vendor, "slow", bytes_per_sec=4)
    head, body, end = received(vendor)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert 0 < len(body) < 20
    assert end != "closed"


def test_hang_never_answers(vendor: Sandbox) -> None:
    fault(vendor, "hang")
    assert received(vendor) == (b"", b"", "kept")


def test_close_idle_breaks_its_promise_to_keep_alive(vendor: Sandbox) -> None:
    fault(vendor, "close_idle")
    head, body, end = received(vendor)
    assert b"Connection: keep-alive" in head
    assert body.endswith(b"0\r\n\r\n")
    assert end == "closed"


def test_without_a_fault_the_connection_is_kept(vendor: Sandbox) -> None:
    assert received(vendor)[2] == "kept"


def test_html_repeats_the_url_with_the_token(vendor: Sandbox) -> None:
    fault(vendor, "html")
    reply = vendor.ask(f"/eod/{SYMBOL}", fmt="json")
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
    assert TOKEN.encode() in reply.body


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("empty", b""),
        ("json_null", b"null"),
        ("json_object", b"{}"),
        ("json_error", b'{"error":"Something went wrong"}'),
        ("quota_text", QUOTA_TEXT),
    ],
)
def test_some_faults_only_say_something_else(vendor: Sandbox, kind: str, body: bytes) -> None:
    fault(vendor, kind)
    reply = vendor.ask(f"/eod/{SYMBOL}", fmt="json")
    assert (reply.status, reply.body) == (200, body)


def test_other_symbol_answers_with_anothers_history(vendor: Sandbox) -> None:
    other = rows(vendor, "MSFT.US")
    fault(vendor, "other_symbol", symbol=SYMBOL, other="MSFT.US")
    assert rows(vendor) == other
    assert vendor.log()[-1]["symbol"] == SYMBOL


def test_rows_are_changed_as_the_fault_says(vendor: Sandbox) -> None:
    true = rows(vendor)

    def struck(kind: str, **parameters: object) -> list[dict[str, Any]]:
        vendor.delete("/faults")
        fault(vendor, kind, **parameters)
        return rows(vendor)

    assert struck("shifted", days=7)[0] == {**true[0], "date": "2026-10-16"}
    assert true[0]["date"] == "2026-10-09"
    future = struck("future", count=2)
    assert future[:ROWS] == true
    assert [row["date"] for row in future[ROWS:]] == ["2027-11-19", "2027-11-20"]
    assert struck("duplicates", count=2) == [true[0], true[0], true[1], true[1], *true[2:]]
    contradicted = struck("contradiction")
    assert contradicted[:ROWS] == true
    assert contradicted[ROWS]["date"] == true[-1]["date"]
    assert contradicted[ROWS]["close"] == true[-1]["close"] * 2
    unordered = struck("unordered")
    assert unordered != true
    assert sorted(unordered, key=lambda row: str(row["date"])) == true


def test_bad_values_stand_in_the_body_as_they_are(vendor: Sandbox) -> None:
    values = ["null", '"12.3"', "-1", "999999.9999", "1e999", "NaN", "9" * 5000]
    fields = ["open", "high", "low", "close", "adjusted_close", "volume"]
    for raw in values:
        vendor.delete("/faults")
        told = [{"row": n, "field": name, "raw": raw} for n, name in enumerate(fields)]
        told.append({"row": -1, "field": "date", "raw": '"0000-00-00"'})
        fault(vendor, "bad_values", values=told)
        body = vendor.ask(f"/eod/{SYMBOL}", fmt="json").body.decode()
        assert body.count("},{") == ROWS - 1
        for name in fields:
            assert f'"{name}":{raw}' in body
        assert '"date":"0000-00-00"' in body


def test_hostile_json_is_sent_byte_for_byte(vendor: Sandbox) -> None:
    hostile = b'\xef\xbb\xbf[{"date":"\xff\x00"}' + b"[" * 1000
    fault(vendor, "hostile_json", body_base64=base64.b64encode(hostile).decode())
    reply = vendor.ask(f"/eod/{SYMBOL}", fmt="json")
    assert (reply.body, reply.headers["Content-Type"]) == (hostile, "application/json")


def test_redirects_go_where_they_are_told_and_may_carry_the_url(vendor: Sandbox) -> None:
    fault(vendor, "redirect", location="http://127.0.0.2:9/?u={url}", status=307)
    reply = vendor.ask(f"/eod/{SYMBOL}", fmt="json")
    assert reply.status == 307
    assert reply.headers["Location"].startswith("http://127.0.0.2:9/?u=")
    assert TOKEN in reply.headers["Location"]


def test_a_header_bomb_has_so_many_headers(vendor: Sandbox) -> None:
    fault(vendor, "header_bomb", count=500, size=20)
    head, body, _ = received(vendor)
    assert head.count(b"\r\nSet-Cookie: ") == 250
    assert body.endswith(b"0\r\n\r\n")


def test_the_free_plans_warning_sits_in_three_places(vendor: Sandbox) -> None:
    warnings = {}
    for where in ("rows", "extra", "only"):
        vendor.delete("/faults")
        fault(vendor, "warning", where=where)
        warnings[where] = [("date" in row, "warning" in row) for row in rows(vendor)]
    assert warnings == {
        "rows": [(True, True)] * ROWS,
        "extra": [*[(True, False)] * ROWS, (False, True)],
        "only": [(False, True)],
    }


def test_raw_bytes_replace_the_whole_answer(vendor: Sandbox) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc"
    fault(vendor, "raw", raw_base64=base64.b64encode(raw).decode(), end="close")
    head, body, end = received(vendor)
    assert (head + b"\r\n\r\n" + body, end) == (raw, "closed")


def test_gzip_is_only_for_those_who_offer_it(vendor: Sandbox) -> None:
    whole = truth(vendor)
    plain, packed = received(vendor, "identity"), received(vendor, "br, gzip")
    assert b"Content-Encoding" not in plain[0]
    assert b"Content-Encoding: gzip" in packed[0]
    size, _, rest = packed[1].partition(b"\r\n")
    assert gzip.decompress(rest[: int(size, 16)]) == whole


def test_what_a_fault_sent_is_what_the_log_tells(vendor: Sandbox) -> None:
    fault(vendor, "duplicates")
    body = vendor.ask(f"/eod/{SYMBOL}", fmt="json").body
    entry = vendor.log()[-1]
    assert (entry["rows"], entry["bytes"]) == (len(json.loads(body)), len(body))
