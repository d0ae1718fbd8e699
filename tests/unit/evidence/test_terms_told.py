"""Approvals that a statement tells are by those whom the terms of that time ask, and enough."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.evidence.signatures.signing import Signer
from hdh_migrate.evidence.verifier import rules
from hdh_migrate.fixity import canonical_json, sha256_hex
from tests.unit.evidence.builders import signer


def terms(*keys: Signer, **thresholds: int) -> dict[str, Any]:
    return {
        "approvers": [
            {
                "fingerprint": key.verifier.fingerprint,
                "public": key.verifier.public.public_bytes_raw().hex(),
                "until": None,
            }
            for key in keys
        ],
        "thresholds": {"cutover": 2, "finalize": 2, "decommission": 2} | thresholds,
        "window_seconds": 604_800,
    }


def digest(told: dict[str, Any]) -> str:
    return sha256_hex(canonical_json(told))


@pytest.fixture
def keys(tmp_path: Path) -> list[Signer]:
    return [signer(tmp_path, name) for name in ("dpo", "ciso", "mine")]


@pytest.fixture
def story(keys: list[Signer]) -> dict[str, Any]:
    dpo, ciso, _ = (key.verifier.fingerprint for key in keys)
    was, now = terms(*keys[:2]), terms(*keys[:2], finalize=1)
    change = {
        "at": "2026-03-04T08:00:00Z", "was": digest(was), "now": digest(now), "difference": ["x"],
        "approvals": [ciso, dpo], "terms_before": was,
    }  # fmt: skip
    return {
        "batch": "pilot",
        "track": "cutover",
        "times": dict.fromkeys(("begun", "switching", "switched", "open", "finalized"), "x"),
        "approvals": {"cutover": [dpo, ciso], "finalize": [ciso]},
        "approved_under": {"cutover": digest(was), "finalize": digest(now)},
        "terms": now,
        "terms_changes": [change],
    }


def test_what_was_agreed_to_holds(story: dict[str, Any]) -> None:
    assert list(rules.agreed(story)) == []
    unnamed = {"cutover": None, "finalize": None}
    old = story | {"terms": None, "terms_changes": [], "approved_under": unnamed}
    assert list(rules.agreed(old)) == []


Change = Callable[[dict[str, Any], list[str]], Any]
FORGED: dict[str, tuple[Change, str]] = {
    "one approval is missing": (
        lambda story, keys: story["approvals"].update(cutover=keys[:1]), "was not approved by whom"
    ),
    "one key counts twice": (
        lambda story, keys: story["approvals"].update(cutover=keys[:1] * 2), "was not approved by"
    ),
    "somebody else approves": (
        lambda story, keys: story["approvals"].update(finalize=keys[2:]), "was not approved by whom"
    ),
    "later terms stand in for the earlier": (
        lambda story, keys: story["approvals"].update(finalize=keys[2:])
        or story["approved_under"].update(finalize="aa" * 32),
        "terms that were never set",
    ),
    "an approval names no terms": (
        lambda story, keys: story["approved_under"].pop("cutover"), "terms that were never set"
    ),
    "a change of terms is left out": (
        lambda story, keys: story["terms_changes"].clear(), "terms that were never set"
    ),
    "one operator changed the terms": (
        lambda story, keys: story["terms_changes"][0].update(approvals=keys[2:]),
        "without those who approved before",
    ),
    "too few changed the terms": (
        lambda story, keys: story["terms_changes"][0].update(approvals=keys[:1]),
        "without those who approved before",
    ),
    "other terms than those agreed to": (
        lambda story, keys: story["terms"].update(window_seconds=1), "do not follow each other"
    ),
    "it was switched, and nobody approved": (
        lambda story, keys: story["approvals"].clear(), "switched, and nobody is told who approved"
    ),
    "it was finalized, and nobody approved": (
        lambda story, keys: story["approvals"].pop("finalize"), "finalized, and nobody is told"
    ),
    "it was deleted, and nobody approved": (
        lambda story, keys: story["times"].update(erasing="x"), "erasing, and nobody is told"
    ),
    "it was deleted to the end, and nobody approved": (
        lambda story, keys: story["times"].update(observed="x"), "observed, and nobody is told"
    ),
    "a fingerprint over another key": (
        lambda story, keys: story["terms"]["approvers"][1].update(public="00" * 32),
        "do not follow each other",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_what_was_not_agreed_to_is_told(
    story: dict[str, Any], keys: list[Signer], name: str
) -> None:
    change, told = FORGED[name]
    forged = copy.deepcopy(story)
    change(forged, [key.verifier.fingerprint for key in keys])

    assert any(told in line for line in rules.agreed(forged)), list(rules.agreed(forged))
