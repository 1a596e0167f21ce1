"""Keep a command alive whose standard streams are closed, full or left by their reader."""

from __future__ import annotations

import os
import sys


def open_closed_streams() -> None:
    """Give closed standard streams a place to go, so that no file of ours takes their numbers.

    After `nexus … 1>&-` the first socket would otherwise be standard output.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - the library names it differently
    os.close(descriptor)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def silence_errors() -> None:
    """Let all that is written to standard error go nowhere, from libraries and children too."""
    _drop(2)


def flush() -> OSError | None:
    """Write what is buffered; return the error if that fails, and drop the rest.

    Python would otherwise try again as it ends, and complain.
    """
    first: OSError | None = None
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            _drop(stream.fileno())
            first = first or (error if stream is sys.stdout else None)
        except ValueError:
            continue  # it is closed
    return first


def _drop(descriptor: int) -> None:
    """Let all that is still to be written to a descriptor go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
