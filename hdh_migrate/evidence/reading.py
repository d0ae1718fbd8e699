"""Open a finished bundle for those who derive something from it: exports, comparisons.

A bundle is checked whole before anything is taken from it, so nothing derived can say more than
the bundle proves. Without trusted keys everything but the signatures is checked, and whoever
reads on must say so.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.archives import no_bundle
from hdh_migrate.evidence.check import check_bundle
from hdh_migrate.evidence.lines.records import (
    MAX_LINE,
    exclusion_line,
    exclusion_line_1,
    finding_line,
    finding_line_1,
    manifest_line,
    read_line,
)
from hdh_migrate.evidence.signatures.envelopes import signers_among
from hdh_migrate.evidence.signatures.signing import TrustedKey
from hdh_migrate.evidence.verifier.members import (
    ExclusionRecord,
    FindingRecord,
    ManifestRecord,
    Predicate,
)
from hdh_migrate.evidence.verifier.shapes import is_statement
from hdh_migrate.evidence.verifier.verify import format_of
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.frozen import frozen
from hdh_migrate.results.proofs import JournalEventFact

R = TypeVar("R", bound=Mapping[str, object])

_UNSIGNED = (
    "statement.json: no trusted key signed the statement",
    "statement.json: an unsigned draft, not evidence",
)
"""What a check must find wrong when no key is trusted."""


OF_NO_FORM: Final = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What is raised where a value of a statement is not what whoever shows it takes it for."""


@contextmanager
def demand_showable(*more: type[Exception]) -> Iterator[None]:
    """Demand that what is shown of a bundle can be; no check looks into all that a plan may say.

    Raises:
        EvidenceDamaged: a value is not of the form that it would have from this tool.
    """
    kinds: tuple[type[Exception], ...] = (*OF_NO_FORM, *more)
    try:
        yield
    except kinds as error:
        raise EvidenceDamaged(
            "the statement says something that cannot be shown",
            hint="this tool did not write it, or a later version did; its lines and sums check:"
            ' "hdh-migrate audit verify BUNDLE --trust KEY"',
        ) from error


@frozen
class CheckedBundle:
    """A bundle whose files, lines, counts and chain hold.

    `claimed_by` are the key ids that the envelope claims, which prove nothing; `signed_by` those
    of trusted keys that did sign, and `unchecked` counts the signatures that none of them made.
    `statement_sha256` is what a later bundle names as its `previous_statement`.
    """

    folder: Path
    format: int
    predicate: Predicate = field(repr=False)
    statement_sha256: str
    claimed_by: tuple[str, ...]
    signed_by: tuple[str, ...] = ()
    unchecked: int = 0

    @property
    def draft(self) -> bool:
        """Whether nobody signed it: then it is no evidence."""
        return not self.claimed_by

    @property
    def trusted(self) -> bool:
        """Whether trusted keys were given, and enough of them signed."""
        return bool(self.signed_by)

    @property
    def names(self) -> str:
        """Whether the lines hold "plain" names or "keyed" digests of them."""
        return str(self.predicate["names"])

    def manifest(self) -> Iterator[tuple[int, ManifestRecord]]:
        """Yield number and content of every line of the manifest.

        Raises:
            EvidenceDamaged: a line is not what it must be; it was changed since the check.
        """
        return numbered(self.folder / "manifest.jsonl", manifest_line)

    def findings(self) -> Iterator[tuple[int, FindingRecord]]:
        """Yield number and content of every open finding; see `manifest`."""
        build = finding_line_1 if self.format == 1 else finding_line
        return numbered(self.folder / "findings.jsonl", build)

    def exclusions(self) -> Iterator[tuple[int, ExclusionRecord]]:
        """Yield number and content of every object that the plan leaves behind; see `manifest`."""
        build = exclusion_line_1 if self.format == 1 else exclusion_line
        return numbered(self.folder / "exclusions.jsonl", build)

    def events(self) -> Iterator[JournalEventFact]:
        """Yield the events of the journal, oldest first."""
        with (self.folder / "journal.jsonl").open("rb") as file:
            while raw := file.readline(MAX_LINE):
                yield cast("JournalEventFact", json.loads(raw))

    def told(self, *kinds: str, after: int = 0) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield kind and body of the events of some kinds, of those after the first `after`."""
        for event in islice(self.events(), after, None):
            if event["kind"] in kinds:
                yield event["kind"], json.loads(event["body"])

    def goes_on_from(self, events: int, head: str) -> bool:
        """Return whether the journal of so many events that ends so is the beginning of this one.

        One without events is not.
        """
        last = next(islice(self.events(), events - 1, None), None) if events else None
        return last is not None and last["digest"] == head


def open_bundle(
    folder: Path, trusted: Sequence[TrustedKey] = (), threshold: int = 1
) -> CheckedBundle:
    """Check a bundle and return it; with trusted keys its signatures are checked too.

    Raises:
        UsageError: there is no bundle.
        EvidenceDamaged: the bundle does not hold, with everything that is wrong.
    """
    problems = problems_of(folder, trusted, threshold)
    if problems:
        raise EvidenceDamaged(
            "the bundle does not check:\n" + "\n".join(f"  {problem}" for problem in problems),
            hint='nothing was taken from it; see "hdh-migrate audit verify BUNDLE --trust KEY"',
        )
    return read_bundle(folder, trusted)


def problems_of(folder: Path, trusted: Sequence[TrustedKey], threshold: int = 1) -> list[str]:
    """Return everything that is wrong with a bundle; without trusted keys, its signatures apart.

    Raises:
        UsageError: there is no bundle.
    """
    if not (folder / "statement.json").is_file():
        raise no_bundle(folder)
    problems = check_bundle(folder, trusted, threshold)
    return problems if trusted else [what for what in problems if what not in _UNSIGNED]


def read_bundle(folder: Path, trusted: Sequence[TrustedKey] = ()) -> CheckedBundle:
    """Return a bundle that was checked just now, and which of the keys signed it.

    Raises:
        EvidenceDamaged: it was changed since.
    """
    try:
        envelope = json.loads((folder / "statement.json").read_bytes())
        if "payload" in envelope:
            payload = base64.b64decode(envelope["payload"], validate=True)
            said = json.loads(payload)
            claims = tuple(str(claim["keyid"]) for claim in envelope["signatures"])
            signers, unchecked = signers_among(envelope, trusted)
        else:
            said, claims, signers, unchecked = envelope["statement"], (), (), 0
            payload = canonical_json(said)
        version = format_of(said)
    except (OSError, ValueError, KeyError, TypeError):
        raise EvidenceDamaged("statement.json: cannot be read") from None
    if not is_statement(said):
        raise EvidenceDamaged("statement.json: not a statement of this version")
    return CheckedBundle(
        folder=folder,
        format=version,
        predicate=said["predicate"],
        statement_sha256=sha256_hex(payload),
        claimed_by=claims,
        signed_by=tuple(key.key_id for key in signers),
        unchecked=unchecked,
    )


def numbered(path: Path, build: Callable[[R], bytes]) -> Iterator[tuple[int, R]]:
    """Yield number and content of each line of a file, in bounded memory.

    Raises:
        EvidenceDamaged: the file cannot be read, or a line is not in canonical form.
    """
    try:
        with path.open("rb") as file:
            number = 0
            while raw := file.readline(MAX_LINE + 1):
                number += 1
                try:
                    line = read_line(raw, build)
                except EvidenceDamaged as error:
                    raise EvidenceDamaged(f"{path.name} line {number}: {error}") from None
                yield number, line
    except OSError as error:
        raise EvidenceDamaged(f"{path.name}: cannot be read: {error.strerror}") from None
