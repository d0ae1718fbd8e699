"""What may come by the environment, for services and containers: where things are, never consent.

An option on the command line wins over the environment, and that over the default. A variable that
is empty is as if it were not there. What releases, deletes, takes over or shows names is said on
the command line; secrets are named in the plan (`env:NAME`), and read there alone. A reader of a
grant has no plan, and names them on the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STATE_DIR: Final = "HDH_STATE_DIR"
NO_PROGRESS: Final = "HDH_NO_PROGRESS"
LOG_FILE: Final = "HDH_LOG_FILE"
NO_COLOR: Final = "NO_COLOR"
READER_ID: Final = "HDH_READER_ID"
READER_SECRET: Final = "HDH_READER_SECRET"  # noqa: S105 - where the secret stands

ENVIRONMENT: Final[Mapping[str, str]] = {
    STATE_DIR: "Where ledgers live; --state-dir wins over it.",
    NO_PROGRESS: "1: say only what is needed, as --no-progress does.",
    NO_COLOR: "Anything: no colours on a terminal, as everywhere (no-color.org).",
    LOG_FILE: "JSON Lines of what happens; --log-file wins over it.",
    "NAME of env:NAME": "A secret that the plan names so; read when it is needed, shown to nobody.",
    READER_ID: "The id of a reader's access key, for `open`; --credential-id wins.",
    READER_SECRET: "Its secret half; --credential-secret names another place.",
    "SSH_AUTH_SOCK": "The SSH agent whose keys a plan, or a key file, asks for.",
    "TMPDIR": "Where temporary files go.",
}
"""Every variable that changes what a command does, with what it does."""
