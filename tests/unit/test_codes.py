"""Every code that a finding can have is a `Code`, with all that there is to know of it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import hdh_migrate
from hdh_migrate import codes
from hdh_migrate.cli.verbs import SECTIONS
from hdh_migrate.codes import LOST_OBJECTS, Code, Severity
from hdh_migrate.errors import Exit
from hdh_migrate.evidence.verifier.judgements import LOSSES
from hdh_migrate.model import Erasing
from hdh_migrate.pipeline.decommission import recheck
from hdh_migrate.pipeline.rules import selecting
from hdh_migrate.pipeline.workers import perform, rechecking
from hdh_migrate.session.policy.waivers import may_be_waived
from hdh_migrate.sources import azure_listing, folder
from hdh_migrate.targets.profiles import load

PACKAGE = Path(hdh_migrate.__file__).parent


def kinds() -> Iterator[str]:
    """Give every kind of thing that a source can list, but the plain object."""
    for module, function in ((folder, "_kind"), (azure_listing, "kind_of")):
        (found,) = (
            node
            for node in ast.walk(ast.parse(Path(module.__file__).read_text()))
            if isinstance(node, ast.FunctionDef) and node.name == function
        )
        for node in ast.walk(found):
            if isinstance(node, ast.Return):
                yield from (
                    one.value
                    for one in ast.walk(node)
                    if isinstance(one, ast.Constant)
                    and isinstance(one.value, str)
                    and re.fullmatch("[a-z]+(-[a-z]+)*", one.value)
                )
    yield from azure_listing._KINDS.values()


def test_a_code_has_words_in_both_languages_and_a_row_for_operators() -> None:
    rows = "\n".join(codes.table())
    for code in Code:
        about = code.about
        assert about.fr, code
        assert about.en, code
        assert about.fr != about.en, code
        assert about.row, code
        assert f"`{code}`" in rows or f"`{code.in_verify}`" in rows, code


def test_how_a_run_ends_follows_from_how_grave_a_code_is() -> None:
    ends = {
        Severity.BLOCKER: {Exit.REFUSED},
        Severity.FINDING: {Exit.FINDINGS, Exit.VERIFICATION_FAILED, Exit.DRIFTED},
        Severity.NOTE: {Exit.OK},
    }
    for code in Code:
        assert code.exit in ends[code.severity], code
        assert (code.exit is Exit.VERIFICATION_FAILED) == (
            code.startswith("verify-") or code in {Code.TARGET_REPLACED, *LOST_OBJECTS}
        ), code
        assert (code.exit is Exit.DRIFTED) == (code is Code.DRIFTED), code


def test_a_code_says_what_is_safe_and_which_verb_mends_it() -> None:
    verbs = {verb for lines in SECTIONS.values() for verb in lines}
    for code in Code:
        remedy = code.about.remedy
        assert remedy.safe, code
        text = remedy.next.replace("audit journal", "audit")
        named = re.findall(r'"hdh-migrate ([a-z]+) PLAN', text)
        assert named, remedy.next
        assert set(named) <= verbs, code
        for what in re.findall(r"--(?:code|what finding\.)[ ]?([a-z0-9-]+)", remedy.next):
            assert what == code


def test_a_code_of_another_version_has_a_remedy_and_an_end() -> None:
    assert "another version" in codes.remedy("of-another-version").next
    assert codes.exit_of("of-another-version", Severity.FINDING) is Exit.FINDINGS
    assert codes.exit_of("of-another-version", Severity.NOTE) is Exit.OK
    assert codes.exit_of("kind-drawing", Severity.FINDING) is Exit.FINDINGS


def test_a_code_of_which_nothing_is_known_cannot_be_made() -> None:
    with pytest.raises(AssertionError, match="nothing is known of new"):
        Code._new_member_(Code, "new")


@pytest.mark.parametrize("kind", sorted({kind for kind in kinds() if kind != "object"}))
def test_every_kind_of_thing_that_a_source_lists_has_a_code(kind: str) -> None:
    assert Code.of_kind(kind) == f"kind-{kind}"


def test_a_kind_without_a_code_has_one_for_all() -> None:
    assert Code.of_kind("drawing") is Code.KIND_OTHER
    assert Code("kind-drawing") is Code.KIND_OTHER  # as an older ledger has it
    assert Code.known("of-another-version") is None
    with pytest.raises(ValueError, match="of-another-version"):
        Code("of-another-version")


def failing() -> Iterator[Code]:
    """Give every code with which a receipt says why an object failed."""
    pipeline = PACKAGE / "pipeline"
    for path in (*pipeline.glob("*.py"), *(pipeline / "workers").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"failed", "Failed"}:
                yield from _codes_in(node)
    yield from (code for _, code, _ in perform._CODES)


def _codes_in(call: ast.Call) -> Iterator[Code]:
    for one in (*call.args, *(keyword.value for keyword in call.keywords)):
        if isinstance(one, ast.Attribute) and getattr(one.value, "id", "") == "Code":
            yield Code[one.attr]


def test_whatever_is_wrong_in_verify_has_a_finding_of_its_own() -> None:
    found = set(failing())
    assert found >= {Code.VERIFY_MISMATCH, Code.MISSING, Code.WORKER_LOST, Code.UNANSWERED}
    for code in found:
        assert code.in_verify.startswith("verify-"), code
        assert (code.in_verify.about.fr, code.in_verify.about.en) == (code.about.fr, code.about.en)
        assert code.in_verify.about.found == "verify"


def test_whatever_keeps_an_object_from_being_deleted_has_a_code() -> None:
    for outcome in {*rechecking.WORDS, *Erasing} - {Erasing.DELETED}:
        assert Code(recheck.CODE + outcome).about.found == "decommission"


def test_what_inventory_says_of_objects_is_as_grave_as_it_does() -> None:
    assert {code.severity for code in selecting.REFUSALS} == {Severity.BLOCKER}
    assert set(selecting.REFUSALS) == {code for code in Code if code.exit is Exit.REFUSED}
    assert Severity.BLOCKER not in {code.severity for code in selecting.NOTED}
    (noting,) = (
        node
        for node in ast.walk(ast.parse(Path(selecting.__file__).read_text()))
        if isinstance(node, ast.FunctionDef) and node.name == "_noted"
    )
    assert {
        Code[one.attr]
        for one in ast.walk(noting)
        if isinstance(one, ast.Attribute) and getattr(one.value, "id", "") == "Code"
    } == set(selecting.NOTED), "what `_noted` finds has a text in NOTED, and all of it is found"


@pytest.mark.slow
def test_no_code_stands_as_a_text_where_findings_are_made() -> None:
    """With a hyphen it is nothing but a code; the others the type checker sees.

    The verifier makes none and stands alone, so it spells out which of them are losses.
    """
    assert {*LOSSES} == {*map(str, LOST_OBJECTS), str(Code.TARGET_REPLACED)}
    loose = {str(code) for code in Code if "-" in code}
    found = [
        (path.name, node.lineno, node.value)
        for room in ("pipeline", "session", "ledger", "evidence", "cli")
        for path in sorted((PACKAGE / room).rglob("*.py"))
        if path != PACKAGE / "evidence" / "verifier" / "judgements.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and node.value in loose
    ]
    assert found == []


def test_a_code_is_a_text_for_json_and_for_waivers() -> None:
    assert json.dumps({Code.DRIFTED: Code.DRIFTED}) == '{"drifted": "drifted"}'
    profile = load("generic")
    assert may_be_waived("finding.verify-mismatch", profile)
    assert not may_be_waived("finding.of-another-version", profile)
