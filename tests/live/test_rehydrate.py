"""Archived blobs: counted, asked for, waited for and moved; killed anywhere, the same goes on."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from typing import Any

import pytest

from hdh_migrate.evidence.check import check_bundle
from hdh_migrate.evidence.signatures.signing import load_trusted_key
from tests.support import lies
from tests.support.agreed import agreed
from tests.support.archive import SlowArchive
from tests.support.command import ForkedCommand
from tests.support.fixtures import ProxyTo
from tests.support.processes import LONG, awaited
from tests.support.site import Site

pytestmark = pytest.mark.live

COLD = ("pmsi/b.csv", "scans/big.raw")


@pytest.fixture
def archive(site: Site, proxy_to: ProxyTo) -> SlowArchive:
    """Two archived blobs behind a slow archive, and a plan that says who may ask for them."""
    made = SlowArchive(site.container.client)
    for key in COLD:
        site.container.client.get_blob_client(key).set_standard_blob_tier("Archive")
    proxy = proxy_to(site.container.server)
    made.stand_before(proxy)
    site.change(
        source={
            "kind": "azure-blob",
            "account_url": proxy.url,
            "credential": {"kind": "sas", "value": "env:S_SAS"},
        },
        rehydrate={"credential": {"kind": "sas", "value": "env:S_TIER"}, "poll": "1s"},
        cutovers=None, freeze=None, approvals=None,
    )  # fmt: skip
    site.environ["S_TIER"] = site.container.server.sas("w")
    return made


def states(site: Site) -> dict[str, str]:
    lines = site.cli("ls", site.plan, "--show-names", "--json", expect=0).out.splitlines()
    return {one["key"]: one["state"] for one in map(json.loads, lines)}


def events(site: Site, kind: str) -> list[dict[str, Any]]:
    bundle = site.folder / f"bundle-{time.monotonic_ns()}"
    site.cli("report", site.plan, "--out", str(bundle))
    key = site.folder / "keys" / "report.pub"
    assert check_bundle(bundle, [load_trusted_key(key)]) == []
    agreed(bundle, key)
    lines = map(json.loads, (bundle / "journal.jsonl").read_text().splitlines())
    return [json.loads(one["body"]) for one in lines if one["kind"] == kind]


def test_what_is_archived_is_a_finding_that_names_the_verb(
    site: Site, archive: SlowArchive
) -> None:
    site.cli("run", site.plan, "--until", "verify", "--no-progress", expect=4)
    told = site.cli("errors", site.plan).out
    assert "kind-archived" in told
    assert f"hdh-migrate rehydrate {site.plan}" in told
    ahead = site.cli("rehydrate", site.plan, "--json", expect=0).json
    assert (ahead["objects"], ahead["bytes"]) == (2, 54_000 + 2_304_000)
    assert (ahead["tier"], ahead["priority"], ahead["hours_at_most"]) == ("hot", "standard", 15)
    assert ahead["cost"]["known"]
    assert ahead["cost"]["as_of"] == "2026-11-26"
    assert "sample prices" in ahead["cost"]["source"]
    assert "lifecycle rule" in ahead["notes"][0]
    said = site.cli("rehydrate", site.plan, expect=0).out
    assert "in all 2 archived objects" in said
    assert archive.asked == []


ASKS = "right to ask for archived objects"


def tried(site: Site) -> tuple[int, dict[str, Any]]:
    """Return the exit code of preflight, and what it says of who may ask."""
    done = site.cli("preflight", site.plan, "--json")
    (found,) = [one for one in done.json["checks"] if one["check"] == ASKS]
    return done.code, found


def test_preflight_tries_the_credential_that_asks_and_asks_for_nothing(
    site: Site, archive: SlowArchive
) -> None:
    azurite = site.container.server
    before = [(one.name, one.etag) for one in site.container.client.list_blobs()]
    code, found = tried(site)
    assert (code, found["ok"]) == (0, True), found
    for sas, words in (
        (azurite.sas("rl"), "no right to set a tier"),
        ("sv=2021-12-02&sp=w", "has no signature"),
    ):
        site.environ["S_TIER"] = sas
        code, found = tried(site)
        assert code in {3, 9}
        assert words in found["problems"][0]
    del site.environ["S_TIER"]
    code, found = tried(site)
    assert code == 3
    assert "S_TIER" in found["problems"][0]
    assert not set(archive.asked) & set(COLD)
    assert [(one.name, one.etag) for one in site.container.client.list_blobs()] == before


def test_archived_blobs_are_asked_for_waited_for_and_moved(
    site: Site, archive: SlowArchive
) -> None:
    site.cli("inventory", site.plan, expect=4)
    told = site.cli("rehydrate", site.plan, "--execute", "--json", "--no-progress", expect=0).json
    assert (told["asked"], told["readable"], told["coming"]) == (2, 2, 0)
    assert sorted(archive.asked) == sorted(COLD)
    assert archive.wanted == {("Hot", "Standard")}
    assert {key: states(site)[key] for key in COLD} == dict.fromkeys(COLD, "sent")
    site.run()
    (asking,), (asked,) = events(site, "rehydration-asking"), events(site, "rehydration-asked")
    assert asking["ids"] == asked["ids"]
    assert (asking["tier"], asking["priority"], asked["refused"]) == ("hot", "standard", {})
    assert site.cli("rehydrate", site.plan, expect=0).out == "nothing is archived\n"


@pytest.mark.parametrize("number", [1, 2])
def test_killed_while_it_asks_it_asks_again_and_goes_on(
    site: Site, archive: SlowArchive, number: int
) -> None:
    """The intent is told; the source was asked for nothing yet, or for all of it."""
    site.cli("inventory", site.plan, expect=4)
    running: list[ForkedCommand] = []
    begun = threading.Event()

    def kill(asked: int) -> None:
        if asked == number:
            assert begun.wait(LONG)
            os.killpg(running[0].pid, signal.SIGKILL)

    archive.on_ask = kill
    running.append(site.begin("rehydrate", site.plan, "--execute"))
    begun.set()
    running[0].communicate(LONG)
    archive.on_ask = lambda _: None
    # What it was killed in is answered all the same.
    assert awaited(lambda: len(archive.asked) >= number)
    told = site.cli("rehydrate", site.plan, "--execute", "--json", "--no-progress", expect=0).json
    assert told["coming"] == 0
    assert {key: states(site)[key] for key in COLD} == dict.fromkeys(COLD, "sent")
    assert len(events(site, "rehydration-asking")) == len(events(site, "rehydration-asked")) + 1


def test_without_waiting_the_same_command_finds_what_is_coming(
    site: Site, archive: SlowArchive
) -> None:
    site.cli("inventory", site.plan, expect=4)
    told = site.cli("rehydrate", site.plan, "--execute", "--no-wait", "--json", expect=0).json
    assert (told["asked"], told["coming"]) == (2, 2)
    told = site.cli("rehydrate", site.plan, "--execute", "--no-wait", "--json", expect=0).json
    assert (told["asked"], told["coming"]) == (0, 2)
    archive.lose()  # a lifecycle rule took them back
    told = site.cli("rehydrate", site.plan, "--execute", "--no-wait", "--json", expect=0).json
    assert (told["asked"], told["coming"]) == (2, 2)


def test_a_credential_that_is_renewed_while_it_waits_is_read_anew(
    site: Site, archive: SlowArchive, proxy_to: ProxyTo
) -> None:
    """It waits for hours, and looked with the credential of its start: exit 9 when that ended."""
    server, secret = site.container.server, site.folder / "source.sas"
    before, renewed = server.sas("rl"), server.sas("rlt")
    secret.touch(mode=0o600)
    secret.write_text(before)
    again = proxy_to(server)
    again.rule(
        action=lies.status(403, {"x-ms-error-code": "AuthenticationFailed"}),
        match=lambda one: secret.read_text() != before and one.params.get("sp") == "rl",
    )
    archive.stand_before(again)
    site.change(
        source={
            "kind": "azure-blob", "account_url": again.url,
            "credential": {"kind": "sas", "value": "file:source.sas"},
        }
    )  # fmt: skip
    site.cli("inventory", site.plan, expect=4)

    def renew(asked: int) -> None:
        if asked == len(COLD):
            secret.write_text(renewed)

    archive.on_ask = renew
    told = site.cli("rehydrate", site.plan, "--execute", "--json", "--no-progress", expect=0).json
    assert (told["readable"], told["coming"]) == (2, 0)


def test_a_credential_that_may_not_set_tiers_is_exit_9(
    site: Site, archive: SlowArchive, proxy_to: ProxyTo
) -> None:
    site.cli("inventory", site.plan, expect=4)
    refusing = proxy_to(site.container.server)
    refusing.rule(
        action=lies.status(403, {"x-ms-error-code": "AuthorizationPermissionMismatch"}),
        match=lambda one: one.params.get("comp") == "tier",
    )
    site.change(
        source={
            "kind": "azure-blob", "account_url": refusing.url,
            "credential": {"kind": "sas", "value": "env:S_SAS"},
        }
    )  # fmt: skip
    refused = site.cli("rehydrate", site.plan, "--execute")
    assert refused.code in {3, 9}, refused.err


def test_who_may_ask_must_be_said(site: Site, archive: SlowArchive) -> None:
    site.cli("inventory", site.plan, expect=4)
    site.change(rehydrate=None)
    assert "standard priority is assumed" in site.cli("rehydrate", site.plan, expect=0).out
    said = site.cli("rehydrate", site.plan, "--execute", expect=2).err
    assert "the plan does not say who may ask for archived objects" in said
