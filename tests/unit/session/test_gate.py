"""The gate fails closed: off this machine, only what the customer attests, in its time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import yaml

from hdh_migrate.clocks import Judge, Moment
from hdh_migrate.door import Resolve
from hdh_migrate.errors import Exit, PlanInvalid, Refused
from hdh_migrate.evidence.signatures.signing import load_signer, new_report_key
from hdh_migrate.plan.loader import LoadedPlan, load
from hdh_migrate.session.policy import gate, waivers
from hdh_migrate.wiring import Services
from hdh_migrate.wiring.targets import Network
from tests.support.quiet import WallClock

PLAN = """\
version: 1
migration: gate
source: {kind: folder}
target:
  provider: scaleway
  region: fr-par
  credential: {kind: access-key, id: "env:T_ID", secret: "env:T_SECRET"}
  attestation: attestation.yaml
seal:
  format: crypt4gh
  recipients: [keys/a.pub, keys/b.pub]
  identity: "file:keys/a.sec"
datasets:
  - name: all
    source: {path: data}
    target: {bucket: hds-all}
"""
UNSEALED = """\
seal: {format: none, reason: "a test"}
datasets:
  - {name: all, source: {path: data}, target: {bucket: hds-all}}
"""
CLOCK = WallClock("2026-11-24T12:00:00.000Z")
NOW = Moment.at(CLOCK.now())
GOOD = {
    "version": 1,
    "provider": "scaleway",
    "service": "Object Storage",
    "endpoints": ["https://s3.fr-par.scw.cloud"],
    "regions": ["fr-par"],
    "secnumcloud": {
        "reference": "a decision",
        "valid_from": "2026-01-01",
        "valid_until": "2028-12-31",
    },
    "hds": {"reference": "a certificate", "valid_from": "2025-01-01", "valid_until": "2026-11-24"},
    "contract": "a contract",
}


def public(host: str) -> Sequence[str]:
    del host
    return ["51.159.1.1"]


@pytest.fixture
def plan(tmp_path: Path) -> LoadedPlan:
    (tmp_path / "plan.yaml").write_text(PLAN)
    return load(tmp_path / "plan.yaml")


def judged(
    plan: LoadedPlan, attestation: Mapping[str, object] | str | None, resolve: Resolve = public
) -> str:
    path = plan.base / "attestation.yaml"
    if isinstance(attestation, str):
        path.write_text(attestation)
    elif attestation is not None:
        path.write_text(yaml.safe_dump(dict(attestation)))
    problems = gate.judged(plan.plan, plan.base, NOW, Network(resolve=resolve))
    return "\n".join(str(problem) for problem in problems)


def test_an_attested_host_in_its_time_is_open(plan: LoadedPlan) -> None:
    assert judged(plan, GOOD) == ""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"provider": "ovhcloud"}, "attests provider ovhcloud, the plan says scaleway"),
        ({"regions": ["nl-ams"]}, "attests nl-ams, the plan says fr-par"),
        ({"endpoints": ["https://s3.fr-par.scw.cloud.evil.fr"]}, "does not name the endpoint"),
        (
            {"secnumcloud": {**GOOD["secnumcloud"], "valid_until": "2026-11-23"}},  # type: ignore[dict-item]
            "secnumcloud is in force from 2026-01-01 to 2026-11-23, not 2026-11-24",
        ),
        (
            {"hds": {**GOOD["hds"], "valid_from": "2026-11-25"}},  # type: ignore[dict-item]
            "hds is in force from 2026-11-25",
        ),
        ({"documents": [{"path": "none.pdf", "sha256": "0" * 64}]}, "cannot be read"),
        ({"documents": [{"path": "plan.yaml", "sha256": "0" * 64}]}, "not the attested one"),
    ],
)
def test_what_is_not_attested_is_refused(
    plan: LoadedPlan, change: Mapping[str, object], told: str
) -> None:
    assert told in judged(plan, {**GOOD, **change})


BASIS = """\
legal_basis:
  - {reference: "CNIL 2023-146", valid_until: 2026-12-21}
  - {reference: "arrêté du 6 mai 2024", valid_until: 2031-05-05}
