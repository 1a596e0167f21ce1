"""Load SQL statements by name, and define the queries that the engine and the readers share.

Statements stand in `.sql` files beside the modules that run them. One begins with `-- name:
claim_due` and a sentence that says what it is for. It takes parameters only; nothing is formatted
into it at run time. A line `{lease_candidates}` is replaced by the text of that statement when
they are loaded.

A shared query is a `Select`: `pool.rows(*queued(…))` runs it asynchronously,
`database.rows(*queued(…))` synchronously.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from psycopg.rows import BaseRowFactory, args_row, class_row, scalar_row, tuple_row

from data_nexus.config import Secret
from data_nexus.domain.actions import ACTION_RULES
from data_nexus.domain.adjustment.findings import (
    ACTIONS_ARE_STILL_SENT,
    BARS_ARE_STILL_SENT,
    REREAD_AFTER_DAYS,
)
from data_nexus.domain.endpoints import Endpoint
from data_nexus.domain.listings.symbol_lists import KnownList
from data_nexus.domain.planning.audit import (
    RECORD_DAYS,
    SAMPLE_EVERY,
    SAMPLE_SIZE,
    WITHOUT_ACTIONS,
    Record,
)
from data_nexus.domain.planning.due import PROBED_AFTER, LastSessions, MarketSegment, Queued
from data_nexus.domain.planning.look_back import Unsettled
from data_nexus.domain.planning.notices import NOTICE_OF_SUSPICION, Notice
from data_nexus.domain.symbol import Symbol

Row = TypeVar("Row")
# Only these assets; None: whichever.
Ids: TypeAlias = "list[int] | None"
# Assumed until an answer's headers have named the minute's limit; less than any that was ever seen.
ASSUMED_MINUTE_LIMIT = 300
# So many assets are named of those that a run has a notice of, and of those that status counts.
_NAMED_BY_RUN, _NAMED_BY_STATUS = 50, 1000
# What was rejected or withdrawn stays in status for so many days.
NOTICED_DAYS = 7
_HASH_KEY = b"data-nexus quota ledger"
# The folders of this package with statements.
FOLDERS = (
    *("store", "store/alerts", "store/backups", "store/bulk", "store/jobs", "store/transfer"),
    *("reader", "reader/alerts", "reader/jobs", "reader/listed", "reader/measures"),
    *("reader/overview", "reader/server", "reader/watchlists"),
)
_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
_INCLUDED = re.compile(r"^\{(\w+)\}$", re.MULTILINE)

_NOTICED = {
    "suspected": list(NOTICE_OF_SUSPICION),
    "notices": list(NOTICE_OF_SUSPICION.values()),
    "unsent": [BARS_ARE_STILL_SENT, ACTIONS_ARE_STILL_SENT],
    "action_rules": list(ACTION_RULES),
}


class Select(NamedTuple, Generic[Row]):
    """A named query with its parameters, and what makes a value of a row."""

    name: str
    parameters: dict[str, Any]
    row_factory: BaseRowFactory[Row]


class FoundAsset(NamedTuple):
    """An asset that has a symbol now; `currency` is that of its prices, "" if unknown.

    It was `wanted` as a person has written it: maybe in small letters.
    """

    wanted: Symbol
    symbol: Symbol
    asset_id: int
    currency: str


@dataclass(frozen=True, slots=True)
class ActionSample:
    """What a sample of actions draws from: an exchange or all, but for the `refused` ones.

    Assets whose whole history was read in the last `rest_days` do not take part.
    """

    exchange: str | None
    refused: Collection[str]
    rest_days: int

    def parameters(self) -> dict[str, Any]:
        """Return what the statements about samples take."""
        return {
            "exchange": self.exchange,
            "refused": list(self.refused),
            "rest_days": self.rest_days,
            "reread_days": REREAD_AFTER_DAYS,
            "without_actions": list(WITHOUT_ACTIONS),
            "every": SAMPLE_EVERY,
            "size": SAMPLE_SIZE,
        }


def query(name: str) -> bytes:
    """Return the text of the statement `name`."""
    return _statements()[name]


def named_statements(text: str) -> Iterator[tuple[str, str]]:
    """Give each statement of a file with its name, in the file's order."""
    parts = _NAME.split(text)
    yield from zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True)


def included(text: str) -> list[str]:
    """Return the names of the statements whose texts a statement includes."""
    return _INCLUDED.findall(text)


def queued(exchange: str | None, moment: datetime, asset_ids: Ids = None) -> Select[Queued]:
    """Select what the queue may hand out at a moment, by market segment and cursor."""
    asked = {"exchange": exchange, "moment": moment, "asset_ids": asset_ids}
    return Select("count_queued", asked, args_row(_queued))


def claimable(due: Mapping[str, Any]) -> Select[Queued]:
    """Select what a claim by the calendar could hand out, by market segment and cursor.

    `due` are the parameters of the claim.
    """
    return Select("count_behind", dict(due), args_row(_queued))


def unsettled(exchange: str | None) -> Select[Unsettled]:
    """Select the assets whose last sessions are not settled, by exchange."""
    return Select("count_unsettled", {"exchange": exchange}, args_row(Unsettled))


