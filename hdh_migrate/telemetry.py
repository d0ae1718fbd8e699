"""Clock, log redaction and numbers as people read them. No telemetry leaves the machine."""

from __future__ import annotations

import logging
import re
import time
from datetime import UTC, datetime

from hdh_migrate.clocks import text_of

_SECRETS = re.compile(
    r"(sig=|AccountKey=|SharedAccessSignature=|X-Amz-Signature=|X-Amz-Credential=|"
    r"X-Amz-Security-Token=|Signature=|Bearer )[^&\s;,\"']+",
    re.IGNORECASE,
)
_DATE = "%Y-%m-%dT%H:%M:%S"
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_CHATTY = ("urllib3", "botocore", "boto3", "azure", "msal", "crypt4gh")


class SystemClock:
    """The clock of this machine."""

    def now(self) -> str:
        """Return the wall clock as RFC 3339 UTC with milliseconds."""
        stamp = datetime.fromtimestamp(time.time(), UTC)  # noqa: TID251 - this is the Clock
        return text_of(stamp, "milliseconds")

    def monotonic(self) -> float:
        """Return the seconds of a clock that never goes back."""
        return time.monotonic()


def redact(text: str) -> str:
    """Return text without the signatures and keys that SDKs like to print."""
    return _SECRETS.sub(lambda m: m.group(1) + "***", text)


class _Redacting(logging.Formatter):
    """Redacts the whole text of a record: its message, its traceback, its stack. Times are UTC."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _ForPeople(_Redacting):
    """Says what is ours as all else is said on stderr; of others, which library says it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - its name there
        whose = "" if record.name.startswith("hdh_migrate") else f"{record.name}: "
        return f"{record.levelname.lower()}: {whose}{record.message}"


def set_up_logging(verbosity: int) -> None:
    """Send our log to stderr, redacted; SDKs never go below WARNING (they print signatures)."""
    handler = logging.StreamHandler()
    form = "%(asctime)s.%(msecs)03dZ %(process)d %(levelname)s %(name)s: %(message)s"
    handler.setFormatter(_Redacting(form, _DATE) if verbosity else _ForPeople())
    logging.raiseExceptions = False  # it prints the arguments of a record that cannot be formatted
    root = logging.getLogger()
    root.handlers[:] = [handler]
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG)
    levels = {
        **dict.fromkeys(_CHATTY, logging.WARNING), "hdh_migrate": level,
        # Its thread logs the traceback of every error that it hands over as well.
        "paramiko": logging.CRITICAL,
    }  # fmt: skip
    for logger, least in [
        (root, logging.WARNING), *((logging.getLogger(name), one) for name, one in levels.items())
    ]:  # fmt: skip
        if logger.level != least:  # to set one has every logger forget what it worked out
            logger.setLevel(least)


def verbosity() -> int:
    """Return how much is logged, as `set_up_logging` was asked; workers are sent this, too."""
    level = logging.getLogger("hdh_migrate").level
    return {logging.DEBUG: 2, logging.INFO: 1}.get(level, 0)


def counted(count: int, one: str, several: str | None = None) -> str:
    """Return so many of something, in words that agree: `1 object`, `0 objects`, `2 objects have`.

    `several` is said for every count but 1; by default it is `one` with an s.
    """
    return f"{count} {one if count == 1 else f'{one}s' if several is None else several}"


def size_text(count: float) -> str:
    """Return bytes as people read them: `1.5 GiB`; cut, not rounded, as on the report's pages."""
    value, unit = float(count), 0
    while abs(value) >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 else f"{int(value * 10) / 10} {_UNITS[unit]}"


def duration_text(seconds: float) -> str:
    """Return a duration as people read it: `2 h 05 min`, `1 min 07 s`, `12 s`."""
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def hours_text(hours: float) -> str:
    """Return an estimate of hours as people read it: `about 2 h 05 min`, `less than a minute`."""
    whole = round(hours * 60) * 60
    return f"about {duration_text(whole).removesuffix(' 00 s')}" if whole else "less than a minute"
