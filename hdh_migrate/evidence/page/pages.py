"""Compare a bundle's pages with its statement: each one is made again, and must be the same bytes.

A page is a function of predicate, first findings, journal, signer and language, by the code
of the tool that wrote it. So another tool's pages cannot be made again: of them only the digest of
the predicate that they name is compared (verify.py), and the outcome says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from jinja2 import TemplateError

from hdh_migrate.evidence.lines.unresolved import Unresolved
from hdh_migrate.evidence.page.catalogue import LANGUAGES
from hdh_migrate.evidence.page.chronicle import Chronicle, chronicle_of
from hdh_migrate.evidence.page.findings import GravestFindings
from hdh_migrate.evidence.page.html import render_report
from hdh_migrate.evidence.page.signing_keys import SignedBy
from hdh_migrate.evidence.reading import OF_NO_FORM, CheckedBundle, read_bundle
from hdh_migrate.evidence.signatures.signing import TrustedKey
from hdh_migrate.evidence.verifier.members import FindingRecord, Predicate
from hdh_migrate.evidence.verifier.outcome import PAGES, Outcome

COMPARED = "15 each page is the one that this statement, these findings and this journal give"
NOT_COMPARED = (
    "that a page shows what the statement says: another version of the tool wrote it ({}), and only"
    " the digest of the statement that it names was compared"
)


def compare_pages(
    keys: Sequence[TrustedKey], code_sha256: str, folder: Path, outcome: Outcome
) -> None:
    """Compare the pages of a bundle that checks, and return the outcome.

    `code_sha256` is the digest of this tool's own files: pages of the same code are made again.
    """
    if PAGES not in outcome.open:
        return  # there are none, or they are of the first format
    outcome.open.remove(PAGES)
    reading = read_bundle(folder)
    written_by = reading.predicate["tool"]["code"]["sha256"]
    if written_by != code_sha256:
        outcome.open.append(NOT_COMPARED.format(f"code {written_by[:16]}"))
        return
    months = chronicle_of(folder / "journal.jsonl")
    shown = GravestFindings.of(line for _, line in reading.findings())
    unresolved = _unresolved(reading)
    for path in sorted(folder.glob("report.*.html")):
        language, page = path.name.split(".")[1], path.read_bytes()
        made = (
            _made(reading.predicate, shown, signer, language, months, unresolved)
            for signer in _signers(reading.claimed_by, keys, page)
            if language in LANGUAGES and unresolved is not None
        )
        if page not in made:
            outcome.problems.append(f"{path.name}: not the page of this statement")
    outcome.checked.append(COMPARED)


def _unresolved(reading: CheckedBundle) -> Mapping[str, int] | None:
    """Return the findings that are left, by code; None where a waiver says what is no waiver."""
    lines = (line for _, line in reading.findings())
    try:
        return Unresolved.of(reading.predicate["waivers"], lines)
    except OF_NO_FORM:
        return None


def _made(
    predicate: Predicate,
    shown: Sequence[FindingRecord],
    signer: SignedBy | None,
    language: str,
    months: Chronicle,
    unresolved: Mapping[str, int],
) -> bytes | None:
    """Return the page; None where a value that nothing checks cannot stand on one."""
    try:
        return render_report(predicate, shown, signer, language, months, unresolved)
    except (*OF_NO_FORM, TemplateError):
        return None


def _signers(
    claimed_by: Sequence[str], keys: Sequence[TrustedKey], page: bytes
) -> Iterator[SignedBy | None]:
    """Yield who may stand on a page as the signer: the key of the first signature.

    The page shows its whole fingerprint, of which a signature has the beginning only. Of a key
    that is not trusted here nobody can know the rest: any is taken then.
    """
    if not claimed_by:
        yield None
        return
    key_id = claimed_by[0]
    known = [key.fingerprint for key in keys if key.key_id == key_id]
    if not known:
        begin = key_id.partition(":")[2].encode()
        known = [found.decode() for found in re.findall(begin + rb"[0-9a-f]{48}", page)[:1]]
    for fingerprint in known:
        yield SignedBy(key_id, fingerprint)
