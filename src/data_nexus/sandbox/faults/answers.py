"""Faults of content: answers that are complete HTTP but wrong. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from data_nexus.sandbox.account.plans import YEAR, with_warning
from data_nexus.sandbox.answers.pages import no_such_page
from data_nexus.sandbox.answers.refusals import QUOTA_TEXT
from data_nexus.sandbox.answers.render import HTML, JSON
from data_nexus.sandbox.answers.wire import Answer, Served
from data_nexus.sandbox.faults.transport import given_body, given_headers
from data_nexus.sandbox.vendor_request import VendorRequest

Parameters = Mapping[str, Any]
Row = dict[str, Any]
AnswerFault = Callable[[Answer, Parameters, VendorRequest], Answer]
RowsFault = Callable[[list[Row], Parameters], list[Row]]


def _status(_: Answer, parameters: Parameters, __: VendorRequest) -> Answer:
    """`status` (500) with `body` or `body_base64`, `content_type` and `headers`."""
    return _given(b"", int(parameters.get("status", 500)), parameters)


def _html(_: Answer, parameters: Parameters, request: VendorRequest) -> Answer:
    """The page with the token in it, with the status 200 or `status`."""
    page = no_such_page(request, int(parameters.get("status", 200)))
    return page.with_headers(given_headers(parameters))


def _redirect(_: Answer, parameters: Parameters, request: VendorRequest) -> Answer:
    """To `location`, with the status 302 or `status`; `{url}` in it is the request's own."""
    location = str(parameters["location"]).replace("{url}", request.url)
    described = {**parameters, "headers": {"Location": location}}
    return _given(b"", int(parameters.get("status", 302)), described)


def _saying(text: str, content_type: str = JSON) -> AnswerFault:
    """A fault that answers 200 with this text, unless its description has another."""

    def say(_: Answer, parameters: Parameters, __: VendorRequest) -> Answer:
        return _given(text.encode(), 200, {"content_type": content_type, **parameters})

    return say


def _hostile_json(_: Answer, parameters: Parameters, __: VendorRequest) -> Answer:
    """200 and `body` or `body_base64` as JSON, whatever it is."""
    return _given(b"[NaN]", 200, {"content_type": JSON, **parameters})


def _given(default: bytes, status: int, parameters: Parameters) -> Answer:
    given = given_body(parameters)
    answer = Answer.of(
        default if given is None else given, parameters.get("content_type", HTML), status
    )
    return answer.with_headers(given_headers(parameters))


def _changing_rows(change: RowsFault) -> AnswerFault:
    """A fault that changes the rows of a JSON answer, and no other answer."""

    def changed(answer: Answer, parameters: Parameters, _: VendorRequest) -> Answer:
        if answer.content_type != JSON or not answer.served.rows:
            return answer
        rows = change(json.loads(answer.body), parameters)
        return with_rows(answer, rows)

    return changed


class Raw(str):
    """Text to be written as it is, whether valid JSON or not."""

    __slots__ = ()


def with_rows(answer: Answer, rows: list[Row]) -> Answer:
    """The answer with other rows; its headers stay."""
    raws: list[Raw] = []

    def marked(value: object) -> object:
        if not isinstance(value, Raw):
            return value
        raws.append(value)
        return f"@raw{len(raws) - 1}@"

    marked_rows = [{name: marked(value) for name, value in row.items()} for row in rows]
    text = json.dumps(marked_rows, separators=(",", ":")).replace("/", "\\/")
    for position, raw in enumerate(raws):
        text = text.replace(f'"@raw{position}@"', raw)
    days = [str(row["date"]) for row in rows if "date" in row]
    served = Served(len(rows), min(days, default=None), max(days, default=None))
    changed = Answer.of(text.encode(), JSON, served=served)
    return replace(changed, headers=answer.headers)


def _shifted(rows: list[Row], parameters: Parameters) -> list[Row]:
    """All dates moved by `days` (1)."""
    days = timedelta(int(parameters.get("days", 1)))
    return [{**row, "date": str(date.fromisoformat(row["date"]) + days)} for row in rows]


def _future(rows: list[Row], parameters: Parameters) -> list[Row]:
    """`count` (1) more rows, a year after the last one."""
    count = int(parameters.get("count", 1))
    last = date.fromisoformat(rows[-1]["date"])
    return rows + [{**rows[-1], "date": str(last + timedelta(365 + n))} for n in range(count)]


def _duplicates(rows: list[Row], parameters: Parameters) -> list[Row]:
    """The first `count` rows (all) sent twice in succession."""
    count = int(parameters.get("count", len(rows)))
    return [twin for n, row in enumerate(rows) for twin in [row] * (2 if n < count else 1)]


def _contradiction(rows: list[Row], parameters: Parameters) -> list[Row]:
    """Row `row` (the last) sent a second time with a higher price."""
    row = rows[int(parameters.get("row", -1))]
    values = {name: row[name] * 2 for name in ("high", "close", "adjusted_close") if row.get(name)}
    return [*rows, {**row, **values}]


def _unordered(rows: list[Row], _: Parameters) -> list[Row]:
    """Every second row first, then the others."""
    return [*rows[1::2], *rows[::2]]


def _bad_values(rows: list[Row], parameters: Parameters) -> list[Row]:
    """`values`: a list of `{"row": n, "field": name, "raw": JSON text}`, put in as it is."""
    changed = [dict(row) for row in rows]
    for value in parameters["values"]:
        changed[int(value["row"])][value["field"]] = Raw(value["raw"])
    return changed


def _warning(rows: list[Row], parameters: Parameters) -> list[Row]:
    """The free plan's year and its warning `where`: rows, extra, or only (three reports)."""
    start = date.fromisoformat(rows[-1]["date"]) - YEAR
    year = [row for row in rows if date.fromisoformat(row["date"]) >= start]
    return with_warning(year, parameters.get("where", "rows"))


ANSWERS: dict[str, AnswerFault] = {
    "status": _status,
    "html": _html,
    "redirect": _redirect,
    "empty": _saying("", HTML),
    "json_null": _saying("null"),
    "json_object": _saying("{}"),
    "json_error": _saying('{"error":"Something went wrong"}'),
    "quota_text": _saying(QUOTA_TEXT, HTML),
    "hostile_json": _hostile_json,
    "shifted": _changing_rows(_shifted),
    "future": _changing_rows(_future),
    "duplicates": _changing_rows(_duplicates),
    "contradiction": _changing_rows(_contradiction),
    "unordered": _changing_rows(_unordered),
    "bad_values": _changing_rows(_bad_values),
    "warning": _changing_rows(_warning),
}
