"""Results of the verbs that prove: report, audit, waive, judge."""

from __future__ import annotations

from typing import Literal, NotRequired, final

from typing_extensions import TypedDict


class CheckpointFact(TypedDict):
    """The signed size and root of the journal, to be kept elsewhere."""

    file: str
    origin: str
    size: int
    root: str
    note: str


@final
class Stamped(TypedDict):
    """A time-stamp; `trusted`: its authority was judged, too."""

    at: str
    authority: str
    trusted: bool


@final
class Unstamped(TypedDict):
    """Why there is no time-stamp; the report is valid all the same."""

    error: str


class BundleFact(TypedDict):
    """The evidence that was written."""

    folder: str
    objects: int
    root: str
    manifest_sha256: str
    statement_sha256: str
    complete: bool
    proven: bool
    signed: bool
    checkpoint: CheckpointFact | None


class ReportFact(BundleFact):
    """The evidence with its time-stamp; None: the plan names no authority."""

    stamp: Stamped | Unstamped | None


class Signed(TypedDict):
    """Who signed, and how many signatures there are now."""

    signed_by: str
    signatures: int


class Requested(TypedDict):
    """The file with the request for a time-stamping authority."""

    request: str


class BundleChecked(TypedDict):
    """What a check of a bundle came to; `exit` is the command's exit code."""

    ok: bool
    problems: list[str]
    checked: list[str]
    not_checked: list[str]
    exit: int


class LossToJudge(TypedDict):
    """What may be a breach of personal data, and nobody judged yet."""

    what: str
    """`look.BATCH.N` or `finding.N`: what `--what` names."""
    batch: str | None
    objects: int
    new: int
    """So many of them nobody judged; a look that went on after a judgement has some."""
    at: str
    code: str | None
    """Of the finding; None: objects were gone or damaged."""


class JudgementsWaiting(TypedDict):
    """What waits for a judgement, the earliest first."""

    waiting: list[LossToJudge]


class JudgementMade(TypedDict):
    """A judgement that was signed; `kept`: the journal tells it from now on."""

    judged: list[str]
    notified: bool
    by: str
    made_at: str
    kept: bool
    written: str | None
    """The file it was written to, to be carried elsewhere."""
    waiting: list[LossToJudge]
    """What still waits, where the journal was asked."""


class AnswerShown(TypedDict):
    """One question of a report's first screen, and what it says to it."""

    question: str
    lines: list[str]


class FirstScreenShown(TypedDict):
    """A report's first screen; `trusted`: enough trusted keys signed the bundle."""

    marks: list[str]
    """What the page says before all else: of a rehearsal, a draft, changed terms."""
    title: str
    written: str
    """When the report was written, by what, and who may have it."""
    verdict: str
    why: str
    beside: list[str]
    """What else is so, the gravest first."""
    answers: list[AnswerShown]
    trusted: bool
    signed_by: list[str]
    """Ids of the keys given with `--trust` that signed the bundle."""
    unchecked: int
    """How many signatures are by no such key: nobody checked them."""


class VerifierFiles(TypedDict):
    """The verifier's files and the digest over them."""

    folder: str
    files: list[str]
    sha256: str


class Said(TypedDict):
    """A contradiction or a note."""

    code: str
    message: str


class PlaceInBoth(TypedDict):
    """Where an object stands in each manifest; its name only if it was asked for."""

    old: int | None
    new: int | None
    dataset: NotRequired[str]
    key: NotRequired[str]


class AlikeObjects(TypedDict):
    """Objects that became the same: how many, and the first of them."""

    count: int
    lines: list[PlaceInBoth]


class Compared(TypedDict):
    """Whether a later bundle takes something back."""

    ok: bool
    contradictions: list[Said]
    notes: list[Said]
    objects: dict[str, AlikeObjects]
    exit: int


class Exported(TypedDict):
    """A file or folder that was written; `trusted`: enough trusted keys signed what it tells."""

    out: str
    format: str
    bytes: int
    trusted: bool


class LineProof(TypedDict):
    """The proof (RFC 9162) that a line stands in a manifest."""

    line: str
    index: int
    size: int
    path: list[str]
    root: str


class Record(TypedDict):
    """A line of a manifest; names only where they were asked for."""

    dataset: str
    key: NotRequired[str]
    size: int
    source_version: str | None
    source_modified: str | None
    source_md5: str | None
    sha256: str | None
    bucket: str
    target_key: NotRequired[str]
    stored_size: int | None
    stored_sha256: str | None
    target_etag: str | None
    level: str | None
    verdict: str | None
    verified_at: str | None


class Proved(TypedDict):
    """The record that was proved to stand under a root.

    `log`: of a .tlog-proof, which migration's and whose statement's manifest it stands in.
    """

    ok: Literal[True]
    record: Record
    log: NotRequired[str]


class NameOpened(TypedDict):
    """Where the opening of a name was written, and where its line stands."""

    out: str
    dataset: str
    index: int
    root: str


class JournalEventFact(TypedDict):
    """One event of the journal; `body` is its JSON as it was hashed."""

    seq: int
    at: str
    kind: str
    body: str
    digest: str


class Waived(TypedDict):
    """A waiver that was signed; `counts`: the plan lists its key.

    `covers`: the open findings that it is about; null where it is about none, or none was looked
    for, for want of a ledger.
    """

    made: str
    what: str
    until: str
    key: str
    counts: bool
    covers: int | None
    plan_digest: str
    time: str