def wanted_actions(exchange: str | None, asset_ids: Ids = None) -> Select[tuple[str, int]]:
    """Select the number of assets whose actions are to be fetched now, by exchange."""
    asked = {"exchange": exchange, "asset_ids": asset_ids}
    return Select("count_wanted", asked, args_row(_count))


def suspected_assets(
    exchange: str | None, moment: datetime, asset_ids: Ids = None
) -> Select[tuple[str, int]]:
    """Select the number of assets that are to be read again because of a doubt, by exchange."""
    asked = {"exchange": exchange, "moment": moment, "asset_ids": asset_ids}
    return Select("count_suspected", asked, args_row(_count))


def refused_exchanges(token: str | None, endpoint: Endpoint, since: datetime) -> Select[str]:
    """Select the exchanges for which a token, by its id, was refused an endpoint since a moment.

    A refusal that is still to come, by more than a day, was noted by a clock that ran ahead.
    """
    until = since + PROBED_AFTER + timedelta(days=1)
    named = {"token_id": token, "endpoint": endpoint.value}
    parameters = named | {"since": since, "until": until}
    return Select("read_refusals", parameters, scalar_row)


def known_lists() -> Select[KnownList]:
    """Select the symbol lists that were ever read, as they were last read whole."""
    return Select("last_lists", {}, class_row(KnownList))


def learned_sessions() -> Select[tuple[str, date, bool]]:
    """Select the days on which exchanges trade, or do not, against their calendars."""
    return Select("read_learned_sessions", {}, tuple_row)


def audit_records() -> Select[Record]:
    """Select the audit's record of each exchange with loaded assets."""
    return Select("audit_records", {"record_days": RECORD_DAYS}, class_row(Record))


def notices_of_run(run_id: int, since: datetime, expected: LastSessions) -> Select[Notice]:
    """Select what a run that began at a moment could not bring.

    `expected` are the last sessions of the segments whose assets it should have completed.
    """
    last = {segment: each.last for segment, each in expected.items()}
    parameters = segment_parameters(last) | {
        "settled": [each.before for each in expected.values()],
        "run_id": run_id,
        "since": since,
        "open_since": since,
        "most": _NAMED_BY_RUN,
    }
    return Select("notices", parameters | _NOTICED, class_row(Notice))


def open_notices(moment: datetime) -> Select[Notice]:
    """Select what is open at a moment, and what was rejected or withdrawn in the days before."""
    parameters = segment_parameters({}) | {
        "settled": [],
        "run_id": None,
        "since": moment - timedelta(days=NOTICED_DAYS),
        "open_since": "-infinity",
        "most": _NAMED_BY_STATUS,
    }
    return Select("notices", parameters | _NOTICED, class_row(Notice))


def sampled_assets(sample: ActionSample) -> Select[tuple[str, int]]:
    """Select how many assets a sample of actions is still to read, by exchange."""
    return Select("count_sample", sample.parameters(), args_row(_count))


def has_assets(exchange: str) -> Select[bool]:
    """Select whether an exchange has assets."""
    return Select("knows_exchange", {"exchange": exchange}, scalar_row)


def found_assets(symbols: Sequence[Symbol]) -> Select[FoundAsset]:
    """Select the current assets of `symbols` as written; one that no asset has is left out."""
    parameters = {
        "symbols": [symbol.code for symbol in symbols],
        "exchanges": [symbol.exchange for symbol in symbols],
    }
    return Select("find_assets", parameters, args_row(_found_asset))


def segment_parameters(published: Mapping[MarketSegment, date]) -> dict[str, Any]:
    """Return market segments and the last session that is out in each as the arrays of a query."""
    return {
        "exchanges": [segment.exchange for segment in published],
        "venues": [segment.venue for segment in published],
        "asset_types": [segment.asset_type for segment in published],
        "published": list(published.values()),
    }


def token_id(token: Secret) -> str:
    """Return the ledger's name of a token: a keyed hash that reveals nothing about it."""
    return hmac.digest(_HASH_KEY, token.reveal().encode(), "sha256").hex()


@cache
def _statements() -> dict[str, bytes]:
    package = files(__package__)
    texts = {
        name: text
        for folder in FOLDERS
        for file in package.joinpath(folder).iterdir()
        if file.name.endswith(".sql")
        for name, text in named_statements(file.read_text(encoding="utf-8"))
    }

    def whole(text: str) -> str:
        return _INCLUDED.sub(lambda line: whole(texts[line[1]]), text)

    return {name: whole(text).encode() for name, text in texts.items()}


def _queued(
    exchange: str, venue: str, asset_type: str, synced_through: date | None, assets: int
) -> Queued:
    return Queued(MarketSegment(exchange, venue, asset_type), synced_through, assets)


def _count(exchange: str, assets: int) -> tuple[str, int]:
    return exchange, assets


def _found_asset(wanted: str, asset_id: int, code: str, exchange: str, currency: str) -> FoundAsset:
    return FoundAsset(Symbol(wanted, exchange), Symbol(code, exchange), asset_id, currency)
