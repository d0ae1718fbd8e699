"""What is left to do follows from where a migration stands, and is said in both languages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from hdh_migrate.cli.verbs import GROUPS, SECTIONS
from hdh_migrate.events.grants import (
    GrantAsked,
    GrantClosedByHand,
    GrantGiven,
    GrantPolicySet,
    GrantRevoked,
    GrantStale,
    PackWithdrawn,
    StaleWhy,
)
from hdh_migrate.events.inventory import InventorySealed
from hdh_migrate.events.refreshes import PassAmount, RefreshEnded, Refreshing
from hdh_migrate.evidence.lines.deletion import AfterDeletion
from hdh_migrate.evidence.lines.granted import GrantAccounts
from hdh_migrate.evidence.lines.left import LeftTask, LeftToDo, left_to_do
from hdh_migrate.evidence.lines.listings import Listings
from hdh_migrate.evidence.lines.standing import BatchStanding, MigrationStanding
from hdh_migrate.evidence.lines.unresolved import Unresolved
from hdh_migrate.evidence.page.catalogue import LANGUAGES, text
from hdh_migrate.evidence.page.left import told
from hdh_migrate.evidence.page.left_words import LEFT
from hdh_migrate.evidence.page.owners import OwnedTask, OwnedTasks, owned, working
from hdh_migrate.evidence.page.page_words import PageWords
from hdh_migrate.jsonform import ABSENT
from tests.support.every import every

NOW = "2026-11-27T09:00:00Z"
DONE = BatchStanding(
    name="pilot", listed="2026-11-01T08:00:00Z", closed=True, pending=0, verified=9,
    stage="decommission observed", switches=True,
)  # fmt: skip
SETTLED = MigrationStanding(at=NOW, batches=(DONE,), findings={}, witnessed=True)


def tasks(stands: MigrationStanding) -> list[tuple[LeftTask, tuple[str, ...]]]:
    return [(one.task, one.names) for one in left_to_do(stands)]


def batches(*several: BatchStanding) -> MigrationStanding:
    return replace(SETTLED, batches=several)


def test_nothing_is_left_where_all_is_done() -> None:
    assert left_to_do(SETTLED) == []


@pytest.mark.parametrize(
    ("stage", "switches", "found"),
    [
        (None, False, [LeftTask.RELIST, LeftTask.SOURCE]),
        (None, True, [LeftTask.SWITCH, LeftTask.SOURCE]),
        ("rolled back", True, [LeftTask.SWITCH, LeftTask.SOURCE]),
        ("preparing", True, [LeftTask.SWITCHING]),
        ("rolling back", True, [LeftTask.GOING_BACK]),  # a start is refused there
        ("fallback window", True, [LeftTask.FINALIZE, LeftTask.SOURCE]),
        ("finalized", True, [LeftTask.SOURCE]),
        ("decommission under way", True, [LeftTask.DELETING]),
        ("decommission requested", True, [LeftTask.OBSERVE]),
        ("decommission observed", True, []),
    ],
)
def test_a_batch_needs_its_next_step_until_its_source_is_gone(
    stage: str | None, switches: bool, found: list[LeftTask]
) -> None:
    one = replace(DONE, stage=stage, switches=switches)

    assert [task for task, _ in tasks(batches(one))] == found
    assert tasks(batches(replace(one, verified=0))) == [], "nothing of it is at the target"


def test_the_same_step_of_several_batches_is_one_thing_and_the_oldest_day_counts() -> None:
    one = replace(DONE, stage=None, switches=False)
    other = replace(one, name="scans", listed="2026-10-01T08:00:00Z")

    found = left_to_do(batches(one, other))

    assert found == [
        LeftToDo(LeftTask.RELIST, ("pilot", "scans"), at="2026-10-01T08:00:00Z"),
        LeftToDo(LeftTask.SOURCE, ("pilot", "scans")),
    ]


def test_a_target_is_read_back_before_the_source_is_deleted_if_that_is_long_ago() -> None:
    week = 7 * 86_400
    one = replace(DONE, stage="finalized", recheck_seconds=week)

    assert (LeftTask.READ_BACK, ("pilot",)) in tasks(batches(one))
    fresh = replace(one, read_back="2026-11-26T09:00:00Z")
    assert tasks(batches(fresh)) == [(LeftTask.SOURCE, ("pilot",))]
    old = replace(one, read_back="2026-11-19T09:00:00Z")
    assert (LeftTask.READ_BACK, ("pilot",)) in tasks(batches(old))


def test_what_is_wrong_is_told_first_then_what_is_not_moved_or_was_stopped() -> None:
    one = replace(DONE, closed=False, pending=3, relisting=True, looking=True, lacks_copy=True)
    stands = replace(batches(one), findings={"target-replaced": 1})

    assert [task for task, _ in tasks(stands)] == [
        LeftTask.BREACH,
        LeftTask.FINDING, LeftTask.LIST, LeftTask.MOVE, LeftTask.PASS, LeftTask.LOOK, LeftTask.COPY,
    ]  # fmt: skip


def test_what_changed_since_it_was_moved_is_decided_about_and_never_a_trace() -> None:
    one = replace(DONE, changed=1)
    stands = replace(batches(one), findings={"decommission-drifted": 1})
    assert left_to_do(stands) == [LeftToDo(LeftTask.CHANGED, ("pilot",), 1)]


def test_what_arrived_at_a_source_since_its_switch_is_to_be_decided_about() -> None:
    """Whatever comes first: it is told beside the decision about the whole source."""
    final = replace(DONE, stage="finalized", late=2, recheck_seconds=None)
    assert tasks(batches(final)) == [(LeftTask.LATE, ("pilot",)), (LeftTask.SOURCE, ("pilot",))]
    unseen = replace(final, late=0, unlisted=True)
    assert tasks(batches(unseen))[0] == (LeftTask.UNLISTED, ("pilot",))
    (late,) = [one for one in left_to_do(batches(final)) if one.task is LeftTask.LATE]
    said = {language: told(late, PageWords(language)).unescape() for language in LANGUAGES}
    assert "Decide about 2 objects that arrived or changed at the source" in said["en"]
    assert "Décider de 2\u00a0objets arrivés ou modifiés à la source" in said["fr"]


@pytest.mark.parametrize(
    ("outcomes", "shown", "changed", "unheld", "traces"),
    [
        ({"deleted": 2, "drifted": 1}, {"current": 1}, 1, 0, 0),
        ({"deleted": 2, "drifted": 1}, {"current": 0}, 0, 0, 0),
        ({"drifted": 1, "kept": 1}, {"current": 2, "version": 3, "not_ours": 9}, 1, 0, 4),
        ({"target-gone": 1, "target-lost": 1, "drifted": 1}, {"current": 2}, 1, 1, 0),
    ],
)
def test_what_a_source_still_shows_is_told_apart_by_why(
    outcomes: dict[str, int], shown: dict[str, object], changed: int, unheld: int, traces: int
) -> None:
    after = AfterDeletion.of(outcomes, shown)
    assert (after.changed, after.unheld, after.traces) == (changed, unheld, traces)
    assert after.over is not any((changed, unheld, traces))
    assert not AfterDeletion.of(outcomes, None).over


def test_bases_are_told_of_when_they_end_soon_and_waivers_always() -> None:
    stands = replace(
        SETTLED,
        bases=(("A", "2026-11-26"), ("B", "2027-05-26"), ("C", "2027-05-27")),
        attested=(("HDS, x", "2026-12-01"), ("SecNumCloud, y", "2029-01-01")),
        waivers=(("finding.conflict", "2029-01-01"),),
    )

    assert [(one.task, one.names, one.over) for one in left_to_do(stands)] == [
        (LeftTask.BASIS, ("A",), True),
        (LeftTask.BASIS, ("B",), False),
        (LeftTask.ATTESTATION, ("HDS, x",), False),
        (LeftTask.WAIVER, ("finding.conflict",), False),
    ]


def test_a_waived_basis_that_has_ended_is_to_be_examined_and_told_once() -> None:
    stands = replace(
        SETTLED, bases=(("A", "2026-11-26"),), waivers=(("legal-basis", "2029-01-01"),)
    )
    assert tasks(stands) == [(LeftTask.BASIS, ("A",))]
    stands = replace(stands, bases=(("A", "2029-01-01"),))
    assert tasks(stands) == [(LeftTask.WAIVER, ("legal-basis",))]


def test_a_permit_that_is_an_erasures_reason_and_lets_somebody_read_is_to_be_cleared_up() -> None:
    stands = replace(SETTLED, clashes=("EHDS-1",))
    assert tasks(stands) == [(LeftTask.CLASH, ("EHDS-1",))]


def test_a_basis_that_has_ended_comes_before_all_else() -> None:
    stands = replace(SETTLED, bases=(("A", "2026-11-26"),), findings={"conflict": 1})

    assert [task for task, _ in tasks(stands)] == [LeftTask.BASIS, LeftTask.FINDING]


def test_exchanges_erasures_and_keys_are_left_until_they_are_through() -> None:
    stands = replace(
        SETTLED,
        untried=("c4gh:1", "c4gh:2"),
        unstored=("c4gh:3",),
        rotations=(
            (NOW, None, 0, "keys rotate"),
            (NOW, NOW, 2, "reseal"),
            (NOW, NOW, 0, "reseal"),
        ),
        erasures=(("a", NOW, None, 0), ("b", NOW, NOW, 1), ("c", NOW, NOW, 0)),
    )

    assert tasks(stands) == [
        (LeftTask.ROTATION, ("keys rotate",)),
        (LeftTask.ROTATED, ("reseal",)),
        (LeftTask.ERASURE, ("a",)),
        (LeftTask.ERASED, ("b",)),
        (LeftTask.KEY, ("c4gh:1", "c4gh:2")),
        (LeftTask.KEY_STORED, ("c4gh:3",)),
        (LeftTask.COPIES_ERASED, ("b",)),
        (LeftTask.COPIES_ERASED, ("c",)),
    ]


def test_a_key_is_tried_on_what_the_target_holds_once_it_holds_something() -> None:
    nothing = replace(SETTLED, batches=(replace(DONE, verified=0),), unstored=("c4gh:3",))

    assert tasks(nothing) == []


def test_the_originals_of_each_erased_dataset_are_a_task_of_their_own() -> None:
    stands = replace(
        SETTLED,
        batches=(DONE, replace(DONE, name="research", deletes=False)),
        originals=(("emc2", 9, "research"), ("pmsi", 1, "pilot")),
    )

    assert left_to_do(stands) == [
        LeftToDo(LeftTask.ORIGINALS, ("emc2",), 9, unplanned=True),
        LeftToDo(LeftTask.ORIGINALS, ("pmsi",), 1),
    ]


@pytest.mark.parametrize("stage", [None, "rolled back", "fallback window"])
def test_while_consumers_may_read_the_source_nobody_is_told_to_have_it_deleted(
    stage: str | None,
) -> None:
    one = replace(DONE, stage=stage)
    switch, source = left_to_do(batches(one, replace(one, name="scans", deletes=False)))

    assert switch.task in {LeftTask.SWITCH, LeftTask.FINALIZE}
    assert source == LeftToDo(LeftTask.SOURCE, ("pilot", "scans"), awaits=True)
    said = told(source, PageWords("fr"), marked=False).unescape()
    assert said.startswith("Décider, une fois la bascule définitive, de la copie")
    assert "hdh-migrate" not in said
    assert "sans cet outil" not in said


def test_where_the_plan_deletes_nothing_no_verb_is_named_that_would_be_refused() -> None:
    planned = replace(DONE, stage="finalized")
    other = replace(planned, name="scans", deletes=False)

    first, second = (
        one for one in left_to_do(batches(planned, other)) if one.task is LeftTask.SOURCE
    )

    assert (first.names, second.names) == (("pilot",), ("scans",))
    words = PageWords("fr")
    assert "hdh-migrate decommission PLAN" in told(first, words, marked=False)
    said = told(second, words, marked=False)
    assert "hdh-migrate" not in said
    assert "Le plan n\u2019y prévoit aucune suppression" in said.unescape()


def test_a_report_is_signed_and_then_countersigned() -> None:
    assert tasks(replace(SETTLED, signed=False, witnessed=False)) == [(LeftTask.SIGN, ())]
    assert tasks(replace(SETTLED, witnessed=False)) == [(LeftTask.WITNESS, ())]


def test_a_waiver_lets_go_what_was_known_when_it_was_made() -> None:
    waiver = {"what": "finding.conflict", "made_at": "2026-03-02T00:00:00Z"}
    lines = [
        {"code": code, "severity": severity, "at": at}
        for code, severity, at in (
            ("conflict", "finding", "2026-03-01T00:00:00Z"),
            ("conflict", "finding", "2026-03-03T00:00:00Z"),
            ("vanished", "finding", "2026-03-01T00:00:00Z"),
            ("history-left", "note", "2026-03-01T00:00:00Z"),
        )
    ]

    assert Unresolved.of([waiver, {**waiver, "what": "attestation"}], lines) == {
        "conflict": 1,
        "vanished": 1,
    }


def test_a_batch_was_listed_when_all_its_datasets_were_or_by_its_last_pass() -> None:
    def sealed(dataset: str) -> InventorySealed:
        return InventorySealed(
            dataset=dataset, objects=1, bytes=ABSENT, root="0" * 64, excluded=ABSENT
        )

    of = {"a": "pilot", "b": "pilot"}
    events: list[Any] = [("2026-03-01T00:00:00Z", sealed("a"))]
    assert Listings.of(events, of).last("pilot") is None
    events.append(("2026-03-02T00:00:00Z", sealed("b")))
    assert Listings.of(events, of).last("pilot") == "2026-03-01T00:00:00Z"
    events.append(("2026-03-03T00:00:00Z", Refreshing(number=1, batch="pilot", user="x")))
    assert Listings.of(events, of).going_on("pilot")
    whole = PassAmount(objects=1, bytes=1)
    ended = RefreshEnded(number=1, batch="pilot", listed=whole)
    events.append(("2026-03-04T00:00:00Z", ended))
    seen = Listings.of(events, of)
    assert not seen.going_on("pilot")
    assert seen.last("pilot") == "2026-03-04T00:00:00Z"


def granted(*more: Any, until: str, ever: bool = True) -> GrantAccounts:
    asked = GrantAsked(
        grant="g-1", dataset="a", batch="pilot", permit="P", purpose="p", reader="c4gh:1",
        key="00" * 32, until=until, selection=None, objects=1, bytes=1, manifest="1" * 64,
        request="2" * 64, user="x",
    )  # fmt: skip
    given = GrantGiven(
        grant="g-1", objects=1, bytes=1, root="3" * 64, pack_sha256="4" * 64,
        statement_sha256="5" * 64, approvals=(),
    )  # fmt: skip
    events = (asked, given, *more) if ever else (asked, *more)
    return GrantAccounts.of((NOW, event) for event in events)


def test_a_grant_that_ended_is_closed_at_the_host_and_a_stale_one_renewed() -> None:
    entry = GrantPolicySet(grant="g-1", bucket="b", principal="p", allowed=True, sha256="6" * 64)
    stale = GrantStale(grant="g-1", why=(StaleWhy.ROTATED,))
    over, stands = "2026-11-26T00:00:00Z", "2027-11-26T00:00:00Z"

    def found(accounts: GrantAccounts) -> list[tuple[LeftTask, tuple[str, ...]]]:
        return tasks(replace(SETTLED, grants=accounts))

    assert found(granted(until=stands)) == [(LeftTask.GRANT_LASTS, ("g-1",))]
    assert found(granted(until=over)) == [(LeftTask.GRANT_UNSET, ("g-1",))]
    assert found(granted(entry, until=stands)) == []
    assert found(granted(entry, until=over)) == [(LeftTask.GRANT_OPEN, ("g-1",))]
    assert found(granted(replace(entry, allowed=False), until=over)) == []
    gone = GrantRevoked(grant="g-1", reason="the study ended", user="x")
    assert found(granted(gone, until=stands)) == [(LeftTask.GRANT_UNSET, ("g-1",))]
    told = GrantClosedByHand(grant="g-1", how="key removed in the console", user="x")
    assert found(granted(gone, told, until=stands)) == [(LeftTask.GRANT_SEEN, ("g-1",))]
    again = replace(told, how="key removed, ticket 4711", user="x@elsewhere")
    assert found(granted(gone, told, again, until=stands)) == [(LeftTask.GRANT_SEEN, ("g-1",))]
    assert found(granted(gone, until=stands, ever=False)) == []  # it was asked for, and no more
    assert found(granted(gone, told, until=stands, ever=False)) == []
    halfway = PackWithdrawn(grant="g-1", found=True)  # it was being given when that was killed
    assert found(granted(gone, halfway, until=stands, ever=False)) == [
        (LeftTask.GRANT_UNSET, ("g-1",))
    ]
    seen = granted(gone, told, replace(told, how="seen in the console", user="y"), until=stands)
    assert found(seen) == []
    assert found(granted(entry, gone, told, until=stands)) == [(LeftTask.GRANT_OPEN, ("g-1",))]
    closed = replace(entry, allowed=False)
    assert found(granted(gone, closed, until=stands)) == []
    assert found(granted(entry, stale, until=stands)) == [(LeftTask.GRANT_STALE, ("g-1",))]
    assert (LeftTask.GRANT_STALE, ("g-1",)) in found(granted(stale, until=stands))


def test_a_key_that_nobody_is_declared_to_hold_and_a_side_without_tls_are_left_to_do() -> None:
    assert tasks(replace(SETTLED, unheld=("k.pub",), plain=("http://a.example",))) == [
        (LeftTask.PLAIN, ("http://a.example",)),
        (LeftTask.HOLDER, ("k.pub",)),
    ]


def test_what_was_missing_for_a_while_is_judged_too() -> None:
    one = replace(DONE, absences=(("2026-11-20T08:00:00Z", 2),), read_back=NOW)

    assert left_to_do(batches(one)) == [
        LeftToDo(LeftTask.ABSENCE, ("pilot",), 2, at="2026-11-20T08:00:00Z")
    ], "a later look does not undo it"


def test_what_is_missing_and_not_mended_is_judged_first() -> None:
    one = replace(DONE, absences=(("2026-11-20T08:00:00Z", 2),), whole=False, pending=2)

    assert left_to_do(batches(one)) == [
        LeftToDo(LeftTask.ABSENT, ("pilot",), 2, at="2026-11-20T08:00:00Z"),
        LeftToDo(LeftTask.MOVE, ("pilot",), 2),
    ]


def test_what_a_switch_was_made_final_in_spite_of_is_read_again_and_judged() -> None:
    final = "2026-11-20T08:00:00Z"
    one = replace(DONE, let_go=2, let_go_at=final)

    assert left_to_do(batches(one)) == [LeftToDo(LeftTask.LET_GO, ("pilot",), 2, at=final)]
    (party,) = owned(left_to_do(batches(one)), {}, (), PageWords("fr"))
    assert "23 novembre 2026 à 08:00:00" in words_of(party.tasks[0].until or ""), "72 hours later"


def test_a_later_look_does_not_begin_the_72_hours_anew() -> None:
    """They were known to be missing when the switch was made final, three days before the look."""
    one = replace(
        DONE, let_go_at="2026-11-20T08:00:00Z", missed=True, read_back="2026-11-23T08:00:00Z",
        absences=(("2026-11-23T08:00:00Z", 1),), whole=False,
    )  # fmt: skip
    stands = replace(batches(one), findings={"target-replaced": 1})
    may_be = left_to_do(stands)[:2]

    assert [one.task for one in may_be] == [LeftTask.BREACH, LeftTask.ABSENT]
    assert [one.known for one in may_be] == ["2026-11-20T08:00:00Z"] * 2
    (party, *_) = owned(may_be, {}, (), PageWords("fr"))
    assert all("23 novembre 2026 à 08:00:00" in words_of(one.until or "") for one in party.tasks)
    before = replace(one, let_go_at="2026-11-24T08:00:00Z")
    assert left_to_do(batches(before))[0].known is None, "the look came first"


def words_of(said: str) -> str:
    """Return a sentence with plain spaces."""
    return said.replace("\u00a0", " ").replace("\u202f", " ")


def test_what_was_done_after_a_basis_ended_is_judged_and_told_before_all_else() -> None:
    stands = replace(
        SETTLED,
        bases=(("A", "2026-11-24"),),
        done=(
            ("run", "2026-11-24T23:00:00Z"),
            ("grant", "2026-11-25T01:00:00Z"),
            ("grant", "2026-11-26T01:00:00Z"),
        ),
        findings={"conflict": 1},
    )

    found = left_to_do(stands)

    assert [one.task for one in found] == [
        LeftTask.DONE_WITHOUT, LeftTask.BASIS, LeftTask.FINDING,
    ]  # fmt: skip
    assert found[0].acts == ("grant",), "on its last day it still counted"


def test_old_keys_keys_beside_the_plan_and_logins_of_nobody_are_left_to_do() -> None:
    stands = replace(SETTLED, former=("c4gh:1",), beside=("ed25519:2",), strangers=("a@b",))

    assert tasks(stands) == [
        (LeftTask.OLD_KEY, ("c4gh:1",)),
        (LeftTask.KEYS_BESIDE, ("ed25519:2",)),
        (LeftTask.LOGIN, ("a@b",)),
    ]


DAYS = {LeftTask.BASIS, LeftTask.DONE_WITHOUT, LeftTask.ATTESTATION, LeftTask.WAIVER}


def everything() -> Iterable[LeftToDo]:
    """Yield each thing that there may be to do, in each form that it has words for."""
    for task in LeftTask:
        at = NOW[:10] if task in DAYS else NOW
        for names in (("conflict",), ("a", "b"), tuple("abcdef"), tuple("abcdefgh")):
            for count in (1, 2):
                acts = ("run", "grant") if task is LeftTask.DONE_WITHOUT else ()
                yield LeftToDo(task, names, count, at=at, acts=acts)
            if f"left.{task}.over" in LEFT:
                yield LeftToDo(task, names, 1, at=at, over=True)
            if f"left.{task}.never" in LEFT:
                yield LeftToDo(task, names, 1)
            if task is LeftTask.SOURCE:
                yield LeftToDo(task, names, 1, unplanned=True)
                yield LeftToDo(task, names, 1, awaits=True)
    yield LeftToDo(LeftTask.FINDING, ("of-another-version",), 1, each=(1,))
    yield LeftToDo(LeftTask.FINDING, ("conflict", "vanished"), 3, each=(1, 2))
    yield from (LeftToDo(LeftTask.FINDING, ("vanished-lost",), count) for count in (1, 2))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_of_the_list_is_said(language: str) -> None:
    words = PageWords(language)
    said = " ".join(told(one, words).unescape() for one in everything())

    for name in LEFT.keys() - {"left", "left.nothing"}:
        for singular in (True, False):
            for piece in text(name, language, singular=singular).replace("{n}", "{}").split("{"):
                assert piece.partition("}")[2 if "}" in piece else 0] in said, (name, piece)


def test_names_from_outside_are_made_visible() -> None:
    one = LeftToDo(LeftTask.BASIS, ("<b>\u202e",), at="2026-11-27")

    assert "&lt;b&gt;\\u{202e}" in told(one, PageWords("fr"))
    coded = replace(one, task=LeftTask.WAIVER)
    assert '<code class="whole">&lt;b&gt;\\u{202e}</code>' in told(coded, PageWords("fr"))
    assert "<b>\\u{202e}" in told(coded, PageWords("en"), marked=False).unescape()


@pytest.mark.parametrize(
    ("works", "said"),
    [("++", ["1", "2"]), ("+-+++", ["1", "3 à 5"]), ("-++-+", ["2", "3", "5"]), ("--", [])],
)
def test_numbers_of_tasks_that_keep_a_migration_going_are_put_together_from_three_on(
    works: str, said: list[str]
) -> None:
    tasks = [OwnedTask(Markup(), None, one == "+") for one in works]
    parties = [
        OwnedTasks("operator", Markup(), 1, tasks[:1]),
        OwnedTasks("controller", Markup(), 2, tasks[1:]),
    ]
    assert [str(one) for one in working(parties, PageWords("fr"))] == said


def test_copies_that_open_as_before_an_erasure_or_exchange_are_destroyed() -> None:
    early, late = "2026-11-20T08:00:00Z", "2026-11-21T08:00:00Z"
    stands = replace(
        SETTLED,
        copied=True,
        rotations=((early, late, 0, "keys rotate"), (early, early, 0, "reseal")),
        erasures=(("a", early, late, 0), ("b", early, early, 0), ("c", early, None, 0)),
    )

    assert [one for one in left_to_do(stands) if "copies" in one.task] == [
        LeftToDo(LeftTask.COPIES_ERASED, ("a",), at=late),
        LeftToDo(LeftTask.COPIES_ERASED, ("b",), at=early),
        LeftToDo(LeftTask.COPIES_KEY, at=late),
    ]
    inline = replace(stands, copied=False, erasures=())
    assert left_to_do(inline) == [], "no copy of the ledger holds a header"
    said = replace(stands, copies_until="2026-11-20")
    assert [one for one in left_to_do(said) if "copies" in one.task] == [
        LeftToDo(LeftTask.COPIES_ERASED, ("a",), at=late),
        LeftToDo(LeftTask.COPIES_KEY, at=late),
    ], "of copies that were made later nobody said anything"


VERBLESS = {
    LeftTask.HOLDER, LeftTask.OLD_KEY, LeftTask.LOGIN, LeftTask.BASIS, LeftTask.ATTESTATION,
    LeftTask.COPIES_ERASED, LeftTask.COPIES_KEY, LeftTask.KEYS_BESIDE,
}  # fmt: skip
"""What is ended by a word of people in the plan."""


def one_batch(**changes: Any) -> MigrationStanding:
    return batches(replace(DONE, **changes))


def with_grant(*more: Any, until: str = "2027-11-26T00:00:00Z") -> MigrationStanding:
    return replace(SETTLED, grants=granted(*more, until=until))


def settled(**changes: Any) -> MigrationStanding:
    return replace(SETTLED, **changes)


def entry(*, allowed: bool) -> GrantPolicySet:
    return GrantPolicySet(grant="g-1", bucket="b", principal="p", allowed=allowed, sha256="6" * 64)


GONE = GrantRevoked(grant="g-1", reason="the study ended", user="x")
BY_HAND = GrantClosedByHand(grant="g-1", how="key removed in the console", user="x")
STALE = GrantStale(grant="g-1", why=(StaleWhy.ROTATED,))
FINAL = {"stage": "finalized", "recheck_seconds": 7 * 86_400}
LATER = "2029-01-01"
ENDS: dict[LeftTask, tuple[str, MigrationStanding, MigrationStanding]] = {
    LeftTask.BREACH: ("judge", settled(findings={"target-replaced": 1}), SETTLED),
    LeftTask.ABSENCE: ("judge", one_batch(absences=((NOW, 2),)), SETTLED),
    LeftTask.ABSENT: (
        "judge", one_batch(absences=((NOW, 2),), whole=False), one_batch(whole=False)
    ),
    LeftTask.LET_GO: ("verify", one_batch(let_go=2, let_go_at=NOW), one_batch(let_go_at=NOW)),
    LeftTask.DONE_WITHOUT: (
        "waive",
        settled(bases=(("A", "2026-11-24"),), done=(("run", NOW),)),
        settled(
            bases=(("A", "2026-11-24"),), done=(("run", NOW),), waivers=(("legal-basis", LATER),)
        ),
    ),
    LeftTask.CLASH: ("revoke", settled(clashes=("P",)), SETTLED),
    LeftTask.PLAIN: ("plan target.endpoint", settled(plain=("http://a.example",)), SETTLED),
    LeftTask.FINDING: ("waive", settled(findings={"conflict": 1}), SETTLED),
    LeftTask.LIST: ("run", one_batch(closed=False), SETTLED),
    LeftTask.MOVE: ("run", one_batch(pending=1), SETTLED),
    LeftTask.PASS: ("run", one_batch(relisting=True), SETTLED),
    LeftTask.LOOK: ("verify", one_batch(looking=True), SETTLED),
    LeftTask.ROTATION: (
        "keys rotate", settled(rotations=((NOW, None, 0, "keys rotate"),)),
        settled(rotations=((NOW, NOW, 0, "keys rotate"),)),
    ),
    LeftTask.ROTATED: (
        "keys rotate", settled(rotations=((NOW, NOW, 1, "keys rotate"),)),
        settled(rotations=((NOW, NOW, 0, "keys rotate"),)),
    ),
    LeftTask.ERASURE: (
        "erase", settled(erasures=(("a", NOW, None, 0),)), settled(erasures=(("a", NOW, NOW, 0),))
    ),
    LeftTask.ERASED: (
        "erase", settled(erasures=(("a", NOW, NOW, 1),)), settled(erasures=(("a", NOW, NOW, 0),))
    ),
    LeftTask.SWITCH: ("cutover start", one_batch(stage=None), one_batch(stage="fallback window")),
    LeftTask.SWITCHING: (
        "cutover start", one_batch(stage="switched"), one_batch(stage="fallback window")
    ),
    LeftTask.GOING_BACK: (
        "cutover rollback", one_batch(stage="rolling back"), one_batch(stage="rolled back")
    ),
    LeftTask.FINALIZE: (
        "cutover finalize", one_batch(stage="fallback window"), one_batch(**FINAL)
    ),
    LeftTask.RELIST: ("decommission", one_batch(stage=None, switches=False), SETTLED),
    LeftTask.READ_BACK: ("verify", one_batch(**FINAL), one_batch(**FINAL, read_back=NOW)),
    LeftTask.LATE: ("run", one_batch(**FINAL, late=2), one_batch(**FINAL)),
    LeftTask.UNLISTED: ("run", one_batch(**FINAL, unlisted=True), one_batch(**FINAL)),
    LeftTask.SOURCE: ("decommission", one_batch(**FINAL), SETTLED),
    LeftTask.ORIGINALS: ("decommission", settled(originals=(("a", 1, "pilot"),)), SETTLED),
    LeftTask.DELETING: (
        "decommission", one_batch(stage="decommission under way"),
        one_batch(stage="decommission requested"),
    ),
    LeftTask.OBSERVE: ("decommission", one_batch(stage="decommission requested"), SETTLED),
    LeftTask.CHANGED: ("decommission", one_batch(changed=1), SETTLED),
    LeftTask.TRACES: ("decommission", one_batch(traces=1), SETTLED),
    LeftTask.KEY: ("keys drill", settled(untried=("c4gh:1",)), SETTLED),
    LeftTask.KEY_STORED: ("keys drill", settled(unstored=("c4gh:1",)), SETTLED),
    LeftTask.HOLDER: ("plan report.declared.keys", settled(unheld=("k.pub",)), SETTLED),
    LeftTask.OLD_KEY: ("plan report.declared.former_keys", settled(former=("c4gh:1",)), SETTLED),
    LeftTask.COPIES_ERASED: (
        "plan report.declared.former_copies", settled(erasures=(("a", NOW, NOW, 0),)),
        settled(erasures=(("a", NOW, NOW, 0),), copies_until=NOW[:10]),
    ),
    LeftTask.COPIES_KEY: (
        "plan report.declared.former_copies",
        settled(copied=True, rotations=((NOW, NOW, 0, "reseal"),)),
        settled(copied=True, rotations=((NOW, NOW, 0, "reseal"),), copies_until=NOW[:10]),
    ),
    LeftTask.KEYS_BESIDE: (
        "plan report.declared.former_keys", settled(beside=("ed25519:1",)), SETTLED
    ),
    LeftTask.LOGIN: ("plan report.declared.people", settled(strangers=("a@b",)), SETTLED),
    LeftTask.COPY: ("run", one_batch(lacks_copy=True), SETTLED),
    LeftTask.GRANT_OPEN: (
        "revoke", with_grant(entry(allowed=True), GONE), with_grant(entry(allowed=False), GONE)
    ),
    LeftTask.GRANT_UNSET: ("revoke", with_grant(GONE), with_grant(GONE, BY_HAND)),
    LeftTask.GRANT_SEEN: (
        "revoke", with_grant(GONE, BY_HAND), with_grant(GONE, BY_HAND, replace(BY_HAND, user="y"))
    ),
    LeftTask.GRANT_LASTS: ("grant", with_grant(), with_grant(entry(allowed=True))),
    LeftTask.GRANT_STALE: (
        "grant", with_grant(entry(allowed=True), STALE), with_grant(entry(allowed=True))
    ),
    LeftTask.BASIS: (
        "plan legal_basis", settled(bases=(("A", "2026-11-30"),)), settled(bases=(("A", LATER),))
    ),
    LeftTask.ATTESTATION: (
        "plan target.attestation", settled(attested=(("HDS", "2026-11-30"),)),
        settled(attested=(("HDS", LATER),)),
    ),
    LeftTask.WAIVER: ("its last day", settled(waivers=(("legal-basis", "2026-11-30"),)), SETTLED),
    LeftTask.SIGN: ("report", settled(signed=False), SETTLED),
    LeftTask.WITNESS: ("report sign", settled(witnessed=False), SETTLED),
}  # fmt: skip
"""What ends each thing, and where a migration stands before and after that."""
ELSEWHERE = {LeftTask.FINDING, LeftTask.RELIST}
"""What its verb shows, or makes fit: what ends it is another one."""
VERBS = {
    *(verb for lines in SECTIONS.values() for verb in lines),
    *(f"{name} {verb}" for name, group in GROUPS.items() for verb in group.verbs),
}
REFERENCE = Path("docs/plan-reference.md").read_text(encoding="utf-8")


@every("task", LeftTask)
def test_each_thing_ends(task: LeftTask) -> None:
    """By a verb that there is, by a field of the plan that there is, or with its last day."""
    how, before, after = ENDS[task]
    assert task in {found for found, _ in tasks(before)}
    assert task not in {found for found, _ in tasks(after)}
    kind, _, path = how.partition(" ")
    if kind == "plan":
        section, _, name = path.rpartition(".")
        heading = f"## `{section}`" if section else "## The plan"
        rows = REFERENCE.split(f"\n{heading}\n")[1].split("\n## ")[0]
        assert f"\n| `{name}` |" in rows
        if section == "report.declared":
            assert path in text(f"left.{task}", "fr")
    elif how != "its last day":
        assert how in VERBS
        assert (task.verb or how).startswith(how) or task in ELSEWHERE


@every("task", LeftTask)
def test_each_thing_names_the_verb_that_does_it(task: LeftTask) -> None:
    at = NOW[:10] if task in DAYS else NOW
    said = told(LeftToDo(task, ("reseal",), 1, at=at, acts=("run",)), PageWords("en"), marked=False)

    assert ("hdh-migrate " in said) is (task not in VERBLESS)


@pytest.mark.parametrize("verb", ["keys rotate", "reseal"])
def test_what_goes_on_with_an_exchange_of_keys_is_a_whole_command(verb: str) -> None:
    said = told(LeftToDo(LeftTask.ROTATED, (verb,), 1, at=NOW), PageWords("fr"), marked=False)

    assert f" Commande : hdh-migrate {verb} PLAN " in said.replace("\u00a0", " ")
    assert said.endswith(" --execute")


def test_findings_are_one_thing_and_what_is_lost_another() -> None:
    stands = replace(SETTLED, findings={"vanished": 1, "conflict": 2, "vanished-lost": 1})

    found = [one for one in left_to_do(stands) if one.task is LeftTask.FINDING]

    assert found == [
        LeftToDo(LeftTask.FINDING, ("vanished-lost",), 1),
        LeftToDo(LeftTask.FINDING, ("conflict", "vanished"), 3, each=(2, 1)),
    ]
    said = told(found[1], PageWords("fr"), marked=False)
    assert "« la cible contient déjà un autre objet » (2), «" in said.replace("\xa0", " ")
