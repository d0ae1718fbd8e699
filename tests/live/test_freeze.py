"""Whether writers are shut out of a container: tried on Azurite with what a writer holds."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
import yaml

from hdh_migrate.errors import ConnectionLost, KeyUnavailable
from hdh_migrate.model import FREEZE_TRIAL, Place
from hdh_migrate.plan.loader import load
from hdh_migrate.ports.switching import FreezeProbe
from hdh_migrate.wiring import Vault, open_freeze_probe
from tests.support import lies
from tests.support.fixtures import Container, ProxyTo
from tests.support.pointers import plan

pytestmark = pytest.mark.live

NOBODY: dict[str, Any] = {"kind": "command", "check": ["x"], "apply": ["x"], "revert": ["x"]}


def probe_with(
    folder: Path, container: Container, secret: str, *, kind: str = "sas", url: str | None = None
) -> FreezeProbe:
    source = {
        "kind": "azure-blob",
        "account_url": url or container.server.url,
        "credential": {"kind": "sas", "value": "env:T_SAS"},
    }
    whole = plan(
        {**NOBODY, "value": "x"},
        source=source,
        freeze={"kind": "denied-write", "credential": {"kind": kind, "value": "env:T_WRITER"}},
    )
    whole["datasets"][0]["source"] = {"container": container.name}
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump(whole))
    loaded = load(path)
    probe = open_freeze_probe(loaded.plan, Vault.open(loaded.base, {"T_WRITER": secret})).thing
    assert probe is not None
    return probe


@pytest.fixture
def place(container: Container) -> Place:
    container.client.upload_blob("pmsi/théo.csv", b"1,2,3\n")
    return Place(bucket=container.name, prefix="pmsi/")


def name_in(place: Place) -> str:
    return f"{place.prefix}{FREEZE_TRIAL}{secrets.token_hex(8)}"


def blobs(container: Container) -> dict[str, str]:
    return {blob.name: blob.etag for blob in container.client.list_blobs()}


def test_a_writer_without_the_right_to_write_proves_the_freeze(
    tmp_path: Path, container: Container, place: Place
) -> None:
    before = blobs(container)
    container.let_policies(writers="rl")
    probe = probe_with(tmp_path, container, container.sas_by("writers"))

    found = probe.probe(place, name_in(place))

    assert (found.proven, found.left) == (True, None)
    assert "AuthorizationPermissionMismatch" in found.detail
    assert blobs(container) == before


@pytest.mark.parametrize("rights", ["rl", "rlt", "rad"])
def test_a_signature_that_never_let_anybody_write_proves_nothing(
    tmp_path: Path, container: Container, place: Place, rights: str
) -> None:
    """The reader's, given by mistake: that it is refused is no wonder."""
    probe = probe_with(tmp_path, container, container.server.sas(rights))

    found = probe.probe(place, name_in(place))

    assert (found.proven, found.left) == (False, None)
    assert "it is no writer's" in found.detail


def test_a_writer_whose_policy_lets_write_again_disproves_it(
    tmp_path: Path, container: Container, place: Place
) -> None:
    container.let_policies(writers="rcwd")
    probe = probe_with(tmp_path, container, container.sas_by("writers"))

    assert not probe.probe(place, name_in(place)).proven


@pytest.mark.parametrize("kind", ["sas", "shared-key"])
def test_a_writer_who_can_still_write_disproves_it_and_leaves_nothing(
    tmp_path: Path, container: Container, place: Place, kind: str
) -> None:
    before = blobs(container)
    secret = container.server.sas("cwd") if kind == "sas" else container.server.key

    found = probe_with(tmp_path, container, secret, kind=kind).probe(place, name_in(place))

    assert (found.proven, found.left) == (False, None)
    assert blobs(container) == before


