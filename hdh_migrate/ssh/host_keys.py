"""Which host keys a machine may have: fingerprints, or a known_hosts file that is only read."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from hdh_migrate.errors import HostKeyRefused, KeyUnavailable
from hdh_migrate.frozen import frozen_row
from hdh_migrate.plan.files import read_bounded

MAX_BYTES: Final = 1 << 20
SSH_PORT: Final = 22

_RSA: Final = ("rsa-sha2-512", "rsa-sha2-256")
"""How a key of type ssh-rsa signs today."""


@frozen_row
class HostKey:
    """One host key: its type and its SHA-256 fingerprint as `ssh-keygen -lf` prints it.

    One that was pinned may count in a window only: days such as 2026-12-31, both included.
    """

    kind: str
    fingerprint: str
    valid_from: str | None = None
    valid_until: str | None = None

    @classmethod
    def of(cls, kind: str, blob: bytes) -> HostKey:
        """Return the key that a public key blob is."""
        digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        return cls(kind, f"SHA256:{digest}")

    def counts(self, today: str) -> bool:
        """Return whether it is pinned on a day; on a day that nobody knows no window is open."""
        return (self.valid_from is None or self.valid_from <= today) and (
            self.valid_until is None or "" < today <= self.valid_until
        )

    @property
    def window(self) -> str:
        """When it counts, in words; empty for always."""
        begins = f" from {self.valid_from}" if self.valid_from is not None else ""
        return begins + (f" until {self.valid_until}" if self.valid_until is not None else "")

    def __str__(self) -> str:
        text = f"{self.fingerprint} ({self.kind})" if self.kind else self.fingerprint
        return text + self.window


@frozen_row
class Pins:
    """The keys that one machine may have; there is no way to add one."""

    machine: str
    keys: tuple[HostKey, ...]

    def demand(self, seen: HostKey, today: str = "") -> None:
        """Go on only with a key that is pinned today.

        Raises:
            HostKeyRefused: it is another (the message gives both), or its window is closed.
        """
        same = [key for key in self.keys if seen.fingerprint == key.fingerprint]
        if any(key.counts(today) for key in same):
            return
        if same:
            windows = " or".join(key.window for key in same)
            raise HostKeyRefused(
                f"{self.machine} has a host key that does not count today, {today}:"
                f" {seen} is pinned{windows}; nothing was sent",
                hint="ask the machine's administrator, by another way than this network, until when"
                " the key lasts, and change its window in the plan",
            )
        pinned = ", ".join(str(key) for key in self.keys) or "none for this machine"
        raise HostKeyRefused(
            f"{self.machine} has another host key than was pinned:"
            f" seen {seen}, pinned {pinned}; nothing was sent"
        )

    def preferred(self, kinds: Sequence[str]) -> tuple[str, ...]:
        """Return key types with the pinned ones first, so that a server shows one of these."""
        wanted = {kind for key in self.keys for kind in _signing(key.kind)}
        return tuple(sorted(kinds, key=lambda kind: kind not in wanted))


def pins(
    host: str,
    port: int,
    *,
    fingerprints: Sequence[str | HostKey],
    known_hosts: Path | None,
) -> Pins:
    """Gather what may be trusted for one machine; a `HostKey` may have a window.

    Raises:
        KeyUnavailable: the known_hosts file cannot be read, or says what is not understood here.
    """
    machine = host if port == SSH_PORT else f"[{host}]:{port}"
    found = [HostKey("", one) if isinstance(one, str) else one for one in fingerprints]
    if known_hosts is not None:
        found.extend(_known(known_hosts, machine))
    return Pins(machine, tuple(found))


def _signing(kind: str) -> tuple[str, ...]:
    return _RSA if kind == "ssh-rsa" else (kind,)


def _known(path: Path, machine: str) -> Iterator[HostKey]:
    try:
        lines = read_bounded(path, MAX_BYTES).decode("utf-8", "replace").splitlines()
    except OSError as error:
        raise KeyUnavailable(f"{path}: cannot be read: {error.strerror}") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("@"):
            raise KeyUnavailable(
                f"{path}:{number}: markers such as @revoked are not understood here",
                hint="give the machine's fingerprints in host_keys instead",
            )
        names, _, rest = line.partition(" ")
        kind, _, blob = rest.strip().partition(" ")
        if any(_is(machine, name) for name in names.split(",")):
            yield _parsed(kind, blob.split(" ")[0], f"{path}:{number}")


def _parsed(kind: str, blob: str, where: str) -> HostKey:
    try:
        return HostKey.of(kind, base64.b64decode(blob, validate=True))
    except ValueError:
        raise KeyUnavailable(f"{where}: not a host key") from None


def _is(machine: str, name: str) -> bool:
    """Return whether a name in a known_hosts line, hashed or not, means this machine."""
    if not name.startswith("|1|"):
        return name == machine
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in name[3:].split("|"))
    except ValueError:
        return False
    made = hmac.new(salt, machine.encode(), hashlib.sha1).digest()  # the format's own choice
    return hmac.compare_digest(made, digest)
