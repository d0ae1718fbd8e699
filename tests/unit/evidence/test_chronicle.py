"""What a page says of the time after the first inventory, from the journal's events."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.events.adoption import Adopting, AdoptionEnded, JournalSeen
from hdh_migrate.events.batches import BatchAmended, BatchAmending
from hdh_migrate.events.event import Event
from hdh_migrate.events.fence import FenceHolder, FenceTaking
from hdh_migrate.events.grants import (
    GrantAsked,
    GrantDropped,
    GrantEntry,
    GrantGiven,
    GrantPolicySet,
    GrantPolicySetting,
    GrantRevoked,
    GrantStale,
    PackWithdrawn,
    StaleWhy,
)
from hdh_migrate.events.objects import ObjectDrifted, ObjectsSuperseded, SendingAgain
from hdh_migrate.events.refreshes import (
    PassAmount,
    Refreshed,
    RefreshEnded,
    Refreshing,
    RetryingFailed,
)
from hdh_migrate.events.run import PlanRebound, RunEnded, RunStarted
from hdh_migrate.evidence.lines.records import journal_line
from hdh_migrate.evidence.page.chronicle import NOTHING, SHOWN, Chronicle, chronicle_of
from hdh_migrate.evidence.page.readers import grant_lines
from hdh_migrate.fixity import canonical_json
from hdh_migrate.jsonform import ABSENT

AT = "2026-11-23T10:00:00.000Z"
ZERO = PassAmount(objects=0, bytes=0)
HOLDER = FenceHolder(
    ledger="ab-1", epoch=0, nonce="n", host="burned.example", pid=1, since="2026-11-01T00:00:00Z"
)
SEEN = JournalSeen(ledger="ab-1", events=3, head="0" * 64, statement=None)


def some(objects: int) -> PassAmount:
    return PassAmount(objects=objects, bytes=objects * 10)


def begun() -> RunStarted:
    return RunStarted(
        plan_digest="0" * 64, steps=("transfer",), batches=(), tool="0.1.0", code_sha256=ABSENT,
        user="ops@here", pid=7,
    )  # fmt: skip


def passed(number: int, *, ended: bool = True) -> list[Event]:
    told: list[Event] = [Refreshing(number=number, batch="pilot", user="ops@here")]
    told += [
        Refreshed(
            number=number, batch="pilot", dataset="pmsi", new=some(1), changed=some(2),
            vanished=some(3), left=ZERO,
        )
        for _ in range(2)
    ]  # fmt: skip
    return [
        *told,
        *([RefreshEnded(number=number, batch="pilot", listed=some(30))] if ended else []),
    ]


def replanned(number: int) -> list[Event]:
    """The plan is another one, in what amends a batch and in what does not."""
    free = 'limits.bandwidth: added ("5MiB/s")'
    return [
        PlanRebound(
            was="0" * 64, now="1" * 64,
            changes=(free, "datasets[pmsi].exclude[0]: added") if number % 2 else (free,),
        )
    ]  # fmt: skip


_SEALED_FOR = {2: ("0" * 64,), 3: ("0" * 64, "1" * 64, "2" * 64)}


def amended(revision: int, reason: str = "scratch files, ref. 21") -> list[Event]:
    return [
        BatchAmending(
            batch="pilot", revision=revision, was="0" * 64, now="1" * 64, user="ops@here",
            changes=("datasets[pmsi].exclude[0]: added",), reason=reason,
        ),
        BatchAmended(
            batch="pilot", revision=revision, digest="1" * 64, excluded={"pmsi": 4},
            taken_back={"pmsi": 1}, moved_before={"pmsi": 2},
            recipients=_SEALED_FOR.get(revision, ABSENT),
        ),
    ]  # fmt: skip


def adopted(number: int, *, ended: bool = True) -> list[Event]:
    bundle = JournalSeen(ledger="ab-1", events=3, head="0" * 64, statement="2" * 64)
    told: list[Event] = [
        Adopting(number=number, batch="pilot", journals=(SEEN, *[bundle] * number), user="o@h")
    ]
    end = AdoptionEnded(number=number, batch="pilot", adopted=5, unproved=6, foreign=7)
    return [*told, *([end] if ended else [])]


def taken(*, over: bool, reason: str | None) -> FenceTaking:
    return FenceTaking(
        bucket="hds", epoch=2, nonce="m", user="ops@here", over=HOLDER if over else ABSENT,
        reason=reason or ABSENT,
    )  # fmt: skip


def asked(grant: str, *, part: bool = False, until: str = "2099-01-01T00:00:00Z") -> GrantAsked:
    return GrantAsked(
        grant=grant, dataset="pmsi", batch="pilot", permit="EHDS-2027-0042", purpose="survival",
        reader="c4gh:0123456789abcdef", key=f"{grant.split('-')[1]:0>64}", until=until,
        selection="3" * 64 if part else None, objects=3, bytes=30, manifest="4" * 64,
        request="5" * 64, user="ops@here",
    )  # fmt: skip


def given(grant: str, *approvals: str) -> GrantGiven:
    return GrantGiven(
        grant=grant, objects=3, bytes=30, root="6" * 64, pack_sha256="7" * 64,
        statement_sha256="8" * 64, approvals=approvals,
    )  # fmt: skip


def granted(number: int) -> list[Event]:
    """Grants in every stage, each with what a host may have been told."""
    names = [f"g-{number}-{stage}" for stage in range(7)]
    waiting, valid, over, gone, dropped, first, second = names
    entry = GrantEntry(grant=valid, bucket="hds", principal="arn:reader", allowed=True)
    out = GrantEntry(grant=gone, bucket="hds", principal="arn:reader", allowed=False)
    return [
        asked(waiting, part=True),
        asked(valid), given(valid, "9" * 64, "a" * 64), GrantPolicySetting(**entry),
        asked(over, until="2020-01-01T00:00:00Z"), given(over),
        asked(gone), given(gone), GrantRevoked(grant=gone, reason="the study ended", user="o@h"),
        GrantPolicySetting(**out), GrantPolicySet(**out, sha256=None),
        PackWithdrawn(grant=gone, found=True),
        asked(dropped), GrantDropped(grant=dropped),
        GrantStale(grant=valid, why=tuple(StaleWhy)),
        asked(first), given(first), replace(asked(second), renews=first), given(second),
    ]  # fmt: skip


def superseded(dropped: int) -> list[Event]:
    """So many verdicts taken back; what replaces their event is told by nobody here."""
    return [
        ObjectsSuperseded(
            event=1, dropped=tuple(range(dropped)),
            dropped_datasets={"pmsi": dropped} if dropped > 1 else ABSENT, ids=(),
            rows_sha256="0" * 64, extras_sha256=ABSENT,
        )
    ]  # fmt: skip


def happened(count: int = 2) -> list[Event]:
    """So many of each that there is, and what was stopped."""
    told: list[Event] = []
    for number in range(1, count + 1):
        told += [
            begun(), *replanned(number), *passed(number, ended=number != count),
            *amended(number + 1),
            *adopted(number, ended=number != count),
            taken(over=True, reason="the machine burned"), taken(over=False, reason="it is gone"),
            taken(over=False, reason=None),
            SendingAgain(dataset="pmsi", unacknowledged=1, going_on=1),
            RetryingFailed(batch="pilot", asked=(), reasons={"conflict": 1}, user="ops@here"),
            ObjectDrifted(id=number, attempt=1, same_version=ABSENT),
            *superseded(number),
            *granted(number),
        ]  # fmt: skip
    return [*told, begun(), RunEnded(traffic=()), *replanned(2)]


def months(count: int = 2) -> list[tuple[str, str, dict[str, Any]]]:
    """The same as a bundle's builder tells events."""
    return [(AT, one.kind, one.as_json()) for one in happened(count)]


