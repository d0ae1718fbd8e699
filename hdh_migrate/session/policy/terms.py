"""The terms of a batch's cutover: who approves, how many of them, with what delays, on what proof.

They are given by content: keys by what they are, not by where their files lie. Their digest is the
SHA-256 of their canonical JSON, so whoever has plan and public keys computes the same anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hdh_migrate.errors import EvidenceDamaged, UsageError
from hdh_migrate.events.consent import ConsentTerms, DecommissionTerms, FreezeTerms, TermsKey
from hdh_migrate.evidence.signatures.signing import TrustedKey, load_trusted_key, verifier_of
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.jsonform import OtherForm
from hdh_migrate.plan.consent import AT_MOST
from hdh_migrate.plan.diff import changes
from hdh_migrate.plan.fields import period_seconds
from hdh_migrate.plan.loader import LoadedPlan
from hdh_migrate.plan.model import Plan

STAGES = ("cutover", "finalize", "decommission")

_AS_MANY_AS: Final[Mapping[str, str]] = {
    "grant": "freeze", "rotate": "freeze", "reseal": "freeze", "erase": "decommission",
}  # fmt: skip
"""Stages that terms may have no number for: as many approve as for another one, for all batches."""


def terms_of(loaded: LoadedPlan, batch: str) -> ConsentTerms:
    """Return the terms that a plan and the key files beside it set for a batch.

    Raises:
        UsageError: the plan has no such batch, or two of its key files hold the same key.
        KeyUnavailable: a public key cannot be read.
    """
    plan, base = loaded.plan, loaded.base
    if all(one.name != batch for one in plan.batches):
        raise UsageError(f"no batch {batch} in the plan")
    entry = plan.cutover(batch)
    end = entry.decommission if entry is not None else None
    return ConsentTerms(
        approvers=_keys(base, plan.approvals.keys if plan.approvals is not None else ()),
        thresholds=thresholds_of(plan, batch),
        window_seconds=None if entry is None else entry.window_seconds,
        freeze=_freeze(plan, None if entry is None else entry.relist_seconds),
        waivers=_keys(base, plan.waivers.keys if plan.waivers is not None else ()),
        decommission=None if end is None else DecommissionTerms(
            cooling_seconds=end.cooling_seconds,
            recheck=end.recheck,
            recheck_reason=end.recheck_reason,
            recheck_within_seconds=end.recheck_within_seconds,
            trust=_keys(base, end.trust),
            signatures=end.signatures,
        ),
    )  # fmt: skip


def terms_stated(section: object) -> ConsentTerms | None:
    """Return the terms in force that a bundle's statement tells, None: it tells none.

    Raises:
        EvidenceDamaged: they are not of the form that terms have.
    """
    try:
        return None if section is None else ConsentTerms.of_json(section)
    except OtherForm as error:
        raise EvidenceDamaged(f"the bundle's terms are not of this version: {error}") from None


def terms_digest(terms: ConsentTerms) -> str:
    """Return the digest by which approvals name terms."""
    return sha256_hex(canonical_json(terms.as_json()))


def longest_freeze(plan: Plan) -> int:
    """Return for how many seconds a statement may say that nobody writes."""
    stated = plan.freeze
    return period_seconds(AT_MOST) if stated is None else stated.longest


def threshold(terms: ConsentTerms, stage: str) -> int:
    """Return how many must approve a stage; 0: nobody is asked."""
    another = _AS_MANY_AS.get(stage, stage)
    return terms.thresholds.get(stage, terms.thresholds.get(another, 0))


def highest(terms: ConsentTerms) -> int:
    """Return how many must agree to other terms: as many as for the strictest stage."""
    return max(terms.thresholds.values(), default=0)


def verifiers(keys: Iterable[TermsKey]) -> list[TrustedKey]:
    """Return the keys that terms tell, ready to verify; no file is read."""
    return [
        verifier_of(Ed25519PublicKey.from_public_bytes(bytes.fromhex(one.public)), one.until)
        for one in keys
    ]


def difference(was: ConsentTerms, now: ConsentTerms) -> list[str]:
    """Say in one line each how terms differ, keys by their ids."""
    return changes(_readable(was.as_json()), _readable(now.as_json()))


def apart(others: ConsentTerms, terms: ConsentTerms) -> list[str]:
    """Say in one line each what terms say otherwise of what a plan sets once for all its batches.

    `others` are those of another batch: who approves, who waives, how many for a freeze.
    """
    was, now = (
        {
            "approvers": [key.as_json() for key in one.approvers],
            "waivers": [key.as_json() for key in one.waivers],
            "thresholds": {stage: threshold(one, stage) for stage in ("freeze", "grant")},
        }
        for one in (others, terms)
    )
    return changes(_readable(was), _readable(now))


def beside(loaded: LoadedPlan) -> list[str]:
    """Return which keys that approve or waive have their private half in the same folder.

    Whoever runs the plan may have made them himself; nothing shows that somebody else holds them.
    """
    plan = loaded.plan
    paths = [
        *(plan.approvals.keys if plan.approvals is not None else ()),
        *(plan.waivers.keys if plan.waivers is not None else ()),
    ]
    found = {
        load_trusted_key(loaded.base / path).fingerprint
        for path in paths
        if (loaded.base / path).with_suffix(".key").exists()
    }
    return sorted(found)


def _readable(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        ends = {one["fingerprint"]: one["until"] for one in value}
        return [
            f"ed25519:{key[:16]}" + (f" until {until}" if until else "")
            for key, until in ends.items()
        ]
    if isinstance(value, dict) and "kind" not in value:
        return {name: _readable(one) for name, one in value.items()}
    return value


def thresholds_of(plan: Plan, batch: str) -> dict[str, int]:
    """Return how many approve each stage of a batch's cutover; none where nobody is asked."""
    asked, entry = plan.approvals, plan.cutover(batch)
    if asked is None:
        return {}
    own = {} if entry is None else entry.approvals.model_dump(exclude_none=True)
    grants = {} if asked.grant is None else {"grant": asked.grant}
    return {
        "freeze": asked.threshold,
        **{one: own.get(one, asked.threshold) for one in STAGES},
        **grants,
    }


def _freeze(plan: Plan, relist_seconds: int | None) -> FreezeTerms:
    section = (
        None if plan.freeze is None else plan.freeze.model_dump(mode="json", exclude_none=True)
    )
    return FreezeTerms(
        how=section, longest_seconds=longest_freeze(plan), relist_seconds=relist_seconds
    )


def _keys(base: Path, paths: Iterable[str]) -> tuple[TermsKey, ...]:
    """Return keys by content; the same one under two names would pass for two people."""
    found: dict[str, tuple[str, TrustedKey]] = {}
    for path in paths:
        key = load_trusted_key(base / path)
        first, _ = found.setdefault(key.fingerprint, (path, key))
        if first != path:
            raise UsageError(
                f"{first} and {path} hold the same key",
                hint="ask its two holders which of them should have another key; nothing was done",
            )
    return by_content(key for _, key in found.values())


def by_content(keys: Iterable[TrustedKey]) -> tuple[TermsKey, ...]:
    """Return keys as the journal has them, in the order of their fingerprints."""
    found = {
        key.fingerprint: TermsKey(
            fingerprint=key.fingerprint,
            public=key.public.public_bytes_raw().hex(),
            until=key.until,
        )
        for key in keys
    }
    return tuple(found[fingerprint] for fingerprint in sorted(found))
