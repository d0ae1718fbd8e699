"""A kind of source that nobody ships, added as docs/architecture.md says, finds every door shut.

Nowhere may "not Azure" mean "a folder on this machine", nor an answer that is missing mean yes.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from hdh_migrate.clocks import later
from hdh_migrate.door import Addresses
from hdh_migrate.errors import ApprovalMissing, EvidenceDamaged, Exit, PlanInvalid, Refused
from hdh_migrate.evidence.check import examine
from hdh_migrate.evidence.signatures.approval_forms import approval
from hdh_migrate.evidence.signatures.approval_stages import ApprovalStage
from hdh_migrate.evidence.signatures.signing import load_signer, load_trusted_key, new_report_key
from hdh_migrate.model import Role, Step
from hdh_migrate.plan.loader import load
from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.sides import SourceSection, Tls
from hdh_migrate.sealing.keys import new_pair
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy import gate
from hdh_migrate.session.policy.approval_subjects import subject_here
from hdh_migrate.session.policy.kept_approvals import keep_approval
from hdh_migrate.session.policy.timekeeping import judge_for
from hdh_migrate.session.verbs import cutover, preflight
from hdh_migrate.session.verbs.dry_run import forecast
from hdh_migrate.session.verbs.report import write_report
from hdh_migrate.session.verbs.run import perform
from hdh_migrate.session.views.facts import facts_of
from hdh_migrate.session.views.outlook import demand_current
from hdh_migrate.wiring import (
    SOURCES,
    Sources,
    Vault,
    open_eraser,
    open_freeze_probe,
    plan_of,
    source_claims,
    source_transport,
    worker_secrets,
)
from hdh_migrate.wiring.chosen import is_rehearsal
from hdh_migrate.wiring.sources import open_source
from hdh_migrate.wiring.sources.kind import SourceKind
from hdh_migrate.wiring.targets import Network
from tests.support import second_verifier
from tests.support.fixtures import Bucket
from tests.support.here import here
from tests.support.quiet import Notes
from tests.support.toy import KIND, TOKEN, WITH_TOY, Toy, ToyStore, toy_store
from tests.unit.session.test_gate import GOOD as ATTESTED

pytestmark = pytest.mark.live

FAR = "https://toy.example.org"
CORPUS = {"in/a.csv": b"1,2\n" * 900, "in/vide": b"", "in/é 100%+ x.raw": bytes(range(256)) * 300}


@pytest.fixture
def store() -> Iterator[ToyStore]:
    with toy_store() as made:
        made.make("emc2")
        for key, data in CORPUS.items():
            made.put("emc2", key, data)
        yield made


class Trip:
    """A plan from a toy to an S3 server, and the desk of one command on it."""

    def __init__(self, folder: Path, bucket: Bucket, url: str) -> None:
        self.folder, self.bucket = folder, bucket
        (folder / "keys").mkdir()
        for name in ("steward", "escrow"):
            new_pair(folder / "keys", name, passphrase=None)
        new_report_key(folder / "keys", "report", None)
        server = bucket.server
        self.plan: dict[str, Any] = {
            "version": 1,
            "migration": "trip",
            "source": {"kind": "toy", "account_url": url, "token": "env:T_TOKEN"},
            "target": {
                "provider": "generic",
                "endpoint": server.endpoint,
                "region": server.region,
                "credential": {"kind": "access-key", "id": "env:T_ID", "secret": "env:T_SECRET"},
            },
            "seal": {
                "format": "crypt4gh",
                "recipients": ["keys/steward.pub", "keys/escrow.pub"],
                "identity": "file:keys/steward.sec",
            },
            "datasets": [
                {
                    "name": "all",
                    "source": {"container": "emc2", "prefix": "in/"},
                    "target": {"bucket": bucket.name},
                }
            ],
            "limits": {"retry_budget": "1s"},
            "report": {"signer": "file:keys/report.key"},
        }

    def desk(self, sources: Sources | None = WITH_TOY) -> Desk:
        path = self.folder / "plan.yaml"
        path.write_text(yaml.safe_dump(self.plan, allow_unicode=True))
        return Desk.open(path, None, Notes(), threading.Event(), here(WITH_TOY), sources)

    def refused(self, sources: Sources | None = WITH_TOY) -> list[str]:
        with pytest.raises(PlanInvalid) as refused:
            self.desk(sources)
        return [line.split(": ", 1)[1] for line in refused.value.problems]


@pytest.fixture
def trip(tmp_path: Path, bucket: Bucket, store: ToyStore, monkeypatch: pytest.MonkeyPatch) -> Trip:
    monkeypatch.setenv("T_TOKEN", TOKEN)
    monkeypatch.setenv("T_ID", bucket.server.access_key)
    monkeypatch.setenv("T_SECRET", bucket.server.secret_key)
    return Trip(tmp_path, bucket, store.url)


def test_its_objects_are_moved_verified_and_proved(trip: Trip, store: ToyStore) -> None:
    desk = trip.desk()

    code, told = perform(desk, list(Step), ())

    assert code is Exit.OK
    assert [one["states"]["verified"]["objects"] for one in told] == [len(CORPUS)], told
    report = write_report(desk, trip.folder / "bundle")
    key = load_trusted_key(trip.folder / "keys" / "report.pub")
    assert report["proven"]
    outcome = examine(Path(report["folder"]), [key])
    assert outcome.problems == []
    trusted = {key.fingerprint: (key.public, key.until)}
    assert second_verifier.verify(Path(report["folder"]), trusted, 1) == []
    source = outcome.predicate["endpoints"][0]
    assert (source["kind"], source["url"], source["local"]) == ("toy", store.url, True)
    assert source["requests"] > 0
    assert set(store.asked) == {"GET", "HEAD"}


def test_a_dry_run_and_preflight_ask_it_and_write_nothing(trip: Trip) -> None:
    desk = trip.desk()

    (told,) = forecast(desk, ())["batches"]
    services = desk.services(write=True)
    judge = judge_for(desk.clock, [services], desk.ledger_path)
    checks = preflight.report(services, desk.loaded.plan, desk.state_dir, (), judge)

    assert told["objects"] == len(CORPUS)
    assert {one["check"] for one in checks if not one["ok"]} == set()
    assert "Contents" not in trip.bucket.client.list_objects_v2(Bucket=trip.bucket.name)
    assert not desk.ledger_path.exists()


def test_what_it_lacks_is_what_preflight_says(trip: Trip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T_TOKEN", "another")
    with pytest.raises(Refused, match="source container emc2") as refused:
        perform(trip.desk(), list(Step), ())
    assert refused.value.exit_code is Exit.AUTH


# --- it is not on this machine -------------------------------------------------------------------


def test_far_away_it_is_no_rehearsal_and_nothing_is_sent(trip: Trip, store: ToyStore) -> None:
    trip.plan["source"]["account_url"] = FAR
    desk = trip.desk()

    assert not is_rehearsal(desk.loaded.plan, desk.loaded.base)
    services = desk.services(write=True)
    assert not desk.progress.lines  # type: ignore[attr-defined]
    assert not services.admitted
    judge = judge_for(desk.clock, [services], desk.ledger_path)
    told = "\n".join(map(str, gate.judged(desk.loaded.plan, desk.loaded.base, judge.unchecked())))
    assert "this is no rehearsal" in told
    with pytest.raises(Refused, match="not attested"):
        perform(desk, list(Step), ())
    assert not store.asked
    assert all(not one.traffic for side, one in services.transports if side == "target")


def test_at_this_machine_before_a_real_host_it_is_a_tunnel(trip: Trip, store: ToyStore) -> None:
    trip.plan["target"] |= {"endpoint": "https://s3.example.org", "attestation": "attested.yaml"}
    host = {"provider": "generic", "endpoints": ["https://s3.example.org"]}
    attested = {**ATTESTED, **host, "regions": [trip.bucket.server.region]}
    (trip.folder / "attested.yaml").write_text(yaml.safe_dump(attested))
    desk = trip.desk()
    judge = judge_for(desk.clock, [], desk.ledger_path)
    network = Network(resolve=lambda _: ["51.159.1.1"])

    found = gate.judged(desk.loaded.plan, desk.loaded.base, judge.unchecked(), network)

    assert any(f"the source {store.url} is this machine" in str(one) for one in found)


@pytest.mark.parametrize(("far", "other"), [(True, "127.0.0.1"), (False, "51.159.1.1")])
def test_its_door_leads_to_where_it_says_and_nowhere_else(
    trip: Trip, far: bool, other: str
) -> None:
    if far:
        trip.plan["source"]["account_url"] = FAR
    loaded = trip.desk().loaded
    door = source_transport(loaded.plan, loaded.base).door

    assert door.endpoint == loaded.plan.source.address
    assert door.addresses == Addresses(loopback=not far, private=True)
    assert door.objection(other) is not None


def test_its_certificate_is_checked_as_its_section_says(trip: Trip) -> None:
    trip.plan["source"] |= {"account_url": FAR, "tls": {"spki_pins": [f"sha256//{'A' * 43}="]}}
    loaded = trip.desk().loaded
    assert source_transport(loaded.plan, loaded.base)._tls.pins == (f"sha256//{'A' * 43}=",)
    trip.plan["source"] |= {"account_url": "http://127.0.0.1:1"}
    assert trip.refused() == [
        "source.tls: `account_url` is plain http, where there is no certificate"
    ]


# --- what it cannot do, nobody does --------------------------------------------------------------


def test_it_is_not_frozen_erased_or_asked_for_digests(trip: Trip) -> None:
    trip.plan |= {
        "verify": {"source": "range-md5"},
        "freeze": {"kind": "denied-write", "credential": {"kind": "sas", "value": "env:T_TOKEN"}},
    }
    assert sorted(trip.refused()) == [
        "freeze.kind: a toy has no writers to try: use kind statement instead",
        "verify.source: a toy has no digest of a range: use again",
    ]
    trip.plan["cutovers"] = [{"batch": "all", "decommission": {}}]
    assert "cutovers[0].decommission: a toy deletes nothing: leave this out" in trip.refused()


def test_a_rule_that_was_forgotten_does_not_open_what_it_has_not(trip: Trip) -> None:
    loaded = trip.desk().loaded
    vault = Vault.open(loaded.base)
    frozen = Plan.model_validate_json(
        json.dumps(trip.plan | {
            "source": {"kind": "azure-blob", "account_url": FAR,
                       "credential": {"kind": "sas", "value": "env:T_TOKEN"}},
            "freeze": {"kind": "denied-write",
                       "credential": {"kind": "sas", "value": "env:T_TOKEN"}},
        })
    )  # fmt: skip
    plan = frozen.model_copy(update={"source": loaded.plan.source})

    with pytest.raises(Refused, match="no writer of it can be tried"):
        open_freeze_probe(plan, vault, WITH_TOY)
    with pytest.raises(Refused, match="nothing can be deleted there"):
        open_eraser(plan, None, vault, WITH_TOY)  # type: ignore[arg-type]
    stated = loaded.plan.model_copy(update={"freeze": None})
    assert open_freeze_probe(stated, vault, WITH_TOY).thing is None
    assert source_claims(plan, vault, WITH_TOY) is None
    demand_current(loaded)


def approve(desk: Desk, stage: ApprovalStage) -> None:
    signer = load_signer(desk.loaded.base / "keys" / "dpo.key", None)
    now = desk.clock.now()
    envelope = approval(
        signer, subject_here(desk, "all", stage), made_at=now, begins=now, expires=later(now, 3600)
    )
    keep_approval(desk, envelope)


def test_nothing_is_switched_before_somebody_states_that_it_is_frozen(trip: Trip) -> None:
    (trip.folder / "pointer").write_text("azure://old")
    new_report_key(trip.folder / "keys", "dpo", None)
    access = dict(trip.plan["target"]["credential"])
    trip.plan |= {
        "approvals": {"keys": ["keys/dpo.pub"]},
        "freeze": {"kind": "statement"},
        "batches": [
            {
                "name": "all",
                "datasets": ["all"],
                "pointer": {"kind": "file", "path": "pointer", "value": "s3://new"},
            }
        ],
        "cutovers": [
            {
                "batch": "all",
                "relist_interval": "1s",
                "smoke": {"credential": access, "identity": "file:keys/escrow.sec"},
            }
        ],
    }
    desk = trip.desk()
    perform(desk, list(Step), ())

    approve(desk, ApprovalStage.CUTOVER)

    with pytest.raises(ApprovalMissing, match="nobody has signed that the source is frozen"):
        cutover.start(desk, "all")
    assert (trip.folder / "pointer").read_text() == "azure://old"

    approve(desk, ApprovalStage.FREEZE)
    cutover.start(desk, "all")
    assert (trip.folder / "pointer").read_text() == "s3://new"


def test_who_proves_is_not_given_its_token(trip: Trip) -> None:
    loaded = trip.desk().loaded
    vault = Vault.open(loaded.base)
    assert "env:T_TOKEN" in worker_secrets(loaded.plan, Role.MOVE, vault, write=True)
    assert "env:T_TOKEN" not in worker_secrets(loaded.plan, Role.PROVE, vault, write=True)


def test_its_datasets_are_in_its_form(trip: Trip) -> None:
    trip.plan["datasets"][0]["source"] = {"path": "in"}
    assert trip.refused() == [
        "datasets[0].source.path: the source's kind is toy: give `container`, not `path`"
    ]


# --- who does not know it ------------------------------------------------------------------------


def test_who_does_not_know_it_refuses_the_plan(trip: Trip) -> None:
    assert trip.refused(None) == [f"source.kind: must be one of: {', '.join(SOURCES)}"]


@pytest.mark.parametrize("sources", [SOURCES, {**SOURCES, "toy": SOURCES["folder"]}])
def test_who_has_no_row_of_it_opens_nothing(trip: Trip, sources: Sources) -> None:
    loaded = trip.desk().loaded
    vault = Vault.open(loaded.base)
    with pytest.raises(Refused, match="kind is toy, and it is not known here"):
        open_source(loaded.plan, vault, sources)
    with pytest.raises(Refused, match="not known here"):
        source_claims(loaded.plan, vault, sources)


def test_workers_that_do_not_know_it_do_not_start(trip: Trip) -> None:
    desk = replace(trip.desk(), engines=here())
    with pytest.raises(Refused, match="kind is toy, and it is not known here"):
        perform(desk, list(Step), ())


# --- who does not answer -------------------------------------------------------------------------


class Answers(Toy):
    """What each kind below says otherwise."""


def test_a_kind_that_leaves_an_answer_out_is_refused_when_it_is_defined() -> None:
    with pytest.raises(TypeError, match=r"address, authorised_by, is_local, trusts, traits"):

        class Silent(SourceSection):
            kind: Literal["silent"]

    with pytest.raises(TypeError, match="is_local"):

        class Nowhere(SourceSection):
            traits = Toy.traits
            kind: Literal["nowhere"]
            address = Toy.address
            trusts = Toy.trusts
            authorised_by = Toy.authorised_by

    with pytest.raises(TypeError, match="kind"):

        class TwoFaced(Answers):
            kind: Literal["one", "two"]  # type: ignore[assignment]


class Liar(Toy):
    kind: Literal["liar"]  # type: ignore[assignment]

    @property
    def is_local(self) -> bool:
        return True


class Hidden(Toy):
    kind: Literal["hidden"]  # type: ignore[assignment]

    @property
    def address(self) -> str:
        return "hidden:"

    @property
    def is_local(self) -> bool:
        return False


@pytest.mark.parametrize("section", [Liar, Hidden])
def test_a_kind_whose_answers_contradict_each_other_is_refused(
    trip: Trip, section: type[Toy]
) -> None:
    row: SourceKind[Any] = SourceKind(
        section=lambda: section,
        read=KIND.read,
        claims=KIND.claims,
        trial=None,
        eraser=None,
        archive=None,
        report=None,
    )
    kind = section.__name__.lower()
    trip.plan["source"] |= {"kind": kind, "account_url": FAR}
    told = trip.refused({**SOURCES, kind: row})
    assert told == ["source: the source's address does not say whether it is this machine"]


class Elsewhere(Toy):
    """A toy whose address stands in a field that the format of evidence does not know."""

    kind: Literal["elsewhere"]  # type: ignore[assignment]
    account_url: Any = None
    place: str

    @property
    def address(self) -> str:
        return self.place

    @property
    def is_local(self) -> bool:
        return self.place.startswith("http://127.0.0.1")

    @property
    def trusts(self) -> Tls | None:
        return None


def test_no_report_says_what_the_format_of_evidence_does_not_know(
    trip: Trip, store: ToyStore
) -> None:
    row: SourceKind[Any] = SourceKind(
        section=lambda: Elsewhere,
        read=lambda section, vault: KIND.read(
            Toy(kind="toy", account_url=section.place, token=section.token), vault
        ),
        claims=KIND.claims,
        trial=None,
        eraser=None,
        archive=None,
        report=None,
    )
    sources: Mapping[str, SourceKind[Any]] = {**SOURCES, "elsewhere": row}
    trip.plan["source"] = {"kind": "elsewhere", "place": store.url, "token": "env:T_TOKEN"}
    desk = trip.desk(sources)
    desk = replace(desk, engines=here(sources))
    assert perform(desk, list(Step), ())[0] is Exit.OK
    ledger = desk.read_ledger()
    try:
        source = facts_of(desk, ledger, None).endpoints[0]
    finally:
        ledger.close()
    assert (source.kind, source.url, source.is_local) == ("elsewhere", store.url, True)

    with pytest.raises(EvidenceDamaged, match="not of the form of a plan"):
        write_report(desk, trip.folder / "bundle")
    assert not (trip.folder / "bundle").exists()


def test_with_no_more_kinds_the_plan_is_the_same_model() -> None:
    assert plan_of(SOURCES) is Plan
    assert plan_of(dict(SOURCES)) is Plan
    known = plan_of(WITH_TOY)
    assert issubclass(known, Plan)
    assert list(known.model_fields) == list(Plan.model_fields)
    assert load.__defaults__ == (Plan,)
