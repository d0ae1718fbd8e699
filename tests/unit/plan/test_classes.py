"""Every field of a plan is what, how or who; nothing is forgotten, nothing is invented."""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from hdh_migrate.evidence.verifier import bindings
from hdh_migrate.fixity import canonical_json
from hdh_migrate.plan.classes import ENTRY, FIELDS, FieldClass, class_of, outer, what_of
from hdh_migrate.plan.diff import differences
from hdh_migrate.plan.model import Plan
from tests.unit.plan.builders import GOOD, full, loaded


def _sections(annotation: Any) -> Iterator[tuple[str, type[BaseModel]]]:
    """Give the sections that a field may hold, each with what its entries add to the path."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield "", annotation
    elif origin is typing.Annotated:
        yield from _sections(inner[0])
    elif origin in {typing.Union, types.UnionType}:
        for one in inner:
            yield from _sections(one)
    elif origin in {tuple, list, dict}:
        yield from ((ENTRY + way, section) for one in inner for way, section in _sections(one))


def _places(path: str, section: type[BaseModel]) -> Iterator[str]:
    for name, field in section.model_fields.items():
        place = f"{path}.{name}" if path else name
        yield place
        for way, inner in _sections(field.annotation):
            yield from _places(place + way, inner)


PLACES = frozenset(_places("", Plan))
LEAVES = {
    one for one in PLACES if not any(other.startswith((f"{one}.", f"{one}[")) for other in PLACES)
}


WRITTEN = """\
AccessKey: session_token
Approvals: bar_operator threshold
AzureSftp: sessions
Backup: keep
Batch: needs
CommandPointer: environment timeout
Crypt4gh: identity identity_passphrase single_recipient_reason suffix
Cutover: approvals canary decommission relist_interval rounds window
Dataset: allow_empty collisions collisions_reason exclude ignore_md5 include live vanished
Declared: datasets kept keys people
Decommission: cooling recheck_reason signatures
EngineSection: connections kind processes
ExceptionalDates: last_date open
Exclusion: glob keys_from keys_sha256 larger_than modified_before modified_since newer_than
  older_than prefix smaller_than tags tier type
FilePointer: format key
FromContainer: prefix
InclusionRule: glob keys_from keys_sha256 larger_than modified_before modified_since newer_than
  older_than prefix smaller_than tags tier type