def chronicle(folder: Path, told: list[Event], *more: tuple[str, str]) -> Chronicle:
    path = folder / "journal.jsonl"
    events = [(one.kind, canonical_json(one.as_json()).decode()) for one in told]
    lines = [
        journal_line(seq, AT, kind, body, b"0" * 32)
        for seq, (kind, body) in enumerate([*events, *more], 1)
    ]
    path.write_bytes(b"".join(lines))
    return chronicle_of(path)


def test_each_kind_is_one_line_with_what_it_came_to(tmp_path: Path) -> None:
    found = chronicle(tmp_path, happened())

    first, second = found.passes
    assert (first.number, first.new, first.changed, first.gone, first.left, first.listed) == (
        1, 2, 4, 6, 0, 30,
    )  # fmt: skip
    assert (first.ended, second.ended, second.listed) == (AT, None, None)
    assert [(one.revision, one.excluded, one.sealed_for) for one in found.revisions] == [
        (2, 4, 1), (3, 4, 3),
    ]  # fmt: skip
    assert {one.reason for one in found.revisions} == {"scratch files, ref. 21"}
    assert [(one.adopted, one.ended, one.journals, one.bundles) for one in found.adoptions] == [
        (5, AT, 2, 1), (0, None, 3, 2),
    ]  # fmt: skip
    assert [one.host for one in found.take_overs] == ["burned.example", None] * 2
    assert (found.runs, found.cut_off) == (3, 2)
    assert (found.resent, found.continued, found.retried) == (2, 2, {"conflict": 2})
    assert (found.drifted, found.taken_back.total) == (2, 3)
    assert found.taken_back.by_dataset == {}, "the earlier event says of none"
    assert not found.empty


