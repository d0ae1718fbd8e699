"""Those whom a plan names are told once of each thing, through kills and bad days."""

from __future__ import annotations

import json
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from hdh_migrate.clocks import seconds_of
from hdh_migrate.codes import Code
from hdh_migrate.engines.dask_authority import new_authority
from hdh_migrate.errors import Exit, KeyUnavailable, LedgerDamaged, PlanInvalid, Refused
from hdh_migrate.events.course import BatchLate
from hdh_migrate.events.grants import GrantEntry, GrantPolicySetting, GrantRevoked
from hdh_migrate.events.notices import NoticeDelivered, NoticeGivenUp, NoticesWaiting
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.ledger.holding import RunLock, killed_holder
from hdh_migrate.notices.queue import NoticeQueue
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy.bound_ledger import bound_ledger
from hdh_migrate.session.policy.timekeeping import offline
from hdh_migrate.session.verbs.journalling_notices import journal_notices
from hdh_migrate.session.verbs.notifying import notified, notify, trial
from hdh_migrate.session.views.course import WAITING
from hdh_migrate.session.views.endings import BatchEndings
from hdh_migrate.session.views.expiry import Relied
from hdh_migrate.session.views.last_run import is_over_here, recording
from hdh_migrate.session.views.notice_words import ends, run_ended
from hdh_migrate.session.views.status import status
from hdh_migrate.wiring.targets import Network
from tests.support.hooks import SECRET, Hook, hooked
from tests.support.processes import LONG, gone
from tests.support.quiet import Notes, WallClock
from tests.unit.cli.test_watch import PLAN, plan
from tests.unit.evidence.test_chronicle import asked, given
from tests.unit.session.test_metrics import ATTESTATION

__all__ = ["plan"]

END = "2028-01-31T00:00:00Z"
SCHEMA = Path(__file__).parents[3] / "docs" / "schemas" / "notice.json"


@cache
def validator() -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.fixture
def hook(plan: Path) -> Iterator[Hook]:
    """An endpoint that the plan names."""
    (plan.parent / "hook.secret").touch(0o600)
    (plan.parent / "hook.secret").write_text(SECRET + "\n")
    (plan.parent / "hook.path").touch(0o600)
    (plan.parent / "hook.path").write_text("/hooks/canary-of-the-path\n")
    with hooked() as found:
        named(plan, webhook(found.url))
        yield found
    for one in found.taken:
        validator().validate(one)


def webhook(url: str, more: str = "") -> str:
    return (
        f'{{name: siem, kind: webhook, endpoint: "{url}", path: "file:hook.path",'
        f' secret: "file:hook.secret"{more}}}'
    )


def named(plan: Path, *recipients: str, more: str = "") -> None:
    lines = "".join(f"  - {one}\n" for one in recipients)
    plan.write_text(PLAN + more + "notify:\n" + lines)


def program(plan: Path, text: str) -> str:
    path = plan.parent / "tell"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return "{name: room, kind: command, run: [./tell]}"


def opened(plan: Path, notes: Notes | None = None) -> Desk:
    return Desk.open(plan, None, notes or Notes(), threading.Event())


@contextmanager
def run(plan: Path, code: Exit = Exit.OK, notes: Notes | None = None) -> Iterator[SqliteLedger]:
    """Be a run, as far as those who are told can see."""
    desk = opened(plan, notes)
    with notified(desk), recording(desk, ("transfer",), ()) as kept:
        with bound_ledger(desk, offline(desk.clock, desk.ledger_path)) as ledger:
            kept.begins()
            journal_notices(desk, ledger)
            yield ledger
            journal_notices(desk, ledger, ends=True)
        kept.code = code


def events(plan: Path, of: type[Any]) -> list[Any]:
    ledger = opened(plan).read_ledger()
    try:
        return [event for _, event in ledger.events(of)]
    finally:
        ledger.close()


# --- what is told --------------------------------------------------------------------------------


