"""A secret is fetched from where its reference points, or refused; it is never shown."""

from __future__ import annotations

import copy
import json
import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdh_migrate.errors import Exit, KeyUnavailable
from hdh_migrate.plan.secrets import MAX_SECRET_BYTES, Secret, ref_path, resolve

CANARY = "CANARY-s3cr3t"


def _file(folder: Path, data: bytes, mode: int = 0o600) -> Path:
    path = folder / "key"
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_a_secret_shows_itself_to_nobody_but_who_asks() -> None:
    secret = Secret(CANARY)

    assert f"{secret} {secret!r} {secret:>30} {secret!s}" == "*** *** *** ***"
    assert "%s %r" % (secret, secret) == "*** ***"  # noqa: UP031 - loggers do it this way
    assert f"{[secret]}" == "[***]"
    assert secret.reveal() == CANARY


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_cannot_be_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="not written anywhere"):
        pickle.dumps(Secret(CANARY), protocol)


def test_a_secret_is_not_copied_and_is_no_json() -> None:
    with pytest.raises(TypeError):
        copy.deepcopy(Secret(CANARY))
    with pytest.raises(TypeError):
        json.dumps(Secret(CANARY))
    with pytest.raises(TypeError):
        hash(Secret(CANARY))


def test_secrets_compare_by_what_they_hold() -> None:
    assert Secret(CANARY) == Secret(CANARY)
    assert Secret(CANARY) != Secret(CANARY + "x")
    assert Secret(CANARY) != CANARY


@given(text=st.text(), other=st.text())
def test_fingerprints_tell_secrets_apart_without_showing_them(text: str, other: str) -> None:
    one, two = Secret(text), Secret(other)

    assert (one.fingerprint() == two.fingerprint()) == (one == two)
    assert len(one.fingerprint()) == 12
    assert set(one.fingerprint()) <= set("0123456789abcdef")


def test_a_secret_of_undecodable_bytes_still_compares() -> None:
    odd = os.fsdecode(b"\xff\xfe")

    assert Secret(odd) == Secret(odd)
    assert Secret(odd).fingerprint() == Secret(odd).fingerprint()


def test_a_variable_is_resolved(tmp_path: Path) -> None:
    assert resolve("env:A", tmp_path, {"A": CANARY + "\n"}) == Secret(CANARY)


def test_a_file_is_resolved_below_the_plan_s_folder_without_its_last_newline(
    tmp_path: Path,
) -> None:
    for data in (CANARY, CANARY + "\n", CANARY + "\r\n"):
        _file(tmp_path, data.encode())
        assert resolve("file:key", tmp_path, {}) == Secret(CANARY)

    _file(tmp_path, f" {CANARY}\n\n".encode())
    assert resolve("file:key", tmp_path, {}).reveal() == f" {CANARY}\n"


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    path = _file(tmp_path, b"a")

    assert resolve(f"file:{path}", Path("/nowhere"), {}) == Secret("a")


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("env:A", "the environment variable A is not set"),
        ("env:EMPTY", "the environment variable EMPTY is empty"),
        ("file:none", "there is no secret file none"),
        ("file:.", ". is not a regular file"),
        ("file:a\0b", "cannot be read"),
    ],
)
def test_what_is_not_there_is_refused(ref: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(KeyUnavailable) as refused:
        resolve(ref, tmp_path, {"EMPTY": "\n"})

    assert message in str(refused.value)
    assert refused.value.exit_code is Exit.REFUSED


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"a" * (MAX_SECRET_BYTES + 1), "is larger than 64 KiB"),
        (CANARY.encode() + b"\xff", "is not UTF-8 text"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused_and_not_shown(
    data: bytes, message: str, tmp_path: Path
) -> None:
    _file(tmp_path, data)

    with pytest.raises(KeyUnavailable) as refused:
        resolve("file:key", tmp_path, {})

    assert f"the secret file key {message}" in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


def test_a_file_of_exactly_the_cap_is_read(tmp_path: Path) -> None:
    _file(tmp_path, b"a" * MAX_SECRET_BYTES)

    assert len(resolve("file:key", tmp_path, {}).reveal()) == MAX_SECRET_BYTES


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
def test_a_file_that_is_open_to_others_is_refused_with_the_command_to_run(
    mode: int, tmp_path: Path
) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    path = _file(folder, CANARY.encode(), mode)

    with pytest.raises(KeyUnavailable, match="open to other users") as refused:
        resolve("file:key", folder, {})

    assert refused.value.hint == f"chmod 600 '{path}'"


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "key", 0o600)

    with pytest.raises(KeyUnavailable, match="not a regular file"):
        resolve("file:key", tmp_path, {})


def test_a_literal_secret_in_place_of_a_reference_is_not_repeated(tmp_path: Path) -> None:
    for literal in (CANARY, f"sas:{CANARY}", "env:", "file:", ""):
        with pytest.raises(KeyUnavailable) as refused:
            resolve(literal, tmp_path, {CANARY: "x"})
        assert CANARY not in f"{refused.value!r} {refused.value.hint}"


def test_a_key_file_is_a_path_and_is_not_read(tmp_path: Path) -> None:
    assert ref_path("file:keys/a.sec", tmp_path) == tmp_path / "keys/a.sec"
    assert ref_path("file:/keys/a.sec", tmp_path) == Path("/keys/a.sec")
    with pytest.raises(KeyUnavailable, match="no reference to a file"):
        ref_path("env:A", tmp_path)
