"""What a statement repeats of its journal, and what the journal itself cannot say; each re-signed.

As in test_contradictions.py, everything that can follow does follow, and one rule of
docs/evidence-format.md is broken.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import EvidenceDamaged
from hdh_migrate.evidence.check import check_bundle
from hdh_migrate.evidence.lines.facts import Endpoint, Facts, Loss, ObjectCounts
from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.evidence.verifier import verify
from hdh_migrate.evidence.verifier.cutovers import CutoverAccount
from hdh_migrate.evidence.verifier.planned import NOTHING_MD5
from hdh_migrate.evidence.verifier.selection import DIRECTORY
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.pipeline.projections.facts import cutover_facts
from hdh_migrate.pipeline.projections.standing import StoryEvent
from tests.support.events import typed, whole
from tests.unit.evidence.builders import (
    SECURED,
    SOURCE,
    TARGET,
    Told,
    at_places,
    bundle,
    dataset,
    exclusion,
    facts,
    failed,
    finding,
    in_first_format,
    pending,
    record,
    replanned,
    reseal_sums,
    signer,
)
from tests.unit.evidence.test_contradictions import (
    ENDED,
    edited,
    of,
    pace,
    problems,
    telling,
    waiver,
)

HOST = {
    "reference": "attestation.yaml", "sha256": "0" * 64, "provider": "scaleway",
    "regions": ["fr-par"], "endpoints": [TARGET.url + "/"],
}  # fmt: skip


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return signer(tmp_path_factory.mktemp("key"))


def attested(about: Facts, **changes: Any) -> Facts:
    target = {**about.plan["target"], "attestation": "attestation.yaml"}
    return replace(replanned(about, target=target), attestation={**HOST, **changes})


def through(about: Facts, **changes: Any) -> Facts:
    """Reach the target through a tunnel that the attestation names."""
    mouth = "http://127.0.0.1:9443"
    target = replace(TARGET, url=mouth)
    ways = [{"local": mouth + "/", "leads_to": TARGET.url}]
    return attested(at_places(about, SOURCE, target), **{"tunnels": ways, **changes})


def waived(about: Facts, *waivers: dict[str, Any]) -> Facts:
    return replace(replanned(about, waivers={"keys": ["k"]}), waivers=waivers)


def lost(about: Facts, what: str, kept: str) -> Facts:
    return replace(about, losses=(Loss(dataset="pmsi", what=what, objects=1, kept=kept),))


def before(kind: str, event: Told) -> Callable[[list[Told]], list[Told]]:
    def told(events: list[Told]) -> list[Told]:
        at = next(number for number, one in enumerate(events) if one[1] == kind)
        return [*events[:at], event, *events[at:]]

    return told


# --- what holds ----------------------------------------------------------------------------------

GOOD: dict[str, Callable[[Facts], Facts]] = {
    "an attestation of the host": attested,
    "an attested tunnel": through,
    "a waiver made by a clock that is a little ahead": lambda about: waived(
        about, waiver(made_at="2026-03-02T10:16:30Z")
    ),
    "tags that the target does not keep": lambda about: lost(about, "tags", "ledger"),
    "a bucket in front of the host": lambda about: replace(
        about, clock_offsets={"https://bucket.s3.fr-par.scw.cloud": 1.5}
    ),
    "a probe": lambda about: replace(
        about, capabilities={"endpoint": TARGET.url, "region": TARGET.region}
    ),
}


@pytest.mark.parametrize("what", GOOD)
def test_what_a_plan_can_lead_to(tmp_path: Path, key: Signer, what: str) -> None:
    assert problems(tmp_path, key, [record()], about=GOOD[what](facts(dataset(1)))) == []


# --- the statement beside its plan ---------------------------------------------------------------

PLANNED: dict[str, tuple[Callable[[Facts], Facts], str]] = {
    "an attestation of another provider": (
        lambda about: attested(about, provider="ovh"), "of another host",
    ),
    "an attestation of another region": (
        lambda about: attested(about, regions=["nl-ams"]), "of another host",
    ),
    "an attestation of another address": (
        lambda about: attested(about, endpoints=["https://s3.nl-ams.scw.cloud"]),
        "of another host",
    ),
    "a tunnel that nobody attests": (
        lambda about: through(about, tunnels=[]), "of another host",
    ),
    "a tunnel to another host": (
        lambda about: through(
            about, tunnels=[{"local": "http://127.0.0.1:9443", "leads_to": "https://s3.example"}]
        ),
        "of another host",
    ),
    "an attested rehearsal": (
        lambda about: attested(
            at_places(about, Endpoint(side="source", kind="folder", url="folder:"),
                      replace(TARGET, url="http://127.0.0.1:1"))
        ),
        "of a rehearsal",
    ),
    "a waiver that never ends": (lambda about: waived(about, waiver(until="never")), "a waiver"),
    "a waiver made after the report": (
        lambda about: waived(about, waiver(made_at="2026-03-02T10:16:31Z")), "from after",
    ),
    "a waiver of nothing": (lambda about: waived(about, waiver(what="")), "not a waiver"),
    "a waiver that nobody signed": (
        lambda about: waived(about, waiver(key_id="the operator")), "not a waiver",
    ),
    "a loss that is none": (lambda about: lost(about, "nothing", "ledger"), "not a loss"),
    "a loss that is kept elsewhere": (lambda about: lost(about, "tags", "manifest"), "not a loss"),
    "a time of a last change that the ledger keeps": (
        lambda about: lost(about, "modified", "ledger"), "kept elsewhere",
    ),
    "slices that are longer than the run": (
        lambda about: replace(about, paces=(pace(step="transfer"), pace(seconds=60.0))), "slices",
    ),
    "other bytes sent than verified": (
        lambda about: replace(
            about, paces=(pace(step="transfer", bins=(ObjectCounts(1, 999),)), pace())
        ),
        "a pace is not",
    ),
    "a report on a day that no calendar has": (
        lambda about: replace(about, written_at="2026-13-02T10:15:30Z"), "no calendar",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", PLANNED)
def test_a_statement_that_its_plan_cannot_lead_to(tmp_path: Path, key: Signer, what: str) -> None:
    change, problem = PLANNED[what]
    found = problems(tmp_path, key, [record()], about=change(facts(dataset(1))))
    assert any(problem in one for one in found), found


def test_a_time_of_last_change_that_is_not_said_to_be_lost(tmp_path: Path, key: Signer) -> None:
    folder = bundle(tmp_path / "out", [record()], about=facts(dataset(1)), signer=key).folder
    edited(folder, key, lambda predicate: predicate["losses"].clear())
    assert check_bundle(folder, [key.verifier]) == [
        "statement.json: no target keeps the time of the last change of any object"
    ]


LINES: dict[str, tuple[dict[str, Any], str]] = {
    "a claim of nothing": (record("a", source_md5=NOTHING_MD5), "MD5 of nothing"),
    "an empty object that claims content": (
        record("a", size=0, source_md5="0" * 32), "MD5 of nothing",
    ),
    **{
        f"{name} of an object that waits": (pending("a", **{name: value}), "were moved")
        for name, value in (
            ("level", "full"), ("verified_at", ENDED), ("sha256", "11" * 32),
            ("stored_size", 0), ("stored_sha256", "22" * 32), ("target_etag", '"e"'),
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("what", LINES)
def test_a_line_that_no_run_leads_to(tmp_path: Path, key: Signer, what: str) -> None:
    line, problem = LINES[what]
    (found,) = problems(tmp_path, key, [line])
    assert problem in found


def test_claims_that_the_plan_ignores_may_be_wrong(tmp_path: Path, key: Signer) -> None:
    about = facts(dataset(1))
    about = replanned(about, datasets=[{**about.plan["datasets"][0], "ignore_md5": "broken"}])
    assert not problems(tmp_path, key, [record("a", source_md5=NOTHING_MD5)], about=about)


def test_a_folder_has_no_directories_of_a_hierarchical_namespace(
    tmp_path: Path, key: Signer
) -> None:
    rule, reason = DIRECTORY
    left = [exclusion("x", size=0, rule=rule, reason=reason)]
    about = facts(dataset(2, 1000))
    assert not problems(tmp_path, key, [record("a")], about=about, exclusions=left)
    source = Endpoint(side="source", kind="folder", url="folder:")
    (found,) = problems(
        tmp_path / "b", key, [record("a")], about=at_places(about, source, TARGET),
        exclusions=left,
    )  # fmt: skip
    assert "no rule of the plan" in found


# --- addresses of this machine -------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://127.1", "https://0x7f.1", "https://2130706433", "https://0x7f000001",
        "https://0.0.0.0", "https://[::]", "https://[::ffff:127.0.0.1]", "https://localhost.",
        "https://LOCALHOST", "https://a.localhost.",
    ],
)  # fmt: skip
def test_a_rehearsal_that_is_spelled_as_if_it_were_real(
    tmp_path: Path, key: Signer, url: str
) -> None:
    plan = facts(dataset(1)).plan
    plan = {**plan, "target": {**plan["target"], "endpoint": url}}
    digest = sha256_hex(canonical_json(plan))

    def told(events: list[Told]) -> list[Told]:
        of(events, "run-started").update(plan_digest=digest)
        of(events, "run-ended")["traffic"][1].update(endpoint=url)
        return events

    def elsewhere(predicate: dict[str, Any]) -> None:
        predicate["plan"] = {"canonical": plan, "digest": {"sha256": digest}}
        predicate["endpoints"][1]["url"] = url

    made = bundle(tmp_path / "out", [record()], about=facts(dataset(1)), signer=key, telling=told)
    edited(made.folder, key, elsewhere)
    assert check_bundle(made.folder, [key.verifier])


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "::ffff:127.0.0.1", "::1%lo"])
def test_a_rehearsal_behind_the_name_of_a_host(tmp_path: Path, key: Signer, address: str) -> None:
    about = replace(facts(dataset(1)), endpoints=(SOURCE, replace(TARGET, addresses=(address,))))
    (found,) = problems(tmp_path, key, [record()], about=about)
    assert "an address of this machine" in found


# --- the journal ---------------------------------------------------------------------------------

TOLD: dict[str, tuple[Callable[[list[Told]], Iterable[Told]], str]] = {
    "a run of another plan": (
        telling("run-started", lambda b: b.update(plan_digest="0" * 64)), "another plan",
    ),
    "a plan that changed into another": (
        before("run-ended", (ENDED, "plan-changed", {"was": "1" * 64, "now": "2" * 64})),
        "may say here",
    ),
    "a run of another plan in between": (
        before("run-ended", (ENDED, "run-started", {"plan_digest": "1" * 64})), "may say here",
    ),
    "other clocks": (
        telling("run-ended", lambda b: b["traffic"][0].update(clock_offset=59.0)), "other clocks",
    ),
    "another endpoint": (
        telling("run-ended", lambda b: b["traffic"][1].update(endpoint="http://127.0.0.1:9000")),
        "other endpoints were contacted",
    ),
    "another host with the endpoint in its name": (
        telling(
            "run-ended",
            lambda b: b["traffic"][1].update(endpoint="https://s3.fr-par.scw.cloud.example"),
        ),
        "other endpoints were contacted",
    ),
    "an endpoint without encryption": (
        telling(
            "run-ended", lambda b: b["traffic"][1].update(endpoint="http://s3.fr-par.scw.cloud")
        ),
        "other endpoints were contacted",
    ),
    "an address that is none": (
        telling("run-ended", lambda b: b["traffic"][1].update(addresses=["nowhere"])),
        "may say here",
    ),
    "objects that nobody sent": (
        lambda events: [event for event in events if event[1] != "sent"], "than were sent",
    ),
    "receipts before a run began": (
        lambda events: [*events[1:3], events[0], *events[3:]], "may say here",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TOLD)
def test_a_journal_that_leads_to_another_statement(tmp_path: Path, key: Signer, what: str) -> None:
    change, problem = TOLD[what]
    found = problems(tmp_path, key, [record()], telling=change)
    assert any(problem in one for one in found), found


def test_an_endpoint_that_nobody_contacted(tmp_path: Path, key: Signer) -> None:
    nothing = {"bytes_read": 0, "bytes_written": 0, "requests": 0, "addresses": ()}
    about = replace(facts(dataset(1)), endpoints=(SOURCE, replace(TARGET, **nothing)))
    (found,) = problems(tmp_path, key, [record()], about=about)
    assert "nobody contacted" in found


def test_an_endpoint_of_other_tls(tmp_path: Path, key: Signer) -> None:
    about = replace(facts(dataset(1)), endpoints=(SOURCE, replace(TARGET, tls=SECURED)))
    bundle(tmp_path / "good", [record()], about=about, signer=key)
    assert not check_bundle(tmp_path / "good", [key.verifier])
    for number, told in enumerate((SECURED[:1], SECURED[::-1], (*SECURED, SECURED[1]), (), None)):
        made = bundle(tmp_path / str(number), [record()], about=about, signer=key)

        def otherwise(predicate: dict[str, Any], told: Any = told) -> None:
            place = predicate["endpoints"][1]
            place.pop("tls") if told is None else place.update(tls=list(told))

        edited(made.folder, key, otherwise)
        (found,) = check_bundle(made.folder, [key.verifier])
        assert found == "statement.json: the journal knows of other TLS"


def test_a_key_that_was_proved_otherwise(tmp_path: Path, key: Signer) -> None:
    """8.3: each recipient's last drill, in the recipients' order, and nothing else."""
    first, second = facts(dataset(1)).recipients
    told = [{"recipient": first, "at": ENDED}, {"recipient": second, "at": ENDED}]
    about = replace(facts(dataset(1)), proved=tuple(told))
    assert problems(tmp_path / "good", key, [record("a")], about=about) == []
    other = {"recipient": first, "at": "2026-03-02T10:15:01Z"}
    stranger = {"recipient": "c4gh:" + "5" * 16, "at": ENDED}
    for number, said in enumerate((told[:1], told[::-1], [other, told[1]], [*told, stranger], [])):
        made = bundle(tmp_path / str(number), [record("a")], about=about, signer=key)
        edited(made.folder, key, lambda p, said=said: p["seal"].update(proved=said))
        wrong = check_bundle(made.folder, [key.verifier])
        assert any("other proofs of keys" in one for one in wrong), (said, wrong)


def test_a_proof_of_a_key_that_no_drill_gave(tmp_path: Path, key: Signer) -> None:
    made = bundle(tmp_path / "out", [record("a")], about=facts(dataset(1)), signer=key)
    said = [{"recipient": facts(dataset(1)).recipients[0], "at": ENDED}]
    edited(made.folder, key, lambda p: p["seal"].update(proved=said))
    assert any("other proofs of keys" in one for one in check_bundle(made.folder, [key.verifier]))


def test_a_statement_of_the_first_format_tells_no_tls(tmp_path: Path, key: Signer) -> None:
    made = bundle(tmp_path / "out", [record()], about=facts(dataset(1)), signer=key)
    in_first_format(made, key)
    (found,) = check_bundle(made.folder, [key.verifier])
    assert "not a statement of this version" not in found
    edited(made.folder, key, lambda p: p["endpoints"][1].update(tls=list(SECURED)))
    (found,) = check_bundle(made.folder, [key.verifier])
    assert "not a statement of this version" in found


def test_capabilities_of_another_probe(tmp_path: Path, key: Signer) -> None:
    about = replace(
        facts(dataset(1)), capabilities={"endpoint": TARGET.url, "region": TARGET.region}
    )
    for told in (
        telling("probed", lambda b: b.update(record_sha256="0" * 64)),
        lambda events: [event for event in events if event[1] != "probed"],
    ):
        (found,) = problems(tmp_path / str(id(told)), key, [record()], about=about, telling=told)
        assert "no such probe" in found


def test_a_stamped_statement_cannot_be_older_than_its_stamp(tmp_path: Path, key: Signer) -> None:
    folder = bundle(tmp_path / "out", [record()], about=facts(dataset(1)), signer=key).folder
    (folder / "timestamp.tsr").write_bytes(b"x")
    reseal_sums(folder)
    keys = [verify.Key(key.verifier.fingerprint, key.verifier.public)]
    for moment, holds in (("2026-03-02T10:14:30Z", True), ("2026-03-02T10:14:29Z", False)):
        found = verify.check(folder, keys, 1, lambda _, __, at=moment: (at, "a TSA")).problems
        assert (found == []) is holds, found


FINDINGS: dict[str, tuple[dict[str, Any], str]] = {
    "from after the report": (finding(at="2026-03-02T10:15:31Z"), "after the statement"),
    "about an object that is not there": (finding(key="b"), "has no line"),
    "about an object of no dataset": (finding(key="a", dataset=None), "has no line"),
    "of another plan's dataset": (finding(key=None, dataset="other"), "does not name"),
}


@pytest.mark.parametrize("what", FINDINGS)
def test_a_finding(tmp_path: Path, key: Signer, what: str) -> None:
    made, problem = FINDINGS[what]
    (found,) = problems(tmp_path, key, [record("a")], findings=[made])
    assert problem in found


def test_a_finding_that_was_moved_to_another_object(tmp_path: Path, key: Signer) -> None:
    told = [finding(key="a"), finding(key="b")]
    lines = [record("a"), failed("b")]
    assert not problems(tmp_path, key, lines, findings=told)

    def same(events: list[Told]) -> list[Told]:
        for one in of(events, "findings")["opened"]:
            one["object"] = 1
        return events

    def apart(events: list[Told]) -> list[Told]:
        for number, one in enumerate(of(events, "findings")["opened"]):
            one["object"] = number + 1
        return events

    (found,) = problems(tmp_path / "b", key, lines, findings=told, telling=same)
    assert "another object" in found
    twice = [finding(key="a"), finding("other", key="a")]
    (found,) = problems(tmp_path / "c", key, lines, findings=twice, telling=apart)
    assert "another object" in found


# --- what is written -----------------------------------------------------------------------------

WRITTEN: dict[str, tuple[dict[str, Any], str]] = {
    "an object elsewhere": ({"records": [record("a", bucket="b")]}, "manifest.jsonl line 1: not"),
    "an object that the plan leaves behind": (
        {"records": [record("a/_t/b")]}, "manifest.jsonl line 1: the plan leaves",
    ),
    "an exclusion for another reason": (
        {"records": [], "exclusions": [exclusion("x", reason="other")]},
        "exclusions.jsonl line 1: no rule",
    ),
    "a bundle without a run": (
        {"records": [record("a")], "telling": lambda events: events[1:]}, "contradict itself",
    ),
    "a bundle after a run of another plan": (
        {"records": [record("a")], "telling": TOLD["a run of another plan"][0]}, "another plan",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRITTEN)
def test_what_would_be_refused_is_not_signed(tmp_path: Path, key: Signer, what: str) -> None:
    """The fault: rows were edited in the ledger, and `report` signed what they then said."""
    made, problem = WRITTEN[what]
    about = facts(dataset(1, 10 if "exclusions" in made else 1000))
    with pytest.raises(EvidenceDamaged, match=problem):
        bundle(tmp_path / "out", about=about, signer=key, checked=True, **made)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("names", ["plain", "keyed"])
def test_what_holds_is_signed(tmp_path: Path, key: Signer, names: str) -> None:
    name = "a\udcff" if names == "plain" else "k:" + "0" * 64
    lines = [record(name, target_key=f"pmsi/{name}.c4gh" if names == "plain" else name)]
    about = facts(dataset(1), names=names)
    made = bundle(tmp_path / "out", lines, about=about, signer=key, checked=True)
    assert check_bundle(made.folder, [key.verifier]) == []


# --- the first format ----------------------------------------------------------------------------


def test_a_journal_of_today_in_a_bundle_of_the_first_format(tmp_path: Path, key: Signer) -> None:
    """The fault: by the older type of predicate the journal was not looked into."""
    made = bundle(tmp_path / "out", [record("a"), failed("b")], about=facts(dataset(2)), signer=key)
    in_first_format(made, key)
    (found,) = check_bundle(made.folder, [key.verifier])
    assert "no event of the first format" in found
    assert json.loads((made.folder / "journal.jsonl").read_bytes().splitlines()[1])["kind"] == (
        "inventoried"
    )


# --- cutovers ------------------------------------------------------------------------------------

ABOUT = {"batch": "pilot", "track": "cutover"}
SWITCH = {"old_sha256": "0" * 64, "new_sha256": "1" * 64}
APPROVED = {"approvals": ["ed25519:a"], "approved_stage": "cutover"}
EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("begun", {**SWITCH, "pointer": {"kind": "file", "guard": "g"}, "rehearsing": False}),
    ("frozen", {"how": {"kind": "statement", "keys": ["6" * 64]}, "interval_seconds": 60,
                "relists": [{"at": ENDED, "objects": 2, "digest": "7"}] * 2}),
    ("relisting", {"round": 1}),
    ("delta", {"round": 1, "new": 1, "changed": 0, "vanished": 0}),
    ("waits", {"why": "approval", "told": ["none"]}),
    ("switching", {**SWITCH, "root": "2" * 64, "strangers": 0, "guard": "g",
                   **APPROVED}),
    ("switched", {"found": False, "late": False}),
    ("smoked", {"ok": False, "objects": 1, "bytes": 2, "commands": [], "failures": ["x"]}),
    ("rolling-back", {"user": "ops"}),
    ("rolled-back", {"switched": True}),
    ("counted", {"new": 1, "changed": 0, "gone": 0}),
    ("begun", {**SWITCH, "pointer": {"kind": "file", "guard": "g"}, "rehearsing": False}),
    ("switching", {**SWITCH, "root": "3" * 64, "strangers": 2, **APPROVED}),
    ("switched", {"found": False, "late": False}),
    ("smoked", {"ok": True, "objects": 1, "bytes": 2, "commands": [], "failures": []}),
    ("open", {"until": "2026-03-09T00:00:00Z"}),
    ("approval-withdrawn", {"approval": "5" * 64, "key": "6" * 64}),
    ("finalized", {"early": True, "reason": "r", **APPROVED, "approved_stage": "finalize"}),
    ("agreed", {**APPROVED, "approved_stage": "decommission"}),
    ("rechecking", {"level": "head", "reason": "too large"}),
    ("rechecked", {"spans": [[1, 4, "head"]], "differing": [[2, "target-gone"], [4, "x"]],
                   "objects": 4, "bytes": 8, "at": ENDED}),
    ("erasing", {"first": 1, "last": 3, "objects": 3}),
    ("erased", {"last": 3, "outcomes": {"deleted": 1}, "pending": [[2, "target-gone"], [3, "u"]]}),
    ("requested", {"outcomes": {"deleted": 1, "target-gone": 1, "u": 1}}),
    ("observed", {"remains": {"current": 0}}),
    ("rechecked", {"spans": [[2, 3, "head"]], "differing": [], "objects": 2, "bytes": 4,
                   "at": ENDED}),
    ("erasing", {"first": 2, "last": 3, "objects": 2, "again": [2, 3]}),
    ("erased", {"last": 3, "again": [2, 3], "outcomes": {"deleted": 2}}),
    ("requested", {"outcomes": {"deleted": 3}}),
]  # fmt: skip


def told_of_cutover() -> list[Told]:
    kinds = [(f"cutover-{name}", {**ABOUT, **body}) for name, body in EVENTS]
    return [(ENDED, kind, whole(kind, body)) for kind, body in kinds]


class Journal:
    def cutovers(self) -> Iterable[tuple[str, str, StoryEvent]]:
        return [(at, kind, typed(kind, body)) for at, kind, body in told_of_cutover()]


def with_cutover(events: list[Told]) -> list[Told]:
    return [*events[:-1], *told_of_cutover(), events[-1]]


def cut_over(tmp_path: Path, key: Signer, change: Callable[[Any], object]) -> list[str]:
    about = facts(dataset(1))
    folder = bundle(tmp_path / "out", [record()], about=about, signer=key,
                    telling=with_cutover).folder  # fmt: skip

    def put(predicate: dict[str, Any]) -> None:
        predicate["cutovers"] = json.loads(canonical_json(cutover_facts(Journal())))
        change(predicate["cutovers"])

    edited(folder, key, put)
    return check_bundle(folder, [key.verifier])


def test_what_a_cutover_came_to_is_told_by_its_events(tmp_path: Path, key: Signer) -> None:
    assert cut_over(tmp_path, key, lambda _: None) == []


CUTOVERS: dict[str, Callable[[Any], object]] = {
    "the smoke tests failed": lambda told: told[0].update(
        smoke={"ok": False, "objects": 1, "bytes": 2, "commands": [], "failures": ["x"]}
    ),
    "it was rolled back": lambda told: told[0].update(stage="rolled back"),
    "it began at another time": lambda told: told[0].update(since="2026-03-01T22:00:00Z"),
    "another root was approved": lambda told: told[0].update(root="2" * 64),
    "somebody else approved it": lambda told: told[0]["approvals"].update(cutover=["ed25519:b"]),
    "the window was longer": lambda told: told[0].update(window_until="2026-04-09T00:00:00Z"),
    "nothing was there before": lambda told: told[0].update(not_ours_before_the_switch=0),
    "it was on this machine": lambda told: told[0].update(on_this_machine=True),
    "another pointer": lambda told: told[0]["pointer"].update(kind="dns"),
    "finalized in time": lambda told: told[0].update(finalized={"early": False, "reason": None}),
    "read more closely": lambda told: told[0]["decommission"]["recheck"].update(level="full"),
    "nothing differed": lambda told: told[0]["decommission"]["recheck"].update(differing=0),
    "more was deleted": lambda told: told[0]["decommission"]["outcomes"].update(deleted=4),
    "more was asked for": lambda told: told[0]["decommission"].update(requested={"deleted": 4}),
    "seen again": lambda told: told[0]["decommission"].update(observed={"current": 0}),
    "at another time": lambda told: told[0]["times"].update(open="2026-03-01T22:00:00Z"),
    "with more said": lambda told: told[0].update(note="all well"),
    "with less said": lambda told: told[0].pop("smoke"),
    "never": lambda told: told.clear(),
}


@pytest.mark.parametrize("what", CUTOVERS)
def test_a_cutover_is_told_otherwise_than_by_its_events(
    tmp_path: Path, key: Signer, what: str
) -> None:
    assert cut_over(tmp_path, key, CUTOVERS[what]) == [
        "statement.json: the journal knows of other cutovers"
    ]


UNAPPROVED: dict[str, Callable[[dict[str, dict[str, Any]]], object]] = {
    "switched without approvals": lambda told: told["switching"].pop("approvals"),
    "switched with approvals for something else": lambda told: told["switching"].update(
        approved_stage="freeze"
    ),
    "switched without an intent": lambda told: told.pop("switching"),
    "switched under other terms": lambda told: told["switching"].update(terms="0" * 64),
    "switched under no terms": lambda told: told["switching"].pop("terms"),
    "finalized without approvals": lambda told: told["finalized"].pop("approvals"),
    "finalized with the approvals of the switch": lambda told: told["finalized"].update(
        approved_stage="cutover"
    ),
    "deleted without approvals": lambda told: told.pop("agreed"),
}


@pytest.mark.parametrize("what", ["nothing is wrong", *UNAPPROVED])
def test_no_step_that_needs_approvals_is_told_without_them(what: str) -> None:
    """Also when it is the second attempt, and the first one was approved."""
    terms = {"approvers": [], "thresholds": {}}
    under = sha256_hex(canonical_json(terms))
    first = [("terms", {"terms": terms, "beside": []}), *copy.deepcopy(EVENTS[:12])]
    then = dict(copy.deepcopy(EVENTS[12:24]))
    for body in (body for _, body in [*first, *then.items()] if "approvals" in body):
        body["terms"] = under
    UNAPPROVED.get(what, len)(then)
    told = CutoverAccount("pilot", "cutover")
    for name, body in first:
        told.take(name, ENDED, body)

    with nullcontext() if what not in UNAPPROVED else pytest.raises((KeyError, ValueError)):
        for name, body in then.items():
            told.take(name, ENDED, body)