def test_the_end_of_a_run_is_told_once_and_journalled_by_the_next(plan: Path, hook: Hook) -> None:
    with run(plan, Exit.STOPPED):
        pass
    assert hook.types == ["run-ended"]
    (told,) = hook.taken
    assert (told["exit"], told["migration"], told["version"]) == (7, "watched", 1)
    assert told["summary"]["en"].startswith("the run ended with 7 (stopped cleanly")
    assert told["summary"]["fr"].startswith("l'exécution s'est terminée par 7 (arrêté")
    assert hook.paths == {"/hooks/canary-of-the-path"}
    assert notify(opened(plan))["noticed"] == 0
    with run(plan):
        pass
    assert hook.types == ["run-ended", "run-ended"]
    (event,) = events(plan, NoticeDelivered)
    assert (event.channel, event.type, event.tries) == ("siem", "run-ended", 1)
    assert event.notice == told["id"]


@pytest.mark.slow
def test_findings_are_told_together_once_and_again_when_they_come_again(
    plan: Path, hook: Hook
) -> None:
    with run(plan, Exit.FINDINGS) as ledger:
        ledger.finding(Code.DENIED, "what it says")
        ledger.finding(Code.DENIED, "what it says")
        ledger.finding(Code.DRIFTED, "what it says")
        ledger.finding(Code.LEASED, "a note is nothing to be told of")
        ledger.commit()
    told = next(one for one in hook.taken if one["type"] == "findings")
    assert {(one["code"], one["count"]) for one in told["findings"]} == {
        ("denied", 2), ("drifted", 1),
    }  # fmt: skip
    assert hook.types.count("findings") == 1
    with run(plan):
        pass
    assert hook.types.count("findings") == 1
    with run(plan) as ledger:
        for number in (1, 2):
            ledger.close_finding(number)
        ledger.commit()
    with run(plan) as ledger:
        ledger.finding(Code.DENIED, "what it says")
        ledger.commit()
    assert hook.types.count("findings") == 2
    assert len({one["id"] for one in hook.taken}) == len(hook.taken)


def cut_short(desk: Desk) -> None:
    with recording(desk, ("transfer",), ()) as kept:
        kept.begins()
        raise SystemExit  # what writes no end, as a kill


def test_a_run_that_was_killed_is_told_by_whoever_looks_next(plan: Path, hook: Hook) -> None:
    with run(plan):
        pass
    with suppress(SystemExit):
        cut_short(opened(plan))
    assert notify(opened(plan))["noticed"] == 1
    assert (hook.taken[-1]["type"], hook.taken[-1]["exit"]) == ("run-ended", None)
    assert "killed" in hook.taken[-1]["summary"]["en"]


def test_what_ends_soon_is_told_ahead_and_a_day_before(plan: Path, hook: Hook) -> None:
    (plan.parent / "host.yaml").write_text(ATTESTATION)
    text = plan.read_text().replace(
        "region: us-east-1", "region: us-east-1\n  attestation: host.yaml"
    )
    plan.write_text(text)
    for now, many in (("2028-02-01", 0), ("2028-02-20", 1), ("2028-02-25", 1), ("2028-02-29", 2)):
        notify(at(opened(plan), f"{now}T12:00:00.000Z"))
        ends = [one for one in hook.taken if one["type"] == "ends-soon"]
        assert len(ends) == many, now
    assert ends[0]["ends"] == {"what": "hds", "at": "2028-03-01T00:00:00Z"}


