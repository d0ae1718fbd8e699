"""Each endpoint has its own authorities and pins: whoever has others is told nothing.

The servers are real, on this machine; what is opened is what the verbs open, from a plan.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from hdh_migrate.errors import HostRefused, PlanInvalid
from hdh_migrate.evidence.check import check_bundle
from hdh_migrate.model import FREEZE_TRIAL, Place, Step
from hdh_migrate.plan.cutover import Decommission
from hdh_migrate.plan.loader import load
from hdh_migrate.plan.model import Plan
from hdh_migrate.session.desk import Desk
from hdh_migrate.session.verbs.report import write_report
from hdh_migrate.session.verbs.run import perform
from hdh_migrate.session.verbs.timestamp import _stamped
from hdh_migrate.session.views.outlook import check
from hdh_migrate.wiring import (
    Vault,
    open_eraser,
    open_freeze_probe,
    open_pointer,
    source_transport,
)
from hdh_migrate.wiring.sources import open_source
from tests.support.authority import TIME_STAMPING, issue, online
from tests.support.authority import Authority as Stamps
from tests.support.fixtures import Bucket, Container
from tests.support.here import HERE
from tests.support.quiet import Notes
from tests.support.tls import Authority, Heard, Identity, https
from tests.unit.evidence.builders import bundle, dataset, facts, record, signer

pytestmark = pytest.mark.live

SAS = "sv=2024-11-04&se=2999-01-01T00%3A00%3A00Z&sr=c&sp=rcwld&spr=https&sig=c2VjcmV0"
ENVIRON = {"T_SAS": SAS, "T_ID": "an id", "T_SECRET": "a secret"}
KEY = {"kind": "access-key", "id": "env:T_ID", "secret": "env:T_SECRET"}
BY_SAS = {"kind": "sas", "value": "env:T_SAS"}
NO_BLOBS = b'<?xml version="1.0"?><EnumerationResults><Blobs/><NextMarker/></EnumerationResults>'
OTHER_PLACE = "http://127.0.0.1:9"


def plan_of(azure: str, pointer: str, tls: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a plan whose source and pointer are there, with this `tls` for both."""
    told = {} if tls is None else {"tls": dict(tls)}
    return {
        "version": 1,
        "migration": "trusting",
        "source": {
            "kind": "azure-blob", "account_url": f"{azure}/account", "credential": BY_SAS, **told,
        },
        "target": {"provider": "generic", "endpoint": OTHER_PLACE, "credential": KEY},
        "seal": {"format": "none", "reason": "a test"},
        "datasets": [
            {"name": "pmsi", "source": {"container": "emc2"}, "target": {"bucket": "hds-emc2"}}
        ],
        "batches": [
            {
                "name": "pilot", "datasets": ["pmsi"],
                "pointer": {
                    "kind": "s3-object", "bucket": "hds-catalogue", "key": "CURRENT",
                    "endpoint": pointer, "credential": KEY, "value": "new", **told,
                },
            }
        ],
        "freeze": {"kind": "denied-write", "credential": BY_SAS},
    }  # fmt: skip


Ask = Callable[[Plan, Vault], object]
PLACE = Place(bucket="emc2")


def by_reading(plan: Plan, vault: Vault) -> object:
    return list(open_source(plan, vault).thing.pages(PLACE))


def by_trying_the_freeze(plan: Plan, vault: Vault) -> object:
    probe = open_freeze_probe(plan, vault).thing
    assert probe is not None
    return probe.probe(PLACE, f"{FREEZE_TRIAL}1")


def by_deleting(plan: Plan, vault: Vault) -> object:
    section = Decommission.model_validate_json(
        '{"credential": {"kind": "sas", "value": "env:T_SAS"}, "trust": ["report.pub"]}'
    )
    return open_eraser(plan, section, vault).thing.erase(PLACE, "a.csv", "0x1")


def by_asking_for_the_time(plan: Plan, vault: Vault) -> object:
    return source_transport(plan, vault.base).request("HEAD", plan.source.address, {})


def by_pointing(plan: Plan, vault: Vault) -> object:
    pointer = plan.batches[0].pointer
    assert pointer is not None
    return open_pointer(plan, pointer, vault, None).thing.read()


WAYS: Mapping[str, tuple[Ask, dict[str, Any]]] = {
    "reading": (by_reading, {"body": NO_BLOBS}),
    "the freeze trial": (by_trying_the_freeze, {"status": 409}),
    "deleting": (by_deleting, {"status": 202}),
    "the time": (by_asking_for_the_time, {}),
    "the pointer": (by_pointing, {"body": b"old", "headers": {"ETag": '"1"'}}),
}


REQUESTS = {"reading": 2}
"""Before a listing it is asked whether the credential may see holds and owners, too."""


