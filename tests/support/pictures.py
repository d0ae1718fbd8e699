"""Take the README's pictures from a demo: `python -m tests.support.pictures docs/pictures`.

The terminal is what the demo printed, set as a page; the report is the demo's own.
"""

from __future__ import annotations

import html
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.browser import Browser, browser

WIDTH = 1100
PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #16181d; color: #e6e6e6; font: 16px/1.45 monospace; }}
pre {{ margin: 0; padding: 22px 28px; white-space: pre-wrap; }}
b {{ color: #8fd18f; font-weight: normal; }}
</style><pre>{text}</pre>"""


def main(folder: Path) -> None:
    """Run the demo, and take both pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, browser() as window:
        stage = Path(scratch) / "demo"
        command = ["hdh-migrate", "demo", "--big", "96", "--dir", str(stage)]
        done = subprocess.run(
            [sys.executable, "-m", "hdh_migrate", *command[1:]], check=True, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        said = done.stdout.replace(str(stage), "demo")
        lines = [f"$ {' '.join(command[:-1])} demo", *said.splitlines()]
        page = Path(scratch) / "terminal.html"
        page.write_text(PAGE.format(text="\n".join(map(_line, lines))), encoding="utf-8")
        _take(window, page, folder / "terminal.png", whole=True)
        _take(window, stage / "report" / "report.en.html", folder / "report.png", whole=False)


def _line(line: str) -> str:
    text = html.escape(line)
    return f"<b>{text}</b>" if line.startswith(("$", "1.", "2.")) else text


def _take(window: Browser, page: Path, picture: Path, *, whole: bool) -> None:
    window.scheme("light")
    window.size(WIDTH, 800)
    window.open(page)
    if whole:
        window.size(WIDTH, int(window.run("return document.body.scrollHeight")))
    picture.write_bytes(window.screenshot())
    sys.stdout.write(f"made {picture}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