def test_certificates_of_a_cluster_that_end_soon_are_told_and_stop_no_run(
    plan: Path, hook: Hook
) -> None:
    """There were no words for them: in their last two weeks no run of such a plan began."""
    begun = datetime(2028, 1, 1, tzinfo=UTC)
    new_authority(plan.parent / "ca", begun, 30)
    engine = 'engine: {kind: dask, scheduler: "tls://127.0.0.1:9", certificates: ca}\n'
    plan.write_text(plan.read_text() + engine)
    with run_of(at(opened(plan), "2028-01-20T12:00:00.000Z")):
        pass
    (notice,) = [one for one in hook.taken if one["type"] == "ends-soon"]
    assert notice["ends"] == {"what": "cluster-certificates", "at": "2028-01-31T00:00:00Z"}
    assert notice["summary"]["en"].startswith("the period of the cluster's certificates ends at")
    for now, more in (("2028-01-30T12:00", 1), ("2028-01-31T00:00", 2), ("2028-02-20T12:00", 2)):
        notify(at(opened(plan), f"{now}:00.000Z"))
        told = [one["summary"] for one in hook.taken if one["type"] == "ends-soon"]
        assert len(told) == 1 + more, now
    assert told[-1] == {
        "en": "the period of the cluster's certificates ended at 2028-01-31T00:00:00Z",
        "fr": "la validité des certificats du cluster a pris fin le"
        " 31\u00a0janvier\u00a02028 à\u00a000:00:00\u00a0UTC",
    }


def test_a_grant_that_ends_is_told_ahead_at_its_end_and_no_more_once_revoked(
    plan: Path, hook: Hook
) -> None:
    with run(plan) as ledger:
        for grant in ("g-1", "g-2"):
            ledger.event(asked(grant, until="2028-03-01T00:00:00Z"))
            ledger.event(given(grant))
        ledger.event(GrantRevoked(grant="g-2", reason="over", user="o@h"))
        entry = GrantEntry(grant="g-1", bucket="hds", principal="arn:reader", allowed=True)
        ledger.event(GrantPolicySetting(**entry))
        ledger.commit()
    for now, many in (
        ("2028-01-01", 0), ("2028-02-25", 1), ("2028-02-29", 2), ("2028-03-02", 3),
        ("2028-03-05", 3), ("2028-06-01", 3),
    ):  # fmt: skip
        notify(at(opened(plan), f"{now}T12:00:00.000Z"))
        ends_of = [one for one in hook.taken if one["type"] == "ends-soon"]
        assert len(ends_of) == many, now
    assert {one["ends"]["what"] for one in ends_of} == {"grant"}
    assert "grant g-1 of dataset pmsi ends at 2028-03-01" in ends_of[0]["summary"]["en"]
    assert "may still let its reader in" in ends_of[2]["summary"]["en"]
    assert "admet peut-\u00eatre encore" in ends_of[2]["summary"]["fr"]


def test_a_grant_that_was_revoked_while_its_policy_stands_is_told_of_however_late(
    plan: Path, hook: Hook
) -> None:
    with run(plan) as ledger:
        ledger.event(asked("g-1", until="2099-03-01T00:00:00Z"))
        ledger.event(given("g-1"))
        entry = GrantEntry(grant="g-1", bucket="hds", principal="arn:reader", allowed=True)
        ledger.event(GrantPolicySetting(**entry))
        ledger.event(GrantRevoked(grant="g-1", reason="over", user="o@h"))
        ledger.commit()
    notify(at(opened(plan), "2098-01-01T12:00:00.000Z"))
    (notice,) = [one for one in hook.taken if one["type"] == "ends-soon"]
    assert "may still let its reader in" in notice["summary"]["en"]


@pytest.mark.parametrize("what", get_args(Relied))
def test_there_are_words_for_everything_that_ends_by_itself(what: Relied) -> None:
    said = ends(what, END)
    assert said["en"].endswith(f" {END}")
    assert said["fr"].endswith("prend fin le 31\u00a0janvier\u00a02028 à\u00a000:00:00\u00a0UTC")


def at(desk: Desk, now: str) -> Desk:
    return replace(desk, clock=WallClock(now))


def late(plan: Path, now: str, due: str) -> None:
    """Be a run that sees that it will miss a date, at a moment."""
    desk = at(opened(plan), now)
    with bound_ledger(desk, offline(desk.clock, desk.ledger_path)) as ledger:
        ledger.finding(Code.BATCH_LATE, "batch pilot is to be verified")
        ledger.event(BatchLate(batch="pilot", due=due, expected=None))
        ledger.commit()


