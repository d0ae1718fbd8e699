"""Key files: what crypt4gh-keygen writes opens here, what we write opens there."""

import os
import pickle
from pathlib import Path

import pytest
from crypt4gh.keys import get_private_key, get_public_key

from hdh_migrate.errors import KeyUnavailable, NoSpace, UsageError
from hdh_migrate.sealing.keys import KEY_FILE_MAX, PrivateKey, PublicKey, new_pair
from tests.unit.sealing.helpers import (
    blob,
    key_file,
    locked_blob,
    reference_pair,
)

PHRASE = "correct hôrse battery"


def fixed(*, protected: bool = False) -> PrivateKey:
    return PrivateKey(bytes(range(32)), protected=protected)


@pytest.mark.parametrize("passphrase", [None, PHRASE])
def test_a_pair_made_here_opens_in_the_reference(tmp_path: Path, passphrase):
    public, private = new_pair(tmp_path, "steward", passphrase=passphrase)
    ours = PrivateKey.load(private, passphrase)

    assert get_private_key(private, lambda: passphrase) == ours.raw
    assert get_public_key(public) == ours.public.raw


@pytest.mark.parametrize("passphrase", [None, PHRASE])
def test_a_pair_made_by_the_reference_opens_here(tmp_path: Path, passphrase):
    public, private = reference_pair(tmp_path, passphrase)

    ours = PrivateKey.load(private, passphrase)

    assert ours.raw == get_private_key(private, lambda: passphrase)
    assert ours.public == PublicKey.load(public)
    assert ours.protected is (passphrase is not None)


@pytest.mark.parametrize("kdf", [b"scrypt", b"bcrypt", b"pbkdf2_hmac_sha256"])
@pytest.mark.slow
def test_every_key_derivation_of_the_format_is_read(tmp_path: Path, kdf):
    path = key_file(tmp_path / "k.sec", locked_blob(kdf, fixed().raw, PHRASE))

    assert PrivateKey.load(path, PHRASE).raw == fixed().raw
    with pytest.raises(KeyUnavailable, match="the passphrase does not open this private key"):
        PrivateKey.load(path, PHRASE + " ")


def test_the_label_of_other_tools_is_read_too(tmp_path: Path):
    content = locked_blob(b"scrypt", fixed().raw, PHRASE)
    path = key_file(tmp_path / "k", content, label="CRYPT4GH ENCRYPTED PRIVATE KEY")

    assert PrivateKey.load(path, PHRASE).protected


def test_a_pair_has_the_modes_it_promises_whatever_the_umask(tmp_path: Path):
    was = os.umask(0o077)
    try:
        public, private = new_pair(tmp_path, "steward", passphrase=None)
    finally:
        os.umask(was)

    assert public.stat().st_mode & 0o7777 == 0o644
    assert private.stat().st_mode & 0o7777 == 0o600
    assert (public.name, private.name) == ("steward.pub", "steward.sec")


@pytest.mark.parametrize("there", ["steward.pub", "steward.sec"])
def test_a_key_is_never_overwritten_and_nothing_is_left_beside_it(tmp_path: Path, there):
    (tmp_path / there).write_text("precious")

    with pytest.raises(KeyUnavailable, match="never overwritten"):
        new_pair(tmp_path, "steward", passphrase=None)

    assert [p.name for p in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "precious"


def test_a_key_that_appears_at_the_last_moment_is_not_overwritten(tmp_path: Path, monkeypatch):
    (tmp_path / "steward.sec").write_text("precious")
    monkeypatch.setattr(os.path, "lexists", lambda _: False)  # the other one was not there yet

    with pytest.raises(KeyUnavailable, match="never overwritten"):
        new_pair(tmp_path, "steward", passphrase=None)

    assert (tmp_path / "steward.sec").read_text() == "precious"


def test_a_dangling_link_in_the_keys_place_is_not_followed(tmp_path: Path):
    (tmp_path / "steward.sec").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(KeyUnavailable, match="never overwritten"):
        new_pair(tmp_path, "steward", passphrase=None)

    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_not_there_is_said_to_be_so(tmp_path: Path):
    with pytest.raises(KeyUnavailable, match=r"steward\.sec: the key file cannot be written"):
        new_pair(tmp_path / "none", "steward", passphrase=None)


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "../up", "a b", "x" * 101, "a\n"])
def test_a_name_that_is_no_plain_file_name_is_refused(tmp_path: Path, name):
    with pytest.raises(UsageError, match="key name"):
        new_pair(tmp_path, name, passphrase=None)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_passphrase_does_not_silently_make_an_open_key(tmp_path: Path):
    with pytest.raises(UsageError, match="empty"):
        new_pair(tmp_path, "steward", passphrase="")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("passphrase", [None, ""])
