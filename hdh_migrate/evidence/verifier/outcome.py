"""What a check came to, in words: what holds, what does not, and what no bundle can show.

Used by verify.py (which see). It needs Python 3.9 and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping

from hdh_migrate.evidence.verifier import forms
from hdh_migrate.evidence.verifier.approvals import ApprovedManifests
from hdh_migrate.evidence.verifier.members import EvidenceStatement, Predicate
from hdh_migrate.evidence.verifier.notes import Walk

CHECKED = (
    "1  every file is there, and no other",
    "2  SHA256SUMS lists the digests of exactly these files",
    "3  the statement is signed by enough trusted keys",
    "4  each file is the one that the statement is about",
    "5  every line is canonical, in order, unique, and well formed",
    "6  the Merkle roots and all counts follow from the lines",
    '7  "complete", "proven" and "rehearsal" are said as these counts and addresses allow',
    "8  the journal's chain is unbroken, and what it tells is what the lines and the statement say",
    "9  the plan has the digest that names the run, and lines and statement are as it leads to",
)
ALONE = (
    "that nothing was left out or made up before it was signed: who holds ledger and report key"
    " can do that. What limits it: a checkpoint of the journal that a witness signed or that you"
    " kept (--checkpoint), an earlier bundle (audit compare), a time-stamp"
)
SINCE = "that nothing was left out or made up of what came after the first {} events"
OPEN = (
    ALONE,
    "that the source gave its true content: only the operator's machine read it",
    "what no line shows: the addresses that were contacted, how fast it went, losses, who ran it",
)
FIRST_FORMAT = (
    "what the journal tells, and the pages: the bundle is of the first format, of which neither is"
    " compared with the statement"
)
UPGRADED = (
    "what the journal tells before its event {}, at which its ledger began to tell what it counts"
)
APPROVED = (
    "13 {} approvals are signed, each of what was done, in this journal as it then was, by a key"
    " that the terms of then name"
)
AS_APPROVED = "13 the manifest is the one that was approved last, of {} batches"
MOVED_ON = (
    "that the manifest of {} batches is what was approved: by the journal, objects of theirs came"
    " to another end since"
)
WAIVED = (
    "14 {} waivers are signed, each for the plan of then, by a key that might waive, and before its"
    " day was over; no switch passed a finding that none of them lets go"
)
JUDGED = (
    "16 every judgement of losses ({} in all) is signed, of what the journal told by then, by a key"
    " that never signed reports before"
)
BY_WORD = (
    "that those who are named as approving did, {} times: the journal names their keys, and what"
    " they signed is not in the bundle"
)
WAIVED_BY_WORD = (
    "that what is waived was waived by who may, {} times: the journal does not have what they"
    " signed"
)
WHOSE = "whose the keys are that approved, waived or judged: ask each of them for his fingerprint"
KEYED = (
    "what became of cutovers, what was opened, and that those who are named as approving or waiving"
    " did: with keyed names the journal in the bundle does not tell it, that of the plain one does"
)
PAGES = 'that a page shows what the statement says: "hdh-migrate audit verify" makes each one again'
UNSAMPLED = "that the target still holds these bytes: --sample reads some of them"
UNSTAMPED = "when the bundle was made: its times are the operator's own"
UNJUDGED_STAMP = "the time-stamp: --tsa-trust names who is trusted to give one"
STAMPED = "10 the signed statement existed on {}, says {}"
GOES_ON = "12 the journal goes on from the checkpoint of {} events, which {} trusted keys signed"


class Outcome:
    """What a check came to: all of `checked` holds if there are no `problems`."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.checked = list(CHECKED)
        self.open = [*OPEN, UNSAMPLED]
        self.statement: EvidenceStatement | None = None
        """What was judged, None where nothing could be: see `predicate`."""

    @property
    def predicate(self) -> Predicate:
        """What was judged. Who goes on with it takes it from here: files may change meanwhile.

        Raises:
            Wrong: there is no statement that could be judged.
        """
        if self.statement is None:
            raise forms.Wrong("statement.json: nothing was judged")
        return self.statement["predicate"]

    def text_lines(self) -> list[str]:
        """Return the outcome as lines for people: what was checked, and what was not."""
        if self.problems:
            wrong = [f"WRONG   {problem}" for problem in self.problems]
            return [*wrong, "this bundle is not evidence"]
        checked = [f"ok      {what}" for what in self.checked]
        return [*checked, *(f"open    {what}" for what in self.open), "the bundle checks"]


def say_what_is_open(
    outcome: Outcome, version: int, walk: Walk, digests: Mapping[str, str]
) -> None:
    """Add what this bundle leaves open, and which checkpoints its journal goes on from."""
    if version == 1:
        outcome.open.append(FIRST_FORMAT)
    elif walk.upgraded:
        outcome.open.append(UPGRADED.format(walk.upgraded))
    _say_who_signed(outcome, version, walk)
    if version > 1 and any(name.startswith("report.") for name in digests):
        outcome.open.append(PAGES)
    if walk.notes:
        outcome.open[outcome.open.index(ALONE)] = SINCE.format(max(n.size for n in walk.notes))
    for note in walk.notes:
        outcome.checked.append(GOES_ON.format(note.size, note.signed))


def _say_of_what(outcome: Outcome, manifests: ApprovedManifests) -> None:
    """Add of how many batches the lines are those that were approved, and of how many others."""
    batches = {one["name"] for one in outcome.predicate["batches"]}
    for said, line, known in (
        (outcome.checked, AS_APPROVED, batches & manifests.roots.keys()),
        (outcome.open, MOVED_ON, batches & manifests.moved_on),
    ):
        if known:
            said.append(line.format(len(known)))


def _say_who_signed(outcome: Outcome, version: int, walk: Walk) -> None:
    """Add what people signed who do not hold the ledger, and what is the journal's word alone."""
    approvals, waivers, judged = walk.approvals, walk.waivers, walk.judgements.signed
    if approvals.signed:
        outcome.checked.append(APPROVED.format(approvals.signed))
        _say_of_what(outcome, approvals.manifests)
    if waivers.known:
        outcome.checked.append(WAIVED.format(len(waivers.known)))
    if judged:
        outcome.checked.append(JUDGED.format(judged))
    if approvals.signed or waivers.known or judged:
        outcome.open.append(WHOSE)
    if walk.keyed:
        outcome.open.append(KEYED)
        return
    if approvals.by_word:
        outcome.open.append(BY_WORD.format(approvals.by_word))
    stated = 0 if waivers.began or version == 1 else len(outcome.predicate["waivers"])
    if waivers.by_word + stated:
        outcome.open.append(WAIVED_BY_WORD.format(waivers.by_word + stated))