def test_a_date_that_a_run_sees_endangered_is_told_at_once_and_once_in_both_languages(
    plan: Path, hook: Hook
) -> None:
    """The journal had it, and those who were to be told had to wait for a forecast of their own."""
    text = plan.read_text().replace("datasets: [d]}", 'datasets: [d], done_by: "2027-02-01"}')
    plan.write_text(text)
    due = "2027-02-02T00:00:00.000Z"
    late(plan, "2027-01-20T10:00:00.000Z", "2027-01-15T00:00:00.000Z")  # of a date that was changed
    notify(at(opened(plan), "2027-01-20T10:00:01.000Z"))
    assert "date-missed" not in hook.types
    late(plan, "2027-01-20T10:00:02.000Z", due)
    for now in ("2027-01-20T10:00:03", "2027-01-20T10:00:13", "2027-01-25T00:00:00"):
        notify(at(opened(plan), f"{now}.000Z"))
    (told,) = [one for one in hook.taken if one["type"] == "date-missed"]
    assert told["summary"] == {
        "en": "batch pilot is to be done by 2027-02-02T00:00:00Z; at the measured pace it will be"
        " later",
        "fr": "le lot pilot doit être terminé le 2\u00a0février\u00a02027 à\u00a000:00:00\u00a0UTC"
        " ; au rythme mesuré, il le sera plus tard",
    }
    notify(at(opened(plan), due))
    assert hook.types.count("date-missed") == 2
    assert "et ne l'est pas" in hook.taken[-1]["summary"]["fr"]


def test_who_looks_every_few_seconds_makes_no_forecast_each_time(plan: Path) -> None:
    """A plan with dates made a whole forecast of its ledger every ten seconds, for months."""
    text = plan.read_text().replace("datasets: [d]}", 'datasets: [d], done_by: "2027-02-01"}')
    plan.write_text(text)
    desk = replace(opened(plan), clock=Hands("2027-01-20T10:00:00.000Z"))
    clock, endings = desk.clock, BatchEndings(desk)
    assert isinstance(clock, Hands)
    first = endings.of(status(desk), anew=False)
    clock.passed = 59.0
    assert endings.of(status(desk), anew=False) is first
    assert endings.of(status(desk), anew=True) is not first
    kept = endings.of(status(desk), anew=False)
    clock.passed = 59.0 + 61.0
    assert endings.of(status(desk), anew=False) is not kept
    kept = endings.of(status(desk), anew=False)
    late(plan, "2027-01-20T10:00:02.000Z", "2027-02-02T00:00:00.000Z")
    found = endings.of(status(desk), anew=False)["pilot"]
    assert found is not kept["pilot"]
    assert found.is_late(seconds_of("2027-02-02T00:00:00Z"))


class Hands(WallClock):
    """A clock whose seconds pass as a test says."""

    passed = 0.0

    def monotonic(self) -> float:
        return self.passed


def test_no_french_line_has_an_english_reason_that_it_does_not_call_so(
    plan: Path, hook: Hook
) -> None:
    text = plan.read_text().replace(
        "  - {name: pilot, datasets: [d]}",
        '  - {name: pilot, datasets: [d]}\n  - {name: next, datasets: [e], needs: [pilot]}\n'
        '  - {name: later, datasets: [f], not_before: "2099-01-01"}',
    ).replace(
        "batches:\n",
        "".join(
            f"  - {{name: {name}, source: {{path: data/{name}}}, target: {{bucket: landing,"
            f" prefix: {name}/}}}}\n"
            for name in "ef"
        ) + "batches:\n",
    )  # fmt: skip
    plan.write_text(text)
    desk = opened(plan)
    with bound_ledger(desk, offline(desk.clock, desk.ledger_path)):
        pass
    notify(opened(plan))
    blocked = {one["batch"]: one["summary"]["fr"] for one in hook.taken if one["type"] == "blocked"}
    assert blocked == {
        "next": "le lot next est bloqué : il a besoin du lot pilot, dont tout n'est pas encore"
        " inventorié",
        "later": "le lot later est bloqué : il ne doit pas être déplacé avant le"
        " 2099-01-01T00:00:00.000Z",
    }
    assert run_ended(Exit.STOPPED, "no window is open")["fr"] == (
        "l'exécution s'est terminée par 7 (arrêté proprement ; la même commande reprend) ; motif"
        " d'origine, en anglais : « no window is open »"
    )


