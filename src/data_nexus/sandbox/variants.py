"""Choices between contradictory sources, each with its possible values. Pure.

The first value is the sandbox's default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args, get_type_hints

RetryAfter = Literal["seconds", "date", "absent", "negative", "huge", "garbage"]
RefusalBody = Literal["json", "text"]
WarningPlace = Literal["rows", "extra", "only"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """One reading of the vendor; `POST /choices` changes it.

    `user_calls`: what `user` and `internal-user` cost (a recording says 0, a document 1).
    `bulk_symbols`: whether the symbols of a bulk request are paid for beside the exchange, or
    alone. `unknown_calls`: whether an unknown symbol costs the request's price (one document).
    `unknown_ticker`: the status of its text (one client reports 200). `demo_refusal`: 403 was
    measured, a document says 401. `warning`: where the free plan's stands in a history (reports
    of each place). `extra_used`: whether `apiRequests` counts the extra calls, too (no
    source). `retry_after` and `refusal_body`: the form of a 429, of which there is no recording.
    """

    user_calls: Literal[0, 1] = 0
    bulk_symbols: Literal["added", "alone"] = "added"
    unknown_calls: Literal[1, 0] = 1
    unknown_ticker: Literal[404, 200] = 404
    demo_refusal: Literal[403, 401] = 403
    warning: WarningPlace = "rows"
    extra_used: Literal["left out", "counted"] = "left out"
    retry_after: RetryAfter = "seconds"
    refusal_body: RefusalBody = "json"


POSSIBLE = {name: get_args(hint) for name, hint in get_type_hints(Choices).items()}


def chosen(choices: Choices, changes: Mapping[str, Any]) -> Choices:
    """The choices with some of them changed; ValueError for an unknown name or value."""
    for name, value in changes.items():
        if name not in POSSIBLE:
            raise ValueError(f"no choice {name!r}; there are {', '.join(POSSIBLE)}")
        if value not in POSSIBLE[name]:
            raise ValueError(f"{name} is one of {POSSIBLE[name]}, not {value!r}")
    return replace(choices, **changes)
