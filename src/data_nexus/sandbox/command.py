"""The command `sandbox`: run a vendor by the options, and print a line of JSON when ready."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from data_nexus.sandbox.account.limits import Limits
from data_nexus.sandbox.account.other_spender import OtherSpender
from data_nexus.sandbox.account.plans import DEMO, PLANS, Plan
from data_nexus.sandbox.account.windows import WINDOWS
from data_nexus.sandbox.answers.bodies import Bodies
from data_nexus.sandbox.clock import Clock
from data_nexus.sandbox.control.control import Control
from data_nexus.sandbox.endpoints.table import costs
from data_nexus.sandbox.faults.faults import Faults
from data_nexus.sandbox.listeners import HOST, Ports, serve
from data_nexus.sandbox.market.action_days import ActionDays
from data_nexus.sandbox.market.behaviours import MEANINGS, NoSuchBehaviour, parsed
from data_nexus.sandbox.market.calendar import AS_CALENDAR, Departures
from data_nexus.sandbox.market.files import Files, FilesUniverse, files_below
from data_nexus.sandbox.market.files_reading import NotReadable
from data_nexus.sandbox.market.market import Market
from data_nexus.sandbox.market.synthetic import Recipe, SyntheticUniverse
from data_nexus.sandbox.market.universe import Universe
from data_nexus.sandbox.request_log import RequestLog
from data_nexus.sandbox.server import RestServer
from data_nexus.sandbox.vendor import Account, Vendor

TOKEN_VARIABLE = "NEXUS_SANDBOX_TOKEN"  # noqa: S105 - a name, not a token  # nosec B105
# In the vendor's form, which its own client insists on.
DEFAULT_TOKEN = "sandboxtoken00.00000000"  # noqa: S105 - valid nowhere else  # nosec B105
MIB = 1 << 20
MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"])
DAY = click.DateTime(["%Y-%m-%d"])
EXISTING = click.Path(exists=True, path_type=Path)


def _help() -> str:
    prices = ", ".join(f"{name} {calls}" for name, calls in costs().items())
    plans = "; ".join(f"{name} {plan.day:,} and {plan.extra} extra" for name, plan in PLANS.items())
    behaviours = "; ".join(f"{name} ({meaning})" for name, meaning in MEANINGS.items())
    return inspect.cleandoc(f"""
        Simulate EODHD's REST API with made-up data or files.

        When ready it prints one line of JSON: the URL of the API, the URL of the controls, the pid.
        The accepted token is in {TOKEN_VARIABLE}, by default `{DEFAULT_TOKEN}`.

        Every request counts against the minute's limit. Its cost in calls of the day: {prices}.
        Calls a day by plan: {plans}. GET / of the controls lists what can be changed while it runs.

        What the vendor does late or wrong, with N sessions, by default 1: {behaviours}.
        """)


@click.command(help=_help())
@click.option("--port", default=0, show_default="any free one", help="Port of the REST API.")
@click.option(
    "--control-port", default=0, show_default="any free one", help="Port of the controls."
)
@click.option(
    "--exchange", "exchanges", multiple=True, default=["US"], help="Exchange; repeatable."
)
@click.option("--symbols", default=1000, show_default=True, help="Listed symbols per exchange.")
@click.option("--years", default=20.0, show_default=True, help="Span of the made-up histories.")
@click.option("--bars-per-symbol", type=int, help="Number of bars, instead of years.")
@click.option(
    "--clean", is_flag=True, help="No delisted, late, empty, missing or illiquid symbols."
)
@click.option("--seed", default=1, show_default=True, help="Seed of the made-up data.")
@click.option(
    "--behaviour",
    "behaviours",
    multiple=True,
    metavar="NAME[:SESSIONS]=SHARE|SYMBOL,…",
    help="Something late or wrong, for a share of the assets or some; repeatable.",
)
@click.option(
    "--extra-session", "extra", type=DAY, multiple=True, help="A day of trade in no calendar."
)
@click.option(
    "--missing-session", "missing", type=DAY, multiple=True, help="A session that is not held."
)
@click.option("--data", "folder", type=EXISTING, help="A folder of files: bars*, splits*, …")
@click.option("--bars", type=EXISTING, multiple=True, help="A file of bars; repeatable.")
@click.option("--splits", type=EXISTING, multiple=True, help="A file of splits.")
@click.option("--dividends", type=EXISTING, multiple=True, help="A file of dividends.")
@click.option("--symbol-list", type=EXISTING, multiple=True, help="A file of listings.")
@click.option("--now", type=MOMENT, help="Where the vendor's clock starts (UTC).")
@click.option("--minute-limit", default=1000, show_default=True, help="Requests a minute.")
@click.option(
    "--minute-window",
    type=click.Choice(list(WINDOWS)),
    default="fixed",
    show_default=True,
    help="How the minute's limit is counted.",
)
@click.option(
    "--plan",
    type=click.Choice(list(PLANS)),
    default="all-world",
    show_default=True,
    help="The key's plan.",
)
@click.option("--daily-limit", type=int, help="Calls a day, instead of the plan's.")
@click.option("--extra-limit", type=int, help="Calls beyond the daily ones, instead of the plan's.")
@click.option("--log", type=click.Path(path_type=Path), help="Requests as JSON lines.")
@click.option("--latency", default=0.0, show_default=True, help="Milliseconds before an answer.")
@click.option(
    "--cache", default=512, show_default=True, help="MiB of rendered histories in memory."
)
@click.option(
    "--until-stdin-closes", is_flag=True, help="End when stdin closes, as the parent ends."
)
def sandbox(**options: Any) -> None:  # noqa: ANN401 - each option is checked by click
    """Build the vendor, and serve until the end."""
    clock = Clock(options["now"])
    market = _market(clock, options)
    vendor = Vendor(
        market=market,
        bodies=Bodies(market, options["cache"] * MIB),
        actions=ActionDays(market),
        account=_account(clock, options),
        demo=_opened(DEMO, Limits(clock, daily=DEMO.day)),
    )
    faults, log = Faults(options["seed"]), RequestLog(options["log"])
    rest = RestServer(
        vendor=vendor,
        faults=faults,
        log=log,
        token=os.environ.get(TOKEN_VARIABLE, DEFAULT_TOKEN),
        latency_sec=options["latency"] / 1000,
    )
    ports = Ports(options["port"], options["control_port"])
    closes = options["until_stdin_closes"]
    try:
        asyncio.run(
            serve(rest, Control(vendor, faults, log), ports, _announce, until_stdin_closes=closes)
        )
    finally:
        log.close()


def _market(clock: Clock, options: dict[str, Any]) -> Market:
    market = Market(_universe(clock, options), clock, options["seed"])
    try:
        for text in options["behaviours"]:
            market.behave(*parsed(text))
    except NoSuchBehaviour as error:
        raise click.UsageError(str(error)) from error
    except KeyError as error:
        raise click.UsageError(f"no symbol {error} in this market") from error
    departures = _departures(options)
    for exchange in market.exchanges if departures != AS_CALENDAR else ():
        market.depart(exchange, departures)
    return market


def _departures(options: dict[str, Any]) -> Departures:
    missing = (day.date() for day in options["missing"])
    return Departures(
        extra=frozenset(day.date() for day in options["extra"]),
        closures=tuple((day, day + timedelta(1)) for day in sorted(missing)),
    )


def _account(clock: Clock, options: dict[str, Any]) -> Account:
    plan, daily, extra = PLANS[options["plan"]], options["daily_limit"], options["extra_limit"]
    limits = Limits(
        clock,
        options["minute_limit"],
        plan.day if daily is None else daily,
        plan.extra if extra is None else extra,
        window=WINDOWS[options["minute_window"]](),
    )
    return _opened(plan, limits)


def _opened(plan: Plan, limits: Limits) -> Account:
    return Account(plan, limits, OtherSpender(limits))


def _universe(clock: Clock, options: dict[str, Any]) -> Universe:
    files = Files(
        bars=options["bars"],
        splits=options["splits"],
        dividends=options["dividends"],
        symbols=options["symbol_list"],
        exchange=options["exchanges"][0],
    )
    if options["folder"]:
        files = files_below(options["folder"], files)
    if files:
        try:
            return FilesUniverse(files)
        except NotReadable as error:
            raise click.UsageError(str(error)) from error
    return SyntheticUniverse(
        Recipe(
            exchanges=tuple(dict.fromkeys(options["exchanges"])),
            symbols=options["symbols"],
            today=clock.today(),
            years=options["years"],
            bars_per_symbol=options["bars_per_symbol"],
            seed=options["seed"],
            clean=options["clean"],
        )
    )


def _announce(ports: Ports) -> None:
    ready = {
        "url": f"http://{HOST}:{ports.rest}/api",
        "control": f"http://{HOST}:{ports.control}",
        "pid": os.getpid(),
    }
    print(json.dumps(ready), flush=True)  # noqa: T201 - the command's answer
    if sys.stdout.isatty() and TOKEN_VARIABLE not in os.environ:
        exports = f"export EODHD_BASE_URL={ready['url']} EODHD_API_KEY={DEFAULT_TOKEN}"
        print(f"In another terminal: {exports}", file=sys.stderr, flush=True)  # noqa: T201