def test_a_date_that_was_missed_is_told_once(plan: Path, hook: Hook) -> None:
    text = plan.read_text().replace("datasets: [d]}", 'datasets: [d], done_by: "2027-02-01"}')
    plan.write_text(text)
    for now, many in (("2027-01-31", 0), ("2027-02-02", 1), ("2027-02-03", 1)):
        notify(at(opened(plan), f"{now}T12:00:00.000Z"))
        assert hook.types.count("date-missed") == many, now
    (told,) = [one for one in hook.taken if one["type"] == "date-missed"]
    assert (told["batch"], told["ends"]["what"]) == ("pilot", "done_by")
    assert "is not" in told["summary"]["en"]


def test_who_wants_only_some_of_it_gets_only_that(plan: Path, hook: Hook) -> None:
    named(plan, webhook(hook.url, ", on: [findings]"))
    with run(plan):
        pass
    assert hook.taken == []


# --- bad days ------------------------------------------------------------------------------------


def test_what_did_not_arrive_waits_is_said_and_arrives_later(plan: Path, hook: Hook) -> None:
    hook.answers, notes = [503, 503], Notes()
    with run(plan, notes=notes):
        pass
    assert hook.taken == []
    (said,) = notes.lines
    assert said.startswith("notify: 1 notice for siem did not arrive yet (notify siem: the endp")
    assert "canary-of-the-path" not in said
    assert "hdh-migrate notify PLAN" in said
    with run(plan):  # which tells the journal
        pass
    assert hook.types == ["run-ended", "run-ended"]
    assert [(one.channel, one.waiting) for one in events(plan, NoticesWaiting)] in (
        [("siem", 1)], [],  # or it arrived before the second run's end
    )  # fmt: skip


def test_a_document_that_was_sent_when_the_process_was_killed_has_the_same_id_again(
    plan: Path, hook: Hook
) -> None:
    with run(plan):
        pass
    queue = NoticeQueue.beside(opened(plan).ledger_path)
    memory = dict(queue.memory())
    with run(plan, Exit.STOPPED):
        pass
    queue.remember(memory)  # killed after it was sent, before that was remembered
    notify(opened(plan))
    assert hook.types == ["run-ended"] * 3
    assert hook.taken[1]["id"] == hook.taken[2]["id"] != hook.taken[0]["id"]


def test_a_receipt_that_was_journalled_when_the_process_was_killed_is_journalled_once(
    plan: Path, hook: Hook
) -> None:
    with run(plan):
        pass
    folder = NoticeQueue.beside(opened(plan).ledger_path).folder
    (outcome,) = folder.glob("*.told")
    kept = outcome.read_bytes()
    with run(plan):
        assert not outcome.exists()
        outcome.write_bytes(kept)  # killed after the commit, before it was forgotten
    assert [one.notice for one in events(plan, NoticeDelivered)] == [hook.taken[0]["id"]]
    assert not outcome.exists()


def test_a_queue_that_cannot_be_read_any_more_is_said_and_changes_no_runs_end(
    plan: Path, hook: Hook
) -> None:
    """Who told died of it, and then the end of the run was an unexpected error."""
    notes = Notes()
    with run(plan):
        pass
    with run(plan, notes=notes):
        folder = NoticeQueue.beside(opened(plan).ledger_path).folder
        folder.rename(folder.with_name("elsewhere"))
        folder.write_text("a file")
    assert [one for one in notes.lines if "notices: cannot be written" in one] == notes.lines
    assert len(notes.lines) == 1


