"""Parse, call, render: the only place that prints or turns errors into exit codes.

Importing it leaves the current directory out of where modules are looked for: `python -m`, and an
empty word in PYTHONPATH, put it first, and others may write there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def _leave_out_here() -> None:
    try:
        here = Path.cwd().resolve()
    except OSError:  # it was removed: nothing is found there
        return
    if here in {Path(__file__).resolve().parents[2], Path(os.__file__).resolve().parent}:
        return  # where we and Python lie, whoever may write there
    sys.path[:] = [one for one in sys.path if one and Path(one).resolve() != here]


_leave_out_here()
