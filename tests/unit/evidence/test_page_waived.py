"""A page shows every waiver that ever counted, since when, until when, and what was done then."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.events.cutover import CutoverFinalized, Track
from hdh_migrate.events.event import Event
from hdh_migrate.events.run import PlanRebound, RunEnded, RunStarted
from hdh_migrate.events.waivers import WaiversCounted
from hdh_migrate.evidence.page.waived import WaiverAccounts, waiver_lines
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.jsonform import ABSENT
from tests.unit.evidence.builders import bundle, dataset, facts, record

DAYS = {"until": "2026-12-31", "made_at": "2026-03-01T07:00:00Z"}


def signed(what: str, **said: str) -> tuple[str, dict[str, Any]]:
    """Return a waiver as the journal names it, and its envelope; nobody here checks who signed."""
    predicate = {"what": what, "reason": f"why {what}", "by": "dpo@ops", "migration": "m", **DAYS}
    payload = canonical_json(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "predicateType": "urn:hdh-migrate:waiver:v1",
            "subject": [{"name": "plan", "digest": {"sha256": "11" * 32}}],
            "predicate": {**predicate, **said},
        }
    )
    return sha256_hex(payload), {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"keyid": "ed25519:0123456789abcdef", "sig": ""}],
    }


CALLED = {
    "plan": signed("attestation"),
    "taken": signed("finding.conflict"),
    "day": signed("finding.vanished", until="2026-03-01"),
    "over": signed("finding.drifted", until="2026-03-01"),
    "since": signed("legal-basis"),
}


def counting(*names: str, new: bool = False) -> WaiversCounted:
    return WaiversCounted(
        keys=(),
        counted=tuple(sorted(CALLED[name][0] for name in names)),
        signed=tuple(CALLED[name][1] for name in names) if new else (),
    )


def told() -> list[tuple[str, Event]]:
    """Return what a journal tells of waivers, each of which ceases to count in its own way."""
    final = CutoverFinalized(
        batch="pilot", track=Track.CUTOVER, early=False, reason=None, root="3" * 64, user="ops",
        approvals=(), approved_stage="finalize", terms=ABSENT, target=ABSENT,
        waivers=(CALLED["plan"][0], "0" * 64),
    )  # fmt: skip
    return [
        ("2026-03-01T08:00:00Z", counting("plan", "taken", "day", new=True)),
        ("2026-03-01T09:00:00Z", final),
        ("2026-03-01T10:00:00Z", counting("plan", "day")),
        ("2026-03-02T00:00:01Z", counting("plan")),
        ("2026-03-02T09:00:00Z", PlanRebound(was="0" * 64, now="1" * 64, changes=("x",))),
        ("2026-03-02T09:00:01Z", counting("over", "since", new=True)),
    ]


def as_built(*more: tuple[str, Event]) -> list[tuple[str, str, dict[str, Any]]]:
    """The same as a bundle's builder tells events."""
    return [(at, one.kind, one.as_json()) for at, one in (*told(), *more)]


def done_without() -> list[tuple[str, Event]]:
    """Return something that was done after a waiver ended, and before it counted again."""
    final = told()[1][1]
    assert isinstance(final, CutoverFinalized)
    return [
        ("2026-03-03T08:00:00Z", counting()),
        ("2026-03-03T09:00:00Z", replace(final, waivers=())),
        ("2026-03-03T10:00:00Z", counting("since")),
    ]


def lines(*events: tuple[str, Event], stated: tuple[Any, ...] = ()) -> dict[str, tuple[Any, Any]]:
    accounts = WaiverAccounts()
    for at, event in events:
        accounts.take(at, event)
    predicate = {"times": {"written": "2026-03-02T10:15:30Z"}, "waivers": stated}
    return {one.what: (one.why, one.ended) for one in waiver_lines(accounts, predicate)}


def test_each_that_ever_counted_stays_with_what_ended_it() -> None:
    assert lines(*told()) == {
        "attestation": ("plan", "2026-03-02T09:00:00Z"),
        "finding.conflict": ("taken", "2026-03-01T10:00:00Z"),
        "finding.vanished": ("day", "2026-03-02T00:00:01Z"),
        "finding.drifted": ("day", None),  # and no event told of that yet
        "legal-basis": ("since", None),
    }


def test_one_that_comes_back_counts_again() -> None:
    again = ("2026-03-02T10:00:00Z", counting("taken"))
    assert lines(*told(), again)["finding.conflict"] == ("since", None)


def test_what_was_done_while_it_counted_is_told() -> None:
    accounts = WaiverAccounts()
    for at, event in told():
        accounts.take(at, event)
    acts = {
        one.what: [(act.name, act.stage) for act in one.acts] for one in accounts.lines.values()
    }
    assert acts.pop("attestation") == [("pilot", "finalize")]
    assert not any(acts.values())


