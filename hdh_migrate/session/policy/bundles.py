"""Bundles that a plan trusts, for who must know what was verified when no ledger does any more."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hdh_migrate.errors import Refused, UsageError
from hdh_migrate.events.adoption import JournalSeen
from hdh_migrate.events.consent import ConsentTerms
from hdh_migrate.events.run import LedgerNamed
from hdh_migrate.evidence.lines.granted import GrantAccount
from hdh_migrate.evidence.lines.records import MAX_LINE, manifest_line, read_line
from hdh_migrate.evidence.lines.stories import cutovers
from hdh_migrate.evidence.page.chronicle import chronicle_of
from hdh_migrate.evidence.reading import CheckedBundle, open_bundle
from hdh_migrate.evidence.signatures.signing import TrustedKey, load_trusted_key
from hdh_migrate.evidence.verifier.members import ManifestRecord
from hdh_migrate.folders import demand_unshared
from hdh_migrate.frozen import frozen
from hdh_migrate.model import Verdict, key_bytes
from hdh_migrate.pipeline.adoption.adoption_proofs import AdoptionProof
from hdh_migrate.pipeline.workers.work import Route
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy import keyring
from hdh_migrate.session.policy.terms import terms_stated
from hdh_migrate.wiring import Vault, routes_of

MANIFEST = "manifest.jsonl"
JOURNAL = "journal.jsonl"


@frozen
class Trusted:
    """A bundle of this migration that checks, and that a key signed which the plan trusts."""

    bundle: CheckedBundle
    ledger: str | None
    begins: Mapping[str, int]
    """Where in the manifest a dataset's lines begin."""

    @property
    def written(self) -> str:
        """When it was written, as it says."""
        return str(self.bundle.predicate["times"]["written"])

    @property
    def seen(self) -> JournalSeen:
        """How far its journal goes."""
        journal = self.bundle.predicate["journal"]
        return JournalSeen(
            ledger=self.ledger, events=journal["events"], head=journal["head"],
            statement=self.bundle.statement_sha256,
        )  # fmt: skip


class Bundles:
    """What some trusted bundles say together, the newest first."""

    def __init__(self, found: Sequence[Trusted], routes: Mapping[str, Route]) -> None:
        self.found = sorted(found, key=lambda one: one.written, reverse=True)
        self._routes = routes

    def of(self, dataset: str) -> Iterator[AdoptionProof]:
        """Return what they say of a dataset's objects, in key order, the newest of a key first."""
        route = self._routes[dataset]
        numbered = [_numbered(one, dataset, route, rank) for rank, one in enumerate(self.found)]
        for _, _, proof in heapq.merge(*numbered, key=lambda one: one[:2]):
            yield proof

    def open_grants(self) -> list[tuple[GrantAccount, str]]:
        """Return the grants that stand, as they say, each with the statement that tells it.

        What one of them says was taken back, or renewed, does not stand; of what several tell, the
        newest is believed.
        """
        found: dict[str, tuple[GrantAccount, str]] = {}
        over: set[str] = set()
        for one in self.found:
            for account in chronicle_of(one.bundle.folder / JOURNAL).grants.by_id.values():
                found.setdefault(account.id, (account, one.bundle.statement_sha256))
                if account.revoked is not None or account.renewed_by is not None:
                    over.add(account.id)
        return [
            found[name] for name in sorted(found.keys() - over) if found[name][0].given is not None
        ]

    def terms(self, batch: str) -> ConsentTerms | None:
        """Return the terms of a batch's cutover that the newest bundle tells which has any.

        Raises:
            EvidenceDamaged: they are not of the form that terms have.
        """
        found = (
            terms_stated(story.get("terms"))
            for one in self.found
            if (story := cutovers(one.bundle.predicate).get(batch)) is not None
        )
        return next((one for one in found if one is not None), None)


def trusted_bundles(desk: Desk, folders: Sequence[Path]) -> Bundles:
    """Check bundles with the keys that the plan names, and return what they say.

    Raises:
        Refused: the plan names no key to trust, a bundle is of another migration, or others could
            change it.
        UsageError: there is no bundle, or it has keyed names.
        EvidenceDamaged: a bundle does not check, or none of these keys signed it.
        KeyUnavailable: a key of the plan cannot be read.
    """
    for folder in folders:  # its lines are read again later, when they have been checked
        demand_unshared(folder.absolute(), {desk.loaded.path.stat().st_uid})
    keys = _trusted_keys(desk) if folders else []
    return Bundles(
        [_trusted(desk, folder, keys) for folder in folders], routes_of(desk.loaded.plan)
    )


def _trusted_keys(desk: Desk) -> list[TrustedKey]:
    plan, base = desk.loaded.plan, desk.loaded.base
    signer = keyring.signer_of(plan, Vault.open(base))
    found = [] if signer is None else [signer.verifier]
    for cutover in plan.cutovers:
        if cutover.decommission is not None:
            found += [load_trusted_key(base / path) for path in cutover.decommission.trust]
    if not found:
        raise Refused(
            "the plan names no key whose bundles are trusted",
            hint="name report.signer, the key that signed them; nothing was done",
        )
    return list({one.fingerprint: one for one in found}.values())


def _trusted(desk: Desk, folder: Path, keys: Sequence[TrustedKey]) -> Trusted:
    bundle = open_bundle(folder, keys)
    if bundle.names != "plain":
        raise UsageError(f"{folder}: its names are keyed, so no object can be found in it")
    migration = bundle.predicate["migration"]
    if migration != desk.loaded.plan.migration:
        raise Refused(
            f"{folder}: a bundle of the migration {migration}, not of this one",
            hint="nothing was done",
        )
    named = next(bundle.told(LedgerNamed.kind), None)
    ledger = None if named is None else str(named[1]["ledger"])
    return Trusted(bundle=bundle, ledger=ledger, begins=_begins(folder))


def _begins(folder: Path) -> Mapping[str, int]:
    found: dict[str, int] = {}
    with (folder / MANIFEST).open("rb") as file:
        at = 0
        while raw := file.readline(MAX_LINE):
            found.setdefault(json.loads(raw)["dataset"], at)
            at += len(raw)
    return found


def _numbered(
    trusted: Trusted, dataset: str, route: Route, rank: int
) -> Iterator[tuple[bytes, int, AdoptionProof]]:
    begin = trusted.begins.get(dataset)
    if begin is None:
        return
    with (trusted.bundle.folder / MANIFEST).open("rb") as file:
        file.seek(begin)
        while raw := file.readline(MAX_LINE):
            line = read_line(raw, manifest_line)
            if line["dataset"] != dataset:
                return
            proof = _proof(line, route, trusted.bundle.statement_sha256)
            if proof is not None:
                yield key_bytes(proof.key), rank, proof


def _proof(line: ManifestRecord, route: Route, statement: str) -> AdoptionProof | None:
    """Return what a line proves, None where it does not."""
    key, sha256, etag = line["key"], line["sha256"], line["target_etag"]
    place = (route.target.bucket, route.target_key(key))
    stored_size, stored_sha256 = line["stored_size"], line["stored_sha256"]
    if line["verdict"] != Verdict.MATCH or sha256 is None or etag is None:
        return None
    if stored_size is None or stored_sha256 is None:
        return None
    return AdoptionProof(
        key=key, size=line["size"], version=line["source_version"],
        modified=line["source_modified"], md5=line["source_md5"], sha256=sha256,
        stored_size=stored_size, stored_sha256=stored_sha256, etag=etag, statement=statement,
        here=(line["bucket"], line["target_key"]) == place,
    )  # fmt: skip