def test_a_locked_key_without_its_passphrase_is_refused(tmp_path: Path, passphrase):
    _, private = new_pair(tmp_path, "steward", passphrase=PHRASE)

    with pytest.raises(KeyUnavailable, match="locked and no passphrase is given"):
        PrivateKey.load(private, passphrase)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o610, 0o644])
def test_an_open_key_that_others_may_touch_is_refused_with_the_remedy(tmp_path: Path, mode):
    _, private = new_pair(tmp_path, "steward", passphrase=None)
    private.chmod(mode)

    with pytest.raises(KeyUnavailable, match=f"mode {mode:04o}") as refused:
        PrivateKey.load(private, None)

    assert refused.value.hint == f"run: chmod 600 {private}"


def test_a_locked_key_may_be_readable_by_others(tmp_path: Path):
    _, private = new_pair(tmp_path, "steward", passphrase=PHRASE)
    private.chmod(0o644)

    assert PrivateKey.load(private, PHRASE).protected


def test_an_open_key_opens_whatever_passphrase_is_given(tmp_path: Path):
    _, private = new_pair(tmp_path, "steward", passphrase=None)

    assert not PrivateKey.load(private, "not needed").protected


def test_a_link_to_a_key_is_followed(tmp_path: Path):
    public, private = new_pair(tmp_path, "steward", passphrase=None)
    (tmp_path / "p").symlink_to(public)
    (tmp_path / "s").symlink_to(private)

    assert PrivateKey.load(tmp_path / "s", None).public == PublicKey.load(tmp_path / "p")


def test_the_two_halves_are_not_taken_for_each_other(tmp_path: Path):
    public, private = new_pair(tmp_path, "steward", passphrase=None)

    with pytest.raises(KeyUnavailable, match="a private key where a public one is expected"):
        PublicKey.load(private)
    with pytest.raises(KeyUnavailable, match="a public key where a private one is expected"):
        PrivateKey.load(public, None)


def test_what_is_no_key_file_is_refused(tmp_path: Path):
    begin, end = b"-----BEGIN CRYPT4GH PUBLIC KEY-----\n", b"-----END CRYPT4GH PUBLIC KEY-----\n"
    ssh = b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"
    contents = [
        b"",
        b"\n\n",
        b"\xff\x00" * 50,
        b"ssh-ed25519 AAAAC3Nz",
        ssh,
        begin,
        begin + end,
        begin + b"AAAA\n",
        begin + b"*" * 44 + b"\n" + end,
        begin + b"A" * 43 + b"\n" + end,
        begin + b"A" * 40 + b"\n" + end,
        begin + b"A" * 44 + b"\n-----END CRYPT4GH PRIVATE KEY-----\n",
        b"x" * (KEY_FILE_MAX + 1),
    ]
    path = tmp_path / "k"
    for content in contents:
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(KeyUnavailable, match="not a Crypt4GH key file"):
            PublicKey.load(path)
        if not content.startswith(begin) or content.endswith(b"PRIVATE KEY-----\n"):
            with pytest.raises(KeyUnavailable, match="not a Crypt4GH key file"):
                PrivateKey.load(path, None)


