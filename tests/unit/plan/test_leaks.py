"""Nothing that stands in a plan by mistake is repeated, and what looks like a secret is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hdh_migrate.errors import PlanInvalid
from hdh_migrate.plan import leaks
from tests.unit.plan.builders import GOOD, as_yaml, changed, full, loaded, problems, value

CANARY = "CANARY-f3a9c1-patient-DUPONT"
LOOKS_SECRET = leaks.MESSAGE


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Give every (container, key or index) in a JSON value."""
    for key, inner in node.items() if isinstance(node, dict) else enumerate(node):
        yield node, key
        if isinstance(inner, (dict, list)):
            yield from _places(inner)


def _written_out(error: BaseException | None) -> str:
    """Return what any handler could print of an error and of what led to it."""
    text = ""
    while error is not None:
        text += f"{error}{error!r}{error.args}{vars(error)}"
        error = error.__cause__ or error.__context__
    return text


def _loads_or_tells_nothing(folder: Path, text: str, canary: str) -> None:
    told = ""
    try:
        loaded(folder, text)
    except PlanInvalid as refused:
        told = _written_out(refused)
    assert canary not in told


SHAPES: dict[str, Callable[[str], object]] = {
    CANARY: lambda canary: canary,
    "canary: [1": lambda canary: {canary: [canary], "kind": canary, "format": [canary]},
}


@pytest.mark.parametrize("canary", SHAPES)
@pytest.mark.slow
def test_no_value_is_repeated_wherever_it_stands(canary: str, tmp_path: Path) -> None:
    plan = full()
    for node, key in list(_places(plan)):
        kept, node[key] = node[key], SHAPES[canary](canary)
        _loads_or_tells_nothing(tmp_path, as_yaml(plan), canary)
        node[key] = kept
    loaded(tmp_path, as_yaml(plan))


@pytest.mark.slow
def test_no_field_name_is_repeated_wherever_it_stands(tmp_path: Path) -> None:
    plan = full()
    for node, key in list(_places(plan)):
        if isinstance(node, dict):
            node[CANARY] = node.pop(key)
            _loads_or_tells_nothing(tmp_path, as_yaml(plan), CANARY)
            node[key] = node.pop(CANARY)


@pytest.mark.parametrize(
    "broken",
    ["!{}", "!!{} a", "&{} a", "*{}", "'{}", '"{}\\q"', "[{}", "{{{}", "a: {}: b", "%{}", "@{}"],
)
def test_no_broken_yaml_is_repeated(broken: str, tmp_path: Path) -> None:
    text = changed("migration: emc2-exit", f"migration: {broken.format(CANARY)}")

    with pytest.raises(PlanInvalid) as refused:
        loaded(tmp_path, text)

    assert CANARY not in _written_out(refused.value)


def test_bytes_that_are_no_text_are_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(PlanInvalid) as refused:
        loaded(tmp_path, CANARY.encode() + b"\xff")

    assert CANARY not in _written_out(refused.value)


def test_a_loaded_plan_prints_references_only(tmp_path: Path) -> None:
    result = loaded(tmp_path, GOOD)

    assert "env:HDH_SOURCE_SAS" in repr(result)
    assert b"env:HDH_SOURCE_SAS" in result.canonical


_RANDOM = "wJalrXUtnFEMIK7MDENGbPxRfiCYzEXAMPLEKEYa"

SECRETS = {
    "an Azure SAS": "sv=2024-11-04&ss=b&sig=abcdefgh%2FijklmnopqrSTUVWX%3D",
    "an account key": "Az9+" * 21 + "aB==",
    "a connection string": "DefaultEndpointsProtocol=https;AccountKey=abcdefghij",
    "an AWS access key id": "AKIAIOSFODNN7EXAMPLE",
    "a Scaleway access key id": "SCWABCDEFGHIJ0123456",
    "an AWS secret": _RANDOM,
    "a web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc",
    "a private key": "-----BEGIN OPENSSH PRIVATE KEY-----",
    "a URL with a password": "https://user:letmein@host.example",
    "a password": "password: correct-horse",
    "a presigned URL": "X-Amz-Signature=0123456789abcdef",
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_a_comment_is_refused_and_not_repeated(name: str, tmp_path: Path) -> None:
    secret = SECRETS[name]

    with pytest.raises(PlanInvalid) as refused:
        loaded(tmp_path, GOOD + f"\n  # {secret}\n")

    (problem,) = refused.value.problems
    assert ":31:" in problem
    assert problem.endswith(LOOKS_SECRET)
    assert secret not in _written_out(refused.value)


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_in_a_free_text_is_refused_and_not_repeated(name: str, tmp_path: Path) -> None:
    plan = value()
    plan["datasets"][0]["exclude"][0]["reason"] = SECRETS[name]

    with pytest.raises(PlanInvalid) as refused:
        loaded(tmp_path, as_yaml(plan))

    assert any(LOOKS_SECRET in line for line in refused.value.problems)
    assert SECRETS[name] not in _written_out(refused.value)


def test_a_secret_behind_escapes_is_refused_at_its_value(tmp_path: Path) -> None:
    hidden = "".join(f"\\x{ord(c):02x}" for c in "AKIAIOSFODNN7EXAMPLE")

    assert problems(tmp_path, changed('"Spark scratch"', f'"{hidden}"')) == [
        f"19:50: {LOOKS_SECRET}"
    ]


def test_a_literal_credential_is_refused_by_its_field_too(tmp_path: Path) -> None:
    told = problems(tmp_path, changed('"env:HDH_TARGET_ID"', "AKIAIOSFODNN7EXAMPLE"))

    assert told[0].startswith("10:38: target.credential.id: must be a reference, env:NAME or ")
    assert told[1:] == [f"10:38: {LOOKS_SECRET}"]


def test_a_secret_posing_as_the_name_of_a_variable_is_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, changed("env:HDH_TARGET_ID", "env:AKIAIOSFODNN7EXAMPLE")) == [
        f"10:43: {LOOKS_SECRET}"
    ]


@pytest.mark.parametrize(
    "innocent",
    [
        "# the SAS reads sv=...&sig=...",
        "# the password: see the safe",
        "# sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "# sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "# http://127.0.0.1:10000/devstoreaccount1 and someone@host.example",
        "# exports/PMSI/MCO/2024/ParquetParDepartement/aa",
        "# secret_key: env:HDH_TARGET_SECRET",
        "# 123e4567-e89b-12d3-a456-426614174000",
        "# anticonstitutionnellementanticonstitution",
    ],
)
def test_what_only_resembles_a_secret_is_accepted(innocent: str, tmp_path: Path) -> None:
    loaded(tmp_path, GOOD + innocent + "\n")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("s3://hds-emc2/pmsi/", "s3://hds-emc2/pmsi/"),
        ("https://u:p@example.org/x", "https://***@example.org/x"),
        ("https://token@example.org/x", "https://***@example.org/x"),
        ("https://a:b@c@example.org/x", "https://***@example.org/x"),
        ("https://example.org/x?sv=1&sig=abc#d", "https://example.org/x?***"),
        ("https://example.org/x#token", "https://example.org/x#***"),
        ("AccountKey=c2VjcmV0c2VjcmV0", "***"),
        ("password: hunter2hunter2", "***"),
    ],
)
def test_a_value_is_shown_without_what_could_be_a_credential(value: str, shown: str) -> None:
    assert leaks.redacted(value) == shown