def test_what_was_taken_while_the_disk_is_full_is_not_sent_again_and_again(plan: Path) -> None:
    with bound_ledger(opened(plan), offline(opened(plan).clock, opened(plan).ledger_path)) as one:
        one.finding(Code.DENIED, "what it says")
        one.commit()
    folder = NoticeQueue.beside(opened(plan).ledger_path).folder
    named(plan, program(plan, (
        """id=$(/bin/sed 's/.*"id":"\\([0-9a-f]*\\)".*/\\1/')\necho $id >> taken\n"""
        f"/bin/mkdir -p {folder}/room.$id.told/full"  # where the outcome cannot be written
    )))  # fmt: skip
    with notified(opened(plan)):
        until = time.monotonic() + LONG
        while not (plan.parent / "taken").exists() and time.monotonic() < until:
            time.sleep(0.02)
    taken = (plan.parent / "taken").read_text().split()
    assert taken
    assert len(set(taken)) == len(taken)


def test_that_a_run_ended_because_its_ledger_is_damaged_is_told(plan: Path, hook: Hook) -> None:
    """Of the gravest end of all nobody was told: whoever looked could not read the ledger."""
    with run(plan, Exit.FINDINGS) as ledger:
        ledger.finding(Code.DENIED, "what it says")
        ledger.commit()
    kept = opened(plan).ledger_path.read_bytes()
    opened(plan).ledger_path.write_bytes(b"no database" * 1000)
    desk = opened(plan)
    with (
        pytest.raises(LedgerDamaged),
        notified(desk),
        recording(desk, ("transfer",), ()),
    ):
        desk.read_ledger()
    assert (hook.taken[-1]["type"], hook.taken[-1]["exit"]) == ("run-ended", int(Exit.DAMAGED))
    opened(plan).ledger_path.write_bytes(kept)
    notify(opened(plan))
    assert hook.types.count("findings") == 1


def test_what_is_not_taken_for_too_long_is_given_up(plan: Path, hook: Hook) -> None:
    named(plan, webhook(hook.url, ", keep_trying: 1s"))
    hook.answers = [500] * 50
    with run(plan):
        pass
    later = at(opened(plan), "2036-01-01T00:00:00.000Z")
    told = notify(later)
    why = "notify siem: the endpoint answered 500"
    assert told["channels"] == [
        {"name": "siem", "sent": 0, "waiting": 0, "given_up": 1, "why": why}
    ]
    assert told["exit"] == Exit.FINDINGS  # nobody was told: a timer that saw 0 believed it
    hook.answers = []
    assert notify(later)["exit"] == Exit.OK
    with run(plan):
        pass
    (event,) = events(plan, NoticeGivenUp)
    assert event.why == "notify siem: the endpoint answered 500"


def test_what_a_run_gives_up_it_says(plan: Path, hook: Hook) -> None:
    """The journal alone had it, and nobody reads that until somebody misses something."""
    named(plan, webhook(hook.url, ", keep_trying: 1s"))
    hook.answers, notes = [500] * 50, Notes()
    with run(plan):
        pass
    desk = at(opened(plan, notes), "2036-01-01T00:00:00.000Z")
    with notified(desk):
        pass
    assert hook.taken == []
    (said,) = (line for line in notes.lines if "siem" in line)
    assert said.startswith("notify: 1 notice for siem not taken in time, and not sent again (")


def test_a_redirect_is_not_followed(plan: Path, hook: Hook) -> None:
    hook.answers = [307]
    told = trial(opened(plan))
    assert told["exit"] == Exit.FINDINGS
    assert told["channels"][0]["why"] == "notify siem: the endpoint answered 307"
    assert hook.asked == 1


