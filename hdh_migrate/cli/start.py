"""Where the program starts: who is told to stop before anything is begun leaves without a word.

Python says so with a traceback, and with a status that is none of ours, for as long as the rest is
being imported; a verb listens itself as soon as it is called.
"""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

_INTERRUPTED = 130
"""As `hdh_migrate.errors.Exit` has it, which is not imported yet."""


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    os._exit(_INTERRUPTED)


def main() -> None:
    """Run the command line of this process."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` wants it
            signal.signal(number, _leave)
    from hdh_migrate.cli.app import main as begun

    begun()
