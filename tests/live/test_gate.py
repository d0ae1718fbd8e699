"""A whole run against a target that is not the attested one: a listening socket hears nothing.

The names look public and are led to this machine by a resolver of the test's own; each case
differs from the attested one, which is heard, in one thing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from hdh_migrate.clocks import Moment
from hdh_migrate.demo.servers import S3Server
from hdh_migrate.door import Addresses
from hdh_migrate.errors import Exit, MigrateError, PlanInvalid
from hdh_migrate.events.run import ContentsRecorded
from hdh_migrate.evidence.signatures.signing import load_signer, load_trusted_key, new_report_key
from hdh_migrate.ledger import SqliteLedger
from hdh_migrate.model import Step
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.policy import waivers
from hdh_migrate.session.verbs.dry_run import forecast
from hdh_migrate.session.verbs.run import perform
from hdh_migrate.telemetry import SystemClock
from hdh_migrate.wiring.targets import Network
from tests.support.fixtures import Bucket
from tests.support.quiet import Notes
from tests.support.tls import Authority, Heard, https, listener

pytestmark = pytest.mark.live

HOST = "s3.fr-par.example.com"
Changed = Callable[[dict[str, Any], dict[str, Any]], object]


class Site:
    """A plan with everything beside it, and the port that its target's name leads to."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.endpoint = f"https://{HOST}:{port}"
        (folder / "data").mkdir()
        (folder / "data" / "a.csv").write_text("patient")
        new_report_key(folder, "dpo", None)
        claim = {"as_of": "2026-11-01", "source": "the host's own page", "confirmed": "yes"}
        own = {
            "host": {"value": f"s3.{{region}}.example.com:{port}", **claim},
            "regions": {"value": ["fr-par", "nl-ams"], **claim},
        }
        (folder / "own.yaml").write_text(yaml.safe_dump({"claims": own}))
        self.plan: dict[str, Any] = {
            "version": 1,
            "migration": "gate",
            "source": {"kind": "folder"},
            "target": {
                "provider": "generic",
                "profile": "own.yaml",
                "region": "fr-par",
                "endpoint": self.endpoint,
                "credential": {"kind": "access-key", "id": "env:T_ID", "secret": "env:T_SECRET"},
                "attestation": "attestation.yaml",
            },
            "seal": {"format": "none", "reason": "a test"},
            "datasets": [
                {"name": "all", "source": {"path": "data"}, "target": {"bucket": "hds-all"}}
            ],
            "verify": {"level": "head"},
            "limits": {"retry_budget": "1s"},
            "waivers": {"keys": ["dpo.pub"]},
        }
        period = {"reference": "a number", "valid_from": "2020-01-01", "valid_until": "2999-12-31"}
        self.attestation: dict[str, Any] = {
            "version": 1, "provider": "generic", "service": "Object Storage",
            "endpoints": [self.endpoint], "regions": ["fr-par"], "secnumcloud": dict(period),
            "hds": dict(period), "contract": "a contract",
        }  # fmt: skip

    def desk(self, network: Network) -> Desk:
        (self.folder / "attestation.yaml").write_text(yaml.safe_dump(self.attestation))
        (self.folder / "plan.yaml").write_text(yaml.safe_dump(self.plan))
        desk = Desk.open(self.folder / "plan.yaml", None, Notes(), threading.Event())
        return replace(desk, network=network)


def here(host: str) -> Sequence[str]:
    del host
    return ["127.0.0.1"]


NETWORK = Network(resolve=here, addresses=Addresses(loopback=True))
RUNS: Mapping[str, Callable[[Desk], object]] = {
    "run": lambda desk: perform(desk, list(Step), ()),
    "dry-run": lambda desk: forecast(desk, ()),
}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T_ID", "an id")
    monkeypatch.setenv("T_SECRET", "a secret")


def ended(desk: Callable[[], Desk], run: str) -> MigrateError:
    with pytest.raises(MigrateError) as error:
        RUNS[run](desk())
    return error.value