def test_a_blob_that_the_writer_may_not_delete_is_told_by_name(
    tmp_path: Path, container: Container, place: Place
) -> None:
    name = name_in(place)

    found = probe_with(tmp_path, container, container.server.sas("c")).probe(place, name)

    assert (found.proven, found.left) == (False, name)
    assert container.client.get_blob_client(name).get_blob_properties().size == 0
    assert not probe_with(tmp_path, container, container.server.sas("rl")).clear(place, name)
    assert probe_with(tmp_path, container, container.server.sas("d")).clear(place, name)
    assert name not in blobs(container)


def test_a_credential_that_is_refused_itself_proves_nothing(
    tmp_path: Path, container: Container, place: Place
) -> None:
    forged = container.server.sas("rl").replace("sig=", "sig=AAAA")

    found = probe_with(tmp_path, container, forged).probe(place, name_in(place))

    assert not found.proven
    assert "AAAA" not in found.detail


@pytest.mark.parametrize(
    ("code", "status", "proven"),
    [
        ("AuthorizationPermissionMismatch", 403, True),
        ("KeyBasedAuthenticationNotPermitted", 403, True),
        ("InsufficientAccountPermissions", 403, False),  # of a secondary: the primary lets write
        ("AuthenticationFailed", 403, False),
        ("AuthorizationFailure", 403, False),  # a network rule: it keeps out this machine only
        ("AuthorizationSourceIPMismatch", 403, False),
        ("SomethingNew", 403, False),
        ("BlobAlreadyExists", 409, False),
        ("AuthorizationPermissionMismatch", 401, False),
    ],
)
def test_only_a_refusal_that_every_writer_would_meet_is_a_proof(
    tmp_path: Path,
    container: Container,
    place: Place,
    proxy_to: ProxyTo,
    code: str,
    status: int,
    proven: bool,
) -> None:
    proxy = proxy_to(container.server)
    proxy.rule(action=lies.status(status, {"x-ms-error-code": code}))

    found = probe_with(tmp_path, container, container.server.sas("cwd"), url=proxy.url).probe(
        place, name_in(place)
    )

    assert found.proven is proven
    assert code in found.detail


def test_a_container_that_is_not_there_proves_nothing(tmp_path: Path, container: Container) -> None:
    gone = Place(bucket="gone-container", prefix="")

    found = probe_with(tmp_path, container, container.server.sas("cwd")).probe(gone, name_in(gone))

    assert (found.proven, found.left) == (False, None)


def test_nothing_that_is_not_a_trial_is_ever_touched(
    tmp_path: Path, container: Container, place: Place
) -> None:
    before = blobs(container)
    probe = probe_with(tmp_path, container, container.server.sas("rwdlc"))

    with pytest.raises(ValueError, match="trial"):
        probe.clear(place, "pmsi/théo.csv")
    with pytest.raises(ValueError, match="trial"):
        probe.probe(place, "pmsi/théo.csv")

    assert blobs(container) == before


def test_a_lost_reply_is_no_proof_and_what_it_left_can_be_cleared(
    tmp_path: Path, container: Container, place: Place, proxy_to: ProxyTo
) -> None:
    before = blobs(container)
    name = name_in(place)
    proxy = proxy_to(container.server)
    proxy.rule(action=lies.lose_reply(), match=lambda asked: asked.method == "PUT", times=1)
    probe = probe_with(tmp_path, container, container.server.sas("cwd"), url=proxy.url)

    with pytest.raises(ConnectionLost):
        probe.probe(place, name)
    assert name in blobs(container)
    assert not probe.probe(place, name).proven  # the name is taken: that shows nothing
    assert probe.clear(place, name)
    assert probe.clear(place, name)  # what is not there needs no removing

    assert blobs(container) == before


def test_a_key_that_is_none_is_refused_without_being_shown(
    tmp_path: Path, container: Container
) -> None:
    with pytest.raises(KeyUnavailable) as refused:
        probe_with(tmp_path, container, "n0t-base64-at-all!", kind="shared-key")

    assert "n0t-base64" not in str(refused.value)
