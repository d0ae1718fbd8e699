"""What stands beside a pack, in the open: signed statements that it was given, or taken back.

Both are in-toto statements in DSSE envelopes about the pack's file, so that a signature over one
holds for exactly that file. Neither names an object or holds a key.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

from hdh_migrate.clocks import utc_seconds_of
from hdh_migrate.errors import EvidenceDamaged, PackDamaged, Refused
from hdh_migrate.evidence.signatures.dsse import (
    STATEMENT,
    STATEMENT_TYPE,
    SignedEnvelope,
    claims_of,
)
from hdh_migrate.evidence.signatures.envelopes import verify_envelope
from hdh_migrate.evidence.signatures.signing import Signer, TrustedKey
from hdh_migrate.fixity import canonical_json
from hdh_migrate.frozen import frozen
from hdh_migrate.grants import pack
from hdh_migrate.jsonform import ABSENT, Absent, JsonForm, OtherForm, json_form
from hdh_migrate.plan.files import read_bounded

GIVEN: Final = "grant.dsse.json"
"""The file in a grant's folder that says what was given."""

REVOKED: Final = "revoked.dsse.json"
"""The file in a grant's folder that says that it was taken back."""

_GIVEN_TYPE: Final = "urn:hdh-migrate:grant:v1"
_REVOKED_TYPE: Final = "urn:hdh-migrate:grant-revoked:v1"
_BYTES_MAX: Final = 1 << 16


@json_form
class StandsOn(JsonForm):
    """The plan, the manifest and the journal that a grant rests on, by their digests."""

    plan: str
    batch: str
    manifest: str
    """Merkle root of the batch's manifest."""
    journal: str
    """Digest of the journal's last event before the grant."""


@json_form
class Given(JsonForm):
    """What a grant is: who may read what, on whose permit, for what, until when."""

    grant: str
    migration: str
    dataset: str
    whole: bool
    """Whether it is of every object of the dataset, or of some of them."""
    permit: str
    purpose: str
    reader: str
    """Fingerprint of the key that opens the pack."""
    until: str
    """The last moment for which it was given, RFC 3339 in UTC."""
    made_at: str
    objects: int
    bytes: int
    root: str
    """Merkle root over the lines of the pack's objects."""
    stands_on: StandsOn

    @property
    def moments(self) -> tuple[str, ...]:
        """Every moment that it names."""
        return self.until, self.made_at


@json_form
class Revoked(JsonForm):
    """That a grant was taken back, when and why."""

    grant: str
    reason: str
    revoked_at: str
    renewed_as: str | Absent = ABSENT
    """The grant that has its place, where it was renewed and not taken back."""

    @property
    def moments(self) -> tuple[str, ...]:
        """Every moment that it names."""
        return (self.revoked_at,)


S = TypeVar("S", Given, Revoked)
_TYPES: Final = {Given: _GIVEN_TYPE, Revoked: _REVOKED_TYPE}


@frozen
class GrantStatement:
    """A statement, with the digest of the pack that it is about."""

    given: Given
    pack: str
    """SHA-256 of the pack's file, in hexadecimal."""


def sign(signer: Signer, about: Given | Revoked, pack_sha256: str) -> SignedEnvelope:
    """Return the signed statement of a pack's file."""
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": pack.NAME, "digest": {"sha256": pack_sha256}}],
        "predicateType": _TYPES[type(about)],
        "predicate": about.as_json(),
    }
    return signer.sign(STATEMENT_TYPE, canonical_json(statement))


def read(folder: Path, trusted: Sequence[TrustedKey] = ()) -> GrantStatement:
    """Return what the statement in a grant's folder says; see `given`.

    Raises:
        PackDamaged: there is none, or none that is believed.
        Refused: a statement lies beside it that the grant was taken back, whoever signed that.
    """
    if os.path.lexists(folder / REVOKED):
        over = revoked(_load(folder / REVOKED))
        if over.renewed_as:
            raise Refused(
                f"this grant was renewed at {over.revoked_at}, as {over.renewed_as}",
                hint=f"ask whoever gave it for the folder of {over.renewed_as}: this pack names"
                " objects as they were",
            )
        raise Refused(
            f"this grant was revoked at {over.revoked_at}",
            hint="ask whoever gave it; what the host still serves is not yours to read any more",
        )
    return given(_load(folder / GIVEN), trusted)


def claimed(folder: Path) -> str | None:
    """Return the id of the grant whose statement lies in a folder; nobody's signature is asked.

    None: there is no statement, of a grant that was given or taken back.

    Raises:
        PackDamaged: what is there is none.
    """
    if os.path.lexists(folder / REVOKED):
        return revoked(_load(folder / REVOKED)).grant
    if os.path.lexists(folder / GIVEN):
        return given(_load(folder / GIVEN)).given.grant
    return None


def given(envelope: SignedEnvelope, trusted: Sequence[TrustedKey] = ()) -> GrantStatement:
    """Return what an envelope says was given; with `trusted`, if one of these keys signed it.

    Without keys nobody is believed: it is then good for what reading the pack will show anyway.

    Raises:
        PackDamaged: it is no statement of a grant, or nobody who is trusted signed it.
    """
    found, digest = _read(envelope, Given, trusted)
    return GrantStatement(given=found, pack=digest)


def revoked(envelope: SignedEnvelope) -> Revoked:
    """Return what an envelope says was taken back; nobody is believed, see `given`.

    Raises:
        PackDamaged: it is no such statement.
    """
    return _read(envelope, Revoked, ())[0]


def _read(envelope: SignedEnvelope, form: type[S], trusted: Sequence[TrustedKey]) -> tuple[S, str]:
    try:
        if trusted:
            payload = verify_envelope(envelope, trusted)
        else:
            payload, _ = claims_of(envelope, STATEMENT_TYPE)
    except EvidenceDamaged as error:
        raise PackDamaged(f"the grant's statement is not believed: {error}") from None
    try:
        statement = json.loads(payload)
        (subject,) = statement["subject"]
        found = form.of_json(statement["predicate"])
        digest, kind = subject["digest"]["sha256"], statement["predicateType"]
        for moment in found.moments:
            utc_seconds_of(moment)
    except (KeyError, TypeError, ValueError, OtherForm, RecursionError):
        raise PackDamaged("this is no statement of a grant") from None
    if kind != _TYPES[form] or subject.get("name") != pack.NAME or not isinstance(digest, str):
        raise PackDamaged("this is no statement of a grant")
    return found, digest


def _load(path: Path) -> SignedEnvelope:
    """Read an envelope from a file; nothing in it is checked yet.

    Raises:
        PackDamaged: there is none.
    """
    try:
        data = read_bounded(path, _BYTES_MAX + 1)
        value = json.loads(data) if len(data) <= _BYTES_MAX else None
    except OSError as error:
        raise PackDamaged(f"{path}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise PackDamaged(f"{path}: no signed statement")
    return value