@pytest.mark.parametrize("run", RUNS)
def test_the_attested_host_is_spoken_to(run: str, tmp_path: Path) -> None:
    with listener() as heard:
        site = Site(tmp_path, heard.port)
        ended(lambda: site.desk(NETWORK), run)
        assert heard.connections > 0
        assert heard.received > 0


def _set(where: str, value: object) -> Changed:
    def change(plan: dict[str, Any], attestation: dict[str, Any]) -> None:
        root = attestation if where.startswith("attestation.") else plan
        *path, last = where.removeprefix("attestation.").split(".")
        for step in path:
            root = root[step]
        if value is None:
            del root[last]
        else:
            root[last] = value

    return change


WRONG: Mapping[str, tuple[Changed, str]] = {
    "a region that is not attested": (
        lambda plan, _: plan["target"].update(
            region="nl-ams", endpoint=plan["target"]["endpoint"].replace("fr-par", "nl-ams")
        ),
        "attests fr-par, the plan says nl-ams",
    ),
    "a region that the host does not have": (
        _set("target.region", "fr-pra"), "the provider has no such region",
    ),
    "the endpoint of another region": (
        lambda plan, _: plan["target"].update(
            endpoint=plan["target"]["endpoint"].replace("fr-par", "nl-ams")
        ),
        "not a host of this provider and region",
    ),
    "a host that looks alike": (
        lambda plan, _: plan["target"].update(
            endpoint=plan["target"]["endpoint"].replace("example.com", "examp1e.com")
        ),
        "not a host of this provider and region",
    ),
    "a host with the right beginning": (
        lambda plan, _: plan["target"].update(
            endpoint=plan["target"]["endpoint"].replace("example.com", "example.com.evil.example")
        ),
        "not a host of this provider and region",
    ),
    "plain http": (
        lambda plan, _: plan["target"].update(
            endpoint=plan["target"]["endpoint"].replace("https", "http")
        ),
        "must be https",
    ),
    "no attestation": (_set("target.attestation", None), "is not attested"),
    "an attestation that ended": (
        _set("attestation.hds.valid_until", "2025-12-31"), "in force from 2020-01-01 to 2025-12-31",
    ),
    "an attestation that begins later": (
        _set("attestation.secnumcloud.valid_from", "2998-01-01"), "in force from 2998-01-01",
    ),
    "an attestation of another endpoint": (
        _set("attestation.endpoints", ["https://s3.example.net"]), "does not name the endpoint",
    ),
    "an attestation of another provider": (
        _set("attestation.provider", "another"), "attests provider another",
    ),
    "a planned day after its end": (
        _set("planned", {"first_day": "2026-01-01", "last_day": "3000-01-01"}),
        "not until the last planned day",
    ),
}  # fmt: skip


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("case", WRONG)
def test_no_byte_leaves_for(case: str, run: str, tmp_path: Path) -> None:
    change, told = WRONG[case]
    with listener() as heard:
        site = Site(tmp_path, heard.port)
        change(site.plan, site.attestation)
        error = ended(lambda: site.desk(NETWORK), run)
        assert told in str(error)
        assert error.exit_code is Exit.REFUSED
        assert heard.connections == 0


@pytest.mark.parametrize("run", RUNS)
def test_no_byte_leaves_for_a_name_that_leads_to_a_private_address(
    run: str, tmp_path: Path
) -> None:
    with listener() as heard:
        site = Site(tmp_path, heard.port)
        error = ended(lambda: site.desk(Network(resolve=here)), run)
        assert "leads to 127.0.0.1" in str(error)
        assert error.exit_code is Exit.REFUSED
        assert heard.connections == 0


def test_no_byte_leaves_for_a_name_that_leads_elsewhere_after_the_look(tmp_path: Path) -> None:
    answers = iter([["51.159.1.1"]])
    network = Network(resolve=lambda _: next(answers, ["127.0.0.1"]))
    with listener() as heard:
        site = Site(tmp_path, heard.port)
        error = ended(lambda: site.desk(network), "run")
        assert "leads to 127.0.0.1" in str(error)
        assert heard.connections == 0