@pytest.mark.slow
def test_nobody_who_hangs_is_waited_for_beyond_the_end(plan: Path) -> None:
    named(plan, program(plan, "echo $$ > child; exec /bin/sleep 900"))
    notes, child = Notes(), plan.parent / "child"
    desk = opened(plan, notes)
    desk.stop.set()  # somebody wants the run to end: a second is what is left
    for _ in range(60):
        with run_of(desk):
            pass
        if child.exists() and child.read_text():
            break  # a busy machine may not have come to the program within that second
    assert notes.lines[0].startswith("notify: 1 notice for room did not arrive yet")
    # It stayed behind: one more of them after each run.
    assert gone(int(child.read_text()))


@contextmanager
def run_of(desk: Desk) -> Iterator[None]:
    with notified(desk), recording(desk, ("transfer",), ()) as kept:
        kept.begins()
        yield


@pytest.mark.slow
def test_a_program_that_takes_too_long_is_ended_with_all_it_started(plan: Path) -> None:
    child = plan.parent / "child"
    for seconds in (1, 10, 60):  # a busy machine may not have come to the program before
        named(plan, program(plan, "sleep 900 & echo $! > child; wait").replace(
            "}", f", timeout: {seconds}s, environment: {{PATH: 'env:PATH'}}}}"))  # fmt: skip
        told = trial(opened(plan))
        assert told["channels"][0]["why"] == (
            f"notify room: the program took longer than {seconds} s and was ended"
        )
        if child.exists() and child.read_text():
            break
    assert gone(int(child.read_text()))


