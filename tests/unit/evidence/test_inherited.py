"""A ledger that adopted a bundle, and is rid of what that bundle told beside its objects.

Whoever holds ledger and report key may begin another journal; each change here is one that the
tool's own `adopt` refuses.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.events.grants import GrantAdopted, GrantAsked, GrantGiven, GrantRevoked
from hdh_migrate.evidence.bundle import Bundle
from hdh_migrate.evidence.compare import Comparison
from hdh_migrate.evidence.inherited import Adoptions, forsaken
from hdh_migrate.evidence.reading import read_bundle
from hdh_migrate.fixity import canonical_json, sha256_hex
from tests.unit.evidence.builders import record
from tests.unit.evidence.test_compare import NEW, OLD, Archive, Told, codes

PUBLIC = "ab" * 32
PERSON = sha256_hex(bytes.fromhex(PUBLIC))
PEOPLE = {"approvers": [{"fingerprint": "1" * 64}], "thresholds": {"cutover": 2}}
OTHERS = {"approvers": [{"fingerprint": PERSON, "public": PUBLIC}], "thresholds": {"cutover": 1}}
KEYS = ("c4gh:" + "3" * 16, "c4gh:" + "4" * 16)
ASKED = GrantAsked(
    grant="g-1", dataset="pmsi", batch="pilot", permit="p", purpose="p", reader="c4gh:1",
    key="1" * 64, until="2027-01-01T00:00:00Z", selection=None, objects=1, bytes=1,
    manifest="2" * 64, request="3" * 64, user="u",
)  # fmt: skip
GIVEN = GrantGiven(
    grant="g-1", objects=1, bytes=1, root="4" * 64, pack_sha256="5" * 64,
    statement_sha256="6" * 64, approvals=(),
)  # fmt: skip


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def cutover(stage: str, terms: Any, *, track: str = "cutover") -> dict[str, Any]:
    return {"batch": "pilot", "track": track, "stage": stage, "terms": terms}


def agreed(was: Any, now: Any) -> dict[str, Any]:
    """Return a cutover whose terms became others, as the one person agreed to."""
    digests = {name: sha256_hex(canonical_json(one)) for name, one in (("was", was), ("now", now))}
    change = {"at": OLD, **digests, "difference": [], "approvals": [PERSON], "terms_before": was}
    told = {"times": {}, "approvals": {}, "approved_under": {}, "terms_changes": [change]}
    return cutover("preparing", now) | told


def seen(bundle: Bundle, **changes: Any) -> dict[str, Any]:
    told = {"ledger": "a", "events": 9, "head": "0" * 64, "statement": bundle.statement_sha256}
    return told | changes


def adopting(*journals: Any, batch: str = "pilot") -> tuple[str, dict[str, Any]]:
    return "adopting", {"number": 1, "batch": batch, "journals": list(journals), "user": "u"}


def fixed(terms: Any, **changes: Any) -> tuple[str, dict[str, Any]]:
    return "cutover-terms", {"batch": "pilot", "track": "cutover", "terms": terms, **changes}


def adopted(
    archive: Archive,
    old: dict[str, Any],
    *told: tuple[str, dict[str, Any]],
    was: Told = (("run", {}),) * 9,
    now: dict[str, Any] | None = None,
    beside: tuple[dict[str, Any], ...] = (),
    batch: str = "pilot",
) -> Comparison:
    """Compare a bundle with one of a ledger that adopted it, `told` before that."""
    first = archive.bundle([record("a")], events=was, stated=old)
    events = [*told, adopting(seen(first), *beside, batch=batch)]
    second = archive.bundle([record("a")], previous=first, events=events, written=NEW, stated=now)
    return archive.compare(first, second)


def test_what_is_adopted_under_its_terms_takes_nothing_back(archive: Archive) -> None:
    begun = {"cutovers": (agreed(OTHERS, PEOPLE),)}
    good = {
        "as they were": adopted(archive, begun, fixed(PEOPLE)),
        "as an old copy knew them": adopted(archive, begun, fixed(OTHERS)),
        "without any": adopted(archive, {"cutovers": (cutover("rolled back", None),)}),
        "a rehearsal's": adopted(
            archive, {"cutovers": (cutover("open", PEOPLE, track="rehearsal"),)}
        ),
        "of another batch": adopted(archive, begun, batch="imaging"),
    }
    for name, found in good.items():
        assert (name, codes(found)) == (name, [])
        assert "adopted" in [code for code, _ in found.notes]


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ((), "thresholds: removed"),
        ((fixed(OTHERS),), "thresholds.cutover: 2 -> 1"),
        ((fixed(PEOPLE, batch="imaging"),), "thresholds: removed"),
        ((fixed(PEOPLE, track="rehearsal"),), "thresholds: removed"),
        ((fixed("none"),), "thresholds: removed"),
    ],
    ids=["gone", "others", "of another batch", "of a rehearsal", "of no form"],
)
def test_nobody_is_rid_of_who_approves_by_adopting(archive: Archive, told: Any, why: str) -> None:
    found = adopted(archive, {"cutovers": (cutover("preparing", PEOPLE),)}, *told)
    assert codes(found) == ["terms"]
    assert why in found.contradictions[0][1]


def test_a_batch_that_consumers_follow_is_not_adopted(archive: Archive) -> None:
    for stage in ("switching", "fallback window", "finalized", "decommission observed"):
        old = {"cutovers": (cutover(stage, PEOPLE),)}
        assert codes(adopted(archive, old, fixed(PEOPLE))) == ["switched"]


def test_a_batch_with_an_erased_dataset_is_not_adopted(archive: Archive) -> None:
    whole = read_bundle(archive.bundle([record("a")]).folder)
    predicate: Any = {**whole.predicate, "erasures": [{"dataset": "pmsi", "batch": "pilot"}]}
    erased = replace(whole, predicate=predicate)

    for batch, why in (("pilot", ["erased"]), ("imaging", [])):
        found = forsaken(erased, whole, Adoptions(terms={batch: None}))
        assert [code for code, _ in found] == why


def test_nobody_is_rid_of_a_recipient_by_adopting(archive: Archive) -> None:
    now = {"recipients": (KEYS[0], "c4gh:" + "9" * 16)}
    found = adopted(archive, {}, now=now)
    assert codes(found) == ["recipients"]
    assert KEYS[1] in found.contradictions[0][1]


def test_nobody_is_rid_of_a_grant_by_adopting(archive: Archive) -> None:
    told: list[Any] = [(one.kind, one.as_json()) for one in (ASKED, GIVEN)]
    taken = GrantAdopted(
        grant="g-1", asked=ASKED, asked_at="2026-03-01T00:00:00Z", given=GIVEN,
        given_at="2026-03-01T00:00:00Z", origin="g-1", at_host=(), statement="7" * 64,
    )  # fmt: skip
    ended = GrantRevoked(grant="g-1", reason="r", user="u")
    assert codes(adopted(archive, {}, was=told)) == ["grants"]
    assert codes(adopted(archive, {}, (taken.kind, taken.as_json()), was=told)) == []
    assert codes(adopted(archive, {}, was=[*told, (ended.kind, ended.as_json())])) == []
    assert codes(adopted(archive, {}, was=told[:1])) == []
    elsewhere = replace(ASKED, dataset="a-dataset-that-is-planned-no-more")
    assert codes(adopted(archive, {}, was=[(ASKED.kind, elsewhere.as_json()), told[1]])) == []


def test_a_newer_bundle_that_was_adopted_with_it_decides(archive: Archive) -> None:
    old = {"cutovers": (cutover("finalized", PEOPLE),)}
    newer = {"ledger": "a", "events": 10, "head": "0" * 64, "statement": "8" * 64}
    earlier = {**newer, "events": 8}
    copy = {**newer, "statement": None}
    assert codes(adopted(archive, old, beside=(newer,))) == []
    assert codes(adopted(archive, old, beside=(earlier, copy))) == ["switched"]


def test_an_adoption_of_no_form_is_none(archive: Archive) -> None:
    """No verifier looks at it, and whoever compares must not stumble over it."""
    first = archive.bundle([record("a")], events=9)
    for journals in (None, 3, [], [None], [{"statement": 3}]):
        told = [("adopting", {} if journals is None else {"journals": journals})]
        second = archive.bundle([record("a")], previous=first, events=told, written=NEW)
        assert codes(archive.compare(first, second)) == ["journal-forked"], journals


def test_keyed_bundles_do_not_show_what_was_adopted(archive: Archive) -> None:
    line = record("k:" + "0" * 64, target_key="k:" + "0" * 64)
    first = archive.bundle([line], events=9, names="keyed", previous="01" * 32)
    told = [("adopting", {"batch": "pilot", "left_out": ["journals"]})]
    second = archive.bundle([line], events=told, names="keyed", previous="02" * 32, written=NEW)
    found = archive.compare(first, second)
    assert codes(found) == ["journal-forked"]
    assert "compare the plain bundles" in found.contradictions[0][1]


def test_what_the_plan_says_otherwise_is_told(archive: Archive) -> None:
    bases = [{"reference": "CNIL 2023-146", "valid_until": "2027-01-01"}]
    first = archive.bundle([record("a")], legal_basis=bases, events=9)
    second = archive.bundle(
        [record("a")], previous=first, events=[adopting(seen(first))], written=NEW
    )
    found = archive.compare(first, second)
    assert codes(found) == []
    assert f"legal_basis: removed (was {json.dumps(bases)})" in dict(found.notes)["adopted-plan"]