@pytest.mark.parametrize("run", RUNS)
def test_no_byte_is_sent_on_to_where_the_attested_host_redirects(run: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with listener() as elsewhere:
        away = {"Location": f"http://127.0.0.1:{elsewhere.port}/"}
        with https(authority.issue(HOST), status=307, headers=away) as heard:
            site = Site(tmp_path, heard.port)
            site.plan["target"]["tls"] = {"ca_bundle": authority.bundle.name}
            error = ended(lambda: site.desk(NETWORK), run)
            assert "redirects elsewhere" in str(error)
            assert heard.requests
        assert elsewhere.connections == 0


def test_a_pin_of_the_plan_holds(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with https(authority.issue(HOST)) as heard:
        site = Site(tmp_path, heard.port)
        pin = authority.issue(HOST).pin
        site.plan["target"]["tls"] = {"ca_bundle": authority.bundle.name, "spki_pins": [pin]}
        error = ended(lambda: site.desk(NETWORK), "run")
        assert "none of the pinned ones" in str(error)
        assert heard.requests == []


@pytest.mark.parametrize(
    ("tls", "told"),
    [
        ({"ca_bundle": "nowhere.pem"}, "target.tls.ca_bundle: no file of certificates in PEM"),
        ({"ca_bundle": "own.yaml"}, "target.tls.ca_bundle: no file of certificates in PEM"),
        ({"spki_pins": ["sha256//short"]}, "target.tls.spki_pins[0]: must be sha256//"),
    ],
)
def test_a_bundle_or_pin_that_is_none_is_refused_offline(
    tls: dict[str, Any], told: str, tmp_path: Path
) -> None:
    site = Site(tmp_path, 1)
    site.plan["target"]["tls"] = tls
    with pytest.raises(PlanInvalid) as refused:
        site.desk(NETWORK)
    assert told in str(refused.value)


# --- waivers ------------------------------------------------------------------------------------


def waive(site: Site, key: str = "dpo", until: str = "2999-12-31") -> Path:
    desk = site.desk(NETWORK)
    signer = load_signer(site.folder / f"{key}.key", None)
    made = SystemClock().now() if until > "2026" else "2000-01-01T00:00:00Z"
    path, _ = waivers.make(
        desk.loaded, signer, what="attestation", reason="the visa is being renewed",
        until=until, now=Moment.at(made), by="somebody",
    )  # fmt: skip
    return path


@pytest.fixture
def heard_site(tmp_path: Path) -> Any:
    with listener() as heard:
        yield heard, Site(tmp_path, heard.port)


def test_a_signed_waiver_stands_in_for_an_attestation_that_is_missing(
    heard_site: tuple[Heard, Site],
) -> None:
    heard, site = heard_site
    del site.plan["target"]["attestation"]
    waive(site)
    ended(lambda: site.desk(NETWORK), "run")
    assert heard.connections > 0
    loaded = site.desk(NETWORK).loaded
    (told,) = waivers.waiver_facts(loaded.plan, loaded.base, Moment.at(SystemClock().now()))
    assert (told["what"], told["reason"]) == ("attestation", "the visa is being renewed")
    assert told["key_id"].startswith("ed25519:")


def test_a_waiver_by_a_key_that_signed_reports_lets_no_run_begin(
    heard_site: tuple[Heard, Site],
) -> None:
    heard, site = heard_site
    del site.plan["target"]["attestation"]
    waive(site)
    assert "its key waives nothing" not in str(ended(lambda: site.desk(NETWORK), "run"))
    before = heard.connections
    fingerprint = load_trusted_key(site.folder / "dpo.pub").fingerprint
    desk = site.desk(NETWORK)
    ledger = SqliteLedger.open(desk.ledger_path, desk.clock)
    files = {"report.signer": f"ed25519:{fingerprint}"}
    ledger.event(ContentsRecorded(files=files, changed=()))
    ledger.commit()
    ledger.close()
    for verb in RUNS:  # nor does any other verb contact the target for it
        assert "its key waives nothing" in str(ended(lambda: site.desk(NETWORK), verb)), verb
    assert heard.connections == before


def test_a_waiver_does_not_stand_in_for_a_contradiction(heard_site: tuple[Heard, Site]) -> None:
    heard, site = heard_site
    site.attestation["endpoints"] = ["https://s3.example.net"]
    waive(site)
    assert "does not name the endpoint" in str(ended(lambda: site.desk(NETWORK), "run"))
    assert heard.connections == 0


def test_a_waiver_ends_with_its_day(heard_site: tuple[Heard, Site]) -> None:
    heard, site = heard_site
    del site.plan["target"]["attestation"]
    waive(site, until="2025-01-01")
    assert "it ended on 2025-01-01" in str(ended(lambda: site.desk(NETWORK), "run"))
    assert heard.connections == 0


def test_a_waiver_of_a_key_that_the_plan_does_not_list_does_not_count(
    heard_site: tuple[Heard, Site],
) -> None:
    heard, site = heard_site
    del site.plan["target"]["attestation"]
    new_report_key(site.folder, "operator", None)
    waive(site, key="operator")
    assert "none of the plan's waivers.keys signed it" in str(
        ended(lambda: site.desk(NETWORK), "run")
    )
    assert heard.connections == 0


def test_a_waiver_is_for_the_plan_as_it_was(heard_site: tuple[Heard, Site]) -> None:
    heard, site = heard_site
    del site.plan["target"]["attestation"]
    waive(site)
    site.plan["datasets"][0]["target"]["bucket"] = "another"
    assert "before this one was changed" in str(ended(lambda: site.desk(NETWORK), "run"))
    assert heard.connections == 0


@pytest.mark.parametrize("harm", ["reason", "cut", "empty", "text", "list"])
def test_a_waiver_that_was_touched_does_not_count(
    harm: str, heard_site: tuple[Heard, Site]
) -> None:
    heard, site = heard_site
    del site.plan["target"]["attestation"]
    path = waive(site)
    text = path.read_text()
    path.write_text(
        {"reason": text.replace("e", "f", 40), "cut": text[:-30], "empty": "", "text": "no",
         "list": "[]"}[harm]
    )  # fmt: skip
    assert "does not count" in str(ended(lambda: site.desk(NETWORK), "run"))
    assert heard.connections == 0


# --- the command, with every ambient setting that could lead it away -----------------------------


def test_ambient_settings_lead_a_whole_run_nowhere_else(
    tmp_path: Path, moto_bucket: Bucket, moto: S3Server
) -> None:
    with listener() as elsewhere:
        away = f"http://127.0.0.1:{elsewhere.port}"
        site = Site(tmp_path, 1)
        site.plan["target"] = {
            "provider": "generic", "endpoint": moto.endpoint,
            "credential": site.plan["target"]["credential"],
        }  # fmt: skip
        site.plan["datasets"][0]["target"]["bucket"] = moto_bucket.name
        site.desk(NETWORK)
        (tmp_path / "aws").write_text(f"[default]\nendpoint_url = {away}\nca_bundle = /nowhere\n")
        proxies = {
            name: away
            for upper in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
            for name in (upper, upper.lower())
        }
        done = subprocess.run(
            [sys.executable, "-m", "hdh_migrate", "run", "plan.yaml", "--until", "verify"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
            env=os.environ | proxies | {
                "T_ID": moto.access_key, "T_SECRET": moto.secret_key, "HOME": str(tmp_path),
                "AWS_ENDPOINT_URL": away, "AWS_ENDPOINT_URL_S3": away, "AWS_PROFILE": "default",
                "AWS_CONFIG_FILE": str(tmp_path / "aws"), "AWS_CA_BUNDLE": "/nowhere",
                "AWS_ACCESS_KEY_ID": "another", "AWS_SECRET_ACCESS_KEY": "another",
                "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "aws"), "NO_PROXY": "",
                "no_proxy": "",
            },
        )  # fmt: skip
        assert done.returncode == Exit.OK, done.stderr
        assert elsewhere.connections == 0
    assert [
        entry["Key"]
        for entry in moto_bucket.client.list_objects_v2(Bucket=moto_bucket.name)["Contents"]
    ]