def test_a_program_sees_the_document_and_no_environment_but_its_own(
    plan: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("T_SECRET", "canary-of-the-environment")
    named(plan, program(plan, "/bin/cat > got; /usr/bin/env > seen"))
    assert trial(opened(plan))["exit"] == Exit.OK
    document = json.loads((plan.parent / "got").read_bytes())
    validator().validate(document)
    assert document["type"] == "test"
    assert "canary" not in (plan.parent / "seen").read_text()


@pytest.mark.parametrize(("text", "why"), [
    ("exit 3", "notify room: the program ended with 3"),
    ("exec 0<&-; exit 0", None),
])  # fmt: skip
def test_how_a_program_ends_says_whether_it_took_it(plan: Path, text: str, why: str | None) -> None:
    named(plan, program(plan, text))
    assert trial(opened(plan))["channels"][0]["why"] == why


# --- what is refused before anything begins ------------------------------------------------------


def refused(desk: Desk, why: str, kind: type[Exception] = Refused) -> None:
    with pytest.raises(kind, match=why) as found, notified(desk):
        pytest.fail("began")
    assert "\n" not in str(found.value)
    assert not NoticeQueue.beside(desk.ledger_path).folder.exists()


def test_a_program_that_is_not_there_is_refused(plan: Path) -> None:
    named(plan, "{name: room, kind: command, run: [./nowhere]}")
    refused(opened(plan), "notify room: there is no program ./nowhere that may be run")
    (plan.parent / "nowhere").touch(stat.S_IRUSR)
    refused(opened(plan), "that may be run")
    named(plan, "{name: room, kind: command, run: [nowhere]}")
    refused(opened(plan), "there is no program nowhere that may be run")


@pytest.mark.parametrize("address", ["169.254.169.254", "127.0.0.1", "0.0.0.0"])
def test_a_host_that_leads_into_this_machine_or_its_surroundings_is_refused(
    plan: Path, hook: Hook, address: str
) -> None:
    named(plan, webhook("https://hooks.example.org"))
    desk = replace(opened(plan), network=Network(resolve=lambda _: [address]))
    refused(desk, f"notify siem: hooks.example.org leads to {address}, ")


def test_a_secret_of_another_form_is_refused_and_not_shown(plan: Path, hook: Hook) -> None:
    (plan.parent / "hook.secret").write_text("whsec_c2hvcnQ=")
    refused(opened(plan), "whsec_ and the base64 of 24 to 64 bytes", KeyUnavailable)
    (plan.parent / "hook.secret").write_text("whsec_" + "é" * 32)
    refused(opened(plan), "whsec_ and the base64 of 24 to 64 bytes", KeyUnavailable)
    (plan.parent / "hook.secret").unlink()
    refused(opened(plan), "there is no secret file hook.secret", KeyUnavailable)


@pytest.mark.parametrize(("recipient", "why"), [
    ('{name: siem, kind: webhook, endpoint: "http://hooks.example.org", secret: "env:S"}', "https"),
    ('{name: siem, kind: webhook, endpoint: "https://h.example", secret: "hunter2"}', "reference"),
    ('{name: siem, kind: webhook, endpoint: "https://h.example/x", secret: "env:S"}', "path"),
    ("{name: siem, kind: command, run: []}", "at least"),
    ("{name: siem, kind: command, run: [a], on: [tea]}", "batch-done"),
])  # fmt: skip
def test_a_plan_says_where_it_is_wrong(plan: Path, recipient: str, why: str) -> None:
    named(plan, recipient)
    with pytest.raises(PlanInvalid, match=why):
        opened(plan)


def test_two_of_one_name_are_refused(plan: Path) -> None:
    one = program(plan, "exit 0")
    named(plan, one, one)
    with pytest.raises(PlanInvalid, match="the same name as notify"):
        opened(plan)


def test_others_may_not_be_able_to_exchange_the_program(plan: Path) -> None:
    named(plan, program(plan, "exit 0"), more="")
    (plan.parent / "tell").chmod(0o777)
    notes = Notes()
    opened(plan, notes)  # a rehearsal is told only
    assert "tell: may be written by others" in notes.lines[0]


def test_while_one_command_tells_another_does_not(plan: Path, hook: Hook) -> None:
    desk = opened(plan)
    with notified(desk):
        assert notify(opened(plan))["noticed"] == 0
        with notified(opened(plan)):
            pass
    assert hook.types == []


@pytest.mark.parametrize("lock", ["a folder", "a link"])
def test_a_lock_that_cannot_be_had_is_one_line_and_blocks_no_run(
    plan: Path, hook: Hook, lock: str
) -> None:
    """It was an unexpected error (exit 1), for the run as well."""
    folder = NoticeQueue.beside(opened(plan).ledger_path).folder
    folder.mkdir(mode=0o700)
    where = folder / "lock"
    if lock == "a folder":
        where.mkdir()
    else:
        where.symlink_to("elsewhere")
    notes = Notes()
    with run(plan, notes=notes):
        pass
    (said,) = notes.lines
    assert f"{where}: cannot be locked: " in said
    assert said.endswith("no notices of this run are sent meanwhile")
    assert hook.taken == []
    with pytest.raises(Refused, match="cannot be locked") as refused:
        notify(opened(plan))
    assert refused.value.exit_code == Exit.REFUSED
    assert "hdh-migrate notify PLAN" in (refused.value.hint or "")


def test_while_a_run_waits_it_is_told_as_over(plan: Path) -> None:
    """What a batch waits for is news once the run's steps are over, though its process lives on."""
    assert not is_over_here(opened(plan))
    with run(plan):
        assert not is_over_here(opened(plan))
    assert is_over_here(opened(plan))


def test_a_run_that_was_killed_while_it_waited_is_told_by_whoever_looks_next(
    plan: Path, hook: Hook
) -> None:
    """All thought that it would go on at night: its last word had been that it waits."""
    with run(plan, Exit.STOPPED):
        pass
    waiting = opened(plan).ledger_path.with_name(WAITING)
    lock = RunLock(waiting)
    assert notify(opened(plan))["noticed"] == 0  # it waits
    lock.release()  # as a kill does
    assert notify(opened(plan))["noticed"] == 1
    assert (hook.taken[-1]["type"], hook.taken[-1]["exit"]) == ("run-ended", None)
    assert hook.taken[-1]["summary"]["fr"].startswith("l'exécution a été tuée pendant qu'elle")
    assert notify(opened(plan))["noticed"] == 0
    RunLock(waiting).leave()  # as who waited and goes on, or was told to stop
    assert killed_holder(waiting) is None
