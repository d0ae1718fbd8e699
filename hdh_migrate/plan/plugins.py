"""No plug-in of pydantic that happens to be installed looks into how plans are read."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Final

_LOOKS_FOR_THEM: Final = "pydantic.plugin._loader"


def let_none_in() -> None:
    """Let none be found, and none be sought: what would seek reads the metadata of all packages.

    Whoever changed the environment to let some in does so in vain. If pydantic looks for them in
    another place one day, its own variable still keeps them out, and a start costs 30 ms more.
    """
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    if _LOOKS_FOR_THEM not in sys.modules:
        stands_in = ModuleType(_LOOKS_FOR_THEM)
        vars(stands_in)["get_plugins"] = tuple
        sys.modules[_LOOKS_FOR_THEM] = stands_in
