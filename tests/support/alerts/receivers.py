"""Receivers of alerts: an HTTP server and a mail server, each with all that came."""

from __future__ import annotations

import json
import socketserver
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(slots=True)
class WebReceiver:
    """What was posted, and how it answers: `status`, or after it was posted `killed` first."""

    port: int = 0
    status: int = 200
    posts: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    hold: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str = "/hook/s3cr3t-path-0123456789") -> str:
        """The address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    def states(self) -> Counter[tuple[str, str, str]]:
        """How often each message came, repeats of a key once."""
        return Counter(
            (post["condition"], post["subject"], post["state"])
            for post in {post["key"]: post for post in self.posts}.values()
        )


@contextmanager
def web_receiver() -> Iterator[WebReceiver]:
    """Start a receiver of HTTP."""
    receiver = WebReceiver()
    receiver.hold.set()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            receiver.paths.append(self.path)
            self._answer()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if receiver.status == 200:
                receiver.posts.append(json.loads(body))
                receiver.keys.append(self.headers["Idempotency-Key"])
            receiver.paths.append(self.path)
            receiver.arrived.set()
            receiver.hold.wait(10)
            self._answer()

        def _answer(self) -> None:
            self.send_response(receiver.status)
            if receiver.status == 302:
                self.send_header("Location", receiver.url("/elsewhere"))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        receiver.port = server.server_port
        thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.hold.set()
            server.shutdown()


@dataclass(slots=True)
class MailReceiver:
    """The mails that came."""

    port: int = 0
    raw: list[bytes] = field(default_factory=list)

    def mails(self) -> list[EmailMessage]:
        """The mails, parsed."""
        return [message_from_bytes(each, policy=policy.default) for each in self.raw]


@contextmanager
def mail_receiver() -> Iterator[MailReceiver]:
    """Start a server of SMTP that takes every mail."""
    receiver = MailReceiver()

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                word = line.split()[0].upper() if line.split() else b""
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = iter(self.rfile.readline, b".\r\n")
                    receiver.raw.append(b"".join(lines))
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 OK\r\n")
                if word == b"QUIT":
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        server.daemon_threads = True
        receiver.port = server.server_address[1]
        threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True).start()
        try:
            yield receiver
        finally:
            server.shutdown()
