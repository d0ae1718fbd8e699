"""A file is whole and on the disk, or it is not there; what has its name stays, unless replaced."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from hdh_migrate.folders import _of_a_container, _open_to_read, _ours_alone, write_whole, writing


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[True, False], ids=["links", "no links"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a file system that knows links, and of one that does not."""
    if not request.param:

        def refused(*_: object, **__: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(os, "link", refused)
    return tmp_path


def test_a_new_file_has_its_bytes_and_its_mode_whatever_the_umask(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        write_whole(folder / "a", b"one")
        write_whole(folder / "b", b"two", mode=0o644)
    finally:
        os.umask(before)
    assert ((folder / "a").read_bytes(), mode(folder / "a")) == (b"one", 0o600)
    assert ((folder / "b").read_bytes(), mode(folder / "b")) == (b"two", 0o644)
    assert names(folder) == ["a", "b"]


def test_what_has_the_name_already_stays(folder: Path) -> None:
    write_whole(folder / "a", b"one")
    (folder / "b").symlink_to("nowhere")
    for name in ("a", "b"):
        with pytest.raises(FileExistsError) as there:
            write_whole(folder / name, b"two")
        assert there.value.filename == str(folder / name)

    def made_meanwhile() -> None:
        with writing(folder / "c") as file:
            file.write(b"ours")
            (folder / "c").write_bytes(b"theirs")

    with pytest.raises(FileExistsError):
        made_meanwhile()
    assert (folder / "a").read_bytes() == b"one"
    assert (folder / "c").read_bytes() == b"theirs"
    assert names(folder) == ["a", "b", "c"]


def test_replacing_leads_to_a_new_file_and_never_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"other")
    (tmp_path / "a").symlink_to("other")
    write_whole(tmp_path / "a", b"two", replace=True)
    assert not (tmp_path / "a").is_symlink()
    assert (tmp_path / "other").read_bytes() == b"other"
    assert (tmp_path / "a").read_bytes() == b"two"


@pytest.mark.parametrize("failing", [1, 2])
@pytest.mark.parametrize("replace", [True, False])
def test_a_disk_that_is_full_leaves_nothing_or_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int, *, replace: bool
) -> None:
    """The file's own fsync is the first, its folder's is the second."""
    if replace:
        (tmp_path / "a").write_bytes(b"one")
    real, calls = os.fsync, []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "a", b"two", replace=replace)
    assert names(tmp_path) == (["a"] if replace else [])
    if replace and failing == 1:
        assert (tmp_path / "a").read_bytes() == b"one"


def test_an_error_while_it_is_written_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> None:
        with writing(tmp_path / "a") as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert names(tmp_path) == []


# --- secrets as a container gets them -------------------------------------------------------------

MOUNTED = """\
set -e
mount -t tmpfs none "$1"
printf secret > "$1/key"
chown "$2" "$1/key"
chmod "$3" "$1/key"
mount -o remount,"$4" "$1"
exec "$5" -c "$6" "$1/key"
"""
READS = """\
import os, sys
from hdh_migrate.folders import open_to_others
os.chdir(os.path.dirname(sys.argv[1]))
os.setgroups([4_000_001])
os.setresgid(4_000_002, 4_000_002, 4_000_002)
os.setresuid(4_000_003, 4_000_003, 4_000_003)
handle = os.open("key", os.O_RDONLY)
print(open_to_others(handle), os.read(handle, 9).decode())
"""


def call(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True)


def seen(uid: int, gid: int, bits: str) -> os.stat_result:
    """Return what the kernel would tell of a file of this owner and group."""
    return os.stat_result((stat.S_IFREG | int(bits, 8), 0, 0, 1, uid, gid, 6, 0, 0, 0))


def mounts() -> bool:
    tried = ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt"]
    try:
        return os.geteuid() == 0 and not call(tried).returncode
    except OSError:
        return False


@pytest.mark.parametrize(
    ("owner", "bits", "how", "told"),
    [
        ("0:4000001", "0440", "ro", "False"),
        ("0:4000001", "0440", "rw", "True"),
        ("0:4000001", "0460", "ro", "True"),
        ("0:4000001", "0444", "ro", "True"),
        ("0:4000009", "0444", "ro", "True"),
        ("4000008:4000001", "0440", "ro", "True"),
        ("4000003:4000001", "0440", "ro", "True"),
        ("4000003:4000001", "0400", "rw", "False"),
    ],
)
def test_a_secret_that_a_container_mounts_is_closed_and_nothing_like_it_is(
    tmp_path: Path, owner: str, bits: str, how: str, told: str
) -> None:
    """By the rule for everybody; for who may mount, with such a mount and as such a user, too."""
    uid, gid = map(int, owner.split(":"))
    rule = _open_to_read(seen(uid, gid, bits), read_only=how == "ro", groups={4_000_001})
    assert str(rule) == told
    if not mounts():
        return
    tmp_path.chmod(0o755)
    command = ["unshare", "-m", "sh", "-c", MOUNTED, "sh", str(tmp_path), owner, bits, how]
    done = call([*command, sys.executable, READS])
    assert (done.stdout.split(), done.stderr) == ([told, "secret"], "")


STATE = """\
import os, sys
from pathlib import Path
from hdh_migrate.errors import Refused
from hdh_migrate.folders import demand_private, demand_unshared, make_private
volume = Path(sys.argv[1])
os.chown(volume, 0, int(sys.argv[2]))
os.chmod(volume, int(sys.argv[3], 8))
os.setgroups([int(sys.argv[2])])
os.setresgid(4_000_002, 4_000_002, 4_000_002)
os.setresuid(4_000_003, 4_000_003, 4_000_003)
os.chdir(volume)
state = volume / "state"
make_private(state / "migration")
try:
    demand_unshared(state)
    demand_private(state)
    print("ours")
except Refused:
    print("refused")
"""


@pytest.mark.parametrize(
    ("group", "bits", "told"),
    [
        (4_000_001, "2770", "ours"),
        (4_000_001, "2777", "refused"),
        (grp.getgrnam("users").gr_gid, "2770", "refused"),  # it may have members elsewhere
    ],
)
def test_a_state_folder_in_a_volume_with_a_pods_group_is_ours(
    group: int, bits: str, told: str
) -> None:
    """By the rule for everybody; for root, as such a user in such a folder, too."""
    assert _of_a_container(0, group, {group}) is (group == 4_000_001)
    assert not _of_a_container(0, group, {4_000_009})
    assert not _of_a_container(4_000_008, group, {group})
    if os.geteuid() != 0:
        return
    with tempfile.TemporaryDirectory(dir="/tmp") as above:  # others may pass there, unlike tmp_path
        Path(above).chmod(0o755)
        volume = Path(above) / "volume"
        volume.mkdir()
        done = call([sys.executable, "-c", STATE, str(volume), str(group), bits])
    assert (done.stdout.strip(), done.stderr) == (told, "")


def test_a_group_with_somebody_else_in_it_is_not_ours_alone() -> None:
    us = os.geteuid()
    others = [one for one in pwd.getpwall() if one.pw_uid not in {0, us}]
    assert others, "every system names some users"
    assert not _ours_alone(others[0].pw_gid)
    assert _ours_alone(4_000_001)
