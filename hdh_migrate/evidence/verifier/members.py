"""The types of what a bundle holds: the members of lines, of events, and of the statement.

Used by verify.py (which see) and its companions. It needs Python 3.9 and nothing else, and does
nothing: shapes.py and forms.py say what each member may hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, Union

if TYPE_CHECKING:
    from typing import NotRequired


class ManifestRecord(TypedDict):
    """One object that was to be moved, as the manifest says it; what is not known is None."""

    dataset: str
    key: str
    key_b64: NotRequired[str]
    size: int
    source_version: str
    source_modified: str | None
    source_md5: str | None
    sha256: str | None
    bucket: str
    target_key: str
    target_key_b64: NotRequired[str]
    stored_size: int | None
    stored_sha256: str | None
    target_etag: str | None
    level: str | None
    verdict: str | None
    verified_at: str | None


class ExclusionRecord(TypedDict):
    """One object that the plan leaves behind, with its rule and reason."""

    dataset: str
    key: str
    key_b64: NotRequired[str]
    size: int
    source_version: str
    rule: str
    reason: str


class FindingRecord(TypedDict):
    """One open finding; `step` is None when its code is of another version."""

    number: int
    at: str | None
    severity: str
    code: str
    dataset: str | None
    key: str | None
    key_b64: NotRequired[str]
    message: str
    step: str | None


Line = Union[ManifestRecord, ExclusionRecord]  # noqa: UP007 - Python 3.9 reads this
"""What is about one object of the source."""


class EventRecord(TypedDict):
    """One event of the journal; its body is JSON in a text."""

    at: str
    body: str
    digest: str
    kind: str
    seq: int


class ObjectSum(TypedDict):
    """How many objects, and their bytes."""

    objects: int
    bytes: int


class StatedDigest(TypedDict):
    """A digest, under the name of its algorithm."""

    sha256: str


class StatedFile(TypedDict):
    """A file that a statement is about."""

    name: str
    digest: StatedDigest


class PlanSection(TypedDict):
    """The plan, in canonical form, and its digest; `rules` and `planned` look into it."""

    digest: StatedDigest
    canonical: dict[str, Any]


class ToolSection(TypedDict):
    """Which version of which tool wrote the bundle."""

    name: str
    version: str
    code: StatedDigest


class TimesSection(TypedDict):
    """When the run began and ended, when the statement was written, and how clocks differed."""

    started: str | None
    ended: str | None
    written: str
    clock_offsets: dict[str, float]


class StatedEndpoint(TypedDict):
    """One side, and what was exchanged with it."""

    side: str
    kind: str
    url: str
    region: str | None
    local: bool
    bytes_read: int
    bytes_written: int
    requests: int
    addresses: list[str]
    tls: NotRequired[list[str]]


class StatedFences(TypedDict):
    """How many of the target's buckets were seen to have the fence of this ledger, and as new."""

    ours: int
    unknown: int
    """Of these nobody looked, or could."""


class StatedWaiver(TypedDict):
    """A signed waiver that counted when the statement was written."""

    what: str
    reason: str
    until: str
    made_at: str
    by: str
    key_id: str
    file: str
    sha256: str


class StatedOpening(TypedDict):
    """An object that somebody opened; of keyed names neither which nor why."""

    at: str
    who: str
    dataset: str
    object: int | None
    reason: str | None


class StatedAbsent(TypedDict):
    """The objects that any look at a batch found gone or damaged, each once.

    Of these, `back` were verified again since; `missing` were not, and are still to be moved. The
    rest was left behind since: neither side is known to hold it as it was verified.
    """

    objects: int
    back: int
    missing: int


class StatedLook(TypedDict):
    """The last look at a batch's verified objects that has read something."""

    batch: str
    number: int
    level: str
    at: str
    objects: int
    gone: int
    damaged: int
    replaced: int
    unread: int
    lost: NotRequired[int]
    beside: NotRequired[int]
    absent: NotRequired[StatedAbsent]
    """Only where there are some; statements of earlier versions do not have it."""
    ended: bool


class StatedRotation(TypedDict):
    """An exchange of a key, or of data keys: then it has no names."""

    number: int
    old: str | None
    new: str | None
    began: str
    ended: str | None
    objects: int
    left: int
    lost: int
    removed: int
    remaining: dict[str, int]
    headers: NotRequired[int]


class StatedErasure(TypedDict):
    """A dataset whose headers were erased."""

    dataset: str
    batch: str
    began: str
    ended: str | None
    objects: int
    bytes: int
    packs: int
    versions: int
    copies: int
    headers: int
    root: str
    although: list[str]
    approvals: list[str]
    remaining: dict[str, int]


class StatedDrill(TypedDict):
    """When a private key was last tried on what the target held, and what of that it opened."""

    at: str
    objects: int
    opened: int
    whole: int
    bytes: int


