"""The facts that the program passes to the evidence package, as frozen plain data.

`Facts` holds what no record can say: which plan, which tool, which endpoints, when, and how many
objects inventory had sealed. Everything that *can* be counted from the records is counted from
them by the writer (`recount`), so the two sides are a double entry: neither is believed alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from urllib.parse import urlsplit

from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.verifier.addresses import is_local
from hdh_migrate.evidence.verifier.members import (
    HeadersSection,
    ProvedKey,
    RecipientFile,
    SigningFile,
    StatedErasure,
    StatedFences,
    StatedLook,
    StatedOpening,
    StatedRotation,
)
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.frozen import frozen, frozen_row
from hdh_migrate.jsonform import CanonicalPlan
from hdh_migrate.model import Place
from hdh_migrate.results.moves import WaiverFact
from hdh_migrate.results.switches import CutoverFact

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)", re.ASCII)
"""RFC 3339 in UTC, the only form of time in the evidence."""

DIGEST = re.compile(r"[0-9a-f]{64}")
"""SHA-256 in lower-case hexadecimal."""

LEVELS = ("full", "stored", "head")
"""How deep an object was verified; only "full" is proof."""

NAMES = ("plain", "keyed")
"""Whether a bundle's lines say the objects' names, or keyed digests of them."""


@frozen_row
class ObjectCounts:
    """A number of objects and the sum of their source sizes in bytes."""

    objects: int = 0
    bytes: int = 0


@frozen
class Endpoint:
    """One place that was contacted: an address without any credential, and what passed through.

    `kind` is the source kind or the target's provider; a folder's address has no host.
    """

    side: str  # "source" or "target"
    kind: str
    url: str
    region: str | None = None
    bytes_read: int = 0
    bytes_written: int = 0
    requests: int = 0
    addresses: tuple[str, ...] = ()  # every network address that was contacted, sorted
    tls: tuple[str, ...] = ()  # what its connections were secured with, where known, sorted

    @property
    def is_local(self) -> bool:
        """Whether this is a folder or a loopback address, so that nothing left this machine."""
        return is_local(self.url)


@frozen
class DatasetFacts:
    """One dataset of the plan, and what inventory counted in it, excluded objects included."""

    name: str
    batch: str
    source: Place
    target: Place
    inventoried: ObjectCounts
    closed: bool = True  # whether inventory was sealed


@frozen
class Loss:
    """Something that objects of a dataset had at the source and do not have at the target.

    `kept` says where it can still be found: in the "manifest", in the operator's "ledger".
    """

    dataset: str
    what: str  # a key of the report's catalogue: "headers", "tier", "metadata", "tags", "modified"
    objects: int
    kept: str


@frozen
class StepPace:
    """How fast a step went: what was acknowledged in `bins` equal slices of its time.

    `seconds` is the length of one slice; the journal's receipts are where it is counted from.
    """

    step: str
    started: str
    ended: str
    seconds: float
    bins: tuple[ObjectCounts, ...]


@frozen
class Facts:
    """What the statement and the report say beyond the records.

    `code_sha256` is the digest over the tool's own files (`software`). `names` is "plain" or
    "keyed" (the manifest's names are keyed digests). `clock_offsets` are the seconds by which
    this machine's clock was ahead of each endpoint's Date header. `profile`, `capabilities`,
    `waivers` and `cutovers` come from the modules that own them, as JSON.

    Times are RFC 3339 in UTC; digests are hexadecimal SHA-256. `plan` is the canonical plan, in
    which credentials are references only, and `plan_digest` must be its digest. `written_at` is
    the moment of the report (a clock is never read here). `sha256_in_transfer` and
    `sha256_in_verify` count where the plaintext digests of the records came from: computed while
    the source was read, or, for objects sent in parts, when the object was read back.
    `moved_before` (by dataset) and `sealed_for` are what the journal tells of amendments: the lines
    are held against them.
    """

    migration: str
    plan: CanonicalPlan = field(repr=False)
    plan_digest: str
    tool_version: str
    code_sha256: str
    written_at: str
    endpoints: tuple[Endpoint, ...]
    datasets: tuple[DatasetFacts, ...]
    verify_level: str
    seal: str
    names: str = "plain"
    recipients: tuple[str, ...] = ()  # fingerprints of public keys
    sealed_for: frozenset[int] = frozenset()  # for how many, at one time or another
    moved_before: Mapping[str, int] = field(default_factory=dict)  # objects before their rule
    headers: HeadersSection | None = None  # packs of detached headers, and their copies
    proved: tuple[ProvedKey, ...] = ()  # `recipient` and when its key last opened, `at`
    files: tuple[RecipientFile, ...] = ()  # the plan's files of public keys, and whose each is
    signing_keys: tuple[SigningFile, ...] = ()  # files of keys for signatures, by name
    attestation: Mapping[str, object] | None = None  # what the customer attests of the target
    profile: Mapping[str, object] | None = None  # what was counted on at the target, and since when
    capabilities: Mapping[str, object] | None = None  # what a probe saw at the target
    waivers: tuple[WaiverFact, ...] = ()
    cutovers: tuple[CutoverFact, ...] = ()
    looks: tuple[StatedLook, ...] = ()  # the last look at each batch's verified objects
    openings: tuple[StatedOpening, ...] = ()  # objects that were read back in the clear
    rotations: tuple[StatedRotation, ...] = ()  # keys that were exchanged for others
    erasures: tuple[StatedErasure, ...] = ()  # datasets whose headers were erased
    fences: StatedFences | None = None  # whether the target shows a newer copy of the ledger
    losses: tuple[Loss, ...] = ()
    paces: tuple[StepPace, ...] = ()
    clock_offsets: Mapping[str, float] = field(default_factory=dict)  # by endpoint
    started_at: str | None = None
    ended_at: str | None = None
    operator: str | None = None  # as declared by the machine, for example user@host
    sha256_in_transfer: int = 0
    sha256_in_verify: int = 0
    previous_statement: str | None = None

    @property
    def rehearsal(self) -> bool:
        """Whether no endpoint lies off this machine; a rehearsal proves nothing about clouds."""
        return all(endpoint.is_local for endpoint in self.endpoints)


def check_facts(facts: Facts) -> None:
    """Refuse facts that contradict themselves or would carry a credential into the evidence.

    Raises:
        EvidenceDamaged: every problem found, one per line.
    """
    problems = [*_plan_problems(facts), *_shape_problems(facts)]
    for number, endpoint in enumerate(facts.endpoints, start=1):
        problems.extend(f"endpoint {number}: {what}" for what in _endpoint_problems(endpoint))
    if problems:
        raise EvidenceDamaged("facts for the statement are refused:\n  " + "\n  ".join(problems))


def _plan_problems(facts: Facts) -> list[str]:
    if sha256_hex(canonical_json(facts.plan)) != facts.plan_digest:
        return ["the plan digest is not the digest of the plan"]
    return []


def _shape_problems(facts: Facts) -> list[str]:
    problems = []
    previous = facts.previous_statement
    if previous is not None and not DIGEST.fullmatch(previous):
        problems.append("previous_statement is not a SHA-256 in hexadecimal")
    if not DIGEST.fullmatch(facts.code_sha256):
        problems.append("code_sha256 is not a SHA-256 in hexadecimal")
    if facts.names not in NAMES:
        problems.append("names are neither plain nor keyed")
    for name in ("written_at", "started_at", "ended_at"):
        value = getattr(facts, name)
        if value is not None and not MOMENT.fullmatch(value):
            problems.append(f"{name} is not an RFC 3339 time in UTC")
    names = [dataset.name for dataset in facts.datasets]
    if len(set(names)) != len(names):
        problems.append("two datasets have the same name")
    if facts.verify_level not in LEVELS:
        problems.append("the verification level is unknown")
    return problems


def _endpoint_problems(endpoint: Endpoint) -> list[str]:
    problems = []
    if endpoint.side not in ("source", "target"):
        problems.append('side is neither "source" nor "target"')
    try:
        parts = urlsplit(endpoint.url)
        if "@" in parts.netloc or parts.query or parts.fragment:
            problems.append("the address carries a credential or a query; give it without")
    except ValueError:
        problems.append("the address cannot be read")
    return problems