def test_a_plan_is_told_with_what_changed_freely_and_who_ran_it_first(tmp_path: Path) -> None:
    free, rule = 'limits.bandwidth: added ("5MiB/s")', "datasets[pmsi].exclude[0]: added"
    other = replace(begun(), user="other@here")
    told = [
        begun(), *amended(2),
        PlanRebound(was="0" * 64, now="1" * 64, changes=(free, rule)), other, begun(),
        PlanRebound(was="1" * 64, now="2" * 64, changes=(rule,)),
        *amended(3), PlanRebound(was="2" * 64, now="3" * 64, changes=(rule,)),
        PlanRebound(was="3" * 64, now="4" * 64, changes=(free,)),
    ]  # fmt: skip

    found = chronicle(tmp_path, told)

    assert [(one.changes, one.user) for one in found.plans] == [
        ((free,), "other@here"), ((rule,), ""), ((free,), ""),
    ]  # fmt: skip
    assert found.counts["plans"] == 3


def test_a_pass_or_an_adoption_that_goes_on_after_a_stop_is_one_line(tmp_path: Path) -> None:
    told = [*passed(1, ended=False), *passed(1), *adopted(1, ended=False), *adopted(1)]
    found = chronicle(tmp_path, told)
    (one,) = found.passes
    assert (one.new, one.ended) == (4, AT)
    assert [(each.adopted, each.ended) for each in found.adoptions] == [(5, AT)]


def test_the_last_ones_are_kept_and_all_are_counted(tmp_path: Path) -> None:
    found = chronicle(tmp_path, happened(SHOWN + 10))
    assert len(found.passes) == len(found.revisions) == len(found.adoptions) == SHOWN
    assert found.passes[-1].number == SHOWN + 10
    assert found.counts["passes"] == found.counts["revisions"] == SHOWN + 10


def test_one_run_after_another_is_nothing_to_tell(tmp_path: Path) -> None:
    told = [begun(), taken(over=False, reason=None), RunEnded(traffic=())] * 3
    assert chronicle(tmp_path, told).empty
    assert NOTHING.empty


@pytest.mark.parametrize("body", ["{}", '{"number":1}', "[]", json.dumps({"batch": 3})])
def test_an_event_of_another_form_tells_nothing(tmp_path: Path, body: str) -> None:
    kinds = [one.kind for one in happened()]
    assert chronicle(tmp_path, [], *((kind, body) for kind in dict.fromkeys(kinds))).empty


def test_grants_are_told_as_they_stood(tmp_path: Path) -> None:
    found = chronicle(tmp_path, happened(1)).grants

    stages = [str(one.stage(AT)) for one in found.by_id.values()]
    assert stages == ["asked", "given", "ended", "revoked", "dropped", "renewed", "given"]
    assert found.told == 6
    valid, gone = list(found.by_id.values())[1::2][:2]
    assert [(one.allowed, one.sure) for one in valid.at_host.values()] == [(True, False)]
    assert [(one.allowed, one.sure) for one in gone.at_host.values()] == [(False, True)]
    assert [len(grant_lines(found, AT)), grant_lines(found, AT)[0].stage] == [6, "asked"]
    assert valid.stale == tuple(StaleWhy)


def test_an_event_of_a_grant_that_nobody_asked_for_tells_nothing(tmp_path: Path) -> None:
    assert chronicle(tmp_path, [given("g")]).grants.told == 0
