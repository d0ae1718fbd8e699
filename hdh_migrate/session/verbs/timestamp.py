"""Ask a time-stamping authority about a bundle: only the one that the plan or the person names."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from hdh_migrate.clocks import TOLERANCE_SECONDS, length, seconds_of
from hdh_migrate.door import Door
from hdh_migrate.errors import AccessDenied, MigrateError, Permanent, Transient
from hdh_migrate.evidence.signatures.stamps import (
    Roots,
    TimeStamp,
    add_stamp,
    load_roots,
    request,
    stamp_of,
)
from hdh_migrate.evidence.verifier.stamp import LARGEST_STAMP
from hdh_migrate.plan.fields import is_loopback
from hdh_migrate.results.proofs import ReportFact, Stamped, Unstamped
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.report import write_report
from hdh_migrate.transport import TlsTrust, Transport
from hdh_migrate.wiring.trust import trust_of

NONCE_BITS = 64

Ask = Callable[[str, bytes], bytes]
"""Sends a request to an address and returns the answer."""


def write_stamped_report(
    desk: Desk, out: Path | None, *, names: str = "plain", asks: bool = True
) -> ReportFact:
    """Write a report, with plain or keyed names, and ask the plan's authority to stamp it.

    Who `asks` the target learns first whether this ledger is the newest.

    `stamp` in what is returned: None when the plan names no authority; without an answer only its
    `error`. The report is whole and valid all the same.

    Raises:
        As `write_report`; nothing because of the stamp.
    """
    report = write_report(desk, out, names=names, asks=asks)
    return {**report, "stamp": _stamped(desk, Path(report["folder"]))}


def _stamped(desk: Desk, folder: Path) -> Stamped | Unstamped | None:
    tsa = desk.loaded.plan.report.tsa
    if tsa is None:
        return None
    try:
        roots = load_roots(desk.loaded.base / tsa.trust)
        ask = partial(asked, tls=trust_of(tsa.tls, desk.loaded.base))
        made = stamp(folder, tsa.url, roots, nonce=secrets.randbits(NONCE_BITS), ask=ask)
        if (difference := apart(made.at, desk.clock.now())) is not None:
            desk.progress.note(difference)
        return as_stamped(made)
    except MigrateError as error:
        desk.progress.note(
            f"the report has no time-stamp: {error}; it is valid all the same, and"
            ' "hdh-migrate report timestamp" can add one'
        )
        return {"error": str(error)}


def as_stamped(made: TimeStamp) -> Stamped:
    """Return a stamp as JSON."""
    return {"at": made.at, "authority": made.authority, "trusted": made.trusted}


def apart(stamped_at: str, now: str) -> str | None:
    """Return what a stamp that was just given shows wrong with this machine's clock, if any."""
    seconds = seconds_of(now) - seconds_of(stamped_at)
    if abs(seconds) <= TOLERANCE_SECONDS:
        return None
    side = "ahead of" if seconds > 0 else "behind"
    return (
        f"this machine's clock is {length(abs(seconds))} {side} the time-stamp's: set it; until"
        " then nothing is permitted by it, and of the report's times the stamp's is the one to"
        " believe"
    )


def stamp(folder: Path, url: str, roots: Roots, *, nonce: int, ask: Ask | None = None) -> TimeStamp:
    """Have an authority stamp a bundle; one that is stamped already is only checked.

    Raises:
        UsageError: there is no bundle.
        EvidenceDamaged: the stamp, new or there already, does not check.
        Transient, AccessDenied: the authority gave none; nothing is lost.
    """
    there = stamp_of(folder, roots)
    if there is not None:
        return there
    answer = (ask or asked)(url, request(folder, nonce))
    return add_stamp(folder, answer, roots, nonce)


def asked(url: str, query: bytes, *, tls: TlsTrust | None = None) -> bytes:
    """Send a request to an authority by HTTP and return its answer, unread but bounded.

    No redirect is followed and no proxy of this machine is used; a stalled answer is given up.

    Raises:
        Transient: there is no answer, or it is none of an authority.
        AccessDenied: the authority does not serve us.
    """
    host = urlsplit(url).netloc
    try:
        reply = Transport(door=Door.named(url, local=is_loopback(url)), tls=tls).request(
            "POST", url, {"Content-Type": "application/timestamp-query"},
            body=memoryview(query), limit=LARGEST_STAMP,
        )  # fmt: skip
    except Permanent as error:  # its certificate does not verify
        raise Transient(str(error), hint=error.hint) from error
    if reply.status in {401, 403}:
        raise AccessDenied(f"{host}: the authority does not serve us (status {reply.status})")
    if 300 <= reply.status < 400:
        raise Transient(f"{host}: sends us elsewhere (status {reply.status}), where we do not go")
    if reply.status != 200:
        raise Transient(f"{host}: gave no time-stamp (status {reply.status})")
    if not reply.body.startswith(b"\x30"):  # how every DER answer begins
        raise Transient(f"{host}: what it gave is not the answer of a time-stamping authority")
    return reply.body
