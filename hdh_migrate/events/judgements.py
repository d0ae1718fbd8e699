"""Whether a loss is a breach that must be notified: who judged it, as it was signed."""

from __future__ import annotations

from typing import ClassVar

from hdh_migrate.events.consent import TermsKey
from hdh_migrate.events.event import Event, SignedEnvelopes
from hdh_migrate.jsonform import Absent, JsonForm, json_form


@json_form
class JudgedLook(JsonForm):
    """A look at a batch's target, and how many objects it had found gone or damaged by then."""

    batch: str
    number: int
    objects: int


@json_form
class BreachJudged(Event):
    """Somebody whom the plan names judged what looks and findings told, and signed it."""

    kind: ClassVar[str] = "breach-judged"
    looks: tuple[JudgedLook, ...]
    findings: tuple[tuple[int, int], ...]
    """First and last number of each row of findings, ascending."""
    notified: bool
    """Whether an authority was notified; what else was signed says when, or why not."""
    key: TermsKey | Absent
    """Absent with keyed names, as is what was signed."""
    signed: SignedEnvelopes | Absent


JudgementEvent = BreachJudged