"""


TOO_EARLY = (
    "legal_basis[0]: CNIL 2023-146 counts until 2026-12-21, not until the last planned day,"
    " 2026-12-22"
)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", ""),
        ("planned: {first_day: 2026-11-01, last_day: 2026-12-21}\n", ""),
        (
            "planned: {first_day: 2026-11-01, last_day: 2026-12-22}\n",
            TOO_EARLY,
        ),
        ("ended", "legal_basis[0]: CNIL 2023-146 counts until 2026-11-23, not 2026-11-24"),
    ],
)
def test_a_legal_basis_that_ends_too_early_is_refused(tmp_path: Path, more: str, told: str) -> None:
    basis = BASIS.replace("2026-12-21", "2026-11-23") if more == "ended" else BASIS + more
    (tmp_path / "plan.yaml").write_text(PLAN + basis)
    attested = {**GOOD, "hds": {**GOOD["hds"], "valid_until": "2028-01-01"}}  # type: ignore[dict-item]

    said = judged(load(tmp_path / "plan.yaml"), attested).splitlines()

    assert [line.partition(" (")[0] for line in said] == ([told] if told else [])


@pytest.mark.parametrize(("waived", "closed"), [("legal-basis", False), ("attestation", True)])
def test_a_legal_basis_is_waived_by_its_own_waiver_alone(
    tmp_path: Path, waived: str, *, closed: bool
) -> None:
    (tmp_path / "keys").mkdir()
    private, _ = new_report_key(tmp_path / "keys", "dpo", None)
    new_report_key(tmp_path / "keys", "report", None)
    more = "waivers: {keys: [keys/dpo.pub]}\nreport: {signer: 'file:keys/report.key'}\n"
    (tmp_path / "plan.yaml").write_text(PLAN + BASIS.replace("2026-12-21", "2026-11-23") + more)
    plan = load(tmp_path / "plan.yaml")
    waivers.make(
        plan, load_signer(private, None), what=waived, reason="the next one is being signed",
        until="2026-11-30", now=NOW, by="dpo",
    )  # fmt: skip
    assert bool(judged(plan, GOOD)) is closed


def test_all_reasons_are_told_at_once(plan: LoadedPlan) -> None:
    told = judged(plan, {**GOOD, "provider": "ovhcloud", "regions": ["gra"]})
    assert len(told.splitlines()) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "version: 2",
        "version: 1\nversion: 1\n",
        "a: &x 1\nb: *x\n",
        yaml.safe_dump({**GOOD, "surprise": 1}),
        yaml.safe_dump({**GOOD, "hds": {**GOOD["hds"], "valid_until": "2026-13-01"}}),  # type: ignore[dict-item]
        yaml.safe_dump({key: value for key, value in GOOD.items() if key != "contract"}),
    ],
)
def test_a_malformed_attestation_opens_nothing(plan: LoadedPlan, text: str) -> None:
    assert "attestation.yaml" in judged(plan, text)


def test_a_missing_attestation_opens_nothing(plan: LoadedPlan, tmp_path: Path) -> None:
    assert "cannot be read" in judged(plan, None)
    (tmp_path / "none.yaml").write_text(PLAN.replace("  attestation: attestation.yaml\n", ""))
    none = load(tmp_path / "none.yaml")
    assert "https://s3.fr-par.scw.cloud is not attested" in judged(none, None)


def test_what_is_not_attested_is_not_admitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("T_ID", "an id")
    monkeypatch.setenv("T_SECRET", "a secret")
    (tmp_path / "open.yaml").write_text(PLAN.partition("seal:")[0] + UNSEALED)
    plan = load(tmp_path / "open.yaml")
    services = Services.open(plan.plan, plan.base, write=True, network=Network(resolve=public))
    with pytest.raises(Refused) as refused:
        gate.admit(services, plan.plan, Judge(CLOCK))
    assert refused.value.exit_code is Exit.REFUSED
    assert not services.admitted
    (tmp_path / "attestation.yaml").write_text(yaml.safe_dump(GOOD))
    gate.admit(services, plan.plan, Judge(CLOCK))
    assert services.admitted


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.5",
        "192.168.1.9",
        "169.254.169.254",
        "127.0.0.1",
        "0.0.0.0",
        "100.100.100.200",
        "168.63.129.16",
        "224.0.0.1",
        "255.255.255.255",
        "fe80::1%eth0",
        "fd00::1",
        "::1",
        "::",
        "::ffff:10.0.0.5",
        "::ffff:127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:a00:5::1",
        "nonsense",
    ],
)
def test_a_name_that_leads_to_a_private_address_is_refused(plan: LoadedPlan, address: str) -> None:
    told = judged(plan, GOOD, lambda _: ["51.159.1.1", address])
    assert f"leads to {address}, " in told
    assert len(told.splitlines()) == 1


PLANNED = "planned: {first_day: 2026-12-01, last_day: 2027-01-31}\n"


def test_the_planned_days_to_come_must_be_attested_too(plan: LoadedPlan) -> None:
    (plan.base / "planned.yaml").write_text(PLAN + PLANNED)
    planned = load(plan.base / "planned.yaml")
    told = judged(planned, GOOD)
    assert "hds is in force from 2025-01-01 to 2026-11-24, not until the last planned day" in told
    later = {**GOOD, "hds": {**GOOD["hds"], "valid_until": "2027-01-31"}}  # type: ignore[dict-item]
    assert judged(planned, later) == ""


def test_days_that_are_planned_backwards_are_refused(plan: LoadedPlan) -> None:
    (plan.base / "planned.yaml").write_text(
        PLAN + "planned: {first_day: 2026-12-02, last_day: 2026-12-01}\n"
    )
    with pytest.raises(PlanInvalid, match=r"planned\.last_day: before the first day"):
        load(plan.base / "planned.yaml")


def test_a_host_in_a_private_network_needs_a_profile_that_says_so(plan: LoadedPlan) -> None:
    (plan.base / "own.yaml").write_text(
        "claims:\n  private_network:"
        " {value: true, as_of: 2026-11-01, source: our network, confirmed: yes}\n"
    )
    (plan.base / "own-plan.yaml").write_text(
        PLAN.replace("region: fr-par\n", "region: fr-par\n  profile: own.yaml\n")
    )
    inside = load(plan.base / "own-plan.yaml")
    assert judged(inside, GOOD, lambda _: ["10.0.0.5", "fd00::1"]) == ""
    for address in ("169.254.169.254", "127.0.0.1", "fd00:ec2::254", "fe80::1"):
        assert f"leads to {address}, " in judged(inside, GOOD, lambda _, a=address: [a])  # type: ignore[misc]


def test_a_document_of_the_customer_is_compared(plan: LoadedPlan) -> None:
    (plan.base / "visa.pdf").write_bytes(b"visa")
    digest = hashlib.sha256(b"visa").hexdigest()
    assert judged(plan, {**GOOD, "documents": [{"path": "visa.pdf", "sha256": digest}]}) == ""


def test_this_machine_needs_no_attestation(plan: LoadedPlan) -> None:
    for endpoint in ("http://127.0.0.1:5000", "http://localhost:5000", "http://[::1]:5000"):
        (plan.base / "local.yaml").write_text(
            PLAN.replace("  region: fr-par\n", f"  region: fr-par\n  endpoint: {endpoint}\n")
        )
        local = load(plan.base / "local.yaml")
        assert gate.judged(local.plan, local.base, NOW) == []
        elsewhere = Network(resolve=lambda _: ["127.0.0.1", "51.159.1.1"])
        (problem,) = gate.judged(local.plan, local.base, NOW, elsewhere)
        assert "leads to 51.159.1.1, not this machine" in str(problem)
