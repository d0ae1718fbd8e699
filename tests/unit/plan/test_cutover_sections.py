"""Pointers, approvals and the freeze proof in a plan: what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.plan.model import Plan
from hdh_migrate.plan.trust import tls_sections
from tests.unit.plan.builders import as_yaml, loaded, problems, value

SSH: dict[str, Any] = {
    "kind": "ssh-command",
    "host": "gateway.example.org",
    "user": "hdh",
    "host_keys": ["SHA256:" + "A" * 43],
    "key": "file:keys/cutover",
    "check": ["/opt/alias", "show"],
    "apply": ["/opt/alias", "set"],
    "revert": ["/opt/alias", "set"],
    "value": "s3://hds-emc2/pmsi/",
}
LOCAL: dict[str, Any] = {
    "kind": "command",
    **{name: SSH[name] for name in ("check", "apply", "revert", "value")},
}
OBJECT = {"kind": "s3-object", "bucket": "hds-catalogue", "key": "pmsi/CURRENT", "value": "x"}
FILE = {"kind": "file", "path": "catalogue.yaml", "key": "pmsi.url", "value": "x"}
KEY = {"kind": "access-key", "id": "env:A", "secret": "env:B"}


def with_pointer(pointer: Any, **more: Any) -> str:
    plan = {**value(), **more}
    plan["batches"][0]["pointer"] = pointer
    return as_yaml(plan)


def refused(folder: Path, text: str) -> list[str]:
    """Return the problems without line and column."""
    return [line.split(": ", 1)[1] for line in problems(folder, text)]


@pytest.mark.parametrize(
    "pointer",
    [
        FILE,
        {"kind": "file", "path": "CURRENT", "value": "x"},
        {**FILE, "key": 'a."b.c".0', "format": "json"},
        OBJECT,
        {**OBJECT, "endpoint": "https://s3.example.org", "credential": KEY, "conditional": False},
        LOCAL,
        {**LOCAL, "environment": {"PATH": "env:PATH"}, "timeout": "2m"},
        SSH,
        {**SSH, "host_keys": [], "known_hosts": "known_hosts", "port": 2222},
        {**{k: v for k, v in SSH.items() if k != "key"}, "agent": True},
    ],
)
def test_every_kind_of_pointer_is_understood(tmp_path: Path, pointer: dict[str, Any]) -> None:
    found = loaded(tmp_path, with_pointer(pointer)).plan.batches[0].pointer

    assert found is not None
    assert found.model_dump(mode="json", exclude_unset=True) == pointer


@pytest.mark.parametrize(
    ("pointer", "place", "words"),
    [
        ({**FILE, "value": "two\nlines"}, "value", "must be one line"),
        ({**FILE, "value": ""}, "value", "must be one line"),
        ({**FILE, "value": " x"}, "value", "must be one line"),
        ({**FILE, "key": "a..b"}, "key", "must be names joined by dots"),
        ({**FILE, "key": ""}, "key", "must be names joined by dots"),
        ({**FILE, "path": "~/x"}, "path", "must be a path"),
        ({**OBJECT, "endpoint": "https://s3.example.org"}, "credential", "missing: the target's"),
        ({**OBJECT, "key": "a\tb"}, "key", "must be a key"),
        ({**LOCAL, "check": []}, "check", "must have at least one entry"),
        ({**LOCAL, "check": "bin/alias show"}, "check", "must be a list"),
        ({**LOCAL, "apply": [""]}, "apply", "must begin with the program"),
        ({**LOCAL, "environment": {"TOKEN": "abc"}}, "environment.TOKEN", "must be a reference"),
        ({**LOCAL, "environment": {"a b": "env:X"}}, "environment", "must be the name of a"),
        ({**LOCAL, "timeout": "0s"}, "timeout", "must be a duration"),
        ({**SSH, "host_keys": ["MD5:aa:bb"]}, "host_keys[0]", "must be as ssh-keygen -lf"),
        ({**SSH, "host_keys": []}, "host_keys", "missing: name the machine's key"),
        ({**SSH, "agent": True}, "key", "give a key file, or `agent: true`, not both"),
        ({k: v for k, v in SSH.items() if k != "key"}, "key", "give a key file"),
        ({**SSH, "host": "gw; rm -rf"}, "host", "must be a host name or address"),
        ({**SSH, "user": "-oProxyCommand=x"}, "user", "must be a user name"),
        ({"kind": "dns", "value": "x"}, "kind", "must be one of: file, s3-object, command"),
    ],
)
def test_a_pointer_that_cannot_work_is_refused_at_its_place(
    tmp_path: Path, pointer: dict[str, Any], place: str, words: str
) -> None:
    (line,) = refused(tmp_path, with_pointer(pointer))

    assert line.startswith(f"batches[0].pointer.{place}: {words}"), line


def test_names_that_the_tool_gives_are_not_overridden(tmp_path: Path) -> None:
    (line,) = refused(tmp_path, with_pointer({**LOCAL, "environment": {"HDH_NEW": "env:X"}}))

    assert "HDH_ names are given by the tool" in line


def test_a_credential_in_a_value_is_refused_and_not_repeated(tmp_path: Path) -> None:
    secret = "https://reader:hunter2hunter2@s3.example.org/pmsi/"

    lines = refused(tmp_path, with_pointer({**FILE, "value": secret}))

    assert lines
    assert "hunter2" not in "".join(lines)


def test_two_batches_never_share_a_place(tmp_path: Path) -> None:
    plan = value()
    for batch in plan["batches"]:
        batch["pointer"] = FILE
    (line,) = refused(tmp_path, as_yaml(plan))
    assert line == "batches[1].pointer: the same place as batches[0].pointer"

    plan["batches"][1]["pointer"] = {**FILE, "key": "scans.url"}
    assert loaded(tmp_path, as_yaml(plan))


@pytest.mark.parametrize(
    ("section", "line"),
    [
        (
            {"approvals": {"keys": ["a.pub"], "threshold": 2}},
            "approvals.threshold: more than the 1 that may approve: nobody could",
        ),
        (
            {"approvals": {"keys": ["a.pub", "a.pub"], "threshold": 2}},
            "approvals.keys[1]: the same key file as approvals.keys[0]",
        ),
        ({"approvals": {"keys": []}}, "approvals.keys: must have at least one entry"),
        (
            {"approvals": {"keys": ["a.pub"], "threshold": 0}},
            "approvals.threshold: must be at least 1",
        ),
        ({"freeze": {"kind": "hope"}}, "freeze.kind: must be one of: denied-write, statement"),
        ({"freeze": {"kind": "denied-write"}}, "freeze.credential: missing"),
        (
            {"freeze": {"kind": "denied-write", "credential": {"kind": "sas", "value": "x"}}},
            "freeze.credential.value: must be a reference",
        ),
    ],
)  # fmt: skip
def test_an_agreement_that_cannot_work_is_refused(
    tmp_path: Path, section: dict[str, Any], line: str
) -> None:
    (told,) = refused(tmp_path, as_yaml({**value(), **section}))

    assert told.startswith(line)


def test_a_folder_has_no_writer_to_try(tmp_path: Path) -> None:
    writer = {"kind": "sas", "value": "env:W"}
    plan = {**value(), "freeze": {"kind": "denied-write", "credential": writer}}
    assert loaded(tmp_path, as_yaml(plan)).plan.freeze is not None

    plan["source"] = {"kind": "folder"}
    for dataset in plan["datasets"]:
        dataset["source"] = {"path": "data"}

    assert refused(tmp_path, as_yaml(plan)) == [
        "freeze.kind: a folder has no credential to try: use kind statement instead"
    ]


# --- cutovers ------------------------------------------------------------------------------------

ENTRY: dict[str, Any] = {
    "batch": "pilot",
    "canary": {**FILE, "path": "canary.yaml"},
    "smoke": {"credential": KEY, "identity": "file:keys/consumer.sec"},
    "decommission": {
        "credential": {"kind": "sas", "value": "env:E"}, "trust": ["keys/report.pub"],
    },
}  # fmt: skip
AGREED: dict[str, Any] = {
    "approvals": {"keys": ["keys/a.pub", "keys/b.pub"]}, "freeze": {"kind": "statement"},
}  # fmt: skip


def with_cutovers(*entries: Any, **more: Any) -> str:
    return with_pointer(FILE, cutovers=list(entries), **AGREED, **more)


def test_a_cutover_has_its_defaults(tmp_path: Path) -> None:
    plan = loaded(tmp_path, with_cutovers(ENTRY)).plan
    entry = plan.cutover("pilot")
    assert entry is not None
    assert (entry.relist_seconds, entry.window_seconds, entry.rounds) == (60, 72 * 3600, 3)
    assert (entry.smoke.objects, entry.smoke.on_failure) == (20, "stop")
    assert entry.decommission is not None
    assert (entry.decommission.cooling_seconds, entry.decommission.signatures) == (30 * 86400, 1)
    assert entry.decommission.recheck == "stored"
    assert entry.decommission.recheck_within_seconds == 7 * 86400
    assert plan.cutover("imaging") is None


def test_what_is_not_said_of_the_reading_again_has_no_part_in_the_digest(tmp_path: Path) -> None:
    canonical = loaded(tmp_path, with_cutovers(ENTRY)).canonical
    assert b"recheck" not in canonical
    head = {"recheck": "head", "recheck_reason": "too much to read"}
    entry = {**ENTRY, "decommission": {**ENTRY["decommission"], **head}}
    assert b"too much to read" in loaded(tmp_path, with_cutovers(entry)).canonical


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({**ENTRY, "batch": "other"}, "cutovers[0].batch: no batch has this name"),
        ({**ENTRY, "batch": "imaging"}, "batches[1].pointer: missing: its cutover needs one"),
        (
            {**ENTRY, "smoke": {"credential": KEY}},
            "cutovers[0].smoke.identity: missing: the objects are sealed",
        ),
        (
            {**ENTRY, "canary": FILE},
            "cutovers[0].canary: the same place as batches[0].pointer",
        ),
        (
            {**ENTRY, "canary": {**OBJECT, "endpoint": "https://s3.example.org"}},
            "cutovers[0].canary.credential: missing",
        ),
        (
            {**ENTRY, "approvals": {"finalize": 3}},
            "cutovers[0].approvals.finalize: more than the 2 that may approve: nobody could",
        ),
        (
            {**ENTRY, "decommission": {**ENTRY["decommission"], "signatures": 2}},
            "cutovers[0].decommission.signatures: more than the 1 that are trusted: nobody could",
        ),
        (
            {**ENTRY, "decommission": {**ENTRY["decommission"], "recheck": "head"}},
            "cutovers[0].decommission.recheck_reason: missing: level head reads no byte again",
        ),
        (
            {**ENTRY, "window": "5w"},
            "cutovers[0].window: must be a period from 1s to 3650d, such as 90m, 72h or 30d",
        ),
        ({**ENTRY, "rounds": 1}, "cutovers[0].rounds: must be at least 2"),
    ],
)
def test_a_cutover_that_could_not_work_is_refused_where_it_stands(
    tmp_path: Path, entry: Any, told: str
) -> None:
    (line,) = refused(tmp_path, with_cutovers(entry))
    assert line.startswith(told)


def test_a_batch_has_one_cutover(tmp_path: Path) -> None:
    again = {name: ENTRY[name] for name in ("batch", "smoke")}
    assert refused(tmp_path, with_cutovers(ENTRY, again)) == [
        "cutovers[1].batch: the same batch as cutovers[0]"
    ]


def test_a_cutover_is_agreed_frozen_and_fully_verified(tmp_path: Path) -> None:
    text = with_pointer(FILE, cutovers=[ENTRY], verify={"level": "head"})
    assert sorted(refused(tmp_path, text)) == [
        "approvals: missing: a cutover needs it",
        "freeze: missing: a cutover needs it",
        "verify.level: a cutover needs level full",
    ]


LATER = ("cutovers", "pointer", "approvals", "freeze", "waivers", "planned", "retention",
         "legal_hold", "spki_pins", "tls")  # fmt: skip


PINNED = {"spki_pins": ["sha256//" + "A" * 43 + "="]}


def test_no_pin_is_named_where_it_would_not_count(tmp_path: Path) -> None:
    plan = value()
    plan["batches"][0]["pointer"] = {**OBJECT, "tls": PINNED}
    plan["source"] |= {"account_url": "http://127.0.0.1:10000/account", "tls": PINNED}
    plan["report"]["tsa"] |= {"url": "http://tsa.example/", "tls": PINNED}
    assert sorted(refused(tmp_path, as_yaml(plan))) == [
        "batches[0].pointer.tls: without an `endpoint` the target's counts: leave this out",
        "report.tsa.tls: `url` is plain http, where there is no certificate",
        "source.tls: `account_url` is plain http, where there is no certificate",
    ]


def test_each_endpoint_may_have_its_own_trust(tmp_path: Path) -> None:
    plan = value()
    elsewhere = {**OBJECT, "endpoint": "https://s3.example.org", "credential": KEY}
    plan["batches"][0]["pointer"] = {**elsewhere, "tls": PINNED}
    plan["source"]["tls"] = plan["report"]["tsa"]["tls"] = {"ca_bundle": "ca.pem"}
    assert len(list(tls_sections(loaded(tmp_path, as_yaml(plan)).plan))) == 3


@pytest.mark.parametrize("field", LATER)
def test_a_plan_that_says_nothing_of_a_later_field_keeps_its_digest(
    field: str, tmp_path: Path
) -> None:
    assert field.encode() not in loaded(tmp_path, as_yaml(value())).canonical


def test_a_plan_with_everything_is_read_again_from_its_canonical_form(tmp_path: Path) -> None:
    plan = loaded(tmp_path, with_cutovers({**ENTRY, "canary": {**SSH, "key": None, "agent": True}}))
    assert Plan.model_validate_json(plan.canonical) == plan.plan
