"""The table of what a vendor may answer amiss, sorted by what becomes of the asset.

Each fault is as `POST /faults` of the sandbox takes it, without saying whom it strikes.
"""

from __future__ import annotations

import base64
from typing import Any

Fault = dict[str, Any]
# What the table takes for granted: so many bars of each asset, so many bytes that are too many.
BARS = 30
ANSWER_CAP = 200_000
ROWS = (
    '[{"date":"2024-01-02","open":1,"high":1,"low":1,"close":%s,"adjusted_close":1,"volume":1%s}]'
)


def status(code: int, body: str = "", **more: Any) -> Fault:  # noqa: ANN401
    return {"kind": "status", "status": code, "body": body, **more}


def answer(body: str | bytes) -> Fault:
    sent = body.encode() if isinstance(body, str) else body
    return {"kind": "hostile_json", "body_base64": base64.b64encode(sent).decode()}


def raw(text: bytes) -> Fault:
    return {"kind": "raw", "raw_base64": base64.b64encode(text).decode()}


# Asked for again as often as may be, and left due without a row.
RETRIES: dict[str, Fault] = {
    "500": status(500),
    "502 with a page": status(502, "<html>Bad Gateway</html>"),
    "503 that says when": status(503, headers={"Retry-After": "900"}),
    "504": status(504),
    "408": status(408),
    "redirected": {"kind": "redirect", "location": "/api/eod/AAPL.US?fmt=json", "status": 302},
    "redirected elsewhere": {"kind": "redirect", "location": "http://127.0.0.1:1/", "status": 301},
    "reset before the answer": {"kind": "rst_before"},
    "reset in the answer": {"kind": "rst_at", "bytes": 100},
    "no answer": {"kind": "hang"},
    "a byte now and then": {"kind": "slow", "bytes_per_sec": 40},
    "shorter than its length": {"kind": "truncate_length"},
    "cut gzip": {"kind": "truncate_gzip"},
    "gzip without its trailer": {"kind": "truncate_gzip", "body": "[]", "bytes": 10},
    "gzip of a wrong sum": {"kind": "corrupt_gzip", "how": "crc"},
    "gzip of a wrong length": {"kind": "corrupt_gzip", "how": "length"},
    "gzip in two members": {"kind": "corrupt_gzip", "how": "members"},
    "gzip and then junk": {"kind": "corrupt_gzip", "how": "junk"},
    "ten thousand headers": {"kind": "header_bomb"},
    "one endless header": {"kind": "header_bomb", "count": 1, "size": 1_000_000},
    "no HTTP": raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "an encoding not asked for": raw(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: br\r\n\r\n[]"
    ),
    # What is no JSON may be a passing trouble on the way.
    "cut and closed": {"kind": "truncate_close"},
    "a page": {"kind": "html"},
    "nothing": {"kind": "empty"},
    "the quota's words": {"kind": "quota_text"},
    "rows of which none is JSON": answer(ROWS % ("01", "")),
    "deep nesting": answer("[" * 100_000),
    "not UTF-8": answer(b"\xff\xfe[]"),
    "JSON and then more": answer("[]]"),
}
# Refused for what it says: asked for once, and kept for a person to look at.
UNFIT: dict[str, Fault] = {
    "400": status(400, "Bad Request"),
    "422": status(422, '{"errors":{"to":["The to is invalid."]}}'),
    "423": status(423, "Bulk requests are prohibited for free users."),
    "null": {"kind": "json_null"},
    "an object": {"kind": "json_object"},
    "an error in JSON": {"kind": "json_error"},
    "a list of numbers": answer("[1,2,3]"),
    "rows of another endpoint": answer('[{"date":"2024-01-02","split":"2/1"}]'),
    "another symbol": answer(ROWS % ("1", ',"code":"OTHER"')),
    "another range": {"kind": "shifted", "days": 4000},
    "a bomb": {"kind": "bomb", "mib": 2},
    "over the cap": answer("[" + " " * 300_000 + "]"),
}
# Known not to be there, for now.
ABSENCES: dict[str, Fault] = {
    "404": status(404, "Ticker Not Found."),
    "404 with a page": {"kind": "html", "status": 404},
    "no rows": answer("[]"),
    "only the free plan's warning": {"kind": "warning", "where": "only"},
}
# Stored, with so many rows kept, repeated and rejected of those that came.
SURVIVALS: dict[str, tuple[Fault, tuple[int, int, int]]] = {
    "unordered": ({"kind": "unordered"}, (BARS, 0, 0)),
    "all rows twice": ({"kind": "duplicates"}, (BARS, BARS, 0)),
    "rows from the future": ({"kind": "future", "count": 2}, (BARS, 0, 2)),
    "two rows for one date": ({"kind": "contradiction"}, (BARS - 1, 0, 2)),
    "a warning beside the rows": ({"kind": "warning", "where": "extra"}, (BARS, 0, 0)),
    "a warning in each row": ({"kind": "warning", "where": "rows"}, (BARS, 0, 0)),
    "values of all kinds": (
        {
            "kind": "bad_values",
            "values": [
                {"row": 0, "field": "close", "raw": '"12.5"'},
                {"row": 1, "field": "open", "raw": "null"},
                {"row": 2, "field": "low", "raw": "-1"},
                {"row": 3, "field": "close", "raw": "0"},
                {"row": 4, "field": "high", "raw": "1" + "0" * 400},
                {"row": 5, "field": "date", "raw": '"0000-00-00"'},
                {"row": 6, "field": "volume", "raw": "-5"},
                {"row": 7, "field": "close", "raw": "999999.9999"},
                {"row": 8, "field": "volume", "raw": "null"},
            ],
        },
        (BARS - 8, 0, 8),
    ),
    "values that are not JSON, or beyond a double": (
        {
            "kind": "bad_values",
            "values": [
                {"row": 0, "field": "close", "raw": "NaN"},
                {"row": 1, "field": "open", "raw": "-1e999"},
                {"row": 2, "field": "low", "raw": "01"},
                {"row": 3, "field": "close", "raw": '"\\ud800"'},
                {"row": 4, "field": "high", "raw": "9" * 5000},
                {"row": 5, "field": "date", "raw": '"a\tb\u0000"'},
                {"row": 6, "field": "volume", "raw": '"1,234.5"'},
                {"row": 7, "field": "volume", "raw": "1e300"},
                {"row": 8, "field": "close", "raw": "[" * 5000 + "]" * 5000},
                {"row": 9, "field": "volume", "raw": '"1234"'},
            ],
        },
        (BARS - 9, 0, 9),
    ),
}
