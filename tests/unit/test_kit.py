"""The kit for machines without internet: what it holds, and what its script refuses."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from hdh_migrate import __version__
from requirements import kit
from requirements.signing import signed


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    wheels = tmp_path_factory.mktemp("wheels")
    (wheels / "some-1.0-py3-none-any.whl").write_bytes(b"a wheel")
    return kit.packed(kit.contents(wheels))


@pytest.fixture
def unpacked(packed: bytes, tmp_path: Path) -> Path:
    (tmp_path / "kit").mkdir()
    subprocess.run(["tar", "-xzf", "-", "-C", tmp_path / "kit"], input=packed, check=True)
    return tmp_path / "kit" / f"hdh-migrate-kit-{__version__}"


def install(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["./install.sh", *words], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_the_same_wheels_give_the_same_kit(tmp_path: Path) -> None:
    (tmp_path / "a-1.0-py3-none-any.whl").write_bytes(b"a")
    assert kit.packed(kit.contents(tmp_path)) == kit.packed(kit.contents(tmp_path))


@pytest.mark.slow
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
    assert {"run.lock", "cluster.lock", "audit.lock", "install.sh"} <= held
    bills = {f"hdh-migrate-{__version__}{what}.cdx.json" for what in ("", "-cluster")}
    assert bills <= held


@pytest.mark.slow
def test_a_kit_that_was_changed_installs_nothing(unpacked: Path, tmp_path: Path) -> None:
    (unpacked / "wheels" / "some-1.0-py3-none-any.whl").write_bytes(b"another")
    done = install(unpacked, str(tmp_path / "tool"))
    assert done.returncode == 3
    assert "this kit is not what was made" in done.stderr
    assert not (tmp_path / "tool").exists()


@pytest.mark.slow
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
    assert done.stderr == "usage: ./install.sh [--cluster] FOLDER [PYTHON]\n"
    assert install(unpacked, "--claster", "tool").returncode == 2


COMPILES = "hdh_migrate/evidence/page/compiled.py"
"""What compiles templates, and is called once, by who may write there."""


def a_wheel(folder: Path) -> None:
    """Put a wheel of our name, with a command that speaks, into a folder."""
    info = f"hdh_migrate-{__version__}.dist-info"
    entry = "[console_scripts]\nhdh-migrate = toy_tool:main\n"
    with zipfile.ZipFile(folder / f"hdh_migrate-{__version__}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("toy_tool.py", "def main():\n    print('it runs')\n")
        wheel.writestr(COMPILES, "open(f'{__file__}.ran', 'x').close()\n")
        wheel.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: hdh-migrate\nVersion: {__version__}\n",
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/entry_points.txt", entry)
        wheel.writestr(f"{info}/RECORD", "")


@pytest.mark.slow
def test_what_is_installed_runs_when_the_kit_is_gone(tmp_path: Path) -> None:
    """It did not: a path through the kit's own folder stood in every script."""
    folder = tmp_path / "kit"
    (folder / "wheels").mkdir(parents=True)
    a_wheel(folder / "wheels")
    (folder / "run.lock").write_text("")
    shutil.copy(kit.HERE / "offline" / "install.sh", folder)
    sums = [
        f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.relative_to(folder)}\n"
        for one in sorted(folder.rglob("*")) if one.is_file()
    ]  # fmt: skip
    (folder / "SHA256SUMS").write_text("".join(sums))

    done = install(folder, "../of mine/tool", sys.executable)

    assert done.returncode == 0, done.stderr
    shutil.rmtree(folder)
    ran = subprocess.run(
        [tmp_path / "of mine" / "tool" / "bin" / "hdh-migrate"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout, ran.stderr) == ("it runs\n", "")
    assert len([*tmp_path.rglob(f"{COMPILES}.ran")]) == 1


def test_a_signature_is_of_one_file_and_one_use(tmp_path: Path) -> None:
    key, archive = tmp_path / "key", tmp_path / "kit.tar.gz"
    archive.write_bytes(b"a kit")
    make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)]
    subprocess.run(make, check=True)
    (tmp_path / "allowed").write_text(f"us@example.org {key.with_suffix('.pub').read_text()}")

    signature = signed(archive, key, kit.NAMESPACE)

    def accepted(data: bytes, namespace: str = kit.NAMESPACE) -> bool:
        command = [
            "ssh-keygen", "-Y", "verify", "-f", str(tmp_path / "allowed"), "-I", "us@example.org",
            "-n", namespace, "-s", str(signature),
        ]  # fmt: skip
        return not subprocess.run(command, input=data, capture_output=True, check=False).returncode

    assert accepted(b"a kit")
    assert not accepted(b"a kid")
    assert not accepted(b"a kit", "hdh-migrate-release")
    with pytest.raises(SystemExit, match="nothing is signed"):
        signed(archive, tmp_path / "no-key", kit.NAMESPACE)
    assert not signature.exists()


def test_wheels_run_with_an_older_c_library() -> None:
    tags = kit.platforms("aarch64")
    assert tags[0] == "manylinux_2_28_aarch64"
    assert "manylinux2014_aarch64" in tags
    assert all(tag.endswith("_aarch64") for tag in tags)
