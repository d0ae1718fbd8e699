"""What must hold before somebody is let read, judged before anything is made or asked."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from hdh_migrate.clocks import Moment, utc_seconds_of
from hdh_migrate.errors import LedgerDamaged, Refused, UsageError
from hdh_migrate.events.grants import GrantAsked
from hdh_migrate.evidence.lines.granted import GRANT_EVENTS, GrantAccount, GrantAccounts
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.frozen import frozen
from hdh_migrate.grants.collecting import StoredHead
from hdh_migrate.jsonform import ABSENT
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import DatasetRow, Stored, Verified
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.plan.fields import is_day
from hdh_migrate.plan.globs import compiled, objection
from hdh_migrate.plan.model import Plan
from hdh_migrate.sealing.keys import PublicKey
from hdh_migrate.session.policy.binding import recipients_over_time
from hdh_migrate.session.policy.freshness import is_proven, keep_choice
from hdh_migrate.session.policy.selections import is_selected, keep_salt, new_salt, selection_of
from hdh_migrate.telemetry import counted

TEXT_MAX: Final = 300
_ID_BYTES: Final = 6
_NOT_ASKED: Final = frozenset(("request", "user"))


@frozen
class GrantWish:
    """Who is to read what: as it was typed, and checked as far as that goes alone."""

    dataset: str
    include: tuple[str, ...]
    reader: PublicKey
    permit: str
    purpose: str
    until: str
    """RFC 3339 in UTC."""
    renews: str | None = None
    """The grant whose place this one is to take."""


@frozen
class GrantedRow:
    """One verified object that is granted: its row, its name in the dataset, where it stands."""

    name: str
    row: Verified
    head: StoredHead


def wish_of(
    dataset: str, include: Sequence[str], to: Path, permit: str, purpose: str, until: str
) -> GrantWish:
    """Return what somebody wants to grant.

    Raises:
        UsageError: a glob, a text or the date is not one.
        KeyUnavailable: the reader's key cannot be read, or is no honest public key.
    """
    for number, glob in enumerate(include, 1):
        if (why := objection(glob)) is not None:
            raise UsageError(f"--include number {number}: {why}", hint="nothing was granted")
    return GrantWish(
        dataset=dataset,
        include=tuple(include),
        reader=PublicKey.load(to),
        permit=line_of("--permit", permit),
        purpose=line_of("--purpose", purpose),
        until=last_moment(until),
    )


def last_moment(text: str) -> str:
    """Return the last moment that a day, or a moment, in UTC names.

    Raises:
        UsageError: it is neither.
    """
    if is_day(text):
        return f"{text}T23:59:59Z"
    try:
        utc_seconds_of(text)
    except ValueError:
        raise UsageError(
            f"--until {text}: no day (2027-12-31) and no moment in UTC (2027-12-31T18:00:00Z)",
            hint="nothing was granted",
        ) from None
    return text


def line_of(option: str, text: str) -> str:
    """Return what was given for an option, on one line.

    Raises:
        UsageError: it is empty, too long, or not for people.
    """
    line = " ".join(text.split())
    if not line or len(line) > TEXT_MAX or not line.isprintable():
        raise UsageError(
            f"{option}: say it in 1 to {TEXT_MAX} characters",
            hint="it stands in the journal, the statement and the report, so name nobody",
        )
    return line


def demand_grantable(plan: Plan, ledger: SqliteLedger, wish: GrantWish, now: Moment) -> None:
    """Demand what can be known before the target is asked.

    Raises:
        UsageError: the reader is somebody who opens everything already.
        Refused: nothing is sealed, nobody signs, or the time is over.
    """
    if not plan.seal.encrypts:
        raise Refused(
            "the plan seals nothing, so there is no header that could be granted",
            hint="who may read the bucket may read all; let the host's own policy say who",
        )
    # A hybrid key ends with its X25519 half, which is not to be anybody's other key.
    if any(raw.endswith(wish.reader.raw.hex()) for raw in plan_recipients(ledger)):
        raise UsageError(
            f"{wish.reader.fingerprint} is one of the keys that everything is sealed for: it opens"
            " everything already",
            hint="give the public key of the reader whom the permit names",
        )
    if plan.report.signer is None:
        raise Refused(
            "nobody would sign the grant: the plan names no report.signer",
            hint='make a key with "hdh-migrate keys new --purpose report" and name it there',
        )
    demand_in_time(wish, now)


def demand_renewable(account: GrantAccount) -> None:
    """Demand that another grant may take the place of this one.

    Raises:
        UsageError: it was never given, was taken back, or another one has its place.
    """
    why = None
    if account.given is None:
        why = "it was not given yet; the command that requested it continues it"
    elif account.revoked is not None:
        why = f"it was revoked at {account.revoked_at}; give a new one"
    elif account.renewed_by is not None:
        why = f"{account.renewed_by} has its place; renew that one"
    if why is not None:
        raise UsageError(
            f"grant {account.id} cannot be renewed: {why}",
            hint='"hdh-migrate grants PLAN" shows how each stands; nothing was granted',
        )


def demand_in_time(wish: GrantWish, now: Moment) -> None:
    """Demand that a wish's last moment has not passed.

    Raises:
        Refused: it has.
    """
    if not now.before(wish.until):
        raise Refused(
            f"the grant would be over already: its last moment is {wish.until}",
            hint="an expired permit lets nobody read; nothing was granted",
        )


def plan_recipients(ledger: SqliteLedger) -> set[str]:
    """Return every key that something was sealed for at one time or another, in hexadecimal."""
    return {key for keys in recipients_over_time(ledger) for key in keys}


class GrantChoice:
    """The verified objects of a dataset that a wish is about, read as often as they are needed."""

    def __init__(
        self,
        ledger: SqliteLedger,
        dataset: DatasetRow,
        route: Route,
        include: Sequence[str],
        *,
        detached: bool,
    ) -> None:
        self._ledger, self._dataset, self._route = ledger, dataset, route
        self._detached = detached
        self._matches = [compiled(glob).match for glob in include]
        self._fit = [False] * len(self._matches)

    def __iter__(self) -> Iterator[GrantedRow]:
        """Yield them in the order of their names.

        Raises:
            Refused: one is not verified.
        """
        for row, state in self._ledger.grantable(self._dataset.id):
            name = row.key.removeprefix(self._route.source.prefix)
            if not self._wanted(name):
                continue
            if not is_proven(row, state):
                raise _unverified(self._dataset.name, 1)
            yield self._chosen(name, row)

    def count(self) -> tuple[int, int]:
        """Return how many there are, and their bytes in clear.

        Raises:
            Refused: some are not verified, there are none, or they are versions of names.
        """
        if self._route.every_version:
            raise Refused(
                f"dataset {self._dataset.name}: it is moved with all versions, and a grant gives"
                " what is current under a name",
                hint="nothing was granted; have what is current moved by a dataset of its own",
            )
        objects = size = unverified = 0
        for row, state in self._ledger.grantable(self._dataset.id):
            if not self._wanted(row.key.removeprefix(self._route.source.prefix)):
                continue
            if is_proven(row, state):
                objects, size = objects + 1, size + row.size
            else:
                unverified += 1
        if unverified:
            raise _unverified(self._dataset.name, unverified)
        if not objects:
            raise Refused(
                f"dataset {self._dataset.name}: no verified object is chosen",
                hint='"hdh-migrate ls PLAN --show-names" shows what there is; nothing was granted',
            )
        if not all(self._fit):
            raise Refused(
                f"dataset {self._dataset.name}: --include number {self._fit.index(False) + 1} fits"
                " no object",
                hint="nothing was granted; leave it out, or write it as the names are"
                ' ("hdh-migrate ls PLAN --show-names")',
            )
        return objects, size

    def heads(self) -> Iterator[StoredHead]:
        """Yield where their headers are, in the same order."""
        return (one.head for one in self)

    def _wanted(self, name: str) -> bool:
        if not self._matches:
            return True
        fits = [match(name) is not None for match in self._matches]
        self._fit = [one or other for one, other in zip(self._fit, fits, strict=True)]
        return any(fits)

    def _chosen(self, name: str, row: Verified) -> GrantedRow:
        assert row.stored_size is not None, "it is proven"
        assert row.etag is not None, "it is proven"
        stored = Stored(
            key=self._route.target_key(row.key), size=row.stored_size, etag=row.etag,
            version_id=row.version_id,
        )  # fmt: skip
        header = self._ledger.header(row.id) if self._detached else None
        if self._detached and header is None:
            raise Refused(
                f"dataset {self._dataset.name}: the ledger has no header of a chosen object",
                hint='nothing was granted; "hdh-migrate adopt PLAN" takes headers from the packs',
            )
        head = StoredHead(
            bucket=self._route.target.bucket, stored=stored, length=row.size, header=header
        )
        return GrantedRow(name=name, row=row, head=head)


def accounts(ledger: SqliteLedger) -> GrantAccounts:
    """Return every grant that the journal tells of."""
    return GrantAccounts.of(ledger.told(*GRANT_EVENTS))


def asked_for(
    ledger: SqliteLedger,
    wish: GrantWish,
    dataset: DatasetRow,
    amount: tuple[int, int],
    manifest: str,
    user: str,
) -> GrantAsked:
    """Return the event of a grant that is asked for now, under a name of its own.

    The salt of its globs is in the ledger as of the commit with which the event is.
    """
    grant, salt = f"g-{secrets.token_hex(_ID_BYTES)}", new_salt()
    if wish.include:
        keep_salt(ledger, grant, salt)
        keep_choice(ledger, grant, wish.include)
    asked = GrantAsked(
        grant=grant, dataset=dataset.name, batch=dataset.batch, permit=wish.permit,
        purpose=wish.purpose, reader=wish.reader.fingerprint, key=wish.reader.raw.hex(),
        until=wish.until, selection=selection_of(wish.include, salt), objects=amount[0],
        bytes=amount[1], manifest=manifest, request="", user=user, renews=wish.renews or ABSENT,
    )  # fmt: skip
    return replace(asked, request=request_of(asked))


def request_of(asked: GrantAsked) -> str:
    """Return the digest of what is asked: of all that the event says but who wrote it."""
    about = asked.as_json()
    return sha256_hex(canonical_json({n: v for n, v in about.items() if n not in _NOT_ASKED}))


def demand_as_asked(asked: GrantAsked) -> None:
    """Demand that a request is the one that its digest, and so its approvals, are about.

    Raises:
        LedgerDamaged: it is not.
    """
    if request_of(asked) != asked.request:
        raise LedgerDamaged(f"the request of grant {asked.grant} is not what its digest says")


def is_of(asked: GrantAsked, wish: GrantWish, salt: str | None) -> bool:
    """Return whether a grant was asked for by the same words; `salt` is that of its globs."""
    known = (asked.dataset, asked.permit, asked.purpose, asked.until, asked.key, asked.renews or "")
    meant = (
        wish.dataset, wish.permit, wish.purpose, wish.until, wish.reader.raw.hex(),
        wish.renews or "",
    )  # fmt: skip
    return known == meant and is_selected(asked, wish.include, salt)


def same_objects(asked: GrantAsked, amount: tuple[int, int], manifest: str) -> bool:
    """Return whether a grant that was asked for is of the objects that there are now."""
    return (asked.objects, asked.bytes, asked.manifest) == (*amount, manifest)


def _unverified(dataset: str, many: int) -> Refused:
    objects = counted(many, "object that is", "objects that are")
    return Refused(
        f"dataset {dataset}: the choice has {objects} not verified at level full",
        hint='nothing was granted; "hdh-migrate errors PLAN" tells why; run the plan again, or'
        " choose others with --include",
    )
