"""Judges that others wrote, in one interpreter: each call is a child, which need not import anew.

`python -I judging.py PACKAGES` reads requests, one JSON list a line: a program, where its output
and its errors go, its arguments. Of each it prints the exit code.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import runpy
import sys
import traceback
from pathlib import Path


def main(packages: str) -> None:
    """Judge until nobody asks any more."""
    sys.path.insert(0, packages)
    for line in sys.stdin:
        program, out, err, *arguments = json.loads(line)
        _import_for(program)
        child = os.fork()
        if not child:
            _judge(program, out, err, arguments)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


def _import_for(program: str) -> None:
    for node in ast.parse(Path(program).read_text()).body:
        if isinstance(node, ast.Import):
            for one in node.names:
                importlib.import_module(one.name)
        elif isinstance(node, ast.ImportFrom):
            importlib.import_module(str(node.module))


def _judge(program: str, out: str, err: str, arguments: list[str]) -> None:
    """Be the program, and nothing after it."""
    code = 1
    try:
        for descriptor, path in ((0, os.devnull), (1, out), (2, err)):
            opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            os.dup2(opened, descriptor)
            os.close(opened)
        sys.argv = [program, *arguments]
        runpy.run_path(program, run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - nothing of a child may go on in its parent's name
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
