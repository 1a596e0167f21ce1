"""Runs the code of a page of the docs, from stdin, as a notebook would: with `await` anywhere."""

from __future__ import annotations

import ast
import asyncio
import sys
import warnings


def main() -> None:
    """Run the code; its name is the first argument, and a warning is an error."""
    warnings.simplefilter("error")
    code = compile(sys.stdin.read(), sys.argv[1], "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if (started := eval(code, {"__name__": "__main__"})) is not None:  # noqa: S307 - our own pages
        asyncio.run(started)


if __name__ == "__main__":
    main()
