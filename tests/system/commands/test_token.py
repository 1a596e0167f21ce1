"""House law 7: the token appears in nothing that the product writes, whatever befalls it."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from data_nexus.database.embedded.os_account import programs
from tests.support.postgres.database import Cluster
from tests.support.postgres.tables import add_assets
from tests.support.programs.commands import Commands, Running, commands_at
from tests.support.vendor.canary import disguises, leaks
from tests.support.vendor.sandbox import TOKEN, Sandbox, sandbox
from tests.support.vendor.truth import codes

Start = Callable[..., AbstractContextManager[Running]]
URL = f"https://eodhd.com/api/eod/AAPL.US?api_token={TOKEN}&fmt=json"
BAR = {"date": "2024-01-02", "open": 1, "high": 1, "low": 1, "close": 1, "adjusted_close": 1}


def plain(status: int, text: str) -> dict[str, object]:
    """An answer that is not compressed."""
    head = f"HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Type: text/html\r\n\r\n"
    return {"kind": "raw", "raw_base64": base64.b64encode((head + text).encode()).decode()}


# Ways in which a vendor may say the token back.
ECHOES: dict[str, dict[str, object]] = {
    "a page": {"kind": "html"},
    "a page for not found": {"kind": "html", "status": 404},
    "a server error": plain(500, f"cannot serve {URL}"),
    "a validation error": plain(422, json.dumps({"errors": {"url": [URL]}})),
    "a redirect": {"kind": "redirect", "location": URL},
    "a notice": {
        "kind": "hostile_json",
        "body": json.dumps([{**BAR, "volume": 1, "warning": URL}]),
    },
    "no JSON": {"kind": "hostile_json", "body": f"[{URL}]"},
    "a hang-up": {"kind": "rst_before"},
    "no HTTP": {"kind": "raw", "raw_base64": base64.b64encode(URL.encode()).decode()},
}


@dataclass(slots=True)
class Outpour:
    """All that a number of commands wrote, by where."""

    commands: Commands
    url: str
    written: dict[str, bytes] = field(default_factory=dict)
    listed: bytes = b""

    def run(self, *arguments: str, **settings: object) -> None:
        """Run a command, looking at the list of all running programs meanwhile."""
        self._listen(self.commands.running, arguments, settings)

    def run_process(self, *arguments: str, **settings: object) -> None:
        """Run it as a shell does, so that the list shows its own arguments."""
        self._listen(self.commands.running_process, arguments, settings)

    def _listen(self, start: Start, arguments: tuple[str, ...], settings: dict[str, Any]) -> None:
        name = " ".join(arguments)
        with start(*arguments, log_level="debug", **settings) as command:
            # A program that is starting shows no arguments for a moment.
            while command.child.poll() is None and not command_line(command.child.pid):
                time.sleep(0.001)
            self.listed += command_lines()
            done = command.end()
        self.written |= {
            f"{name}, stdout": done.stdout.encode(),
            f"{name}, stderr": done.stderr.encode(),
        }

    def dump(self) -> bytes:
        """The whole database as `pg_dump` writes it."""
        done = subprocess.run([programs() / "pg_dump", self.url], capture_output=True, check=True)
        return done.stdout


def command_lines() -> bytes:
    return b"\n".join(command_line(folder.name) for folder in Path("/proc").glob("[0-9]*"))


def command_line(pid: int | str) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


@pytest.fixture(scope="module")
def outpour(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outpour]:
    with (
        cluster.fresh_database() as url,
        sandbox(
            symbols=4 * len(ECHOES),
            bars_per_symbol=10,
            clean=True,
            latency=20,
            minute_limit=1_000_000,
        ) as vendor,
    ):
        listed = codes(vendor)
        commands = commands_at(tmp_path_factory.mktemp("outpour"), vendor, url)
        outpour = Outpour(commands, url)
        outpour.run_process("discover", "--delisted")
        for fault, code in zip(ECHOES.values(), listed[::3], strict=False):
            vendor.post("/faults", {**fault, "symbol": f"{code}.US"})
        outpour.run_process("backfill", "--no-limit", "--log-format", "json", attempts=2)
        outpour.run("backfill", "--no-limit", attempts=2)
        outpour.run("dead-letters", "list")
        outpour.run("dead-letters", "show", f"{listed[9]}.US")
        outpour.run("dead-letters", "list", "--json")
        outpour.run("plan")
        refuse(vendor)
        outpour.run("backfill", "--days-old", "0", "--json")
        outpour.run("discover", "--json")
        vendor.delete("/faults")
        outpour.run("config")
        outpour.run("config", "--json")
        outpour.run("doctor")
        outpour.run("doctor", "--json")
        outpour.run("status", "--json")
        outpour.run("verify")
        outpour.run("bars", f"{listed[1]}.US", "--format", "csv")
        yield outpour


def refuse(vendor: Sandbox) -> None:
    """Refuse the token with a page that repeats it."""
    vendor.delete("/faults")
    vendor.post("/faults", {"kind": "html", "status": 401})


def test_the_commands_wrote_and_were_seen(outpour: Outpour) -> None:
    stderr = outpour.written["backfill --no-limit --log-format json, stderr"]
    events = {json.loads(line)["event"] for line in stderr.splitlines()}
    assert {"Requested", "Retried", "Failed", "Parked", "Committed", "Absent", "Warned"} <= events
    letter = outpour.written["dead-letters list --json, stdout"]
    assert b"***" in letter, "a letter repeats what the vendor said"
    assert b"data_nexus\0backfill" in outpour.listed
    assert b"COPY public.market_data" in outpour.dump()


def test_no_output_shows_the_token(outpour: Outpour) -> None:
    shown = {where: disguises(text, TOKEN) for where, text in outpour.written.items()}
    assert {where: forms for where, forms in shown.items() if forms} == {}


def test_no_list_of_running_programs_shows_the_token(outpour: Outpour) -> None:
    assert disguises(outpour.listed, TOKEN) == []


def test_no_dump_of_the_database_shows_the_token(outpour: Outpour) -> None:
    assert disguises(outpour.dump(), TOKEN) == []


def test_no_file_of_the_home_shows_the_token(outpour: Outpour) -> None:
    assert leaks([outpour.commands.folder], TOKEN) == {}


@pytest.fixture
def echoing(cluster: Cluster, tmp_path: Path) -> Iterator[tuple[Outpour, Sandbox]]:
    with (
        cluster.fresh_database() as url,
        sandbox(symbols=2, bars_per_symbol=3, clean=True) as vendor,
    ):
        add_assets(url, *codes(vendor))
        yield Outpour(commands_at(tmp_path, vendor, url), url), vendor


def test_a_refusal_that_repeats_the_token_is_told_without_it(
    echoing: tuple[Outpour, Sandbox],
) -> None:
    outpour, vendor = echoing
    vendor.post("/faults", plain(403, f"The token {TOKEN} may not do this."))
    outpour.run("backfill")
    outpour.run("discover", "--json")
    shown = [where for where, text in outpour.written.items() if disguises(text, TOKEN)]
    assert shown == []
    assert disguises(outpour.dump(), TOKEN) == []


@pytest.mark.parametrize("status", [200, 422])
def test_a_dead_letter_shows_no_part_of_a_token_at_its_end(
    echoing: tuple[Outpour, Sandbox], status: int
) -> None:
    """The token lies where an excerpt ends: a refusal's after 500, an answer's after 2000."""
    outpour, vendor = echoing
    words = {"error": f"{TOKEN:x>495}{TOKEN:x>1500}"}
    if status == 200:
        vendor.post("/faults", {"kind": "hostile_json", "body": json.dumps(words)})
    else:
        vendor.post("/faults", plain(status, json.dumps(words)))
    outpour.run("backfill")
    outpour.run("dead-letters", "list", "--json")
    assert b'"status": %d' % status in outpour.written["dead-letters list --json, stdout"]
    shown = [where for where, text in outpour.written.items() if disguises(text, TOKEN)]
    assert shown == []
    assert disguises(outpour.dump(), TOKEN) == []


def test_a_rejected_row_that_repeats_the_token_is_kept_without_it(
    echoing: tuple[Outpour, Sandbox],
) -> None:
    outpour, vendor = echoing
    row = json.dumps(
        [{**BAR, "volume": -1, "link": URL}, {**BAR, "date": "2024-01-03", "volume": 1}]
    )
    vendor.post("/faults", {"kind": "hostile_json", "body": row})
    outpour.run("backfill")
    assert b"volume is not negative" in outpour.dump()
    assert disguises(outpour.dump(), TOKEN) == []
