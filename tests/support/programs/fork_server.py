"""Runs Python commands in forks of this one process, which has loaded their modules already.

    python -P fork_server.py SOCKET FOLDER MODULE ...

Modules are found in the folder too. Each message on the socket starts a child and is answered with
its pid: a length, with it stdin, stdout, stderr and a pipe for the exit status, then JSON: the
command's place `package.module:function`, arguments, environment, folder. The end of the socket
ends the server, not the children. From the standard library only.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from typing import Any, NoReturn

LENGTH = struct.Struct("!Q")
STATUS = struct.Struct("!i")
_STREAMS = ("stdin", "stdout", "stderr")

_status_pipes: dict[int, int] = {}


def serve(channel: socket.socket) -> None:
    """Start children until the other end closes."""
    # A message that comes while a child is reaped waits; so does a child that ends at once.
    signal.signal(signal.SIGCHLD, _reap)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    while received := socket.recv_fds(channel, LENGTH.size, len(_STREAMS) + 1):
        head, descriptors = received[0], received[1]
        if not head:
            return
        order = json.loads(_exactly(channel, LENGTH.unpack(head)[0]))
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        pid = os.fork()
        if not pid:
            _become(order, channel, descriptors)
        _status_pipes[pid] = descriptors.pop()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        for descriptor in descriptors:
            os.close(descriptor)
        channel.sendall(LENGTH.pack(pid))


def _exactly(channel: socket.socket, length: int) -> bytes:
    content = b""
    while len(content) < length:
        part = channel.recv(length - len(content))
        if not part:
            raise EOFError("the socket was closed within a message")
        content += part
    return content


def _reap(*_: object) -> None:
    """Tell how children ended; who asked may have gone."""
    while _status_pipes:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        pipe = _status_pipes.pop(pid)
        try:
            os.write(pipe, STATUS.pack(os.waitstatus_to_exitcode(status)))
        except BrokenPipeError:
            pass
        finally:
            os.close(pipe)


def _become(order: dict[str, Any], channel: socket.socket, descriptors: list[int]) -> NoReturn:
    """Be the command as if it had been started by itself, and end as it would."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    channel.close()
    for number, descriptor in enumerate(descriptors[:-1]):
        os.dup2(descriptor, number)
    for descriptor in (*descriptors, *_status_pipes.values()):
        os.close(descriptor)
    for number, name in enumerate(_STREAMS):
        was = getattr(sys, name)
        stream = open(  # noqa: SIM115 - for the whole life of the process
            number,
            "w" if number else "r",
            encoding=was.encoding,
            errors=was.errors,
            closefd=False,
        )
        setattr(sys, name, stream)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    module, _, function = order["place"].partition(":")
    sys.argv = [module, *order["arguments"]]
    _end(_code_of(getattr(importlib.import_module(module), function)))


def _code_of(command: Any) -> int:  # noqa: ANN401 - any callable without arguments
    try:
        command()
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)  # noqa: T201 - as Python itself does
            return 1
        return ended.code or 0
    except BaseException:  # noqa: BLE001 - as Python itself does
        traceback.print_exc()
        return 1
    return 0


def _end(code: int) -> NoReturn:
    """As the interpreter ends, without tearing down a heap that the system frees faster."""
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - as multiprocessing does
    atexit._run_exitfuncs()  # noqa: SLF001 - what the command registered
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            code = code or 120
    os._exit(code)


if __name__ == "__main__":
    sys.path.append(sys.argv[2])
    for each in sys.argv[3:]:
        importlib.import_module(each)
    serve(socket.socket(fileno=int(sys.argv[1])))
