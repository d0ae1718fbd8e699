"""Where a report says what somebody let pass, what was not done, and what nobody saw.

A table of every kind of event: a new one is named here, with its place or with the reason why it
lets nothing pass. Findings and what a statement counts have places of their own.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hdh_migrate.events.registry import KINDS
from hdh_migrate.evidence.page.catalogue import CATALOGUE, LANGUAGES, text
from hdh_migrate.evidence.signatures.signing import Signer
from tests.unit.cli.test_help import LEAVES
from tests.unit.evidence import passing
from tests.unit.evidence.builders import record, signer
from tests.unit.evidence.test_html import squeezed, written


class OnThePage(NamedTuple):
    """The sentence that says it, and events that make a page say it where they suffice."""

    key: str
    told: tuple[passing.Told, ...] = ()
    cutovers: tuple[dict[str, Any], ...] = ()
    """What the statement says beside them."""


PLACES: dict[str, OnThePage] = {
    # --- with a reason, or in spite of something -------------------------------------------------
    "accepted": OnThePage("accepted.why"),
    "batch-amended": OnThePage("revisions"),
    "batch-amending": OnThePage("revisions"),
    "cleanup-abort": OnThePage("passed.aborted", (passing.aborted(),)),
    "clocks-compared": OnThePage("passed.alone", (passing.alone(so=True),)),
    "cutover-finalized": OnThePage(
        "final.target", (passing.finalized(gone=1),), (passing.story(passing.UNSAID),)
    ),
    "cutover-frozen": OnThePage("freeze.statement"),
    "cutover-requested": OnThePage("passed.kept-on", (passing.requested(keep_going=True),)),
    "cutover-rechecking": OnThePage("cutover.recheck.reason"),
    "cutover-switched": OnThePage("guard.other", (), (passing.guarded(passing.GUARDS[1]),)),
    "cutover-switching": OnThePage(
        "cutover.strangers",
        (),
        (passing.story(passing.CLEAN, not_ours_before_the_switch=1),),
    ),
    "cutover-terms-changed": OnThePage("terms.changed"),
    "cutover-waits": OnThePage("refused.by", (passing.waited("held"),)),
    "fence-taking": OnThePage("take-overs"),
    "grant-closed-by-hand": OnThePage("q.for.closed"),
    "headers-erasing": OnThePage("erasures.only-copy"),
    "hold-noticed": OnThePage("passed.released", (passing.noticed(held=False),)),
    "object-opened": OnThePage("openings.count"),
    "plan-changed": OnThePage("plans"),
    "restored": OnThePage("back.restored"),
    "restoring": OnThePage("back.restored"),
    "retrying": OnThePage("runs.retried"),
    "waivers-counted": OnThePage("banner.waived"),
    # --- was not done, or not seen ---------------------------------------------------------------
    "adopted-batch": OnThePage("adoptions"),
    "adopting": OnThePage("adoptions"),
    "breach-judged": OnThePage("judged"),
    "cutover-agreed": OnThePage("cutover.evidence.unsaid"),
    "cutover-erased": OnThePage("cutover.outcomes"),
    "cutover-observed": OnThePage("trace.not-shown"),
    "cutover-rechecked": OnThePage("cutover.recheck.value"),
    "cutover-rolled-back": OnThePage("cutover.back.ended"),
    "cutover-rolling-back": OnThePage("cutover.back.going"),
    "cutover-smoked": OnThePage("smoke.bad"),
    "cutover-terms": OnThePage("terms.beside"),
    "drifted": OnThePage("runs.drifted"),
    "fidelity-chosen": OnThePage("losses"),
    "findings": OnThePage("findings"),
    "grant-revoked": OnThePage("banner.left-open"),
    "grant-stale": OnThePage("left.grant-stale"),
    "headers-erased": OnThePage("erasures.remaining"),
    "headers-exchanged": OnThePage("rotations.left"),
    "headers-rewrapped": OnThePage("rotations.left"),
    "keys-rotated": OnThePage("rotations.remaining"),
    "look-ended": OnThePage("looks.open"),
    "looked-again": OnThePage("looks.found"),
    "looking-again": OnThePage("looks.drawn"),
    "notice-given-up": OnThePage("passed.notice", (passing.given_up(),)),
    "probe-ended": OnThePage("passed.probe", (passing.probed(1),)),
    "provisioned": OnThePage("passed.provisioned", (passing.provisioned(ok=False),)),
    "refresh-ended": OnThePage("not.ended"),
    "refreshed": OnThePage("col.left"),
    "run-ended": OnThePage("runs.cut-off"),
    "run-started": OnThePage("runs.cut-off"),
    "sending-again": OnThePage("runs.resent"),
    "superseded": OnThePage("runs.unverified"),
}

A_FINDING = "what of it stands against something is a finding"
COUNTED = "the statement counts it"
ROUTINE = "a step that was gone through as it was to be"
TAKES_NOTHING = "it takes leave away, or asks for it: nothing passes by it"
NOTHING_PASSES: dict[str, str] = {
    **dict.fromkeys(
        ("counted-by-report", "fence-taken", "rehydration-asked", "surveyed", "cutover-delta"),
        A_FINDING,
    ),
    **dict.fromkeys(
        ("failed", "retried", "sent", "verified", "inventoried", "inventory-changed", "adopted",
         "ledger-adopted", "drilled", "exchanged", "headers-copied", "under-way",
         "ledger-upgraded", "cutover-counted"),
        COUNTED,
    ),
    **dict.fromkeys(
        ("ages-counted", "batch-bound", "batch-done", "bound", "contents", "cutover-begun",
         "cutover-erasing", "cutover-moved", "cutover-open", "cutover-probed", "cutover-probing",
         "cutover-relisting", "cutover-settled", "cutover-smoking", "data-keys-rotating",
         "fence-released", "fence-releasing", "headers-exchanging", "keys-rotating",
         "ledger-named", "notice-delivered", "orphan-aborted", "probe-started", "probed",
         "provisioning", "refreshing", "rehydration-asking"),
        ROUTINE,
    ),
    **dict.fromkeys(
        ("cutover-approval-withdrawn", "cutover-withdrawn", "grant-asked", "grant-dropped",
         "grant-given", "grant-adopted", "grant-pack-withdrawn", "grant-policy-set",
         "grant-policy-setting", "instructed"),
        TAKES_NOTHING,
    ),
    "batch-late": "a forecast; what is not verified by then is counted as waiting",
    "held-up": "a run waits, and what waits is counted",
    "notices-waiting": "they are sent later, or given up, which is told",
    "rate": "how fast it goes",
}  # fmt: skip

REASONS = {
    ("run",): "fence-taking", ("transfer",): "fence-taking", ("fence",): "fence-taking",
    ("verify",): "accepted", ("amend",): "batch-amending", ("pause",): "instructed",
    ("limit",): "instructed", ("fetch",): "object-opened", ("restore-view",): "object-opened",
    ("revoke",): "grant-closed-by-hand", ("cutover", "finalize"): "cutover-finalized",
    ("hold",): "hold-noticed", ("erase",): "headers-erasing", ("waive",): "waivers-counted",
    ("judge",): "breach-judged", ("cleanup",): "cleanup-abort",
}  # fmt: skip
"""What a verb journals that is given a reason."""
OPTIONS = {
    "--as-it-is": "cutover-finalized", "--accept": "accepted", "--keep-going": "cutover-requested",
    "--take-over": "fence-taking", "--closed-at-host": "grant-closed-by-hand",
    "--give-up": "keys-rotated", "--restore": "restored", "--retry-failed": "retrying",
}  # fmt: skip
"""What options journal by which somebody lets something pass."""


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signer(tmp_path_factory.mktemp("key") / "keys")


def test_every_kind_of_event_has_its_place_or_lets_nothing_pass() -> None:
    assert PLACES.keys() & NOTHING_PASSES.keys() == set()
    assert PLACES.keys() | NOTHING_PASSES.keys() == KINDS.keys(), (
        "give each kind the sentence that tells of it in PLACES, or in NOTHING_PASSES the reason"
        " why none needs to"
    )


def test_every_place_is_a_sentence_of_the_page() -> None:
    """That each is said on some page, test_html.py and test_left.py hold."""
    assert {one.key for one in PLACES.values()} <= CATALOGUE.keys()


def test_what_is_done_for_a_reason_has_its_place() -> None:
    """A verb that takes a new reason journals it, and a page says what was done."""
    options = {
        verb: {word for one in leaf.params for word in one.opts} for verb, leaf in LEAVES.items()
    }
    assert {verb for verb, words in options.items() if "--reason" in words} == REASONS.keys()
    every = set().union(*options.values())
    assert every >= OPTIONS.keys()
    kinds = {*REASONS.values(), *OPTIONS.values()} - {"instructed"}
    assert kinds <= PLACES.keys()


@pytest.mark.parametrize("kind", [kind for kind, one in PLACES.items() if one.told or one.cutovers])
def test_a_page_says_it_when_the_journal_tells_it(tmp_path: Path, key: Signer, kind: str) -> None:
    place = PLACES[kind]
    told: dict[str, Any] = {"months": place.told, "cutovers": list(place.cutovers)}
    for language in LANGUAGES:
        said = longest(place.key, language)
        page = written(tmp_path / language, [record("a")], signer=key, **told)[language]
        assert said in page.text
        plain: dict[str, Any] = {"cutovers": [passing.story(passing.CLEAN)]}
        without = written(tmp_path / f"{language}-0", [record("a")], signer=key, **plain)[language]
        assert said not in without.text


def longest(name: str, language: str) -> str:
    """Return the longest piece of a sentence about one that has no value of it in between."""
    pieces = re.split(r"\{\w+\}", text(name, language, singular=True))
    return max(map(squeezed, pieces), key=len).strip()


def test_what_was_set_right_since_is_told_no_more(tmp_path: Path, key: Signer) -> None:
    """The last time counts: a clock that somebody vouched for, a probe that was cleared up."""
    later = (
        passing.alone(so=True), passing.alone(so=False), passing.probed(1), passing.probed(0),
        passing.provisioned(ok=False), passing.provisioned(ok=True),
        passing.requested(keep_going=True), passing.requested(keep_going=False),
    )  # fmt: skip
    page = written(tmp_path / "out", [record("a")], signer=key, months=later)["en"]
    assert "What was passed over" not in page.text
