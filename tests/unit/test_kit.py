"""The kit for machines without internet: what it holds, and what its script refuses."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from hdh_migrate import __version__
from requirements import kit


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    wheels = tmp_path_factory.mktemp("wheels")
    (wheels / "some-1.0-py3-none-any.whl").write_bytes(b"a wheel")
    return kit.packed(kit.contents(wheels))


@pytest.fixture
def unpacked(packed: bytes, tmp_path: Path) -> Path:
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(tmp_path / "kit", filter="data")
    return tmp_path / "kit" / f"hdh-migrate-kit-{__version__}"


def install(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["./install.sh", *words], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_same_wheels_give_the_same_kit(tmp_path: Path) -> None:
    (tmp_path / "a-1.0-py3-none-any.whl").write_bytes(b"a")
    assert kit.packed(kit.contents(tmp_path)) == kit.packed(kit.contents(tmp_path))


def test_a_kit_names_the_digest_of_all_that_it_holds(unpacked: Path) -> None:
    sha256sum = shutil.which("sha256sum")
    assert sha256sum is not None
    done = subprocess.run(
        [sha256sum, "--check", "--quiet", "--strict", "SHA256SUMS"], cwd=unpacked, check=False
    )
    assert done.returncode == 0
    named = {line.split("  ")[1] for line in (unpacked / "SHA256SUMS").read_text().splitlines()}
    held = {str(one.relative_to(unpacked)) for one in unpacked.rglob("*") if one.is_file()}
    assert held == named | {"SHA256SUMS"}
    assert {"run.lock", "audit.lock", "install.sh", f"hdh-migrate-{__version__}.cdx.json"} <= held


def test_a_kit_that_was_changed_installs_nothing(unpacked: Path, tmp_path: Path) -> None:
    (unpacked / "wheels" / "some-1.0-py3-none-any.whl").write_bytes(b"another")
    done = install(unpacked, str(tmp_path / "tool"))
    assert done.returncode == 3
    assert "this kit is not what was made" in done.stderr
    assert not (tmp_path / "tool").exists()


def test_a_kit_with_one_wheel_more_installs_nothing(unpacked: Path, tmp_path: Path) -> None:
    (unpacked / "wheels" / "other-2.0-py3-none-any.whl").write_bytes(b"planted")
    done = install(unpacked, str(tmp_path / "tool"))
    assert done.returncode == 3
    assert "files that SHA256SUMS does not name" in done.stderr
    assert not (tmp_path / "tool").exists()


def test_a_folder_that_is_there_is_left_alone(unpacked: Path, tmp_path: Path) -> None:
    (tmp_path / "tool").mkdir()
    (tmp_path / "tool" / "mine").write_text("kept")
    done = install(unpacked, str(tmp_path / "tool"))
    assert done.returncode == 3
    assert (tmp_path / "tool" / "mine").read_text() == "kept"


@pytest.mark.slow
def test_an_installation_that_fails_leaves_nothing(unpacked: Path, tmp_path: Path) -> None:
    # Its wheels are none: the checksums hold, pip refuses.
    done = install(unpacked, str(tmp_path / "tool"))
    assert done.returncode != 0
    assert not (tmp_path / "tool").exists()


def test_no_arguments_say_how_it_is_used(unpacked: Path) -> None:
    done = install(unpacked)
    assert done.returncode == 2
    assert done.stderr == "usage: ./install.sh FOLDER [PYTHON]\n"


def test_wheels_run_with_an_older_c_library() -> None:
    tags = kit.platforms("aarch64")
    assert tags[0] == "manylinux_2_28_aarch64"
    assert "manylinux2014_aarch64" in tags
    assert all(tag.endswith("_aarch64") for tag in tags)