def test_a_huge_file_is_not_read_to_its_end(tmp_path: Path):
    path = tmp_path / "k"
    with path.open("wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(KeyUnavailable, match="not a Crypt4GH key file"):
        PublicKey.load(path)


def test_a_folder_a_pipe_and_a_missing_file_are_refused_without_waiting(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")

    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(KeyUnavailable, match="not a regular file"):
            PublicKey.load(path)
    with pytest.raises(KeyUnavailable, match=r"none\.pub: .*No such file"):
        PublicKey.load(tmp_path / "none.pub")
    with pytest.raises(KeyUnavailable, match="null byte"):
        PublicKey.load(Path("a\0b"))


def test_a_refused_file_leaves_no_open_descriptor(tmp_path: Path):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(KeyUnavailable):
            PublicKey.load(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    "fields",
    [
        (b"none", b"none", bytes(31)),
        (b"none", b"none", bytes(33)),
        (b"none", b"chacha20_poly1305", bytes(60)),
        (b"argon2", bytes(20), b"chacha20_poly1305", bytes(60)),
        (b"scrypt", bytes(20), b"aes-256-gcm", bytes(60)),
        (b"scrypt", bytes(20), b"chacha20_poly1305", bytes(59)),
        (b"scrypt", bytes(4), b"chacha20_poly1305", bytes(60)),
        (b"scrypt", bytes(4 + 1025), b"chacha20_poly1305", bytes(60)),
        (b"bcrypt", bytes(20), b"chacha20_poly1305", bytes(60)),
        (b"bcrypt", b"\0\0\x03\xe9" + bytes(16), b"chacha20_poly1305", bytes(60)),
        (b"bcrypt", b"\xff" * 20, b"chacha20_poly1305", bytes(60)),
        (b"pbkdf2_hmac_sha256", b"\xff" * 20, b"chacha20_poly1305", bytes(60)),
    ],
)
def test_a_hostile_private_key_is_refused_at_once(tmp_path: Path, fields):
    path = key_file(tmp_path / "k.sec", blob(*fields))

    with pytest.raises(KeyUnavailable, match="damaged, or locked in a way"):
        PrivateKey.load(path, PHRASE)


def test_a_private_key_cut_anywhere_is_refused(tmp_path: Path):
    whole = locked_blob(b"scrypt", fixed().raw, PHRASE)

    for length in range(len(whole)):
        path = key_file(tmp_path / "k.sec", whole[:length])
        with pytest.raises(KeyUnavailable):
            PrivateKey.load(path, PHRASE)


def test_a_fingerprint_is_stable_text():
    assert PublicKey(bytes(32)).fingerprint == "c4gh:66687aadf862bd77"


def test_keys_have_32_bytes():
    with pytest.raises(ValueError, match="32 bytes"):
        PublicKey(bytes(31))
    with pytest.raises(ValueError, match="32 bytes"):
        PrivateKey(bytes(33), protected=False)


def test_a_private_key_does_not_travel():
    with pytest.raises(TypeError, match="does not travel"):
        pickle.dumps(fixed())


def test_a_passphrase_of_undecodable_bytes_makes_the_round_trip(tmp_path: Path):
    phrase = os.fsdecode(b"caf\xe9")  # as an environment variable gives it
    _, private = new_pair(tmp_path, "steward", passphrase=phrase)

    assert PrivateKey.load(private, phrase).protected


def test_a_full_disk_leaves_no_half_pair(tmp_path: Path, monkeypatch):
    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NoSpace, match="no space left"):
        new_pair(tmp_path, "steward", passphrase=None)
    assert list(tmp_path.iterdir()) == []


def test_a_public_key_that_cannot_be_written_takes_the_private_one_back(
    tmp_path: Path, monkeypatch
):
    real, calls = os.fsync, []

    def full_later(fd: int) -> None:
        calls.append(fd)
        if len(calls) == 3:  # the private file and its folder went through
            raise OSError(28, "No space left on device")
        real(fd)

    monkeypatch.setattr(os, "fsync", full_later)
    with pytest.raises(NoSpace, match=r"steward\.pub: .*no space left"):
        new_pair(tmp_path, "steward", passphrase=None)
    assert list(tmp_path.iterdir()) == []
