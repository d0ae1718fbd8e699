"""The terms of a batch's cutover, and who changed them or took an approval back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from hdh_migrate.events.cutover import OfCutover
from hdh_migrate.events.event import SignedEnvelopes
from hdh_migrate.jsonform import ABSENT, Absent, JsonForm, json_form


@json_form
class TermsKey(JsonForm):
    """A public key that has a say, by content; `until` is its last day, None: it has none."""

    fingerprint: str
    public: str
    until: str | None


@json_form
class FreezeTerms(JsonForm):
    """How the plan wants a freeze to be shown; `how` is its section, None: it has none."""

    how: Mapping[str, Any] | None
    longest_seconds: int
    relist_seconds: int | None


@json_form
class DecommissionTerms(JsonForm):
    """On what proof and with what delays source objects may be deleted."""

    cooling_seconds: int
    recheck: str
    recheck_reason: str | None
    recheck_within_seconds: int
    trust: tuple[TermsKey, ...]
    signatures: int


@json_form
class ConsentTerms(JsonForm):
    """Who approves, how many of them, with what delays, on what proof."""

    approvers: tuple[TermsKey, ...]
    thresholds: Mapping[str, int]
    """How many must approve each stage."""
    window_seconds: int | None
    freeze: FreezeTerms
    waivers: tuple[TermsKey, ...]
    decommission: DecommissionTerms | None


@json_form
class CutoverTermsFixed(OfCutover):
    """The first terms; `adopted`: of a cutover that an earlier version had begun without any."""

    kind: ClassVar[str] = "cutover-terms"
    terms: ConsentTerms
    digest: str
    beside: tuple[str, ...]
    """Fingerprints of keys whose private half lies with the plan."""
    adopted: bool


@json_form
class CutoverTermsChanged(OfCutover):
    """Other terms, with the consent of those who approved before; digests of both."""

    kind: ClassVar[str] = "cutover-terms-changed"
    was: str
    now: str
    terms: ConsentTerms
    difference: tuple[str, ...]
    approvals: tuple[str, ...]
    since: str | None
    """When the last consent was signed; None: nobody had to agree."""
    beside: tuple[str, ...]
    signed: SignedEnvelopes | Absent = ABSENT


@json_form
class CutoverApprovalWithdrawn(OfCutover):
    """An approval, by digest, that the key with this fingerprint took back."""

    kind: ClassVar[str] = "cutover-approval-withdrawn"
    approval: str
    key: str


ConsentEvent = CutoverTermsFixed | CutoverTermsChanged | CutoverApprovalWithdrawn