@contextmanager
def asked(
    folder: Path, way: str, tls: Callable[[Authority, str], Mapping[str, Any] | None]
) -> Iterator[tuple[Callable[[], object], Heard]]:
    """Give what asks a server, whose plan says `tls`, and what that server heard."""
    ask, answers = WAYS[way]
    authority = Authority(folder)
    identity = authority.issue("localhost")
    with https(identity, **answers) as heard:
        url = f"https://localhost:{heard.port}"
        path = folder / "plan.yaml"
        path.write_text(json.dumps(plan_of(url, url, tls(authority, identity.pin))))
        loaded = load(path)
        check(loaded)
        yield partial(ask, loaded.plan, Vault.open(loaded.base, ENVIRON)), heard


def ours(authority: Authority, pin: str) -> dict[str, Any]:
    return {"ca_bundle": authority.bundle.name, "spki_pins": [pin]}


def another_authority(authority: Authority, pin: str) -> dict[str, Any]:
    other = Authority(authority.bundle.parent, "other")
    return {"ca_bundle": other.bundle.name, "spki_pins": [pin]}


def another_pin(authority: Authority, pin: str) -> dict[str, Any]:
    del pin
    return {"ca_bundle": authority.bundle.name, "spki_pins": [authority.issue("localhost").pin]}


def nothing(authority: Authority, pin: str) -> None:
    del authority, pin


