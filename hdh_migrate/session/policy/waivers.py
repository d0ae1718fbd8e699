"""Signed waivers: a named person lets one condition of the target go, for one plan, until a day.

A waiver is a DSSE envelope around an in-toto statement about the plan's digest, in `waivers/`
beside the plan. It counts only when one of the plan's `waivers.keys` signed it, so who runs a plan
cannot waive for himself, and it counts no more once the plan changed or its day has passed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from hdh_migrate.clocks import Moment, utc_seconds_of
from hdh_migrate.codes import Code
from hdh_migrate.errors import EvidenceDamaged, KeyUnavailable, UsageError
from hdh_migrate.evidence.signatures.dsse import (
    STATEMENT,
    STATEMENT_TYPE,
    SignedEnvelope,
    claims_of,
    enveloped,
    pre_authentication_encoding,
)
from hdh_migrate.evidence.signatures.envelopes import is_signed_by
from hdh_migrate.evidence.signatures.signing import Signer, TrustedKey, load_trusted_key
from hdh_migrate.evidence.verifier.approvals import LONGEST
from hdh_migrate.evidence.verifier.waivers import PREDICATE, SHOWN, ReadWaiver, read_waiver
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.folders import unwritten, write_whole
from hdh_migrate.frozen import frozen
from hdh_migrate.plan.fields import is_day
from hdh_migrate.plan.files import read_bounded
from hdh_migrate.plan.loader import LoadedPlan, plan_digest
from hdh_migrate.plan.model import Plan
from hdh_migrate.results.moves import WaiverFact
from hdh_migrate.session.policy.reporters import barred
from hdh_migrate.targets.profiles import Profile

FOLDER = "waivers"
ATTESTATION = "attestation"
LEGAL_BASIS = "legal-basis"
FILES_MAX = 100
BYTES_MAX = 1 << 16
REASON_MAX = 500


@frozen
class Waiver:
    """One condition that is let go."""

    what: str
    reason: str
    until: str
    made_at: str
    by: str
    key_id: str
    file: str
    sha256: str
    digest: str
    """Of what was signed: the journal knows it by this, whatever file it lies in."""
    envelope: SignedEnvelope
    """What one of the keys signed, in one spelling."""


def health(rule: str) -> str:
    """Return what a waiver calls a health-data rule of the profile."""
    return f"health.{rule}"


def finding(code: str) -> str:
    """Return what a waiver calls the findings of one code; it covers those known when it is made.

    With it neither a cutover nor another batch waits for them, and no exit code tells of them.
    """
    return f"finding.{code}"


def may_be_waived(what: str, profile: Profile) -> bool:
    """Return whether there is such a thing to waive."""
    return what in subjects(profile) or is_finding(what)


def is_finding(what: str) -> bool:
    """Return whether the findings of a code are waived, and nothing of the target."""
    found = re.fullmatch(r"finding\.([a-z0-9-]{1,60})", what)
    return found is not None and Code.known(found[1]) is not None


def subjects(profile: Profile) -> list[str]:
    """Return everything that can be waived with this profile."""
    return [ATTESTATION, LEGAL_BASIS, *(health(rule.name) for rule in profile.health)]


def in_force(
    plan: Plan,
    base: Path,
    now: Moment,
    *,
    named: Sequence[TrustedKey] | None = None,
    signers: Collection[str] = (),
) -> tuple[list[Waiver], list[str]]:
    """Return the waivers that count now, and why each other file beside the plan does not.

    `named` are the keys of those who may waive, where terms have fixed them; `signers` are the
    keys that are known to have been those of reports: these waive nothing, as the one of today.

    Raises:
        KeyUnavailable: a key of the plan cannot be read.
    """
    if plan.waivers is None or not (base / FOLDER).is_dir():
        return [], []
    keys, own = who_may_waive(plan, base, named, signers)
    counted: list[Waiver] = []
    refused: list[str] = []
    for path in files(base):
        name = f"{FOLDER}/{path.name}"
        try:
            counted.append(_read(path, name, keys, own, plan_digest(plan), now))
        except EvidenceDamaged as error:
            refused.append(f"{name} does not count: {error}")
    return counted, refused


def who_may_waive(
    plan: Plan, base: Path, named: Sequence[TrustedKey] | None, signers: Collection[str]
) -> tuple[list[TrustedKey], list[TrustedKey]]:
    """Return the keys of those who may waive, and those that waive nothing, whoever names them."""
    if named is None:
        paths = () if plan.waivers is None else plan.waivers.keys
        named = [load_trusted_key(base / path) for path in paths]
    own = barred(plan, base, named, signers)
    theirs = {one.fingerprint for one in own}
    return [key for key in named if key.fingerprint not in theirs], own


def waiver_facts(
    plan: Plan, base: Path, now: Moment, known: Collection[str] | None = None
) -> list[WaiverFact]:
    """Return the waivers that count now, as JSON for the report; used or not.

    Of those alone that are `known` by digest, where some are given: what the journal has.
    """
    return [
        {
            "what": one.what,
            "reason": one.reason,
            "until": one.until,
            "made_at": one.made_at,
            "by": one.by,
            "key_id": one.key_id,
            "file": one.file,
            "sha256": one.sha256,
        }
        for one in in_force(plan, base, now)[0]
        if known is None or one.digest in known
    ]


def waiver_line(waiver: WaiverFact) -> str:
    """Return a waiver's facts as a line for people."""
    return (
        f"{waiver['what']} is waived until {waiver['until']} by {waiver['key_id']}:"
        f" {waiver['reason']}"
    )


