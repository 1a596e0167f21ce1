"""The launch of a measured program: runs it, and tells its time, memory and output as JSON.

A small program of its own, without imports: Linux counts the memory of the process that forks to
the peak of the child, and the benchmark itself may be larger than what it measures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time


def main(command: list[str]) -> None:
    """Run the command to its end; its exit code and output are part of the answer."""
    started = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - the benchmark's own
    output = child.stdout.read() if child.stdout else b""
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    measured = {
        "exit_code": child.returncode,
        "output": output.decode(),
        "wall_sec": time.perf_counter() - started,
        "cpu_sec": used.ru_utime + used.ru_stime,
        "peak_rss": used.ru_maxrss * 1024,
    }
    sys.stdout.write(json.dumps(measured))


if __name__ == "__main__":
    main(sys.argv[1:])
