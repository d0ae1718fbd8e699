"""What keeps this process's memory to itself: no core files, no debugger of another process.

Secrets and data keys live in memory only. A core file would write them to a disk, and another
process of the same user could read them through ptrace or /proc.
"""

from __future__ import annotations

import ctypes
import resource
from collections.abc import Mapping
from contextlib import suppress

_PR_SET_DUMPABLE = 4
_KEPT = frozenset(
    ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
)


def confine() -> None:
    """Forbid core files and reading by other processes, as far as the system lets us."""
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, AttributeError):  # Linux only
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def bare(environment: Mapping[str, str], *prefixes: str) -> dict[str, str]:
    """Return the part of an environment that says where things are and holds no secret.

    What begins with one of `prefixes` is kept too.
    """
    return {
        name: value
        for name, value in environment.items()
        if name in _KEPT or name.startswith(("LC_", *prefixes))
    }
