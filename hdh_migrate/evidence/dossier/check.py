"""Make a dossier's statement, and check a folder that holds one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hdh_migrate.errors import EvidenceDamaged, UsageError
from hdh_migrate.evidence.dossier.facts import (
    PREDICATE,
    DossierCost,
    DossierPrice,
    DossierRow,
    EgressDossier,
)
from hdh_migrate.evidence.dossier.page import render_dossier
from hdh_migrate.evidence.page.signing_keys import SignedBy
from hdh_migrate.evidence.signatures.dsse import STATEMENT
from hdh_migrate.evidence.signatures.envelopes import is_signed_by, verify_envelope
from hdh_migrate.evidence.signatures.signing import TrustedKey
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.frozen import frozen
from hdh_migrate.jsonform import OtherForm
from hdh_migrate.plan.fields import is_day
from hdh_migrate.plan.files import read_bounded
from hdh_migrate.plan.prices import UnitPrice
from hdh_migrate.plan.pricing import PURPOSES, Purpose, Use, cents, summed

ENVELOPE: Final = "dossier.json"
BYTES_MAX: Final = 16 << 20
LANGUAGES: Final = ("fr", "en")


@frozen
class CheckedDossier:
    """A dossier that checks, and what nobody compared."""

    facts: EgressDossier
    signed_by: str
    not_compared: tuple[str, ...]


def page_name(language: str) -> str:
    """Return the file of a dossier's page."""
    return f"dossier.{language}.html"


def statement_of(facts: EgressDossier, pages: Mapping[str, bytes]) -> bytes:
    """Return the in-toto statement about a dossier's pages, in canonical JSON."""
    return canonical_json(
        {
            "_type": STATEMENT,
            "subject": [
                {"name": name, "digest": {"sha256": sha256_hex(page)}}
                for name, page in pages.items()
            ],
            "predicateType": PREDICATE,
            "predicate": facts.as_json(),
        }
    )


def costs_of(rows: Sequence[DossierRow], prices: Sequence[UnitPrice]) -> Iterator[DossierCost]:
    """Yield what rows cost: of each line the last day counts, and of each side what left it."""
    uses = [
        Use(row.last_day, row.side, purpose, row.bytes_read, row.requests)
        for row in rows
        if row.side in {"source", "target"} and (purpose := _purpose(row)) is not None
    ]
    for one in summed(uses, prices):
        yield DossierCost(
            period=one.period, side=one.side, purpose=one.purpose, bytes=one.bytes,
            requests=one.requests, amount=None if one.amount is None else cents(one.amount),
        )  # fmt: skip


def _purpose(row: DossierRow) -> Purpose | None:
    return next((one for one in PURPOSES if one == row.purpose), None)


def check_dossier(
    folder: Path, keys: Sequence[TrustedKey], threshold: int, code_sha256: str
) -> CheckedDossier:
    """Check signature, pages and sums of a dossier.

    `code_sha256` is the digest of this tool's own files: pages of the same code are made again.

    Raises:
        UsageError: there is no such folder.
        EvidenceDamaged: something does not hold; the first such thing is named.
    """
    if not (folder / ENVELOPE).exists():
        raise UsageError(
            f"{folder}: there is no dossier here",
            hint='"hdh-migrate forecast PLAN --dossier DIR" writes one',
        )
    statement, signers = _signed(folder, keys, threshold)
    try:
        facts = EgressDossier.of_json(statement["predicate"])
        digests = {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}
        kind = statement["predicateType"]
    except (OtherForm, KeyError, TypeError):
        raise EvidenceDamaged(f"{ENVELOPE}: the statement is not that of a dossier") from None
    if kind != PREDICATE:
        raise EvidenceDamaged(f"{ENVELOPE}: the statement is not that of a dossier")
    _demand_rows(facts)
    pages = {name: _read(folder / name) for name in map(page_name, LANGUAGES)}
    if {name: sha256_hex(page) for name, page in pages.items()} != digests:
        raise EvidenceDamaged("a page is not the one that was signed")
    if list(costs_of(facts.rows, _prices(facts.prices))) != list(facts.costs):
        raise EvidenceDamaged(f"{ENVELOPE}: the costs are not those of its rows and prices")
    if facts.code_sha256 != code_sha256:
        why = f"another version of the tool wrote the pages (code {facts.code_sha256[:16]})"
        return CheckedDossier(facts=facts, signed_by=signers[0].key_id, not_compared=(why,))
    made = [
        {page_name(one): render_dossier(facts, SignedBy(key.key_id, key.fingerprint), one)
         for one in LANGUAGES}
        for key in signers
    ]  # fmt: skip
    if pages not in made:
        raise EvidenceDamaged("a page does not show what the statement says")
    return CheckedDossier(facts=facts, signed_by=signers[0].key_id, not_compared=())


def _signed(
    folder: Path, keys: Sequence[TrustedKey], threshold: int
) -> tuple[Mapping[str, Any], list[TrustedKey]]:
    """Return the statement, and which of the keys signed it."""
    try:
        envelope = json.loads(_read(folder / ENVELOPE))
        payload = verify_envelope(envelope, keys, threshold)
        statement = json.loads(payload)
        spelled = canonical_json(statement)
    except (ValueError, RecursionError, AttributeError, TypeError):
        raise EvidenceDamaged(f"{ENVELOPE}: not a signed statement") from None
    if not isinstance(statement, dict) or spelled != payload:
        raise EvidenceDamaged(f"{ENVELOPE}: the statement is not canonical JSON")
    return statement, [key for key in keys if is_signed_by(envelope, key)]


def _demand_rows(facts: EgressDossier) -> None:
    """Demand that rows are of days in order, of known purposes, and none of them negative."""
    keys = []
    for row in facts.rows:
        counts = (row.requests, row.bytes_read, row.bytes_written)
        days = is_day(row.first_day) and is_day(row.last_day) and row.first_day <= row.last_day
        if not days or min(counts) < 0 or _purpose(row) is None:
            raise EvidenceDamaged(f"{ENVELOPE}: a row is not what a row may be")
        keys.append((row.first_day, row.last_day, row.side, row.endpoint, row.purpose))
    if len(set(keys)) != len(keys):
        raise EvidenceDamaged(f"{ENVELOPE}: two rows are of the same day, endpoint and purpose")


def _prices(values: Sequence[DossierPrice]) -> list[UnitPrice]:
    try:
        return [UnitPrice.model_validate_json(canonical_json(one.as_json())) for one in values]
    except ValueError:
        raise EvidenceDamaged(f"{ENVELOPE}: a price is not what a price may be") from None


def _read(path: Path) -> bytes:
    try:
        data = read_bounded(path, BYTES_MAX)
    except OSError as error:
        raise EvidenceDamaged(f"{path.name}: {error.strerror or 'cannot be read'}") from None
    if len(data) > BYTES_MAX:
        raise EvidenceDamaged(f"{path.name}: larger than a dossier's file may be")
    return data
