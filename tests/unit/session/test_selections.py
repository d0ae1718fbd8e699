"""What a grant is of: whoever was told may compare it, and nobody guesses it from the journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdh_migrate.errors import Refused, UsageError
from hdh_migrate.events.grants import GrantAsked
from hdh_migrate.fixity import canonical_json, sha256_hex
from hdh_migrate.session.policy.selections import (
    demand_selected,
    is_selected,
    new_salt,
    read_salt,
    selection_of,
    write_salt,
)

NAMES = ["x/DUPONT_1970.csv", "y/*.csv"]
SALT = new_salt()


def asked(selection: str | None) -> GrantAsked:
    return GrantAsked(
        grant="g-1", dataset="pmsi", batch="b", permit="R-7", purpose="p", reader="c4gh:0",
        key="0" * 64, until="2099-12-31T23:59:59Z", selection=selection, objects=1, bytes=1,
        manifest="0" * 64, request="0" * 64, user="u",
    )  # fmt: skip


def test_the_name_of_an_object_is_not_guessed_from_its_digest() -> None:
    said = selection_of(NAMES[:1], SALT)
    guesses = (NAMES[0], NAMES[:1], {"include": NAMES[:1]}, {"include": NAMES[:1], "salt": "g-1"})
    assert said not in {sha256_hex(canonical_json(guess)) for guess in guesses}
    assert said != selection_of(NAMES[:1], new_salt())


def test_globs_are_compared_in_any_order_and_no_others_fit() -> None:
    request = asked(selection_of(NAMES, SALT))
    assert is_selected(request, [*reversed(NAMES), NAMES[0]], SALT)
    demand_selected(request, NAMES, SALT)
    for others in (NAMES[:1], [*NAMES, "z"], ["x/DUPONT_1971.csv", NAMES[1]]):
        assert not is_selected(request, others, SALT)
        with pytest.raises(Refused, match="of other objects"):
            demand_selected(request, others, SALT)
    assert not is_selected(request, (), SALT)
    assert not is_selected(request, NAMES, new_salt())
    with pytest.raises(Refused, match="no salt"):
        demand_selected(request, NAMES, None)


def test_a_grant_of_everything_is_not_one_of_some_objects() -> None:
    assert is_selected(asked(None), (), None)
    assert not is_selected(asked(None), NAMES, SALT)
    with pytest.raises(Refused, match="of all objects"):
        demand_selected(asked(None), NAMES, None)


def test_a_salt_is_carried_in_a_file_of_its_owner(tmp_path: Path) -> None:
    for _ in range(2):
        path = write_salt(tmp_path, "g-1", SALT)
    assert read_salt(path) == SALT
    assert path.stat().st_mode & 0o777 == 0o600
    (tmp_path / "other").write_text("0" * 63)
    for name in ("other", "missing"):
        with pytest.raises(UsageError, match=name):
            read_salt(tmp_path / name)