def make(
    loaded: LoadedPlan, signer: Signer, *, what: str, reason: str, until: str, now: Moment, by: str
) -> tuple[Path, bool]:
    """Write a waiver beside the plan; also say whether the plan accepts its key.

    The same one, signed twice within a second, is one file.

    Raises:
        UsageError: its day has passed, or the key's last day, or it cannot be written.
        NoSpace: the disk is full.
    """
    if until < now.last_day:
        raise UsageError(f"{until} has passed: a waiver ends today or later")
    keys = loaded.plan.waivers.keys if loaded.plan.waivers is not None else ()
    known = {key.key_id: key.until for key in _readable(loaded.base, keys)}
    last = known.get(signer.key_id)
    if last is not None and last < now.first_day:
        raise UsageError(
            f"{signer.key_id} was to sign until {last}, so its waiver would count for nothing",
            hint="name a key that is in force under waivers.keys in the plan; nothing was waived",
        )
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": "plan", "digest": {"sha256": loaded.digest}}],
        "predicateType": PREDICATE,
        "predicate": {
            "what": what, "reason": reason, "until": until, "made_at": now.earliest, "by": by,
            "migration": loaded.plan.migration,
        },
    }  # fmt: skip
    envelope = signer.sign(STATEMENT_TYPE, canonical_json(statement))
    data = json.dumps(envelope, indent=2).encode() + b"\n"
    path = loaded.base / FOLDER / f"{what}-{until}-{hashlib.sha256(data).hexdigest()[:8]}.json"
    try:
        path.parent.mkdir(exist_ok=True)
        if not path.is_file() or read_bounded(path, BYTES_MAX) != data:
            write_whole(path, data, mode=0o644)
    except FileExistsError:
        raise UsageError(f"{path} exists", hint="nothing was changed") from None
    except OSError as error:
        raise unwritten(path, error, hint="nothing was waived") from None
    return path, signer.key_id in known


def files(base: Path) -> list[Path]:
    """Return everything that may be a waiver, counted or not.

    Raises:
        KeyUnavailable: there are more than are read.
    """
    found = sorted((base / FOLDER).glob("*.json"))
    if len(found) > FILES_MAX:
        raise KeyUnavailable(
            f"{FOLDER}: more than {FILES_MAX} files", hint="move those that ended elsewhere"
        )
    return found


def _read(
    path: Path,
    name: str,
    keys: Sequence[TrustedKey],
    own: Sequence[TrustedKey],
    plan: str,
    now: Moment,
) -> Waiver:
    """Return a waiver that counts.

    Raises:
        EvidenceDamaged: it does not; with the reason.
    """
    try:
        data = read_bounded(path, BYTES_MAX)
        envelope = json.loads(data) if len(data) <= BYTES_MAX else None
    except (OSError, ValueError, RecursionError):
        envelope = None
    if not isinstance(envelope, dict):
        raise EvidenceDamaged("it cannot be read")
    signer = next((key for key in keys if is_signed_by(envelope, key)), None)
    if signer is None and any(is_signed_by(envelope, key) for key in own):
        raise EvidenceDamaged("its key signs the reports, so who runs the plan would waive")
    if signer is None:
        raise EvidenceDamaged("none of the plan's waivers.keys signed it")
    payload, signature = _signature(envelope, signer)
    read = _understood(payload)
    fields = {name: read.said[name] for name in SHOWN}
    if read.plan != plan:
        raise EvidenceDamaged("it was given for another plan, or before this one was changed")
    if signer.until is not None and fields["made_at"][:10] > signer.until:
        raise EvidenceDamaged(f"the last day of its key was {signer.until}")
    if now.not_yet(fields["made_at"]):
        raise EvidenceDamaged("it is dated in the future")
    if fields["until"] < now.last_day:
        raise EvidenceDamaged(f"it ended on {fields['until']}")
    return Waiver(
        **fields,
        key_id=signer.key_id,
        file=name,
        sha256=hashlib.sha256(data).hexdigest(),
        digest=sha256_hex(payload),
        envelope=enveloped(STATEMENT_TYPE, payload, signer.key_id, signature),
    )


def _understood(payload: bytes) -> ReadWaiver:
    """Return what was signed, read as every verifier will read it.

    Raises:
        EvidenceDamaged: it is no waiver.
    """
    try:
        read = read_waiver(payload)
        utc_seconds_of(read.said["made_at"])
    except (KeyError, IndexError, TypeError, ValueError, RecursionError):
        raise EvidenceDamaged("it is no waiver") from None
    if not is_day(read.said["until"]) or len(payload) > LONGEST:
        raise EvidenceDamaged("it is no waiver")
    return read


def _signature(envelope: SignedEnvelope, key: TrustedKey) -> tuple[bytes, bytes]:
    """Return what a key signed, and its signature, of an envelope that it did sign."""
    payload, claims = claims_of(envelope, STATEMENT_TYPE)
    message = pre_authentication_encoding(STATEMENT_TYPE, payload)
    return payload, next(one for _, one in claims if key.accepts(one, message))


def _readable(base: Path, paths: Sequence[str]) -> Iterator[TrustedKey]:
    for path in paths:
        try:
            yield load_trusted_key(base / path)
        except KeyUnavailable:
            continue