class ProvedKey(TypedDict):
    """A recipient whose private key was seen to open, and when last."""

    recipient: str
    at: str
    stored: NotRequired[StatedDrill]


class RecipientFile(TypedDict):
    """The public key that a file of the plan held when the statement was written."""

    file: str
    recipient: str


class PackCopies(TypedDict):
    """What was told last of the copies of a batch's header packs."""

    batch: str
    packs: int
    bytes: int
    root: str
    at: str


class HeadersSection(TypedDict):
    """The header packs: how many, and a root over what they are at the target."""

    packs: int
    bytes: int
    root: str
    copies: NotRequired[list[PackCopies]]


class SigningFile(TypedDict):
    """Which public key a file held that the plan names for signatures."""

    file: str
    fingerprint: str


class SealSection(TypedDict):
    """How it is sealed, and for whom."""

    format: str
    recipients: list[str]
    proved: NotRequired[list[ProvedKey]]
    files: NotRequired[list[RecipientFile]]
    headers: NotRequired[HeadersSection]


class VerificationSection(TypedDict):
    """How closely was verified, and where digests were taken."""

    level: str
    sha256_taken_in_transfer: int
    sha256_taken_in_verify: int


class StatedLoss(TypedDict):
    """What a target does not hold, of how many objects, and where it is kept."""

    dataset: str
    what: str
    objects: int
    kept: str


class StatedPace(TypedDict):
    """How fast a step went, in slices of equal length."""

    step: str
    started: str
    ended: str
    seconds: float
    bins: list[ObjectSum]


class StatedPlace(TypedDict):
    """Where a dataset is."""

    bucket: str
    prefix: str


class States(TypedDict):
    """Where objects ended, added up."""

    inventoried: ObjectSum
    verified: ObjectSum
    failed: ObjectSum
    pending: ObjectSum
    excluded: ObjectSum


class StatedTally(States):
    """Where the objects of a dataset ended."""

    closes: bool


class DatasetSection(TypedDict):
    """One dataset, and what came of it."""

    name: str
    batch: str
    closed: bool
    source: StatedPlace
    target: StatedPlace
    tally: StatedTally
    own: NotRequired[ObjectSum]
    """Of these the tool's own files."""
    own_verified: NotRequired[ObjectSum]
    """Of those that are verified the tool's own files."""


class JournalSection(TypedDict):
    """The length and the last digest of the journal."""

    events: int
    head: str


class SizeClass(ObjectSum):
    """The objects of one class of sizes."""

    below: int | None


class ManifestSection(TypedDict):
    """What the lines of the manifest add up to."""

    records: int
    merkle_root: str
    tree: str
    digests: dict[str, int]
    claimed: NotRequired[ObjectSum]
    sizes: list[SizeClass]
    largest: NotRequired[int | None]


class StrongWords(TypedDict):
    """What the counts allow to be said."""

    inventory_closed: bool
    counts_close: bool
    complete: bool
    proven: bool


class BatchSection(StrongWords):
    """One batch: its own root, which approvals bind, and the strong words about it."""

    name: str
    records: int
    merkle_root: str


class OutcomeSection(StrongWords):
    """What all of it came to."""

    states: States
    verdicts: dict[str, ObjectSum]
    levels: dict[str, ObjectSum]


class StatedExclusion(ObjectSum):
    """What one rule left behind."""

    dataset: str
    rule: str
    reason: str


class FindingsSection(TypedDict):
    """The findings that are open, by code."""

    total: int
    codes: dict[str, int]


class Predicate(TypedDict):
    """What a statement says. What is a `dict` only is looked into by `rules`, or by nobody.

    What follows from lines and journal is believed after it was compared with them.
    """

    migration: str
    rehearsal: bool
    names: str
    plan: PlanSection
    tool: ToolSection
    operator: str | None
    times: TimesSection
    endpoints: list[StatedEndpoint]
    attestation: dict[str, Any] | None
    profile: dict[str, Any] | None
    capabilities: dict[str, Any] | None
    waivers: list[StatedWaiver]
    cutovers: list[dict[str, Any]]
    looks: NotRequired[list[StatedLook]]
    openings: NotRequired[list[StatedOpening]]
    rotations: NotRequired[list[StatedRotation]]
    erasures: NotRequired[list[StatedErasure]]
    fences: NotRequired[StatedFences]
    signing_keys: NotRequired[list[SigningFile]]
    seal: SealSection
    verification: VerificationSection
    losses: list[StatedLoss]
    paces: list[StatedPace]
    previous_statement: str | None
    datasets: list[DatasetSection]
    journal: JournalSection
    manifest: ManifestSection
    outcome: OutcomeSection
    findings: FindingsSection
    batches: list[BatchSection]
    exclusions: list[StatedExclusion]


class EvidenceStatement(TypedDict):
    """An in-toto statement of this kind."""

    _type: str
    subject: list[StatedFile]
    predicateType: str
    predicate: Predicate
