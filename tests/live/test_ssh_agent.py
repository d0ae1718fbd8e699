"""Keys that stay in a real ssh-agent sign envelopes that every verifier accepts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit, KeyUnavailable
from hdh_migrate.evidence.signatures.agent import agent_key, public_of
from hdh_migrate.evidence.signatures.dsse import STATEMENT_TYPE
from hdh_migrate.evidence.signatures.envelopes import verify_envelope
from hdh_migrate.evidence.signatures.signing import (
    import_public,
    load_signer,
    load_trusted_key,
    new_report_key,
    public_half,
)

pytestmark = pytest.mark.live

BODY = b'{"a": 1}'


def ssh(*arguments: str, **more: str) -> str:
    done = subprocess.run(
        arguments, check=True, capture_output=True, text=True, env={**os.environ, **more}
    )
    return done.stdout


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    where = tmp_path / "agent.sock"
    process = subprocess.Popen(
        ["ssh-agent", "-D", "-a", str(where)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    process.stdout.readline()  # it says where it listens once it does
    monkeypatch.setenv("SSH_AUTH_SOCK", str(where))
    yield where
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def dpo(tmp_path: Path, agent: Path) -> Path:
    """A key that is in the agent alone; its public half in PEM."""
    path = tmp_path / "id_ed25519"
    ssh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path))
    ssh("ssh-add", "-q", str(path))
    path.unlink()
    return import_public(path.with_suffix(".pub"), tmp_path, "dpo", "2999-12-31")


def test_the_agent_signs_an_envelope_that_needs_only_the_public_key(dpo: Path) -> None:
    signer = load_signer(dpo, None)

    envelope = signer.sign(STATEMENT_TYPE, BODY)

    assert verify_envelope(envelope, [load_trusted_key(dpo)]) == BODY
    assert signer.sign(STATEMENT_TYPE, BODY) == envelope  # Ed25519 is deterministic there, too
    assert envelope["signatures"][0]["keyid"] == load_trusted_key(dpo).key_id
    assert load_trusted_key(dpo).until == "2999-12-31"
    assert public_half(dpo, lambda: None) == load_trusted_key(dpo)


def test_openssh_s_own_public_key_file_will_do_to_sign_with_when_it_is_taken_over(
    dpo: Path, tmp_path: Path
) -> None:
    line = (tmp_path / "id_ed25519.pub").read_bytes()
    key = public_of(line)
    assert key is not None
    assert agent_key(key).public == key
    with pytest.raises(KeyUnavailable, match="not a public key in PEM"):
        load_signer(tmp_path / "id_ed25519.pub", None)


def test_a_key_that_the_agent_does_not_hold_signs_nothing(dpo: Path, tmp_path: Path) -> None:
    _, other = new_report_key(tmp_path, "other", None)
    with pytest.raises(KeyUnavailable, match="does not hold"):
        load_signer(other, None)
    signer = load_signer(dpo, None)
    ssh("ssh-add", "-q", "-D")
    with pytest.raises(KeyUnavailable, match="does not sign"):
        signer.sign(STATEMENT_TYPE, BODY)
    assert public_half(other, lambda: None).key_id  # whose it is needs no agent


def test_a_locked_agent_signs_nothing(dpo: Path, agent: Path) -> None:
    signer = load_signer(dpo, None)
    ssh("ssh-add", "-q", "-D")
    ssh("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", f"{agent}-rsa")
    ssh("ssh-add", "-q", f"{agent}-rsa")
    with pytest.raises(KeyUnavailable):
        signer.sign(STATEMENT_TYPE, BODY)
    with pytest.raises(KeyUnavailable, match="another kind"):
        public_of(Path(f"{agent}-rsa.pub").read_bytes())


def test_no_agent_is_told_with_what_to_do(
    dpo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK")
    with pytest.raises(KeyUnavailable, match="no SSH agent runs") as error:
        load_signer(dpo, None)
    assert "ssh-add" in str(error.value.hint)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "nothing"))
    with pytest.raises(KeyUnavailable, match="does not answer"):
        load_signer(dpo, None)


def test_an_agent_that_lies_is_not_believed(
    dpo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import socket
    import threading

    key = load_trusted_key(dpo).public
    signer = load_signer(dpo, None)
    honest = os.environ["SSH_AUTH_SOCK"]

    def answering(says: bytes) -> Path:
        where = tmp_path / str(len(list(tmp_path.iterdir())))  # such a path is short
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(where))
        server.listen()

        def serve() -> None:
            with server:
                connection, _ = server.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(says)

        threading.Thread(target=serve, daemon=True).start()
        return where

    assert honest
    for says in (
        b"", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x01\x0e", b"\0\0\0\x05\x0c\0\0\0\x01",
        b"\0\0\0\x09\x0e\0\0\0\x04abcd", b"\0\0\0\x05\x0e\xff\xff\xff\xff",
    ):  # fmt: skip
        with pytest.raises(KeyUnavailable):
            type(signer._key)(key, str(answering(says))).sign(BODY)


def test_a_fido_key_is_told_apart() -> None:
    with pytest.raises(KeyUnavailable, match="another kind") as error:
        public_of(b"sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t me")
    assert "FIDO" in str(error.value.hint)


def test_what_the_agent_signs_for_us_is_no_ssh_signature_and_back(
    dpo: Path, tmp_path: Path
) -> None:
    """The same key signs files (SSHSIG) and logins: neither may pass for an envelope."""
    data = tmp_path / "payload"
    signer = load_signer(dpo, None)
    envelope = signer.sign(STATEMENT_TYPE, BODY)
    data.write_bytes(b"DSSEv1 28 application/vnd.in-toto+json 8 " + BODY)
    ssh("ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", str(tmp_path / "id_ed25519.pub"),
        str(data))  # fmt: skip
    import base64

    armoured = data.with_suffix(".sig").read_text().splitlines()[1:-1]
    signature = base64.b64decode("".join(armoured))[-64:]
    forged = json.loads(json.dumps(envelope))
    forged["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    with pytest.raises(Exception, match="no trusted key"):
        verify_envelope(forged, [load_trusted_key(dpo)])


def test_the_verbs_take_an_ssh_key_over_and_lock_a_key_anew(tmp_path: Path, dpo: Path) -> None:
    def command(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "hdh_migrate", "keys", *arguments], cwd=tmp_path, check=False,
            capture_output=True, text=True, env={**os.environ, **more},
        )  # fmt: skip

    done = command("import", "id_ed25519.pub", "--name", "again", "--json")
    assert done.returncode == Exit.OK, done.stderr
    assert json.loads(done.stdout)["key_id"] == load_trusted_key(dpo).key_id

    phrases = {"T_SHORT": "x", "T_LONG": "gloire vernis puma sextant"}
    new = ("new", "k", "--purpose", "report", "--passphrase-from")
    assert command(*new, "env:T_SHORT", **phrases).returncode == Exit.USAGE
    assert not (tmp_path / "keys" / "k.key").exists()
    assert command(*new, "env:T_LONG", **phrases).returncode == Exit.OK
    lock = ("relock", "keys/k.key", "--passphrase-from", "env:T_LONG", "--new-passphrase-from")
    assert command(*lock, "env:T_SHORT", **phrases).returncode == Exit.USAGE
    assert command(*lock, "env:T_NEW", **phrases, T_NEW="other words of mine").returncode == Exit.OK
    load_signer(tmp_path / "keys" / "k.key", b"other words of mine")
