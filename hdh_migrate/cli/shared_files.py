"""What a wheel brings for the machine beside the package: manual pages and completions.

`python -m hdh_migrate.cli.shared_files DIR` writes them below DIR, as they lie below a `share`
folder. They are made when a wheel is made (setup.py), from the commands that it holds, so none can
be stale; making them needs typer alone. Their date is SOURCE_DATE_EPOCH, if that is set.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from typer._completion_shared import get_completion_script

from hdh_migrate.cli.manual import SECTION, pages
from hdh_migrate.cli.menu import PROGRAM

_ASKED: Final = f"_{PROGRAM.replace('-', '_')}_COMPLETE".upper()
"""By this variable a shell asks the program what may follow."""

_COMPLETIONS: Final = {
    "bash": f"bash-completion/completions/{PROGRAM}",
    "zsh": f"zsh/site-functions/_{PROGRAM}",
    "fish": f"fish/vendor_completions.d/{PROGRAM}.fish",
}
"""Where each shell looks, below `share`."""

_ZSH_FIRST_TIME: Final = (
    '\nif [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then _hdh_migrate_completion "$@"; fi'
)
"""zsh reads the file when the key is pressed first, and takes what it answers then, too."""


def texts(day: str) -> Mapping[str, str]:
    """Return every file by its place below `share`; `day` (YYYY-MM-DD) stands in the pages."""
    made = {f"man/man{SECTION}/{name}": text for name, text in pages(day).items()}
    for shell, place in _COMPLETIONS.items():
        script = get_completion_script(prog_name=PROGRAM, complete_var=_ASKED, shell=shell)
        made[place] = script + (_ZSH_FIRST_TIME if shell == "zsh" else "") + "\n"
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Write every file; return the exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if len(words) != 1:
        sys.stderr.write("usage: python -m hdh_migrate.cli.shared_files DIR\n")
        return 2
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.now(UTC) if epoch is None else datetime.fromtimestamp(int(epoch), UTC)  # noqa: TID251 - the day of a build, no verdict
    for place, text in texts(moment.date().isoformat()).items():
        path = Path(words[0]) / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
