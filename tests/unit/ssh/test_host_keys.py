"""Which host keys are believed: fingerprints and known_hosts, read and never written."""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path

import pytest

from hdh_migrate.errors import Exit, HostKeyRefused, KeyUnavailable
from hdh_migrate.ssh.host_keys import HostKey, pins

BLOB = b"\0\0\0\x0bssh-ed25519\0\0\0 " + bytes(32)
LINE = f"ssh-ed25519 {base64.b64encode(BLOB).decode()}"
SEEN = HostKey.of("ssh-ed25519", BLOB)
OTHER = HostKey.of("ssh-ed25519", BLOB[:-1] + b"\1")


def hashed(name: str) -> str:
    salt = b"12345678901234567890"
    made = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return "|1|" + "|".join(base64.b64encode(part).decode() for part in (salt, made))


def known(folder: Path, text: str, *, port: int = 22) -> object:
    path = folder / "known_hosts"
    path.write_text(text)
    return pins("gw.example.org", port, fingerprints=(), known_hosts=path)


@pytest.mark.parametrize(
    ("name", "port"),
    [
        ("gw.example.org", 22),
        ("other,gw.example.org,10.0.0.1", 22),
        ("[gw.example.org]:2222", 2222),
        (hashed("gw.example.org"), 22),
        (hashed("[gw.example.org]:2222"), 2222),
    ],
)
def test_a_key_of_a_known_hosts_file_is_believed(tmp_path: Path, name: str, port: int) -> None:
    found = known(tmp_path, f"# ours\n\n{name} {LINE} comment\n", port=port)

    assert found.demand(SEEN) is None  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "name",
    ["gw.example.com", "[gw.example.org]:2222", hashed("gw.example.com"), "|1|x|y", "|1|é|y", "*"],
)
def test_a_key_of_another_machine_is_not(tmp_path: Path, name: str) -> None:
    with pytest.raises(HostKeyRefused, match="none for this machine"):
        known(tmp_path, f"{name} {LINE}\n").demand(SEEN)  # type: ignore[attr-defined]


def test_a_refusal_tells_both_fingerprints() -> None:
    pinned = pins("gw", 2222, fingerprints=[SEEN.fingerprint], known_hosts=None)

    with pytest.raises(HostKeyRefused) as refused:
        pinned.demand(OTHER)

    assert SEEN.fingerprint in str(refused.value)
    assert OTHER.fingerprint in str(refused.value)
    assert "[gw]:2222" in str(refused.value)
    assert refused.value.exit_code is Exit.REFUSED


def test_the_servers_key_is_asked_for_in_the_pinned_type_first(tmp_path: Path) -> None:
    text = f"gw.example.org ssh-rsa {base64.b64encode(b'x').decode()}\n"

    kinds = known(tmp_path, text).preferred(  # type: ignore[attr-defined]
        ("ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256")
    )

    assert kinds == ("rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519")


@pytest.mark.parametrize(
    "text",
    [
        f"@revoked gw.example.org {LINE}\n",
        "gw.example.org ssh-ed25519 not=base64\n",
        "gw.example.org ssh-ed25519 clé\n",
    ],
)
def test_what_is_not_understood_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(KeyUnavailable, match=":1:"):
        known(tmp_path, text)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyUnavailable, match="known_hosts"):
        pins("gw", 22, fingerprints=(), known_hosts=tmp_path / "known_hosts")
