"""Who runs this program, as the machine tells it."""

from __future__ import annotations

import os
import pwd
import socket


def operator() -> str:
    """Return who runs this, as the machine tells it: not as the environment says."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # no entry for this user id
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
