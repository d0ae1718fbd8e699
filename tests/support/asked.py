"""What processes of `engines.errand` do in tests: what they are asked."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.processes import LONG

_PR_GET_DUMPABLE = 3


def seen(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the process was asked, and what anybody sees of it."""
    return {
        "asked": dict(asked), "argv": sys.argv, "environ": dict(os.environ), "pid": os.getpid(),
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "dumpable": ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0),
    }  # fmt: skip


def nothing(_: Mapping[str, Any]) -> list[int]:
    """Return no object."""
    return [1]


def raising(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Meet an error whose text holds what nobody may read."""
    raise ValueError(asked["secret"])


def killed(_: Mapping[str, Any]) -> dict[str, Any]:
    """Be killed."""
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def waiting(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Say that it is there, and never answer."""
    Path(asked["place"]).write_text(str(os.getpid()))
    time.sleep(LONG)
    return {}


def imports(_: Mapping[str, Any]) -> dict[str, Any]:
    """Return the modules of a process that is about to list again."""
    import hdh_migrate.sources.azure_blob
    import hdh_migrate.wiring.listing_again
    import hdh_migrate.wiring.plain
    import hdh_migrate.wiring.sources.azure_blob  # noqa: F401 - as its kind is opened

    return {"modules": [*sys.modules]}