WRONG = {
    "another authority": (another_authority, "certificate does not verify"),
    "the system's authorities": (nothing, "certificate does not verify"),
    "another pin": (another_pin, "none of the pinned ones"),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_right_one_is_spoken_to(way: str, tmp_path: Path) -> None:
    with asked(tmp_path, way, ours) as (ask, heard):
        ask()
        assert len(heard.requests) == REQUESTS.get(way, 1)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("way", WAYS)
def test_a_wrong_one_is_told_nothing(way: str, wrong: str, tmp_path: Path) -> None:
    tls, told = WRONG[wrong]
    with asked(tmp_path, way, tls) as (ask, heard):
        with pytest.raises(HostRefused, match=told):
            ask()
        assert heard.connections > 0
        assert heard.requests == []


def test_no_endpoint_is_trusted_by_what_another_says(tmp_path: Path) -> None:
    """The pointer's server has the authority of the source, and a pin that is not its own."""
    authority = Authority(tmp_path)
    one, two = authority.issue("localhost"), authority.issue("localhost")
    with https(one, body=NO_BLOBS) as source, https(two) as pointed:
        plan = plan_of(
            f"https://localhost:{source.port}", f"https://localhost:{pointed.port}", None
        )
        plan["source"]["tls"] = ours(authority, one.pin)
        path = tmp_path / "plan.yaml"
        for tls in (None, ours(authority, one.pin)):
            if tls is not None:
                plan["batches"][0]["pointer"]["tls"] = tls
            path.write_text(json.dumps(plan))
            loaded = load(path)
            vault = Vault.open(loaded.base, ENVIRON)
            by_reading(loaded.plan, vault)
            with pytest.raises(HostRefused):
                by_pointing(loaded.plan, vault)
        assert len(source.requests) == 4
        assert pointed.requests == []


def test_a_pointer_on_the_target_is_held_to_what_the_target_is(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    identity = authority.issue("localhost")
    with https(identity, body=b"old", headers={"ETag": '"1"'}) as heard:
        url = f"https://localhost:{heard.port}"
        plan = plan_of(url, url, None)
        del plan["batches"][0]["pointer"]["endpoint"]
        for tls, right in ((another_pin, False), (another_authority, False), (ours, True)):
            plan["target"] |= {"endpoint": url, "tls": tls(authority, identity.pin)}
            path = tmp_path / "plan.yaml"
            path.write_text(json.dumps(plan))
            loaded = load(path)
            vault = Vault.open(loaded.base, ENVIRON)
            if right:
                assert by_pointing(loaded.plan, vault) == "old"
            else:
                with pytest.raises(HostRefused):
                    by_pointing(loaded.plan, vault)
        assert len(heard.requests) == 1


# --- the time-stamping authority -----------------------------------------------------------------


@pytest.fixture
def stamps(tmp_path: Path) -> Stamps:
    root = issue("Root", ca=True)
    (tmp_path / "root.pem").write_bytes(root.pem())
    bundle(
        tmp_path / "bundle", [record()], about=facts(dataset(1)), signer=signer(tmp_path / "keys")
    )
    return Stamps(tmp_path / "tsa", issue("Stamps", root, uses=[TIME_STAMPING]))


@pytest.mark.parametrize("wrong", WRONG)
def test_a_time_stamping_authority_has_its_own_trust(
    wrong: str, tmp_path: Path, stamps: Stamps
) -> None:
    authority, notes = Authority(tmp_path), Notes()
    identity = authority.issue("localhost")

    def asked_with(url: str, tls: Mapping[str, Any] | None) -> dict[str, Any] | None:
        plan = plan_of(OTHER_PLACE, OTHER_PLACE, None)
        plan["report"] = {
            "signer": "file:keys/report.key",
            "tsa": {"url": url, "trust": "root.pem", **({} if tls is None else {"tls": tls})},
        }
        (tmp_path / "plan.yaml").write_text(json.dumps(plan))
        desk = Desk.open(tmp_path / "plan.yaml", None, notes, threading.Event())
        return _stamped(desk, tmp_path / "bundle")

    with online(stamps.answer) as line, https(identity, before=line.url) as heard:
        url = f"https://localhost:{heard.port}/stamp"
        tls, told = WRONG[wrong]
        stamp = asked_with(url, tls(authority, identity.pin))
        assert stamp is not None
        assert told in stamp["error"]
        assert heard.connections > 0
        assert heard.requests == []
        stamp = asked_with(url, ours(authority, identity.pin))
        assert stamp is not None
        assert stamp["trusted"]
        assert heard.requests == ["POST /stamp"]


# --- what is refused offline ---------------------------------------------------------------------


def source_of(plan: dict[str, Any]) -> dict[str, Any]:
    return plan["source"]  # type: ignore[no-any-return]


def pointer_of(plan: dict[str, Any]) -> dict[str, Any]:
    return plan["batches"][0]["pointer"]  # type: ignore[no-any-return]


def authority_of(plan: dict[str, Any]) -> dict[str, Any]:
    return plan["report"]["tsa"]  # type: ignore[no-any-return]


PLACES = {
    "source.tls": source_of,
    "batches[0].pointer.tls": pointer_of,
    "report.tsa.tls": authority_of,
}


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize(
    ("tls", "told"),
    [
        ({"ca_bundle": "nowhere.pem"}, ".ca_bundle: no file of certificates in PEM"),
        ({"ca_bundle": "plan.yaml"}, ".ca_bundle: no file of certificates in PEM"),
        ({"spki_pins": ["sha256//short"]}, ".spki_pins[0]: must be sha256//"),
    ],
)
def test_a_bundle_or_pin_that_is_none_is_refused_offline(
    where: str, tls: dict[str, Any], told: str, tmp_path: Path
) -> None:
    plan = plan_of("https://localhost:9", "https://localhost:9", None)
    plan["report"] = {
        "signer": "file:report.key", "tsa": {"url": "https://tsa.example/", "trust": "tsa.pem"},
    }  # fmt: skip
    PLACES[where](plan)["tls"] = tls
    path = tmp_path / "plan.yaml"
    path.write_text(json.dumps(plan))
    with pytest.raises(PlanInvalid) as refused:
        check(load(path))
    assert f"{where}{told}" in "\n".join(refused.value.problems)


# --- what is told --------------------------------------------------------------------------------


def test_a_report_tells_what_each_endpoint_was_secured_with(
    tmp_path: Path, container: Container, moto_bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = moto_bucket  # it does not mind under which name it is asked
    monkeypatch.setenv("T_SAS", container.server.sas())
    monkeypatch.setenv("T_ID", bucket.server.access_key)
    monkeypatch.setenv("T_SECRET", bucket.server.secret_key)
    container.client.upload_blob("a.csv", b"1,2,3")
    key = signer(tmp_path)
    authority = Authority(tmp_path)
    one, two = authority.issue("localhost"), authority.issue("localhost")
    account = urlsplit(container.server.url)
    with (
        https(one, before=f"{account.scheme}://{account.netloc}") as source,
        https(two, before=bucket.server.endpoint, newest=ssl.TLSVersion.TLSv1_2) as target,
    ):
        plan = plan_of(f"https://localhost:{source.port}", OTHER_PLACE, ours(authority, one.pin))
        del plan["batches"], plan["freeze"]
        plan["source"] |= {
            "account_url": f"https://localhost:{source.port}{account.path}",
        }
        plan["target"] |= {
            "endpoint": f"https://localhost:{target.port}", "region": bucket.server.region,
            "tls": ours(authority, two.pin),
        }  # fmt: skip
        plan["datasets"][0] |= {
            "source": {"container": container.name}, "target": {"bucket": bucket.name},
        }  # fmt: skip
        plan["report"] = {"signer": "file:report.key"}
        (tmp_path / "plan.yaml").write_text(json.dumps(plan))
        desk = Desk.open(tmp_path / "plan.yaml", None, Notes(), threading.Event(), HERE)
        perform(desk, list(Step), ())
        told = write_report(desk, tmp_path / "out")
    assert not check_bundle(tmp_path / "out", [key.verifier])
    envelope = json.loads((tmp_path / "out" / "statement.json").read_bytes())
    endpoints = json.loads(base64.b64decode(envelope["payload"]))["predicate"]["endpoints"]
    secured = {place["side"]: place["tls"] for place in endpoints}
    assert secured == {
        "source": [f"TLSv1.3 TLS_AES_256_GCM_SHA384 {fingerprint(one)}"],
        "target": [f"TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384 {fingerprint(two)}"],
    }
    assert secured["target"][0] in (tmp_path / "out" / "report.fr.html").read_text()
    assert told["folder"] == str(tmp_path / "out")


def fingerprint(identity: Identity) -> str:
    certificate = x509.load_pem_x509_certificate(identity.path.read_bytes())
    return f"sha256:{certificate.fingerprint(SHA256()).hex()}"
