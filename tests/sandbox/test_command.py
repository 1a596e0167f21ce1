"""The command starts, says where it listens, writes its log, and ends when it should."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.source import ROOT
from tests.support.vendor.sandbox import TOKEN, fetch, sandbox

COMMAND = [sys.executable, "-m", "data_nexus.sandbox", "--symbols", "5", "--clean"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(number: signal.Signals) -> None:
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as running:
        assert running.stdout
        ready = json.loads(running.stdout.readline())
        assert ready["pid"] == running.pid
        running.send_signal(number)
        assert running.wait(20) == 0
        assert running.stdout.read() == b""


def test_it_ends_with_its_stdin() -> None:
    command = [*COMMAND, "--until-stdin-closes"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE) as running:
        assert running.stdout
        assert running.stdin
        running.stdout.readline()
        running.stdin.close()
        assert running.wait(20) == 0


def test_a_hanging_request_does_not_keep_it_alive() -> None:
    with sandbox(symbols=5, clean=True) as vendor:
        vendor.post("/faults", {"kind": "hang"})
        host, port = vendor.url.removeprefix("http://").removesuffix("/api").split(":")
        connection = socket.create_connection((host, int(port)))
        target = f"/api/eod/AAPL.US?api_token={vendor.token}"
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: sandbox\r\n\r\n".encode())
        while not vendor.log():
            time.sleep(0.01)
        assert vendor.log()[0]["fault"] == "hang"
    # The block has ended, so the process has too.
    connection.close()


def test_both_listeners_are_of_this_machine_only() -> None:
    with sandbox(symbols=5, clean=True) as vendor:
        assert vendor.url.startswith("http://127.0.0.1:")
        assert vendor.control.startswith("http://127.0.0.1:")
        listening = Path("/proc/net/tcp").read_text(encoding="ascii")
    for url in (vendor.url.removesuffix("/api"), vendor.control):
        port = int(url.rpartition(":")[2])
        assert f"0100007F:{port:04X} 00000000:0000 0A" in listening


def test_the_log_file_has_a_line_per_request_at_once(tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    with sandbox(symbols=5, clean=True, log=log) as vendor:
        vendor.ask("/eod/AAPL.US", fmt="json")
        fetch(f"{vendor.url}/eod/AAPL.US?api_token=someone-elses-secret")
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert lines == vendor.log()
    assert [line["status"] for line in lines] == [200, 401]
    assert TOKEN not in log.read_text()
    assert "someone-elses-secret" not in log.read_text()


def test_a_file_without_the_columns_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "bars.csv").write_text("a,b\n1,2\n")
    command = [sys.executable, "-m", "data_nexus.sandbox", "--bars", str(tmp_path / "bars.csv")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "bars.csv has no column symbol, date" in ended.stderr


def test_a_share_of_the_assets_is_drawn_by_the_seed() -> None:
    def drawn(seed: int, *behaviours: str) -> dict[str, set[str]]:
        with sandbox(symbols=300, clean=True, seed=seed, behaviour=behaviours) as vendor:
            found = vendor.get("/behaviours")
            return {name: set(each["symbols"]) for name, each in found.items()}

    chosen = drawn(1, "late=0.1", "provisional:2=0.1", "partial=AAPL.US,MSFT.US")
    assert chosen["partial"] == {"AAPL.US", "MSFT.US"}
    assert all(15 < len(chosen[name]) < 45 for name in ("late", "provisional"))
    assert chosen["late"] != chosen["provisional"]
    assert chosen["doubled"] == set()
    assert drawn(1, "late=0.1")["late"] == chosen["late"]
    assert not drawn(2, "late=0.1")["late"] >= chosen["late"]


@pytest.mark.parametrize("option", ["sleepy=0.1", "late", "late:x=0.1", "late=NOPE.US"])
def test_an_option_that_is_no_behaviour_is_a_usage_error(option: str) -> None:
    command = [sys.executable, "-m", "data_nexus.sandbox", "--behaviour", option]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "Error:" in ended.stderr


def test_every_behaviour_stands_in_the_help_and_in_the_docs() -> None:
    command = [sys.executable, "-m", "data_nexus.sandbox", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    with sandbox(symbols=1, clean=True) as vendor:
        meanings = {name: each["meaning"] for name, each in vendor.get("/behaviours").items()}
    for name, meaning in meanings.items():
        assert f"| `{name}` |" in page
        assert f"{name} ({meaning})".replace(" ", "") in "".join(shown.split())
