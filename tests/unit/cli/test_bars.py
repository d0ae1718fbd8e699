"""What is said above the bar cannot drive the terminal."""

from __future__ import annotations

import io

from rich.console import Console

from hdh_migrate.cli.bars import BarProgress
from hdh_migrate.cli.output import Output


def test_a_note_above_the_bar_shows_controls_and_obeys_none() -> None:
    bar, shown = BarProgress(Output(as_json=False, progress=True)), io.StringIO()
    bar._bars.live.console = Console(file=shown, force_terminal=True, width=200)
    bar.note("bucket \x1b]0;owned\x07 \u202etxt.exe")
    assert "\\u{1b}]0;owned\\u{7} \\u{202e}txt.exe" in shown.getvalue()
    assert "\x1b]0" not in shown.getvalue()
