"""Folders that belong to somebody else, for a runner who is root and for one who is not."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.processes import LONG

STRANGER = 65_533
ROOTS = "/usr/share"
"""A folder of root's on every machine, where root is not who runs the tests."""

_LAID_OVER = """\
mount -t overlay none -o lowerdir="$1:$2" "$2"
shift 2
exec "$@"
"""


def call_beside(folder: Path, command: Sequence[str]) -> str:
    """Return the output of a command that finds `folder`, with what is in it, somebody else's.

    Root gives the folder away. Who is not root lays one of root's over it, in a name space of the
    command's own, where nobody but he has a name.
    """
    if os.geteuid() == 0:
        os.chown(folder, STRANGER, STRANGER)
        whole = list(command)
    else:
        apart = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", _LAID_OVER, "sh"]
        whole = [*apart, ROOTS, str(folder), *command]
    done = subprocess.run(whole, check=False, capture_output=True, text=True, timeout=LONG)
    assert done.returncode == 0, f"this machine lets nobody but root try it: {done.stderr}"
    return done.stdout.strip()
