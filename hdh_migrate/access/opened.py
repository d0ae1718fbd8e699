"""Open a grant: its statement, its pack and the reader's key agree, and its time is not over."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final
from weakref import WeakValueDictionary

from pydantic import TypeAdapter, ValidationError

from hdh_migrate.access.cache import SegmentCache
from hdh_migrate.access.catalogue import Catalogue, CataloguedObject
from hdh_migrate.access.host import GrantHost
from hdh_migrate.access.segments import GrantedReader
from hdh_migrate.access.settings import ReaderSettings
from hdh_migrate.clocks import Judge, Moment, Witness
from hdh_migrate.door import Door
from hdh_migrate.errors import NotAsGranted, PackDamaged, Refused, UnsealFailed, UsageError
from hdh_migrate.evidence.signatures.signing import load_trusted_key
from hdh_migrate.grants import pack, statement
from hdh_migrate.grants.objects import HostAddress, PackHead
from hdh_migrate.pipeline.retrying import Retrying, SharedPause
from hdh_migrate.plan.fields import Endpoint, is_loopback
from hdh_migrate.plan.files import open_regular
from hdh_migrate.ports.run import Clock
from hdh_migrate.sealing.crypt4gh import Crypt4ghEnvelopes
from hdh_migrate.sealing.keys import PrivateKey
from hdh_migrate.targets.s3_endpoint import S3Endpoint
from hdh_migrate.telemetry import SystemClock
from hdh_migrate.transport import TlsTrust, Transport
from hdh_migrate.wiring.entries import signing
from hdh_migrate.wiring.services import witnesses_of
from hdh_migrate.wiring.vault import Vault

READERS_KEPT: Final = 256
"""Objects whose headers stay opened."""

_ASK: Final = "ask whoever gave it for the whole folder again"
_GIVE: Final = f"give the folder that was handed over, with {pack.NAME} and {statement.GIVEN}"


class OpenedGrant:
    """One grant, found whole and for this reader. Safe to share between threads.

    The host is not contacted, and the credential not looked up, before something is read.
    """

    def __init__(
        self,
        settings: ReaderSettings,
        file: IO[bytes],
        *,
        clock: Clock | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        """Judge a grant in its folder; see `open_grant`, which calls this."""
        self._clock = clock or SystemClock()
        self._settings = settings
        self._opened_as = _mark(os.fstat(file.fileno()))
        trusted = [load_trusted_key(path) for path in settings.trust]
        signed = statement.read(settings.grant, trusted)
        self.given = signed.given
        """What the statement says."""
        identity = settings.key()
        self._demand_reader(identity)
        self._demand_time(Moment.at(self._clock.now()))
        if _digest(file) != signed.pack:
            raise PackDamaged("the pack is not the one that the statement is about", hint=_ASK)
        self.catalogue = Catalogue(file, identity)
        self._demand_agreed(self.catalogue.head)
        self._envelopes = Crypt4ghEnvelopes([identity.public], identity)
        self._judge = Judge(self._clock, witnesses=self._witnesses)
        halt = stop or threading.Event()
        self.host = GrantHost(
            self._endpoint,
            retry=Retrying(
                budget=settings.patience,
                pause=SharedPause(self._clock.monotonic, halt),
                halt=halt,
            ),
            demand_allowed=self._demand_now,
            asking=f"whoever gave grant {self.given.grant} (permit {self.given.permit})",
        )
        self._cache = SegmentCache(settings.cache_bytes)
        self._readers: OrderedDict[int, GrantedReader] = OrderedDict()
        self._lock = threading.Lock()

    def reader(self, found: CataloguedObject) -> GrantedReader:
        """Return what reads one object.

        Raises:
            NotAsGranted: its header does not open, or its sizes cannot be.
        """
        with self._lock:
            if found.number in self._readers:
                self._readers.move_to_end(found.number)
                return self._readers[found.number]
        try:
            envelope = self._envelopes.open(found.of.header)
        except UnsealFailed:
            raise NotAsGranted("an object's header in the pack does not open") from None
        made = GrantedReader(
            found.of, envelope, number=found.number, host=self.host, cache=self._cache
        )
        with self._lock:
            self._readers[found.number] = made
            if len(self._readers) > READERS_KEPT:
                self._readers.popitem(last=False)
        return made

    @property
    def in_place(self) -> bool:
        """Whether the pack in the grant's folder is the one that was opened, or there is none."""
        try:
            return _mark((self._settings.grant / pack.NAME).stat()) == self._opened_as
        except OSError:
            return True  # a revocation is found when something is read

    @property
    def received(self) -> int:
        """Bytes that the host has sent so far."""
        return self.host.received

    # --- what must hold --------------------------------------------------------------------------

    def _demand_reader(self, identity: PrivateKey) -> None:
        wanted, own = self.given.reader, identity.public.fingerprint
        if own != wanted:
            raise Refused(
                f"this grant is for {wanted}, and the identity is {own}",
                hint="name the private key of the reader for whom it was made, or ask for a grant"
                " to your own key",
            )

    def _demand_agreed(self, head: PackHead) -> None:
        """Demand that the pack says what the statement says.

        Raises:
            PackDamaged: it does not.
        """
        given = self.given
        for name in ("grant", "migration", "dataset", "permit", "purpose", "reader", "until",
                     "objects", "bytes"):  # fmt: skip
            if getattr(head, name) != getattr(given, name):
                raise PackDamaged(f"pack and statement contradict each other: {name}", hint=_ASK)
        if self.catalogue.end.root != given.root:
            raise PackDamaged("pack and statement contradict each other: root", hint=_ASK)

    def _demand_now(self) -> None:
        """Demand that the grant is still good: what was true when it was opened may be over.

        Raises:
            Refused: it was taken back meanwhile, or its time is over.
        """
        if os.path.lexists(self._settings.grant / statement.REVOKED):
            statement.read(self._settings.grant)
        self._demand_time(self._judge.glance())

    def _demand_time(self, moment: Moment) -> None:
        if not moment.before(self.given.until):
            raise Refused(
                f"this grant ended at {self.given.until}; nothing more is read",
                hint="ask whoever gave it for another one, on a permit that is in force",
            )

    # --- the host --------------------------------------------------------------------------------

    def _witnesses(self) -> Sequence[Witness]:
        endpoint = self.host.opened
        return () if endpoint is None else witnesses_of([endpoint.transport])

    def _endpoint(self) -> S3Endpoint:
        """Return the host with the reader's credential; nothing is contacted.

        Raises:
            KeyUnavailable: a reference cannot be read.
            Refused: the pack names no host that may be contacted.
        """
        at, own = _checked(self.catalogue.head.endpoint), self._settings
        sign = signing(
            own.credential_id, own.credential_secret, own.session_token,
            Vault.open(Path.cwd()), at.region,
        )  # fmt: skip
        door = Door.named(at.url, local=is_loopback(at.url))
        door.buckets_in_front = at.addressing == "virtual"
        tls = TlsTrust(
            ca_file=None if own.ca_file is None else str(own.ca_file),
            pins=at.pins if isinstance(at.pins, tuple) else (),
        )
        transport = Transport(sign=sign, tls=tls, door=door)
        return S3Endpoint(at.url, addressing=at.addressing, sign=sign, transport=transport)


