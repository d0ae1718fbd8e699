"""A cluster's certificates folder is judged before anybody is contacted with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hdh_migrate.engines.dask_authority import new_authority
from hdh_migrate.engines.dask_certificates import judged_certificates
from hdh_migrate.errors import KeyUnavailable, Refused

NOW = datetime(2026, 11, 26, 10, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    new_authority(tmp_path / "cluster", NOW, 30)
    return tmp_path / "cluster"


def test_what_was_just_made_counts_until_its_end(folder: Path) -> None:
    period = judged_certificates(folder, NOW)
    assert period.ends == NOW + timedelta(days=30)
    assert not period.ends_soon(NOW)
    assert period.ends_soon(NOW + timedelta(days=24))


def exchanged(name: str) -> Callable[[Path], None]:
    """Put a file of another folder in the place of this one's."""

    def mix(folder: Path) -> None:
        other = folder.parent / "other"
        new_authority(other, NOW, 30)
        shutil.copy(other / name, folder / name)

    return mix


def test_a_folder_that_cannot_be_made_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match=r"file/cluster: cannot be made: Not a directory$"):
        new_authority(tmp_path / "file" / "cluster", NOW, 30)


FAULTS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "no folder": (shutil.rmtree, "there is no such folder", "worker --new-ca"),
    "no authority": (lambda one: (one / "ca.pem").unlink(), r"no ca\.pem", "worker --new-ca"),
    "no key": (lambda one: (one / "cluster.key").unlink(), r"no cluster\.key", "worker --new-ca"),
    "an open key": (lambda one: (one / "cluster.key").chmod(0o644), "open to others", "chmod 600"),
    "no certificate": (
        lambda one: (one / "cluster.pem").write_text("x"), "no readable certificate", "--new-ca",
    ),
    "no key in it": (lambda one: (one / "cluster.key").write_text("x"), "no readable key", "--new"),
    "a foreign authority": (exchanged("ca.pem"), r"not of the authority in ca\.pem", "were mixed"),
    "a foreign certificate": (exchanged("cluster.pem"), "not of the authority", "were mixed"),
    "a foreign key": (exchanged("cluster.key"), "is not the key of", "were mixed"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_said_in_one_line_with_what_mends_it(folder: Path, fault: str) -> None:
    spoil, what, mend = FAULTS[fault]
    spoil(folder)
    with pytest.raises(KeyUnavailable, match=what) as caught:
        judged_certificates(folder, NOW)
    assert "\n" not in str(caught.value)
    assert mend in str(caught.value.hint)


def test_certificates_that_ended_are_refused_with_the_day(folder: Path) -> None:
    judged_certificates(folder, NOW + timedelta(days=30, seconds=-1))
    with pytest.raises(KeyUnavailable, match="ended on 2026-12-26T10:00:00Z"):
        judged_certificates(folder, NOW + timedelta(days=30))


def test_certificates_that_do_not_count_yet_are_refused(folder: Path) -> None:
    with pytest.raises(KeyUnavailable, match="count from 2026-11-26T09:55:00Z only") as caught:
        judged_certificates(folder, NOW - timedelta(hours=1))
    assert "clock" in str(caught.value.hint)
