"""What no line of the package may do, whatever a `noqa` beside it says."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

import pytest

from tests.support.source import CODE, PACKAGE, Function, modules

# The edges of the two processes: there everything may be caught, and a person is spoken to. And the
# doctor, who is called when something is broken: a check that fails is a line among the others.
DOCTOR = f"{PACKAGE}/app/doctor/diagnosis.py"
# A job of the daemon is a process of its own in all but name.
DAEMON = f"{PACKAGE}/service/daemon.py"
ALERTING = f"{PACKAGE}/service/alerting.py"
EDGES = (f"{PACKAGE}/cli/main.py", f"{PACKAGE}/sandbox/command.py", DOCTOR, DAEMON, ALERTING)
SPEAKERS = (f"{PACKAGE}/cli/", f"{PACKAGE}/sandbox/command.py")
OUTSIDE = frozenset(
    {"asyncio", "os", "random", "secrets", "shutil", "socket", "subprocess", "tempfile", "time"}
    | {"aiohttp", "psycopg", "psycopg_pool", "sqlalchemy"}
)
SHELLS = frozenset({"os.system", "os.popen", "asyncio.create_subprocess_shell"})


def prints(node: ast.AST) -> bool:
    """The node calls `print`."""
    return isinstance(node, ast.Call) and called(node) == "print"


def swallows_all(node: ast.AST) -> bool:
    """The node is a bare `except`, or one for all exceptions, that does not end in `raise`."""
    if not isinstance(node, ast.ExceptHandler) or ast.unparse(node.body[-1]) == "raise":
        return False
    named = {n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)} if node.type else set()
    return node.type is None or bool(named & {"Exception", "BaseException"})


def runs_what_it_reads(node: ast.AST) -> bool:
    """The node loads code or objects from text or bytes, or hands a line to a shell."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = {getattr(node, "module", None), *(alias.name for alias in node.names)}
        return bool(names & {"pickle", "marshal", "shelve"})
    if not isinstance(node, ast.Call):
        return False
    shell = any(k.arg == "shell" and ast.unparse(k.value) != "False" for k in node.keywords)
    return shell or called(node) in {"eval", "exec", "yaml.load", *SHELLS}


def reaches_outside(node: ast.AST) -> bool:
    """The node imports something that knows the world: files, sockets, clocks, chance."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    return any(name.partition(".")[0] in OUTSIDE for name in names)


def called(call: ast.Call) -> str:
    """The dotted name of what is called, as it is written."""
    return ast.unparse(call.func)


def breaches(breaks: Callable[[ast.AST], bool], allowed: tuple[str, ...] = ()) -> list[str]:
    """Where the package breaks a rule outside the allowed paths."""
    return [
        module.at(node)
        for module in modules(PACKAGE)
        if not module.path.startswith(allowed)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.stmt | ast.expr | ast.ExceptHandler) and breaks(node)
    ]


@pytest.mark.parametrize(
    ("breaks", "code"),
    [
        (prints, "print(1)"),
        (swallows_all, "try: pass\nexcept: pass"),
        (swallows_all, "try: pass\nexcept (OSError, Exception): pass"),
        (runs_what_it_reads, "import pickle"),
        (runs_what_it_reads, "from marshal import loads"),
        (runs_what_it_reads, "eval('1')"),
        (runs_what_it_reads, "yaml.load(text)"),
        (runs_what_it_reads, "subprocess.run('ls', shell=True)"),
        (reaches_outside, "import os.path"),
        (reaches_outside, "from psycopg import sql"),
    ],
)
def test_a_breach_is_seen(breaks: Callable[[ast.AST], bool], code: str) -> None:
    assert any(breaks(node) for node in ast.walk(ast.parse(code)))


def test_cleaning_up_before_passing_an_error_on_is_no_breach() -> None:
    code = "try: pass\nexcept BaseException:\n    close()\n    raise"
    assert not any(swallows_all(node) for node in ast.walk(ast.parse(code)))


def test_only_commands_print() -> None:
    assert breaches(prints, SPEAKERS) == []


def test_only_the_edge_of_a_process_catches_everything() -> None:
    assert breaches(swallows_all, EDGES) == []


def test_nothing_read_is_ever_run() -> None:
    assert breaches(runs_what_it_reads) == []


def test_what_calls_itself_pure_touches_nothing_outside() -> None:
    pure = [m for m in modules(PACKAGE) if "Pure." in (ast.get_docstring(m.tree) or "")]
    assert pure
    assert [m.path for m in pure if any(map(reaches_outside, ast.walk(m.tree)))] == []


def test_every_module_says_what_it_owns() -> None:
    assert [
        m.path for m in modules(*CODE) if m.text.strip() and not ast.get_docstring(m.tree)
    ] == []


def test_every_public_name_says_what_it_promises() -> None:
    assert [
        f"{module.at(node)} {node.name}"
        for module in modules(PACKAGE)
        for node in public(module.tree)
        if not ast.get_docstring(node)
    ] == []


def public(scope: ast.Module | ast.ClassDef) -> Iterator[Function | ast.ClassDef]:
    """The classes, functions and methods that a reader of the scope may use."""
    for node in scope.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)
