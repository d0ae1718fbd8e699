"""A pointer on another machine: which machine is believed, who is let in, and what is heard."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hdh_migrate.demo.watch import wait_for
from hdh_migrate.errors import (
    AuthFailed,
    ConnectionLost,
    Exit,
    HostKeyRefused,
    KeyUnavailable,
    MigrateError,
    Transient,
    Unsupported,
)
from tests.support.pointers import NEW, OLD, ssh_command
from tests.support.processes import LONG
from tests.support.ssh import ParamikoServer, SshServer, new_key, openssh, paramiko_server

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    folder = tmp_path_factory.mktemp("sshd")
    with openssh(folder, folder / "log") as server:
        yield server


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ParamikoServer]:
    with paramiko_server(tmp_path_factory.mktemp("paramiko")) as made:
        yield made


@pytest.mark.parametrize("pinning", ["host_keys", "known_hosts"])
def test_a_machine_with_another_key_is_refused_with_both_fingerprints_and_no_login(
    tmp_path: Path, server: ParamikoServer, pinning: str
) -> None:
    before = server.as_server()
    rig = ssh_command(tmp_path, before)
    if pinning == "known_hosts":
        (tmp_path / "known_hosts").write_text(before.known_hosts)
        rig.section |= {"host_keys": [], "known_hosts": "known_hosts"}
    rig.lay(OLD)
    assert rig.open().read() == OLD
    server.logins = 0
    server.host_key = new_key(tmp_path / "changed")

    for act in (rig.open().read, lambda: rig.open().swap(expected=OLD, new=NEW)):
        with pytest.raises(HostKeyRefused) as refused:
            act()
        assert before.host_key.fingerprint in str(refused.value)
        assert server.host_key.fingerprint in str(refused.value)
        assert refused.value.exit_code is Exit.REFUSED

    assert server.host_key.fingerprint in str(rig.open().check()[0])
    assert server.logins == 0
    assert rig.raw() == f"{OLD}\n".encode()


def test_an_unknown_machine_is_refused_and_never_learnt(
    tmp_path: Path, server: ParamikoServer
) -> None:
    rig = ssh_command(tmp_path, server.as_server(), host_keys=[], known_hosts="known_hosts")
    (tmp_path / "known_hosts").write_text("# nobody yet\n")

    with pytest.raises(HostKeyRefused, match="none for this machine"):
        rig.open().read()

    assert server.logins == 0
    assert (tmp_path / "known_hosts").read_text() == "# nobody yet\n"


def test_sshd_is_asked_for_the_key_type_that_is_pinned(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("two-keys")
    rsa = new_key(folder / "rsa", kind="rsa")
    with openssh(folder, folder / "log", more_host_keys=[rsa]) as server:
        known = f"[{server.host}]:{server.port} {rsa.public}\n"
        (tmp_path / "known_hosts").write_text(known)
        rig = ssh_command(tmp_path, server, host_keys=[], known_hosts="known_hosts")
        rig.lay(OLD)

        assert rig.open().read() == OLD


def test_a_server_with_old_algorithms_only_is_refused(
    tmp_path: Path, server: ParamikoServer
) -> None:
    server.weak = "ciphers"
    rig = ssh_command(tmp_path, server.as_server())

    with pytest.raises(Unsupported, match="old algorithms"):
        rig.open().read()

    assert server.logins == 0


def test_a_key_that_is_not_let_in_is_told_and_no_other_is_tried(
    tmp_path: Path, sshd: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    shutil.copy(sshd.login.path, home / ".ssh" / "id_ed25519")  # the right one, and not named
    monkeypatch.setenv("HOME", str(home))
    rig = ssh_command(tmp_path, sshd)
    new_key(tmp_path / "stranger")
    rig.section["key"] = "file:stranger"

    with pytest.raises(AuthFailed) as refused:
        rig.open().read()

    assert refused.value.exit_code is Exit.AUTH
    assert rig.open().check()[0].auth


def test_the_agent_is_used_only_when_the_plan_says_so(
    tmp_path: Path, sshd: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", door], stdout=subprocess.DEVNULL)
    try:
        assert wait_for(lambda: door.exists() or None, 20)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(door))
        subprocess.run(["ssh-add", "-q", sshd.login.path], check=True)
        rig = ssh_command(tmp_path, sshd)
        rig.lay(OLD)
        new_key(tmp_path / "stranger")
        rig.section["key"] = "file:stranger"
        with pytest.raises(AuthFailed):
            rig.open().read()

        del rig.section["key"]
        assert rig.open(agent=True).read() == OLD
    finally:
        agent.kill()
        agent.wait()


def test_a_key_with_a_passphrase_needs_the_right_one(tmp_path: Path, sshd: SshServer) -> None:
    locked = new_key(tmp_path / "locked", passphrase="correct horse")
    authorized = sshd.login.path.with_name("authorized_keys")
    authorized.write_text(f"{sshd.login.public}\n{locked.public}\n")
    rig = ssh_command(tmp_path, sshd, key="file:locked", key_passphrase="env:PHRASE")
    rig.lay(OLD)

    rig.environ = {"PHRASE": "correct horse"}
    assert rig.open().read() == OLD
    rig.environ = {"PHRASE": "battery staple"}
    with pytest.raises(KeyUnavailable) as refused:
        rig.open().read()
    assert "battery" not in str(refused.value)
    del rig.section["key_passphrase"]
    with pytest.raises(KeyUnavailable, match="passphrase"):
        rig.open().read()


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path, sshd: SshServer) -> None:
    rig = ssh_command(tmp_path, sshd)
    (tmp_path / "login.key").chmod(0o644)

    with pytest.raises(KeyUnavailable, match="open to other users"):
        rig.open()


@pytest.mark.parametrize("which", ["sshd", "server"])
def test_a_command_that_takes_too_long_is_cut_off(
    tmp_path: Path, request: pytest.FixtureRequest, which: str
) -> None:
    made = request.getfixturevalue(which)
    rig = ssh_command(tmp_path, made if which == "sshd" else made.as_server(), timeout="1s")
    rig.lay(OLD)
    began = time.monotonic()

    with pytest.raises(Transient, match="took too long"):
        rig.open(apply=["/bin/sleep", "900"]).swap(expected=OLD, new=NEW)

    assert time.monotonic() - began < LONG
    assert rig.raw() == f"{OLD}\n".encode()


def test_arguments_arrive_as_they_are(tmp_path: Path, sshd: SshServer) -> None:
    hostile = 'it\'s $(touch ran) `touch ran`; touch ran \\ "quoted" é'
    rig = ssh_command(tmp_path, sshd)

    assert rig.open(check=["/bin/echo", hostile]).read() == hostile
    assert not list(tmp_path.glob("**/ran"))


def test_a_machine_that_does_not_answer_is_transient(tmp_path: Path, sshd: SshServer) -> None:
    rig = ssh_command(tmp_path, sshd, port=9)

    with pytest.raises(ConnectionLost):
        rig.open().read()
    assert [problem.auth for problem in rig.open().check()] == [False]


def test_what_answers_and_is_no_ssh_server_is_an_error_of_ours(
    tmp_path: Path, sshd: SshServer, moto: object
) -> None:
    port = int(moto.endpoint.rsplit(":", 1)[1])  # type: ignore[attr-defined]
    rig = ssh_command(tmp_path, sshd, port=port)

    with pytest.raises(MigrateError):
        rig.open().read()
