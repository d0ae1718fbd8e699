"""Section 6.1 for the second verifier: a time-stamp, which OpenSSL reads and judges."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.second_forms import Refused, need, seconds_of
from tests.support.second_statement import Signature, signed_bytes

Authority = bytes
"""Certificates that are trusted, in PEM."""
EARLY = 60
"""Seconds by which a stamp may be older than what it stamps says that it is."""


def check_stamp(
    stamp: bytes, payload: bytes, signatures: list[Signature], authority: Authority, written: str
) -> str:
    """Return the day of the stamp."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "stamp").write_bytes(stamp)
        (folder / "stamped").write_bytes(signed_bytes(payload) + signatures[0][1])
        (folder / "trusted.pem").write_bytes(authority)
        form = ["-in", "stamp"]
        shown = asked(folder, "-reply", *form, "-text")
        if shown is None:
            form.append("-token_in")
            shown = asked(folder, "-reply", *form, "-token_out", "-text")
        given = ["-verify", "-data", "stamped", "-CAfile", "trusted.pem"]
        need(asked(folder, *given, *form) is not None, "timestamp.tsr: OpenSSL refuses it")
    at, day = time_of(shown or "")
    need(seconds_of(written) - at <= EARLY, "timestamp.tsr: older than written")
    return day


def asked(folder: Path, *arguments: str) -> str | None:
    done = subprocess.run(
        ["openssl", "ts", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.stdout if done.returncode == 0 else None


def time_of(shown: str) -> tuple[Fraction, str]:
    """Return the time of a stamp in seconds, as `seconds_of` counts them, and its day."""
    found = re.search(r"^Time stamp: (\w+ +\d+ [\d:]+)(\.\d+)? (\d+) GMT$", shown, re.MULTILINE)
    if found is None:
        raise Refused("timestamp.tsr: no time")
    read = datetime.strptime(f"{found[1]} {found[3]}", "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    told = read.strftime("%Y-%m-%dT%H:%M:%SZ")
    return seconds_of(told) + Fraction(found[2] or 0), told[:10]
