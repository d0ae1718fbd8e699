"""A real browser, asked over WebDriver's plain HTTP: Debian's chromium and chromedriver."""

from __future__ import annotations

import base64
import json
import re
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from hdh_migrate.demo.servers import Running, ServerFailed, serving

_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--hide-scrollbars",
)


STARTS = 5


class Browser:
    """One window; every answer is what the page really came to."""

    def __init__(self, url: str, session: str) -> None:
        self._url = f"{url}/session/{session}"

    def open(self, page: Path) -> None:
        _ask("POST", f"{self._url}/url", {"url": page.resolve().as_uri()})

    def size(self, width: int, height: int = 900) -> None:
        """Make the page itself so wide, whatever the window's frame takes."""
        command = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._devtools("Emulation.setDeviceMetricsOverride", command)

    def scheme(self, name: str) -> None:
        """Prefer "light" or "dark"."""
        features = [{"name": "prefers-color-scheme", "value": name}]
        self._devtools("Emulation.setEmulatedMedia", {"features": features})

    def medium(self, name: str) -> None:
        """Lay the page out for "screen" or "print", or "" for what is asked for: a sheet prints."""
        self._devtools("Emulation.setEmulatedMedia", {"media": name})

    def run(self, script: str) -> Any:
        """Return what a script gives; the driver's scripts are not bound by the page's policy."""
        told = _ask("POST", f"{self._url}/execute/sync", {"script": script, "args": []})
        return told["value"]

    def pdf(self) -> bytes:
        """Print the page as a person would, with the page's own paper size."""
        told = self._devtools("Page.printToPDF", {"preferCSSPageSize": True})
        return base64.b64decode(told["data"])

    def screenshot(self) -> bytes:
        return base64.b64decode(_ask("GET", f"{self._url}/screenshot")["value"])

    def _devtools(self, command: str, parameters: dict[str, Any]) -> Any:
        body = {"cmd": command, "params": parameters}
        return _ask("POST", f"{self._url}/goog/cdp/execute", body)["value"]


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser with a profile of its own; fails where there is none."""
    driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
    if driver is None or chromium is None:
        raise AssertionError("make system-packages installs chromium and its driver")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        with _driving(driver, folder) as up:
            url = f"http://127.0.0.1:{up.url}"
            flags = [*_FLAGS, f"--user-data-dir={folder / 'profile'}"]
            options = {"binary": chromium, "args": flags}
            wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
            session = _ask("POST", f"{url}/session", wanted)["value"]["sessionId"]
            try:
                yield Browser(url, session)
            finally:
                _ask("DELETE", f"{url}/session/{session}")


@contextmanager
def _driving(driver: str, folder: Path) -> Iterator[Running]:
    """Run the driver; its `url` is a port.

    It lets the system choose a port over IPv6 and then wants the same one over IPv4, where somebody
    else may have it: it ends then, and another start chooses another one.
    """
    with ExitStack() as stack:
        for left in reversed(range(STARTS)):
            try:
                up = stack.enter_context(_started(driver, folder))
            except ServerFailed as error:
                if not left or "Address already in use" not in str(error):
                    raise
            else:
                yield up
                return


def _started(driver: str, folder: Path) -> AbstractContextManager[Running]:
    return serving(
        "chromedriver", [driver, "--port=0"], folder=folder, log=folder / "log",
        listens=re.compile(r"started successfully on port (\d+)"), environment={},
        answers=lambda port: _ask("GET", f"http://127.0.0.1:{port}/status")["value"]["ready"],
    )  # fmt: skip


def _ask(method: str, url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url, data=data, method=method, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            raise AssertionError(json.load(error)["value"]["message"]) from None
