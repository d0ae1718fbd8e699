"""An end on this machine whose other end is remote is a tunnel: attested, or nothing is sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from hdh_migrate.clocks import Moment
from hdh_migrate.demo.servers import S3Server, moto_s3
from hdh_migrate.door import Addresses
from hdh_migrate.errors import Refused
from hdh_migrate.evidence.signatures.signing import load_signer, new_report_key
from hdh_migrate.model import Step
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy import gate, health, waivers
from hdh_migrate.session.verbs.run import perform
from hdh_migrate.wiring.chosen import is_rehearsal
from hdh_migrate.wiring.targets import Network
from tests.support.quiet import Notes
from tests.support.tls import listener

pytestmark = pytest.mark.live

HOST = "https://s3.fr-par.example.com"
ACCOUNT = "https://hdhprod.blob.core.windows.net"
NOW = Moment.at("2026-11-20T10:00:00Z")


class Tunnelled:
    """A real source, and a target whose address in the plan is a port of this machine."""

    def __init__(self, folder: Path, port: int, source: str = ACCOUNT) -> None:
        self.folder = folder
        self.local = f"http://127.0.0.1:{port}"
        new_report_key(folder, "dpo", None)
        claim = {"as_of": "2026-11-01", "source": "the host's own page", "confirmed": "yes"}
        own = {
            "host": {"value": "s3.{region}.example.com", **claim},
            "regions": {"value": ["fr-par"], **claim},
        }
        (folder / "own.yaml").write_text(yaml.safe_dump({"claims": own}))
        self.plan: dict[str, Any] = {
            "version": 1,
            "migration": "tunnel",
            "source": {
                "kind": "azure-blob",
                "account_url": source,
                "credential": {"kind": "sas", "value": "env:T_SAS"},
            },
            "target": {
                "provider": "generic",
                "profile": "own.yaml",
                "region": "fr-par",
                "endpoint": self.local,
                "credential": {"kind": "access-key", "id": "env:T_ID", "secret": "env:T_SECRET"},
                "attestation": "attestation.yaml",
            },
            "seal": {"format": "none", "reason": "a test"},
            "datasets": [
                {"name": "all", "source": {"container": "emc2"}, "target": {"bucket": "hds-all"}}
            ],
            "verify": {"level": "head"},
            "limits": {"retry_budget": "1s"},
            "waivers": {"keys": ["dpo.pub"]},
        }
        period = {"reference": "a number", "valid_from": "2020-01-01", "valid_until": "2999-12-31"}
        self.attestation: dict[str, Any] = {
            "version": 1, "provider": "generic", "service": "Object Storage",
            "endpoints": [HOST], "regions": ["fr-par"], "secnumcloud": dict(period),
            "hds": dict(period), "contract": "a contract",
            "tunnels": [{"local": self.local, "leads_to": HOST}],
        }  # fmt: skip

    def desk(self) -> Desk:
        (self.folder / "attestation.yaml").write_text(yaml.safe_dump(self.attestation))
        (self.folder / "plan.yaml").write_text(yaml.safe_dump(self.plan))
        return Desk.open(self.folder / "plan.yaml", None, Notes(), threading.Event())

    def told(self) -> str:
        desk = self.desk()
        return "\n".join(map(str, gate.judged(desk.loaded.plan, desk.loaded.base, NOW)))


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T_ID", "an id")
    monkeypatch.setenv("T_SECRET", "a secret")
    monkeypatch.setenv("T_SAS", "sv=2021-12-02&sig=c2ln")


def test_a_tunnel_that_nobody_attests_hears_nothing(tmp_path: Path) -> None:
    with listener() as heard:
        site = Tunnelled(tmp_path, heard.port)
        del site.plan["target"]["attestation"]
        with pytest.raises(Refused, match="no rehearsal") as error:
            perform(site.desk(), list(Step), ())
        assert error.value.exit_code == 3
        assert heard.connections == 0


def test_an_attested_tunnel_opens_the_gate_and_is_no_rehearsal(tmp_path: Path) -> None:
    site = Tunnelled(tmp_path, 9443)
    assert not site.told()
    loaded = site.desk().loaded
    assert not is_rehearsal(loaded.plan, loaded.base)
    desk = site.desk()
    desk.services(write=False)
    assert not desk.progress.lines  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tunnels": []}, "no tunnel of the attestation begins there"),
        ({"tunnels": [{"local": "http://127.0.0.1:9444", "leads_to": HOST}]}, "no tunnel"),
        (
            {"tunnels": [{"local": "http://127.0.0.1:9443", "leads_to": "https://s3.other.net"}]},
            "does not name the endpoint https://s3.other.net",
        ),
        (
            {
                "tunnels": [
                    {"local": "http://127.0.0.1:9443", "leads_to": HOST},
                    {"local": "http://127.0.0.1:9443/", "leads_to": "https://s3.other.net"},
                ]
            },
            "no tunnel of the attestation begins there",
        ),
        (
            {
                "endpoints": ["https://s3.other.net"],
                "tunnels": [{"local": "http://127.0.0.1:9443", "leads_to": "https://s3.other.net"}],
            },
            "no host of generic",
        ),
        (
            {"tunnels": [{"local": "http://127.0.0.1:9443", "leads_to": "http://127.0.0.1:1"}]},
            "leads elsewhere",
        ),
    ],
)
def test_a_tunnel_leads_where_the_attestation_and_the_profile_allow(
    change: dict[str, Any], told: str, tmp_path: Path
) -> None:
    site = Tunnelled(tmp_path, 9443)
    site.attestation |= change
    assert told in site.told()


def test_no_waiver_stands_in_for_a_tunnel_of_which_nobody_knows_where_it_leads(
    tmp_path: Path,
) -> None:
    site = Tunnelled(tmp_path, 9443)
    del site.plan["target"]["attestation"]
    desk = site.desk()
    waivers.make(
        desk.loaded, load_signer(tmp_path / "dpo.key", None), what=waivers.ATTESTATION,
        reason="a renewal", until="2999-01-01", now=NOW, by="somebody",
    )  # fmt: skip
    assert "no rehearsal" in site.told()


def test_a_source_at_a_tunnel_before_a_real_target_is_attested_too(tmp_path: Path) -> None:
    site = Tunnelled(tmp_path, 9443, source="http://127.0.0.1:10000/hdhprod")
    site.plan["target"]["endpoint"] = f"{HOST}"
    network = Network(resolve=lambda _: ["127.0.0.1"], addresses=Addresses(loopback=True))

    def told() -> str:
        desk = replace(site.desk(), network=network)
        found = gate.judged(desk.loaded.plan, desk.loaded.base, NOW, network)
        return "\n".join(map(str, found))

    assert "the source http://127.0.0.1:10000/hdhprod is this machine" in told()
    site.attestation["tunnels"] = [{"local": "http://127.0.0.1:10000/hdhprod", "leads_to": ACCOUNT}]
    assert not told()


def test_both_ends_here_are_a_rehearsal_and_it_is_said_first(tmp_path: Path) -> None:
    site = Tunnelled(tmp_path, 9443, source="http://127.0.0.1:10000/hdhprod")
    desk = site.desk()
    assert is_rehearsal(desk.loaded.plan, desk.loaded.base)
    desk.services(write=False)
    desk.services(write=True)
    [line] = desk.progress.lines  # type: ignore[attr-defined]
    assert line.startswith("rehearsal: ")


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3Server]:
    with moto_s3(tmp_path / "moto.log") as server:
        yield server


def test_health_rules_hold_behind_a_tunnel(tmp_path: Path, s3: S3Server) -> None:
    """What the rules look at is the real host's bucket, whatever the plan's address is called."""
    site = Tunnelled(tmp_path, int(s3.endpoint.rpartition(":")[2]))
    site.plan["target"]["provider"] = "scaleway"
    site.plan["target"].pop("profile")
    site.attestation |= {"provider": "scaleway", "endpoints": ["https://s3.fr-par.scw.cloud"]}
    site.attestation["tunnels"] = [{"local": site.local, "leads_to": "https://s3.fr-par.scw.cloud"}]
    desk = site.desk()
    services = desk.services(write=False)
    assert health.problems(services, desk.loaded.plan, ["hds-all"], NOW)
    assert not services.place.transport.traffic  # the door is shut: what cannot be seen is no yes
    assert not gate.judged(desk.loaded.plan, desk.loaded.base, NOW)
    services.admit()
    assert health.problems(services, desk.loaded.plan, ["hds-all"], NOW)