def open_grant(
    settings: ReaderSettings, *, clock: Clock | None = None, stop: threading.Event | None = None
) -> OpenedGrant:
    """Open a grant's folder with the reader's key; the pack is read to its end.

    Nobody is contacted. `stop`, once set, ends waiting for a host that does not answer.

    Raises:
        UsageError: there is no grant here.
        Refused: it was revoked, is over, or is for another reader.
        PackDamaged: pack and statement are not whole, or not of each other, or nobody who is
            trusted signed.
        KeyUnavailable: the key cannot be read or unlocked.
    """
    _demand_grant(settings.grant)
    try:
        file = open_regular(settings.grant / pack.NAME)
    except OSError as error:
        statement.read(settings.grant)  # that it was revoked says more than that the pack is gone
        why = (error.strerror or str(error) or "unknown reason").lower()
        raise PackDamaged(
            f"{settings.grant / pack.NAME}: cannot be read: {why}", hint=_ASK
        ) from None
    try:
        return OpenedGrant(settings, file, clock=clock, stop=stop)
    except BaseException:
        file.close()
        raise


def _demand_grant(folder: Path) -> None:
    """Demand a folder with something of a grant in it: what lacks all of it is another one.

    Raises:
        UsageError: it is none, or cannot be looked at.
    """
    try:
        found = {one.name for one in folder.iterdir()}
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no path can be like this"
        raise UsageError(f"{folder}: no folder of a grant: {why.lower()}", hint=_GIVE) from None
    if not found & {pack.NAME, statement.GIVEN, statement.REVOKED}:
        raise UsageError(f"{folder}: no grant in this folder", hint=_GIVE)


def shared(settings: ReaderSettings) -> OpenedGrant:
    """Return the grant as it is open already in this process, or open it; see `open_grant`.

    Where another pack lies in its folder by now, a renewed one for example, that one is opened.
    """
    key = (os.getpid(), settings)
    with _LOCK:
        found = _OPEN.get(key)
        if found is None or not found.in_place:
            found = _OPEN[key] = open_grant(settings)
        return found


_LOCK = threading.Lock()
_OPEN: WeakValueDictionary[tuple[int, ReaderSettings], OpenedGrant] = WeakValueDictionary()


def _mark(seen: os.stat_result) -> tuple[int, ...]:
    """Return what tells a file from another one that was put in its place."""
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns


def _digest(file: IO[bytes]) -> str:
    found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    file.seek(0)
    return found


def _checked(at: HostAddress) -> HostAddress:
    try:
        TypeAdapter(Endpoint).validate_python(at.url)
    except ValidationError:
        raise Refused("the pack names no address of a host that may be contacted") from None
    if at.addressing not in {"path", "virtual"}:
        raise Refused("the pack says of no known way how buckets are addressed")
    return at