def test_what_was_done_between_two_waivers_of_a_condition_is_told_as_done_without() -> None:
    accounts = WaiverAccounts()
    for at, event in (*told(), *done_without()):
        accounts.take(at, event)
    line = accounts.lines[CALLED["since"][0]]
    assert [(act.name, act.stage, act.at) for act in line.after] == [
        ("pilot", "finalize", "2026-03-03T09:00:00Z")
    ]
    assert line.ended is None, "it counts again"


def gap(runs: int) -> list[tuple[str, Event]]:
    """Return a waiver that ended, so many runs without one, and another one of the same check."""
    run = RunStarted(
        plan_digest="11" * 32, steps=("transfer",), batches=(), tool="0.1.0",
        code_sha256="22" * 32, user="ops", pid=1,
    )  # fmt: skip
    again = signed("legal-basis", made_at="2026-03-03T10:00:00Z")
    counted = WaiversCounted(keys=(), counted=(again[0],), signed=(again[1],))
    ended: tuple[tuple[str, Event], ...] = (
        ("2026-03-03T09:00:00Z", run),
        ("2026-03-03T09:00:01Z", RunEnded(traffic=())),
    )
    return [
        *told(),
        ("2026-03-02T10:00:00Z", run),
        ("2026-03-02T10:00:01Z", counting("since")),
        ("2026-03-03T08:00:00Z", run),
        ("2026-03-03T08:00:01Z", counting()),
        *ended * (runs - 1),
        ("2026-03-03T10:00:00Z", run),
        ("2026-03-03T10:00:01Z", counted),
    ]


def one_waiver_over(*names: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return what a journal tells of a waiver, and of others, that a change of the plan ended."""
    events = (counting("plan", *names, new=True), told()[4][1])
    return [("2026-03-01T08:00:00Z", one.kind, one.as_json()) for one in events]


def waived_again(runs: int) -> list[tuple[str, str, dict[str, Any]]]:
    """The same as a bundle's builder tells events."""
    return [(at, one.kind, one.as_json()) for at, one in gap(runs)]


def test_runs_of_the_time_between_two_waivers_are_counted_and_that_time_is_told() -> None:
    accounts = WaiverAccounts()
    for at, event in gap(2):
        accounts.take(at, event)
    lines_ = waiver_lines(
        accounts,
        {"times": {"written": "2026-03-04T10:15:30Z"}, "waivers": ()},  # type: ignore[arg-type]
    )
    first = next(one for one in lines_ if one.what == "legal-basis")
    assert (first.ended, first.gap_until) == ("2026-03-03T08:00:01Z", "2026-03-03T10:00:01Z")
    assert first.runs_after == 2


def test_of_a_rehearsal_nothing_is_told() -> None:
    accounts = WaiverAccounts()
    (_, first), (_, final) = told()[:2]
    assert isinstance(final, CutoverFinalized)
    accounts.take("2026-03-01T08:00:00Z", first)
    body = {**final.as_json(), "track": "rehearsal"}
    accounts.take("2026-03-01T09:00:00Z", CutoverFinalized.of_json(body))
    assert not any(one.acts for one in accounts.lines.values())


@pytest.mark.parametrize("payload", ["", "!", base64.b64encode(b"{}").decode(), 7])
def test_what_is_no_waiver_is_shown_as_none(payload: object) -> None:
    name, envelope = CALLED["plan"]
    event = WaiversCounted(keys=(), counted=(name,), signed=({**envelope, "payload": payload},))
    assert lines(("2026-03-01T08:00:00Z", event)) == {}


def test_a_statement_of_before_shows_what_it_tells() -> None:
    said = {"what": "attestation", "reason": "r", "by": "b", "key_id": "ed25519:00ff", **DAYS}
    assert lines(stated=(said,)) == {"attestation": ("since", None)}
    known = {**said, "key_id": "ed25519:0123456789abcdef"}  # the journal's own is not shown twice
    assert len(lines(*told(), stated=(known,))) == len(CALLED)


def test_the_page_says_it_in_both_languages(tmp_path: Path) -> None:
    bundle(
        tmp_path / "out", [record("a")], about=facts(dataset(1)), languages=("fr", "en"),
        telling=lambda told: [*told, *as_built()],
    )  # fmt: skip
    french, english = (
        " ".join((tmp_path / "out" / f"report.{language}.html").read_text().split())
        for language in ("fr", "en")
    )
    for page, words in (
        (french, ("le plan a changé, et elle valait pour celui", "elle a été retirée")),
        (french, ("permis : « ", " », « ", " » ; voir « ")),
        (french, ("son dernier jour est passé", "compte depuis le 2", "ne comptent plus")),
        (english, ("the plan was changed, and it was for the one before", "it was withdrawn")),
        (english, ("its last day has passed", "counts since 2", "Done while it counted")),
    ):
        assert all(one in page for one in words)
    assert "why attestation" in french  # the reason stands where it stood
