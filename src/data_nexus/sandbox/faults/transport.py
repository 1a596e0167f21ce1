"""Faults of transport: answers that are cut, slow, reset, or no longer HTTP. Pure."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from data_nexus.sandbox.answers.wire import Answer, End, Headers, Wire, encoded, framed, head_bytes
from data_nexus.sandbox.vendor_request import VendorRequest

Parameters = Mapping[str, Any]
WireFault = Callable[[Answer, Parameters, VendorRequest], Wire]
MIB = 1 << 20


def _rst_before(_: Answer, __: Parameters, ___: VendorRequest) -> Wire:
    return Wire(b"", End.RESET)


def _rst_at(answer: Answer, parameters: Parameters, request: VendorRequest) -> Wire:
    """Reset after `bytes` bytes of the body."""
    body, headers = _body(answer, parameters, request)
    sent = body[: int(parameters.get("bytes", len(body) // 2))]
    return Wire(_head(answer, headers, len(body)) + sent, End.RESET)


def _truncate_length(answer: Answer, parameters: Parameters, request: VendorRequest) -> Wire:
    """A Content-Length of the whole body, or of `length`, and only `bytes` bytes of it."""
    body, headers = _body(answer, parameters, request)
    sent = body[: int(parameters.get("bytes", len(body) // 2))]
    length = int(parameters.get("length", max(len(body), len(sent) + 1)))
    return Wire(_head(answer, headers, length) + sent, End.CLOSE)


def _truncate_close(answer: Answer, parameters: Parameters, request: VendorRequest) -> Wire:
    """The first `bytes` bytes of the body and a close, which marks the end in HTTP/1.0."""
    body, headers = _body(answer, parameters, request)
    sent = body[: int(parameters.get("bytes", len(body) // 2))]
    return Wire(_head(answer, (("Connection", "close"), *headers)) + sent, End.CLOSE)


def _truncate_gzip(answer: Answer, parameters: Parameters, _: VendorRequest) -> Wire:
    """The first `bytes` bytes of the gzip stream, framed as if they were all."""
    body, headers = _gzip(answer, parameters)
    sent = body[: int(parameters.get("bytes", len(body) // 2))]
    return Wire(_head(answer, headers, len(sent)) + sent)


def _corrupt_gzip(answer: Answer, parameters: Parameters, _: VendorRequest) -> Wire:
    """`how`: crc, length, members (the body again as a second member), or junk after the end."""
    body, headers = _gzip(answer, parameters)
    changed = _CORRUPTIONS[parameters.get("how", "crc")](body)
    return Wire(_head(answer, headers, len(changed)) + changed)


_CORRUPTIONS: dict[str, Callable[[bytes], bytes]] = {
    "crc": lambda body: body[:-8] + bytes(byte ^ 0xFF for byte in body[-8:-4]) + body[-4:],
    "length": lambda body: body[:-4] + bytes(byte ^ 0xFF for byte in body[-4:]),
    "members": lambda body: body + body,
    "junk": lambda body: body + b"trailing junk",
}


def _bomb(answer: Answer, parameters: Parameters, _: VendorRequest) -> Wire:
    """A small gzip stream that expands to `mib` MiB (200) of blanks inside a JSON array."""
    body = _bomb_body(int(parameters.get("mib", 200)))
    return Wire(_head(answer, (("Content-Encoding", "gzip"),), len(body)) + body)


@cache
def _bomb_body(mib: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [packer.compress(b"[")]
    parts += [packer.compress(b" " * MIB) for _ in range(mib)]
    return b"".join([*parts, packer.compress(b"]"), packer.flush()])


def _slow(answer: Answer, parameters: Parameters, request: VendorRequest) -> Wire:
    """`bytes_per_sec` bytes of the body a second; `headers`: true makes the headers slow, too."""
    pace = float(parameters.get("bytes_per_sec", 1000))
    step = max(1, round(pace / 10))
    payload = framed(answer, gzip=request.gzip).payload
    prompt = 0 if parameters.get("headers") is True else payload.index(b"\r\n\r\n") + 4
    return Wire(payload, step=step, pause_sec=step / pace, prompt=prompt)


def _hang(_: Answer, __: Parameters, ___: VendorRequest) -> Wire:
    return Wire(b"", End.HANG)


def _close_idle(answer: Answer, parameters: Parameters, request: VendorRequest) -> Wire:
    """A whole answer that says keep-alive, and then, `after_sec` later, the close."""
    wire = framed(answer, gzip=request.gzip)
    return Wire(wire.payload, End.CLOSE, end_after_sec=float(parameters.get("after_sec", 0)))


def _header_bomb(answer: Answer, parameters: Parameters, request: VendorRequest) -> Wire:
    """`count` headers of `size` bytes each, Set-Cookie among them, before a whole answer."""
    count, size = int(parameters.get("count", 10_000)), int(parameters.get("size", 1000))
    names = ("X-Padding", "Set-Cookie")
    bomb = tuple((names[n % 2], f"n{n}=" + "x" * size) for n in range(count))
    return framed(answer.with_headers(bomb), gzip=request.gzip)


def _raw(_: Answer, parameters: Parameters, __: VendorRequest) -> Wire:
    """Exactly the bytes of `raw_base64`, status line and all; `end`: keep, close, reset, hang."""
    end = End[str(parameters.get("end", "close")).upper()]
    return Wire(base64.b64decode(parameters["raw_base64"]), end)


WIRES: dict[str, WireFault] = {
    "rst_before": _rst_before,
    "rst_at": _rst_at,
    "truncate_length": _truncate_length,
    "truncate_close": _truncate_close,
    "truncate_gzip": _truncate_gzip,
    "corrupt_gzip": _corrupt_gzip,
    "bomb": _bomb,
    "slow": _slow,
    "hang": _hang,
    "close_idle": _close_idle,
    "header_bomb": _header_bomb,
    "raw": _raw,
}


def given_body(parameters: Parameters) -> bytes | None:
    """The body that the fault's description holds: `body_base64` or the text `body`."""
    if "body_base64" in parameters:
        return base64.b64decode(parameters["body_base64"])
    return str(parameters["body"]).encode() if "body" in parameters else None


def given_headers(parameters: Parameters) -> Headers:
    """The headers that the fault's description holds: an object, or a list of pairs."""
    headers = parameters.get("headers", {})
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return tuple((str(name), str(value)) for name, value in pairs)


def _body(answer: Answer, parameters: Parameters, request: VendorRequest) -> tuple[bytes, Headers]:
    """The bytes to cut: the given body as it is, else the true one as it would travel."""
    given = given_body(parameters)
    if given is not None:
        return given, given_headers(parameters)
    gzip = request.gzip and bool(parameters.get("gzip", False))
    body, encoding = encoded(answer, gzip=gzip)
    return body, (*encoding, *given_headers(parameters))


def _gzip(answer: Answer, parameters: Parameters) -> tuple[bytes, Headers]:
    given = given_body(parameters)
    subject = answer if given is None else Answer.of(given)
    body, encoding = encoded(subject, gzip=True)
    return body, (*encoding, *given_headers(parameters))


def _head(answer: Answer, headers: Headers, length: int | None = None) -> bytes:
    sized = () if length is None else (("Content-Length", str(length)),)
    own = {name.lower() for name, _ in headers}
    typed = () if "content-type" in own else (("Content-Type", answer.content_type),)
    return head_bytes(answer.status, (*typed, *sized, *headers, *answer.headers))
