"""A real browser that a test steers: open a page, act on it, read it, look at it.

It speaks the DevTools protocol over aiohttp. A tab keeps what the page wrote to the console, what
went wrong in it, and every address that it asked for.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.files.browser import browser

_PATIENCE_SEC = 20.0
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"),
    *(
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--hide-scrollbars",
    ),
)


@dataclass(slots=True)
class Wire:
    """The connection to a browser: commands out, answers and events in."""

    socket: aiohttp.ClientWebSocketResponse
    waiting: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    tabs: dict[str, Tab] = field(default_factory=dict)
    number: int = 0

    async def send(self, method: str, session: str = "", **parameters: object) -> dict[str, Any]:
        """Send a command and return its answer."""
        self.number += 1
        number = self.number
        message: dict[str, object] = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self.waiting[number] = asyncio.get_running_loop().create_future()
        await self.socket.send_str(json.dumps(message))
        answer = await asyncio.wait_for(self.waiting[number], _PATIENCE_SEC)
        assert "error" not in answer, (method, answer)
        result: dict[str, Any] = answer["result"]
        return result

    async def listen(self) -> None:
        """Hand each message to who waits for it."""
        async for message in self.socket:
            content = json.loads(message.data)
            if "id" in content:
                self.waiting.pop(content["id"]).set_result(content)
            elif tab := self.tabs.get(content.get("sessionId", "")):
                tab.note(content["method"], content["params"])


@dataclass(slots=True)
class Tab:
    """A tab of a browser."""

    runner: asyncio.Runner
    wire: Wire
    session: str
    troubles: list[str] = field(default_factory=list)
    requested: list[str] = field(default_factory=list)
    loads: int = 0

    def note(self, method: str, event: dict[str, Any]) -> None:
        """Keep what an event says."""
        match method:
            case "Page.loadEventFired":
                self.loads += 1
            case "Network.requestWillBeSent":
                self.requested.append(event["request"]["url"])
            case "Runtime.exceptionThrown":
                self.troubles.append(str(event["exceptionDetails"]))
            case "Log.entryAdded" if event["entry"]["level"] in ("error", "warning"):
                self.troubles.append(str(event["entry"]))
            case "Runtime.consoleAPICalled":
                self.troubles.append(str(event["args"]))
            case _:
                pass

    def tell(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a command of the protocol; its answer."""
        return self.runner.run(self.wire.send(method, self.session, **parameters))

    def go(self, url: str) -> None:
        """Go to a page and wait until it has loaded."""
        self.after(lambda: self.tell("Page.navigate", url=url))

    def after(self, act: Callable[[], object]) -> None:
        """Do what leads to another page, and wait until that has loaded."""
        before = self.loads
        act()
        self.wait_for(lambda: self.loads > before)

    def wait_for(self, holds: Callable[[], object]) -> None:
        """Wait until it holds."""
        deadline = time.monotonic() + _PATIENCE_SEC
        while not holds():
            assert time.monotonic() < deadline, f"it did not come true: {self.text()}"
            self.runner.run(asyncio.sleep(0.02))

    def evaluate(self, script: str) -> Any:  # noqa: ANN401 - any value of the page's
        """The value of an expression in the page."""
        answer = self.tell("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def text(self) -> str:
        """What a person reads."""
        return str(self.evaluate("document.body.innerText"))

    def submit(self, selector: str) -> None:
        """Press a button as a person does, and wait for the page that follows."""
        self.after(lambda: self.evaluate(f"document.querySelector({json.dumps(selector)}).click()"))

    def fill(self, selector: str, value: str) -> None:
        """Write into a field."""
        place = f"document.querySelector({json.dumps(selector)})"
        self.evaluate(f"{place}.value = {json.dumps(value)}")

    def prefer(self, scheme: str) -> None:
        """Show pages in a colour scheme, light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.tell("Emulation.setEmulatedMedia", features=features)

    def screenshot(self, path: Path, width: int, scheme: str) -> None:
        """Write a picture of the whole page at a width, in a colour scheme."""
        self.prefer(scheme)
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.tell("Emulation.setDeviceMetricsOverride", **size)
        self.runner.run(asyncio.sleep(0.3))
        picture = self.tell("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(picture["data"]))


@contextmanager
def chromium(profile: Path) -> Iterator[Callable[[], Tab]]:
    """Run a browser; the function opens a tab without any cookie of the others'."""
    program = subprocess.Popen(
        [browser(), *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert program.stderr
        address = next(
            line.rpartition(" ")[2].strip()
            for line in program.stderr
            if line.startswith("DevTools listening on ")
        )
        with asyncio.Runner() as runner:
            wire, close = runner.run(_connected(address))
            yield lambda: runner.run(_opened(runner, wire))
            runner.run(close())
    finally:
        program.kill()
        program.communicate()


async def _connected(address: str) -> tuple[Wire, Callable[[], Any]]:
    session = aiohttp.ClientSession()
    wire = Wire(await session.ws_connect(address, max_msg_size=0))
    listening = asyncio.create_task(wire.listen())

    async def close() -> None:
        listening.cancel()
        await wire.socket.close()
        await session.close()

    return wire, close


async def _opened(runner: asyncio.Runner, wire: Wire) -> Tab:
    context = await wire.send("Target.createBrowserContext")
    target = await wire.send(
        "Target.createTarget", url="about:blank", browserContextId=context["browserContextId"]
    )
    attached = await wire.send("Target.attachToTarget", targetId=target["targetId"], flatten=True)
    tab = Tab(runner, wire, attached["sessionId"])
    wire.tabs[tab.session] = tab
    for domain in ("Page", "Runtime", "Network", "Log"):
        await wire.send(f"{domain}.enable", tab.session)
    return tab