KeyHolder: escrow
Limits: bandwidth connection_rate memory retry_budget
Metrics: every file port
NoticeCommand: ahead environment keep_trying on timeout
NoticeWebhook: ahead keep_trying on path
Plan: batches engine limits planned report verify waivers
Rehydration: poll priority tier
Report: languages signer signer_passphrase tsa
RunWindows: exceptions open
S3ObjectPointer: conditional credential endpoint region
Smoke: commands identity identity_passphrase objects on_failure
SmokeCommand: environment timeout
SshCommandPointer: agent host_keys key key_passphrase known_hosts port timeout
Target: attestation endpoint profile region tls
Thresholds: cutover decommission finalize
Tls: ca_bundle
ToBucket: legal_hold prefix retention
Unsealed: suffix
Verify: credential level source
"""
"""What a canonical plan has though nobody said it, by section: as it was of the first plans."""


def _written(section: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[tuple[str, str]]:
    """Give the fields of a section, and of all below it, that are written though unsaid."""
    seen.add(section)
    for name, field in section.model_fields.items():
        if not field.is_required() and field.exclude_if is None:
            yield section.__name__, name
        for _, inner in _sections(field.annotation):
            if inner not in seen:
                yield from _written(inner, seen)


def _classed(place: str) -> bool:
    while place:
        if place in FIELDS:
            return True
        place = outer(place)
    return False


def test_the_walk_goes_to_the_end() -> None:
    assert {"source.credential.value", "datasets[].exclude[].glob", "report.tsa.tls.spki_pins",
            "cutovers[].canary.credential.secret"} <= LEAVES  # fmt: skip


def test_each_field_of_the_model_has_a_class() -> None:
    """But of a kind of source that was added: that is bound, and both verifiers hold it to be."""
    unclassed = [one for one in sorted(LEAVES) if not _classed(one)]
    lacking = [one for one in unclassed if not one.startswith("source.")]
    assert lacking == [], "give each its class in hdh_migrate/plan/classes.py"
    assert {class_of(one) for one in unclassed} <= {FieldClass.WHAT}


def test_what_plans_before_a_field_left_out_does_not_change_their_digest() -> None:
    """Approvals, waivers and bundles name a plan by its digest."""
    first: dict[str, set[str]] = {}
    for part in re.split(r"\n(?! )", WRITTEN.strip()):
        section, _, names = part.partition(":")
        first[section] = {*names.split()}
    later = {
        f"{section}.{name}"
        for section, name in _written(Plan, set())
        if name not in first.get(section, set())
    }
    assert later == set(), "let each say exclude_if=unsaid; of a new section write down here which"


def test_each_class_is_of_a_field() -> None:
    assert [one for one in FIELDS if one not in PLACES] == []


def test_no_class_stands_in_anothers_shadow() -> None:
    assert [one for one in FIELDS if _classed(outer(one))] == []


def test_what_nobody_has_classed_is_bound() -> None:
    assert class_of("source.shelf") is FieldClass.WHAT
    assert class_of("moon") is FieldClass.WHAT
    assert class_of("cutovers[].decommission") is FieldClass.WHO  # the gravest of what is in it


def _plan(folder: Path, text: str) -> dict[str, Any]:
    return dict(json.loads(loaded(folder, text).canonical))


def test_a_batch_is_all_that_says_what_it_is_and_nothing_else(tmp_path: Path) -> None:
    assert what_of(_plan(tmp_path, GOOD), "pilot") == {
        "version": 1,
        "migration": "emc2-exit",
        "source": {"kind": "azure-blob", "account_url": "https://hdhprod.blob.core.windows.net"},
        "target": {"provider": "scaleway", "region": "fr-par"},
        "seal": {
            "format": "crypt4gh",
            "recipients": ["keys/steward.pub", "keys/escrow.pub"],
            "suffix": ".c4gh",
        },
        "datasets": [
            {
                "name": "pmsi",
                "source": {"container": "emc2", "prefix": "pmsi/"},
                "target": {"bucket": "hds-emc2", "prefix": "pmsi/"},
                "include": [],
                "exclude": [{"glob": "**/_temporary/**", "reason": "Spark scratch"}],
                "collisions": "refuse",
            }
        ],
        "batches": [{"name": "pilot", "datasets": ["pmsi"]}],
        "verify": {"level": "full"},
    }
    assert what_of(_plan(tmp_path, GOOD), "nobody") is None


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("env:HDH_SOURCE_SAS", "env:OTHER"),
        ("800MiB/s", "1MiB/s"),
        ("processes: auto", "processes: 2"),
        ("[fr, en]", "[fr]"),
        ("needs: [pilot]", "needs: []"),
        ("{container: emc2, prefix: scans/}", "{container: else, prefix: scans/}"),
        ("name: imaging", "name: pictures"),
        ('identity: "file:keys/steward.sec"', 'identity: "file:keys/escrow.sec"'),
    ],
)  # fmt: skip
def test_how_a_batch_is_moved_and_what_others_are_is_not_of_it(
    tmp_path: Path, was: str, now: str
) -> None:
    old, new = _plan(tmp_path, GOOD), _plan(tmp_path, GOOD.replace(was, now))
    assert old != new
    assert what_of(old, "pilot") == what_of(new, "pilot")


@pytest.mark.parametrize(
    ("was", "now", "place"),
    [
        ("region: fr-par", "region: nl-ams", "target.region"),
        ("prefix: pmsi/}\n    exclude", "prefix: p/}\n    exclude", "datasets[pmsi].target.prefix"),
        ("Spark scratch", "scratch", "datasets[pmsi].exclude[**/_temporary/**].reason"),
        ("keys/escrow.pub", "keys/other.pub", 'seal.recipients["keys/escrow.pub"]'),
        ("level: full", "level: head", "verify.level"),
        ("format: crypt4gh", "format: crypt4gh\n  suffix: .x", "seal.suffix"),
    ],
)
def test_what_a_batch_is_changes_with_each_field_of_it(
    tmp_path: Path, was: str, now: str, place: str
) -> None:
    old, new = (
        what_of(_plan(tmp_path, text), "pilot") for text in (GOOD, GOOD.replace(was, now, 1))
    )
    assert old is not None
    assert new is not None
    found = differences(old, new)
    assert found[0].place == place
    assert {one.kind for one in found} == {FieldClass.WHAT}


def test_the_order_of_datasets_says_nothing_and_that_of_rules_does(tmp_path: Path) -> None:
    rules = '[{glob: "a", reason: x}, {glob: "b", reason: y}]'
    other = '[{glob: "b", reason: y}, {glob: "a", reason: x}]'
    two = GOOD.replace("datasets: [pmsi]", "datasets: [pmsi, dcir]").replace(
        "datasets:\n", "datasets:\n  - name: dcir\n    source: {container: dcir}\n"
        f"    target: {{bucket: hds-dcir}}\n    exclude: {rules}\n", 1,
    )  # fmt: skip
    old = _plan(tmp_path, two)
    turned = {**old, "datasets": old["datasets"][::-1]}
    turned["batches"] = [
        {**turned["batches"][0], "datasets": ["dcir", "pmsi"]},
        *old["batches"][1:],
    ]
    assert canonical_json(what_of(old, "pilot")) == canonical_json(what_of(turned, "pilot"))
    assert {one.kind for one in differences(old, turned)} == {FieldClass.HOW}

    ruled = _plan(tmp_path, two.replace(rules, other))
    assert [one.kind for one in differences(old, ruled)] == [FieldClass.WHAT]


def test_nothing_of_a_plan_with_every_section_is_lost_or_shared() -> None:
    plan = full()
    for batch in plan["batches"]:
        bound = what_of(plan, batch["name"])
        assert bound is not None
        assert bound["batches"] == [{"name": batch["name"], "datasets": sorted(batch["datasets"])}]
        assert not {"approvals", "freeze", "cutovers", "waivers", "limits"} & bound.keys()


def test_the_verifier_of_a_bundle_knows_what_a_batch_is_bound_to(tmp_path: Path) -> None:
    for plan in (full(), _plan(tmp_path, GOOD)):
        for batch in plan["batches"]:
            assert bindings.what_of(plan, batch["name"]) == what_of(plan, batch["name"])


def test_the_verifier_leaves_out_what_is_not_bound() -> None:
    free = {one for one, kind in FIELDS.items() if kind is not FieldClass.WHAT}
    left = {f"{section}.{name}" for section, names in bindings.NOT_BOUND.items() for name in names}
    left |= {f"datasets[].{name}" for name in bindings.NOT_OF_DATASETS}
    sections = ("source.", "target.", "seal.", "datasets[].")
    assert {one for one in free if one.startswith(sections)} == left
